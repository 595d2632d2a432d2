"""What takes longer than it may: ended with a reason, nothing left. On a stack of its own that has no patience."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.fakes.git_host import GitHost
from tests.faults.conftest import Prepared
from tests.faults.holds import Hold
from tests.faults.people import Person
from tests.faults.repositories import held_while_resolving
from tests.faults.traces import build_processes, server_processes, unfinished_images, work_under_way
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

BUILD_SECONDS = 4
START_SECONDS = 3
GRACE_SECONDS = 10.0


@pytest.fixture(scope="module")
def impatient(prepared: Prepared) -> Iterator[Stack]:
    """A stack with short limits, which has the prepared environment without making it."""
    impatient = Stack(
        REPOSITORY_ALLOWED_HOSTS="127.0.0.1",
        BUILD_TIME_LIMIT_SECONDS=str(BUILD_SECONDS),
        START_TIME_LIMIT_SECONDS=str(START_SECONDS),
    )
    with closing(impatient):
        images = impatient.data_directory / "images"
        images.mkdir()
        (images / prepared.image.name).symlink_to(prepared.image, target_is_directory=True)
        impatient.start()
        yield impatient


@pytest.fixture(scope="module")
def person(impatient: Stack) -> Iterator[Person]:
    """Somebody who uses that stack."""
    with closing(Person(impatient, "student", impatient.token("student"))) as person:
        yield person


def test_ends_a_build_past_its_limit(person: Person, impatient: Stack, repositories: GitHost, hold: Hold) -> None:
    repositories.add("too-slow-to-build", held_while_resolving(hold))

    server = person.launch(repositories.url("too-slow-to-build"))
    server = person.await_state(server, "failed", "running", seconds=BUILD_SECONDS + GRACE_SECONDS)

    assert server["reason"]["code"] == "build_timeout"
    assert build_processes(impatient) == []
    assert unfinished_images(impatient) == []
    assert work_under_way(impatient) == []


def test_ends_a_start_past_its_limit(
    person: Person, impatient: Stack, prepared: Prepared, hold_start: Callable[[str], Hold]
) -> None:
    hold_start("too-slow-to-start")

    server = person.launch(prepared.url, name="too-slow-to-start")
    server = person.await_state(server, "failed", "running", seconds=START_SECONDS + GRACE_SECONDS)

    assert server["reason"]["code"] == "start_timeout"
    assert server_processes(impatient, server["id"]) == []
    assert work_under_way(impatient) == []


def test_shows_the_last_words_of_a_server_that_never_answered(
    person: Person, prepared: Prepared, hold_start: Callable[[str], Hold]
) -> None:
    hold_start("never-answers")
    server = person.launch(prepared.url, name="never-answers")
    person.await_state(server, "failed", seconds=START_SECONDS + GRACE_SECONDS)

    page = person.sign_in().get(f"/servers/{server['id']}/")

    assert "waiting to be let go" in page.text
