"""`manage.py up`: starts, heals, refuses and stops, with real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import psutil
import pytest
from pytest_django import Settings

from config.supervision import StartRefused
from config.up import child_environment, end_builds, listen_address, refuse_taken_port
from environments import backends
from environments.processes import installation_label
from environments.spawners.process import SERVER_ID
from tests.stack import Stack, free_port, is_alive, wait_until

RESTART_SECONDS = 30.0


@pytest.fixture
def own_stack() -> Iterator[Stack]:
    """A stack for a test that ends it; not started."""
    with closing(Stack()) as prepared:
        yield prepared


@pytest.fixture
def stack_from_nothing() -> Iterator[Stack]:
    """The same where Carrel has never run before."""
    with closing(Stack()) as prepared:
        prepared.database.unlink()
        yield prepared


def ended_by_itself(stack: Stack) -> tuple[int, str]:
    """Run `up` to the end it finds by itself; its exit code and what it printed."""
    code = stack.launch().wait(30)
    return code, stack.output.read_text()


@pytest.fixture
def undecided_runtime() -> Iterator[None]:
    """A process that has not found out what servers run on, before and afterwards."""
    backends.runtime.cache_clear()
    yield
    backends.runtime.cache_clear()


@pytest.mark.usefixtures("undecided_runtime")
def test_children_are_told_what_servers_run_on(settings: Settings) -> None:
    settings.RUNTIME, settings.DOCKER_HOST = "auto", "unix:///nowhere/docker.sock"

    assert child_environment()["RUNTIME"] == "process"


@pytest.mark.stack
class TestRunning:
    """What a stack does while it runs. One is shared, and every test leaves it running."""

    def test_prints_address_and_accounts_when_ready(self, stack: Stack) -> None:
        printed = stack.output.read_text()

        assert stack.base_url in printed
        assert stack.password("teacher") in printed
        assert str(stack.data_directory) in printed

    def test_answers_with_database_and_broker(self, stack: Stack) -> None:
        assert stack.answers()

    def test_keeps_data_from_other_users(self, stack: Stack) -> None:
        modes = {path.stat().st_mode & 0o077 for path in (stack.data_directory, stack.data_directory / "run")}

        assert modes == {0}

    @pytest.mark.parametrize("name", ["web", "worker", "beat", "redis"])
    def test_restarts_a_child_that_was_killed(self, stack: Stack, name: str) -> None:
        before = stack.child_pid(name)
        assert before is not None
        group = [process for process in stack.processes() if os.getpgid(process.pid) == before]

        os.kill(before, signal.SIGKILL)

        wait_until(
            lambda: stack.child_pid(name) not in (None, before) and stack.answers(),
            seconds=RESTART_SECONDS,
            why=f"{name} is back and the site works",
        )
        assert not [process for process in group if is_alive(process)]

    def test_refuses_a_second_stack_on_the_same_data(self, stack: Stack) -> None:
        second = subprocess.run(
            stack.command("up"),
            env={**stack.environment, "PORT": str(free_port())},
            capture_output=True,
            text=True,
            timeout=30,
        )

        assert second.returncode == 1
        assert "already running" in second.stderr
        assert stack.answers()


@pytest.mark.stack
class TestStopping:
    """How a stack ends."""

    def test_leaves_no_process_after_interrupt(self, stack_from_nothing: Stack) -> None:
        stack_from_nothing.start()
        wait_until(lambda: len(stack_from_nothing.processes()) > 8, seconds=RESTART_SECONDS, why="it has its pool")
        before = stack_from_nothing.processes()

        code = stack_from_nothing.interrupt()

        assert code == 0
        assert not [process for process in before if is_alive(process)]

    def test_ends_what_a_killed_supervisor_left(self, own_stack: Stack) -> None:
        own_stack.start()
        assert own_stack.process is not None
        left = own_stack.processes()
        own_stack.process.kill()
        own_stack.process.wait()

        own_stack.start()

        assert not [process for process in left if is_alive(process)]
        assert own_stack.answers()


@pytest.mark.stack
class TestRefusing:
    """What `up` says instead of starting."""

    def test_refuses_a_port_that_is_taken(self, own_stack: Stack) -> None:
        with socket.create_server(("127.0.0.1", own_stack.port)):
            code, printed = ended_by_itself(own_stack)

        assert code == 1
        assert f"Port {own_stack.port}" in printed
        assert not own_stack.processes()

    def test_refuses_a_served_installation(self, own_stack: Stack) -> None:
        own_stack.environment |= {"EMBEDDED": "false", "SECRET_KEY": "x" * 60}

        code, printed = ended_by_itself(own_stack)

        assert code == 1
        assert "EMBEDDED" in printed


@pytest.fixture
def labelled_sleeper(settings: Settings, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts processes as this installation would, with more labels if need be."""
    settings.CARREL_DATA = tmp_path
    started: list[subprocess.Popen[bytes]] = []

    def start(**labels: str) -> subprocess.Popen[bytes]:
        labels |= installation_label(tmp_path)
        process = subprocess.Popen(["sleep", "60"], env={**os.environ, **labels}, start_new_session=True)
        started.append(process)
        while not psutil.Process(process.pid).environ():  # In the middle of its exec a process has none.
            time.sleep(0.001)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_ends_what_builds_have_started(labelled_sleeper: Callable[..., subprocess.Popen[bytes]]) -> None:
    command_of_a_build = labelled_sleeper()

    end_builds()

    assert command_of_a_build.wait(5) == -signal.SIGKILL


def test_spares_notebook_servers(labelled_sleeper: Callable[..., subprocess.Popen[bytes]]) -> None:
    server = labelled_sleeper(**{SERVER_ID: "1"})

    end_builds()

    assert server.poll() is None


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("::1", "::1"),
        ("my-laptop", "127.0.0.1"),
        ("my-laptop.example.org", "127.0.0.1"),
    ],
)
def test_listens_on_the_address_of_host_or_here_alone(host: str, address: str) -> None:
    assert listen_address(host) == ip_address(address)


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_refuses_a_port_that_is_none(port: int) -> None:
    with pytest.raises(StartRefused, match=str(port)):
        refuse_taken_port(IPv4Address("127.0.0.1"), port)


def test_accepts_a_free_port() -> None:
    refuse_taken_port(IPv4Address("127.0.0.1"), free_port())
