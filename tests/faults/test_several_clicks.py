"""Two clicks, or eight: whatever is asked for at the same moment happens once, and ends in one clear state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar
from urllib.parse import quote

import pytest

from tests.fakes.git_host import GitHost
from tests.faults.conftest import Prepared
from tests.faults.holds import Hold
from tests.faults.people import Person, Server, csrf, proposed
from tests.faults.repositories import held_while_resolving
from tests.faults.traces import (
    build_processes,
    build_rows,
    is_at_rest,
    notebook_servers,
    unfinished_images,
    work_under_way,
)
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

CLICKS = 8
SETTLING_SECONDS = 30.0

T = TypeVar("T")


def at_once(acts: Sequence[Callable[[], T]]) -> list[T]:
    """Do all of this in the same moment."""
    barrier = Barrier(len(acts))

    def act_together(act: Callable[[], T]) -> T:
        barrier.wait(timeout=10)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act_together, acts))


def stopped_server(person: Person, prepared: Prepared) -> Server:
    """A server that has run once."""
    server = person.launch_and_wait(prepared.url)
    person.command(server, "stop").raise_for_status()
    return person.await_state(server, "stopped")


def test_makes_one_server_of_several_launches(student: Person, stack: Stack, repositories: GitHost, hold: Hold) -> None:
    commit = repositories.add("clicked", held_while_resolving(hold))
    url = repositories.url("clicked")

    answers = at_once([lambda: student.launch(url)] * CLICKS)
    wait_until(lambda: hold.is_reached, seconds=SETTLING_SECONDS, why="the build is under way")

    assert len({server["id"] for server in answers}) == 1
    assert len(student.servers()) == 1
    assert len(build_rows(stack, commit)) == 1


def test_makes_one_server_of_several_confirmations(student: Person, stack: Stack, prepared: Prepared) -> None:
    link = f"/v2/git/{quote(prepared.url, safe='')}/HEAD?server=confirmed"
    browser = student.sign_in()
    tabs = [proposed(browser.get(link).text) for _ in range(2)]

    forms = [{"proposal": proposal} for proposal in tabs * (CLICKS // 2)]
    answers = at_once([lambda form=form: browser.post("/launch/", data=form, headers=csrf(browser)) for form in forms])  # type: ignore[misc]
    (server,) = [server for server in student.servers() if server["name"] == "confirmed"]
    student.forget_in_the_end(server)
    student.await_state(server, "running")

    assert {answer.status_code for answer in answers} == {302}
    assert all(f"/servers/{server['id']}/" in answer.headers["Location"] for answer in answers)
    assert len(notebook_servers(stack, server["id"])) == 1


def test_starts_one_process_for_several_starts(student: Person, stack: Stack, prepared: Prepared) -> None:
    server = stopped_server(student, prepared)

    answers = at_once([lambda: student.command(server, "start")] * CLICKS)
    student.await_state(server, "running")

    assert {answer.status_code for answer in answers} == {202}
    assert len(notebook_servers(stack, server["id"])) == 1
    assert work_under_way(stack) == []


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_settles_after_starts_and_stops_in_the_same_moment(
    state: str, student: Person, stack: Stack, prepared: Prepared
) -> None:
    server = student.launch_and_wait(prepared.url) if state == "running" else stopped_server(student, prepared)

    verbs = ["start", "stop"] * (CLICKS // 2)
    answers = at_once([lambda verb=verb: student.command(server, verb) for verb in verbs])  # type: ignore[misc]
    wait_until(lambda: not work_under_way(stack), seconds=SETTLING_SECONDS, why="the server settles")

    assert {answer.status_code for answer in answers} <= {202, 409}
    assert {answer.json()["code"] for answer in answers if answer.is_error} <= {"state_conflict"}
    processes = notebook_servers(stack, server["id"])
    assert (student.read(server)["state"], len(processes)) in [("running", 1), ("stopped", 0)]


def test_deletes_a_server_that_is_building(student: Person, stack: Stack, repositories: GitHost, hold: Hold) -> None:
    repositories.add("deleted-while-building", held_while_resolving(hold))
    server = student.launch(repositories.url("deleted-while-building"))
    wait_until(lambda: hold.is_reached, seconds=SETTLING_SECONDS, why="the build is under way")

    assert student.delete(server).status_code == 204

    assert student.api.get(f"/servers/{server['id']}/").status_code == 404
    wait_until(lambda: not work_under_way(stack), seconds=SETTLING_SECONDS, why="the build is cancelled")
    assert build_processes(stack) == []
    assert unfinished_images(stack) == []


def test_deletes_a_server_that_is_starting(
    student: Person, stack: Stack, prepared: Prepared, hold_start: Callable[[str], Hold]
) -> None:
    hold = hold_start("deleted-while-starting")
    server = student.launch(prepared.url, name="deleted-while-starting")
    wait_until(lambda: hold.is_reached, seconds=SETTLING_SECONDS, why="it is starting")

    assert student.delete(server).status_code == 204

    assert student.api.get(f"/servers/{server['id']}/").status_code == 404
    wait_until(lambda: is_at_rest(stack, server["id"]), seconds=SETTLING_SECONDS, why="it is gone")


def test_deletes_once_when_asked_several_times(student: Person, stack: Stack, prepared: Prepared) -> None:
    server = student.launch_and_wait(prepared.url)

    answers = at_once([lambda: student.delete(server)] * CLICKS)

    assert {answer.status_code for answer in answers} <= {204, 404}
    wait_until(lambda: is_at_rest(stack, server["id"]), seconds=SETTLING_SECONDS, why="it is gone")
