"""Processes killed in the middle of their work: everything ends up running, or failed with a reason, and once."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import psutil
import pytest
from websockets.sync.client import ClientConnection

from tests.fakes.git_host import GitHost
from tests.faults.conftest import Prepared
from tests.faults.holds import Hold
from tests.faults.kills import RETURN_SECONDS, kill_worker
from tests.faults.people import SESSION_COOKIE, Person, Server, open_socket
from tests.faults.repositories import held_in_post_build, held_while_resolving
from tests.faults.traces import (
    build_processes,
    notebook_servers,
    server_processes,
    unfinished_images,
    work_under_way,
)
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

RECOVERY_SECONDS = 30.0
DISCOVERY_SECONDS = 15.0
ESCAPE = "setsid sleep 600 &"
"""A process in a session of its own, which no killing of groups reaches."""


@dataclass(frozen=True)
class Aftermath:
    """What there is once a worker that was killed has returned and had its time."""

    building: Server
    starting: Server
    build_processes: list[psutil.Process]
    unfinished_images: list[str]
    notebook_servers: list[psutil.Process]


@pytest.fixture(scope="module")
def person(stack: Stack, token_of: Callable[[str], str]) -> Iterator[Person]:
    """Who waits while the worker is killed."""
    with closing(Person(stack, "student", token_of("student"))) as person:
        yield person


@pytest.fixture(scope="module")
def aftermath(
    person: Person,
    stack: Stack,
    repositories: GitHost,
    prepared: Prepared,
    start_holds: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Aftermath:
    """Kills the worker and its whole pool while one server's build and another's start are under way."""
    build_hold = Hold(tmp_path_factory.mktemp("build") / "hold")
    start_hold = Hold(start_holds / "killed-while-starting")
    repositories.add("killed-worker", held_in_post_build(build_hold, before=ESCAPE))
    building = person.launch(repositories.url("killed-worker"))
    starting = person.launch(prepared.url, name="killed-while-starting")
    wait_until(lambda: build_hold.is_reached and start_hold.is_reached, seconds=60, why="both are under way")

    kill_worker(stack)
    start_hold.release()
    building = person.await_state(building, "running", "failed", seconds=RECOVERY_SECONDS)
    starting = person.await_state(starting, "running", "failed", seconds=RECOVERY_SECONDS)
    left = build_processes(stack), unfinished_images(stack)
    build_hold.release()
    return Aftermath(building, starting, *left, notebook_servers(stack, starting["id"]))


class TestKilledWorker:
    """What has become of a build and a start whose worker was killed."""

    def test_fails_a_build_with_a_reason_and_a_next_step(self, aftermath: Aftermath) -> None:
        assert aftermath.building["state"] == "failed"
        assert aftermath.building["reason"]["code"] == "build_interrupted"
        assert aftermath.building["reason"]["next_step"]

    def test_leaves_no_process_of_the_build(self, aftermath: Aftermath) -> None:
        assert aftermath.build_processes == []

    def test_leaves_no_half_made_image(self, aftermath: Aftermath) -> None:
        assert aftermath.unfinished_images == []

    def test_goes_on_with_a_start(self, aftermath: Aftermath) -> None:
        assert aftermath.starting["state"] == "running"

    def test_starts_no_server_twice(self, aftermath: Aftermath) -> None:
        assert len(aftermath.notebook_servers) == 1

    def test_builds_when_asked_again(self, aftermath: Aftermath, person: Person) -> None:
        person.command(aftermath.building, "start").raise_for_status()

        assert person.await_state(aftermath.building, "running", "failed")["state"] == "running"


def test_fails_a_build_whose_pool_process_was_killed(
    student: Person, stack: Stack, repositories: GitHost, hold: Hold
) -> None:
    repositories.add("killed-pool-process", held_while_resolving(hold))
    server = student.launch(repositories.url("killed-pool-process"))
    wait_until(lambda: hold.is_reached, seconds=60, why="the build is under way")
    worker = stack.worker_pid()

    pool_process_of_build(stack).kill()
    server = student.await_state(server, "running", "failed", seconds=RECOVERY_SECONDS)

    assert (server["state"], server["reason"]["code"]) == ("failed", "build_interrupted")
    assert stack.worker_pid() == worker
    assert build_processes(stack) == []
    assert unfinished_images(stack) == []
    assert work_under_way(stack) == []


def test_fails_a_server_that_was_killed_and_starts_it_again(student: Person, stack: Stack, prepared: Prepared) -> None:
    server = student.launch_and_wait(prepared.url)
    (jupyter,) = notebook_servers(stack, server["id"])

    jupyter.kill()
    failed = student.await_state(server, "failed", seconds=DISCOVERY_SECONDS)
    left = server_processes(stack, server["id"])
    student.command(server, "start").raise_for_status()

    assert failed["reason"]["code"] == "server_died"
    assert failed["reason"]["next_step"]
    assert left == []
    assert student.await_state(server, "running", "failed")["state"] == "running"


def test_goes_on_with_a_log_after_the_web_process_was_killed(
    student: Person, stack: Stack, repositories: GitHost, hold: Hold
) -> None:
    repositories.add("killed-web", held_in_post_build(hold, meanwhile="echo one more line"))
    server = student.launch(repositories.url("killed-web"))
    browser = student.sign_in()
    wait_until(lambda: hold.is_reached, seconds=60, why="the build is under way")
    with follow(stack, browser, server) as page:
        first = lines_until(page, count=20)

    kill_web(stack)
    with follow(stack, browser, server, after=first[-1]) as page:
        second = lines_until(page, count=20)
        hold.release()
        rest = lines_until(page, state="running")

    log = student.api.get(f"/builds/{server['build']['id']}/log/").raise_for_status().json()
    assert [number for _, number in [*first, *second, *rest]] == [line["sequence"] for line in log["lines"]]


def kill_web(stack: Stack) -> None:
    """SIGKILL the web process, and wait until another answers."""
    before = stack.child_pid("web")
    assert before is not None
    os.kill(before, signal.SIGKILL)
    wait_until(
        lambda: stack.child_pid("web") not in (None, before) and stack.answers(),
        seconds=RETURN_SECONDS,
        why="the pages are back",
    )


def pool_process_of_build(stack: Stack) -> psutil.Process:
    """The process of the worker's pool that has started what the only build is doing."""
    ours = build_processes(stack)
    (parent,) = {process.ppid() for process in ours} - {process.pid for process in ours} - {1}
    assert os.getpgid(parent) == stack.worker_pid()
    return psutil.Process(parent)


Line = tuple[str, int]
"""The build it is of, and its number."""


def follow(stack: Stack, browser: httpx.Client, server: Server, after: Line | None = None) -> ClientConnection:
    """The socket of this server's page, going on after a line."""
    query = "?" + urlencode({"build": after[0], "after": after[1]}) if after else ""
    headers = {"Cookie": f"{SESSION_COOKIE}={browser.cookies[SESSION_COOKIE]}", "Origin": stack.base_url}
    return open_socket(f"ws://localhost:{stack.port}/ws/servers/{server['id']}/{query}", stack.port, headers)


def lines_until(page: ClientConnection, *, count: int = 0, state: str = "") -> list[Line]:
    """The lines that come until there are so many, or until the server is in this state."""
    lines: list[Line] = []
    while True:
        message: dict[str, Any] = json.loads(page.recv(timeout=RECOVERY_SECONDS))
        if message["type"] == "log":
            lines += [(message["build"], line["sequence"]) for line in message["lines"]]
        if (count and len(lines) >= count) or (state and message.get("state") == state):
            return lines
