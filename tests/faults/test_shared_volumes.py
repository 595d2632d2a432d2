"""Files that two people share: what one writes the other reads, for as long as they may."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import pytest

from tests.faults.conftest import Prepared
from tests.faults.people import Person, Server
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

VOLUME = "journey"
PATH = f"/api/contents/shared/{VOLUME}/table.csv"


@pytest.fixture
def teacher(stack: Stack, token_of: Callable[[str], str]) -> Iterator[Person]:
    """Who shares files."""
    with closing(Person(stack, "teacher", token_of("teacher"))) as person:
        yield person


@pytest.fixture
def shared(teacher: Person) -> Iterator[str]:
    """The address of files that the teacher lets the student read."""
    made = teacher.api.post("/volumes/", json={"name": VOLUME, "title": "Journey"}).raise_for_status().json()
    address = f"/volumes/{made['id']}/"
    teacher.api.post(f"{address}members/", json={"person": "student"}).raise_for_status()
    yield address
    teacher.api.delete(address)


def ask(person: Person, server: Server, method: str, **options: object) -> httpx.Response:
    return person.visit(server).ask(method, PATH, **options)


def mount(*, read_only: bool = False) -> dict[str, object]:
    return {"mounts": [{"volume": VOLUME, "read_only": read_only}]}


def test_what_one_writes_the_other_reads_until_it_is_taken_back(
    teacher: Person, student: Person, prepared: Prepared, shared: str
) -> None:
    theirs = teacher.launch_and_wait(prepared.url, name="writing", **mount())
    mine = student.launch_and_wait(prepared.url, name="reading", **mount(read_only=True))
    table = {"type": "file", "format": "text", "content": "1,2"}

    ask(teacher, theirs, "PUT", json=table).raise_for_status()
    read = ask(student, mine, "GET").raise_for_status().json()["content"]
    (member,) = teacher.api.get(f"{shared}members/").json()
    teacher.api.delete(f"{shared}members/{member['id']}/").raise_for_status()
    stopped = student.await_state(mine, "stopped")
    student.command(mine, "start").raise_for_status()
    again = student.await_state(mine, "running")

    assert read == "1,2"
    assert stopped["reason"]["code"] == "mount_withdrawn"
    assert (again["mounts"][0]["access"], again["reason"]) == (None, None)
    assert ask(student, again, "GET").status_code == 404
    assert ask(teacher, theirs, "GET").status_code == 200
