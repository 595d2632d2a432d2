"""From a click to an executed cell: how long a person waits, cold and warm.

    python -m benchmarks.launch [--rounds 5] [--json]

Starts a stack of its own on a free port with an empty data directory, and asks it over the API as a
browser's click would. *Cold* is the first launch of a repository with nothing made yet (packages come
from the index); *another person* a second person's first launch of the same repository; *warm* a sleeping
server that is started again. Times end when a cell has printed. Beside them, in the same run, the baseline:
a bare `jupyter lab` of the same image from process start to an executed cell, so that ratios mean something
on a noisy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from tests.notebook_client import NotebookClient
from tests.stack import Stack

REPOSITORY = "example/first-steps"
PATIENCE_SECONDS = 300


def main() -> None:
    """Measure and print."""
    options = _options()
    with closing(Stack()) as stack:
        stack.start()
        figures = measure(stack, rounds=options.rounds)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, seconds in figures["seconds"].items():
        print(f"{name:<36} {seconds:6.2f} s   {seconds / figures['seconds']['bare jupyter lab']:5.2f} × bare")


def measure(stack: Stack, *, rounds: int) -> dict[str, Any]:
    """Medians in seconds, by what was measured."""
    student, teacher = Person(stack, "student"), Person(stack, "teacher")
    seconds = {
        "cold": _timed(student.launch),
        "another person, image made": _timed(teacher.launch),
    }
    warm, bare, stop = [], [], []
    for _ in range(rounds):
        stop.append(_timed(student.stop))
        warm.append(_timed(student.start))
        bare.append(bare_jupyter(stack))
    seconds |= {
        "warm": statistics.median(warm),
        "stop": statistics.median(stop),
        "bare jupyter lab": statistics.median(bare),
    }
    return {"rounds": rounds, "seconds": {name: round(value, 3) for name, value in seconds.items()}}


class Person:
    """Somebody with a token, and their server once they have launched one."""

    def __init__(self, stack: Stack, username: str) -> None:
        self._token = stack.token(username)
        self._api = httpx.Client(
            base_url=f"{stack.base_url}/api/v1",
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=30,
            trust_env=False,
        )
        self._server: dict[str, Any] = {}

    def launch(self) -> None:
        """Launch the repository and run a cell."""
        self._server = self._api.post("/servers/", json={"repository": REPOSITORY}).raise_for_status().json()
        self._run_a_cell()

    def start(self) -> None:
        """Start the sleeping server and run a cell."""
        self._api.post(f"/servers/{self._server['id']}/start/").raise_for_status()
        self._run_a_cell()

    def stop(self) -> None:
        """Stop the server and wait until it has stopped."""
        self._api.post(f"/servers/{self._server['id']}/stop/").raise_for_status()
        self._await("stopped")

    def _run_a_cell(self) -> None:
        self._await("running")
        with NotebookClient(self._server["url"], self._token) as notebook:
            assert notebook.execute("print(6 * 7)") == "42\n"

    def _await(self, state: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            self._server = self._api.get(f"/servers/{self._server['id']}/").raise_for_status().json()
            if self._server["state"] == state:
                return
            if self._server["state"] == "failed":
                raise RuntimeError(f"the server failed: {self._server['reason']}")
            time.sleep(0.05)
        raise TimeoutError(f"the server is {self._server['state']}, not {state}")


def bare_jupyter(stack: Stack) -> float:
    """Seconds from starting `jupyter lab` of the same image by hand to an executed cell."""
    image = next((stack.data_directory / "images").iterdir())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        command = [
            str(image / "venv" / "bin" / "python"),
            "-m",
            "jupyterlab",
            "--no-browser",
            f"--ServerApp.port={port}",
        ]
        command += ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
        command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={home}", "--allow-root"]
        environment = {**os.environ, "HOME": home, "JUPYTER_TOKEN": "bare"}
        began = time.monotonic()
        process = subprocess.Popen(
            command, env=environment, cwd=Path(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _await_answer(f"http://127.0.0.1:{port}/api")
            with NotebookClient(f"http://127.0.0.1:{port}", "bare") as notebook:
                assert notebook.execute("print(6 * 7)") == "42\n"
            return time.monotonic() - began
        finally:
            process.terminate()
            process.wait(timeout=20)


def _await_answer(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=5, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise TimeoutError(url)


def _timed(act: Callable[[], None]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
