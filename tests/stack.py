"""The real embedded stack for tests: `manage.py up` as a process of its own, with a data directory of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from config.env import BASE_DIR
from environments.processes import end_labelled, installation_label, labelled
from environments.spawners.process import SERVER_ID
from tests.migrated import copy_migrated

START_SECONDS = 90.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.1


def free_port() -> int:
    """A port nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], object], *, seconds: float, why: str) -> None:
    """Return once the condition holds; fail the test, saying why it was waited for, when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{why}: not within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; one that has ended and waits for its parent to notice does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Stack:
    """One embedded installation. Nothing of it is left after `close`, notebook servers included."""

    def __init__(self, **variables: str) -> None:
        """Prepare, without starting; the variables are added to the environment of everything it runs.

        Its database is there already, as if this version had run before. Where that matters, remove it.
        """
        self.data_directory = Path(tempfile.mkdtemp(prefix="carrel-stack-")).resolve()
        self.port = free_port()
        self.base_url = f"http://localhost:{self.port}"
        self.output = self.data_directory / "terminal.txt"
        self.environment = {
            **_environment_without_settings(),
            **variables,
            "CARREL_DATA": str(self.data_directory),
            "PORT": str(self.port),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.database = self.data_directory / "carrel.sqlite3"
        copy_migrated(self.database)

    def start(self) -> None:
        """Start it and wait until it says that it is running."""
        process = self.launch()
        wait_until(lambda: self.is_announced() or self.has_ended(), seconds=START_SECONDS, why="the stack starts")
        assert not self.has_ended(), f"ended with {process.returncode}: {self.output.read_text()}"

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it and return at once."""
        with self.output.open("wb") as terminal:
            self.process = subprocess.Popen(
                self.command("up"),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.process

    def is_announced(self) -> bool:
        """Whether it has printed its address."""
        return f"running at {self.base_url}" in self.output.read_text()

    def has_ended(self) -> bool:
        """Whether `manage.py up` is over."""
        return self.process is not None and self.process.poll() is not None

    def answers(self) -> bool:
        """Whether pages, database and broker all work."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_SECONDS)

    def stop(self) -> None:
        """Stop it, keeping its data; notebook servers go on."""
        if self.process is not None and not self.has_ended():
            self.interrupt()

    def command(self, *arguments: str) -> list[str]:
        """How a management command is called."""
        return [sys.executable, str(BASE_DIR / "manage.py"), *arguments]

    def manage(self, *arguments: str) -> str:
        """Run a management command on it and return what it prints."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def token(self, username: str) -> str:
        """An API token of this person."""
        return self.manage("token", username).split()[-1]

    def password(self, username: str) -> str:
        """The password the demo gave this person."""
        lines = (self.data_directory / "demo-accounts.txt").read_text().splitlines()
        return dict(line.split() for line in lines if not line.startswith("#"))[username]

    def child_pid(self, name: str) -> int | None:
        """The process of `redis`, `web`, `worker` or `beat`, or None while there is none."""
        try:
            record = json.loads((self.data_directory / "run" / "children.json").read_text()).get(name)
        except FileNotFoundError:
            return None
        return record[0] if record else None

    def worker_pid(self) -> int:
        """The process of the Celery worker."""
        pid = self.child_pid("worker")
        assert pid is not None
        return pid

    def processes(self) -> list[psutil.Process]:
        """Every process of it, except its notebook servers."""
        leaders = [self.child_pid(name) for name in ("redis", "web", "worker", "beat")]
        groups = {pid for pid in leaders if pid is not None}
        return [process for process in psutil.process_iter() if _session_of(process) in groups]

    def remains_of(self, server_id: str) -> list[object]:
        """Everything that lives of a server."""
        return [*labelled({**installation_label(self.data_directory), SERVER_ID: server_id})]

    def close(self) -> None:
        """End everything, by force where need be, and remove the data."""
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            pass
        finally:
            leftovers = self.processes()
            if self.process is not None and not self.has_ended():
                self.process.kill()
                self.process.wait(STOP_SECONDS)
            for process in leftovers:
                _kill(process)
            end_labelled(installation_label(self.data_directory))
            shutil.rmtree(self.data_directory, ignore_errors=True)


def _environment_without_settings() -> dict[str, str]:
    """Ours, without what the settings of these tests have put into it."""
    mine = {"EMBEDDED", "SECRET_KEY", "DJANGO_SETTINGS_MODULE", "PUBLIC_URL", "HOST", "CARREL_DATA", "PORT", "DEMO_LMS"}
    return {name: value for name, value in os.environ.items() if name not in mine}


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except (ProcessLookupError, PermissionError):
        return None


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A running stack, shared by the tests of one session: leave it as you found it.

    It may fetch from git hosts of these tests, at 127.0.0.1, and tires of nobody's questions.
    """
    running = Stack(REPOSITORY_ALLOWED_HOSTS="127.0.0.1", API_LAUNCHES_PER_MINUTE="0", API_REQUESTS_PER_MINUTE="0")
    try:
        running.start()
        yield running
    finally:
        running.close()
