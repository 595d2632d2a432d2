"""From a click to an executed cell: how long a person waits, cold and warm, alone and in a class.

    python -m benchmarks.launch [--rounds 5] [--json]
    python -m benchmarks.launch --runtime docker [--rounds 5] [--people 20] [--prewarmed] [--peer [DIR]] [--json]

Starts a stack of its own on a free port with an empty data directory, and asks it over the API as a
browser's click would. Times end when a cell has printed.

On the process runtime *cold* is the first launch of a repository with nothing made yet (packages come from the
index); *another person* a second person's first launch of the same repository; *warm* a sleeping server that is
started again. Beside them, in the same run, the baseline: a bare `jupyter lab` of the same image from process
start to an executed cell, so that ratios mean something on a noisy machine.

On Docker (see class_start.py) the image is there already: one person alone, then a class in the same second. With
`--prewarmed` also people whose servers were reserved and are up when they click, and with `--peer` the same on
JupyterHub with DockerSpawner, installed into DIR, which is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from benchmarks import class_start
from benchmarks.jupyterhub import VERSIONS
from benchmarks.people import PATIENCE_SECONDS, Member, admit, run_a_cell, timed
from tests.stack import Stack, free_port

REPOSITORY = "example/first-steps"
PEER_FOLDER = Path(tempfile.gettempdir()) / "carrel-benchmark-jupyterhub"


def main() -> None:
    """Measure and print."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to stop"))  # Not without tidying up.
    if options.runtime == "docker":
        _measure_class(options)
    else:
        _measure_processes(options)


def _measure_class(options: argparse.Namespace) -> None:
    measured = class_start.measure(
        rounds=options.rounds, people=options.people, peer=options.peer, prewarmed=options.prewarmed
    )
    figures = {name: side.figures() for name, side in measured.items()}
    if options.json:
        print(json.dumps({"rounds": options.rounds, "people": options.people, "seconds": figures}, indent=2))
        return
    print(f"{options.people} people, {options.rounds} rounds, {os.cpu_count()} processors; {VERSIONS}")
    class_start.report(figures)
    for name, side in measured.items():
        for failure in side.failures:
            print(f"{name}: {failure}")


def _measure_processes(options: argparse.Namespace) -> None:
    with closing(Stack()) as stack:
        stack.start()
        figures = measure(stack, rounds=options.rounds)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, seconds in figures["seconds"].items():
        print(f"{name:<36} {seconds:6.2f} s   {seconds / figures['seconds']['bare jupyter lab']:5.2f} × bare")


def measure(stack: Stack, *, rounds: int) -> dict[str, Any]:
    """Medians in seconds on the process runtime, by what was measured."""
    student, teacher = (Member(stack, who, REPOSITORY) for who in admit(stack, ["student", "teacher"]))
    seconds = {
        "cold": timed(student.launch),
        "another person, image made": timed(teacher.launch),
    }
    warm, bare, stop = [], [], []
    for _ in range(rounds):
        stop.append(timed(student.stop))
        warm.append(timed(student.start))
        bare.append(bare_jupyter(stack))
    seconds |= {
        "warm": statistics.median(warm),
        "stop": statistics.median(stop),
        "bare jupyter lab": statistics.median(bare),
    }
    return {"rounds": rounds, "seconds": {name: round(value, 3) for name, value in seconds.items()}}


def bare_jupyter(stack: Stack) -> float:
    """Seconds from starting `jupyter lab` of the same image by hand to an executed cell."""
    image = next((stack.data_directory / "images").iterdir())
    port = free_port()
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
            run_a_cell(f"http://127.0.0.1:{port}", "bare")
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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", choices=("process", "docker"), default="process")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--people", type=int, default=20, help="how many are in the class (docker)")
    parser.add_argument(
        "--peer", nargs="?", type=Path, const=PEER_FOLDER, metavar="DIR", help="measure JupyterHub too (docker)"
    )
    parser.add_argument(
        "--prewarmed", action="store_true", help="measure servers that were started before their people come (docker)"
    )
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
