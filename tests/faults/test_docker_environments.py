"""Environments that cannot become a server, or never end becoming one: a reason each time, and nothing left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.docker_stack import DockerStack
from tests.engine_images import is_running
from tests.fakes.git_host import GitHost
from tests.faults.people import Person
from tests.faults.repositories import dockerfile, held_by_name, sleeper
from tests.faults.test_bad_input import assert_explained
from tests.stack import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.docker, pytest.mark.timeout(180)]

BUILD_SECONDS = 12
START_SECONDS = 4
GRACE_SECONDS = 20.0
PROCESSES = 300
MEMORY_KB = 1_000_000
FORK = """
import os, resource, time
resource.setrlimit(resource.RLIMIT_NPROC, ({processes}, {processes}))
while True:
    try:
        os.fork() or os.execvp("sleep", {arguments})
    except OSError:
        time.sleep(0.1)
"""


@dataclass(frozen=True)
class Failing:
    """A repository, and why no server comes of it."""

    files: Mapping[str, str]
    code: str


FAILING = {
    "image without Jupyter": Failing(dockerfile("ENV PATH=/usr/bin:/bin"), "image_without_jupyter"),
    "image of root": Failing(dockerfile("USER root"), "image_user_root"),
    "image of another user": Failing(dockerfile("USER 1234"), "image_user_wrong"),
    "build that eats memory": Failing(
        dockerfile(f"RUN ulimit -v {MEMORY_KB} && python3 -c 'bytearray(4 << 30)'"), "build_out_of_memory"
    ),
}
"""Nothing bounds the memory of a build in the engine here, so the step that eats it has a bound of its own."""


@pytest.mark.parametrize("case", FAILING.values(), ids=FAILING)
def test_fails_with_a_reason(
    case: Failing,
    docker_student: Person,
    docker_stack: DockerStack,
    repositories: GitHost,
    request: pytest.FixtureRequest,
) -> None:
    name = request.node.callspec.id.replace(" ", "-").lower()
    repositories.add(name, case.files)

    server = docker_student.launch(repositories.url(name))
    server = docker_student.await_state(server, "failed", "running")

    assert (server["state"], server["reason"]["code"]) == ("failed", case.code)
    assert_explained(server["reason"])
    wait_until(lambda: not docker_stack.remains_of(server["id"]), seconds=GRACE_SECONDS, why="nothing is left")


@pytest.fixture(scope="module")
def impatient() -> Iterator[DockerStack]:
    """A stack with short limits."""
    limits = {"BUILD_TIME_LIMIT_SECONDS": str(BUILD_SECONDS), "START_TIME_LIMIT_SECONDS": str(START_SECONDS)}
    with closing(DockerStack(**limits)) as impatient:
        impatient.start()
        yield impatient


@pytest.fixture(scope="module")
def token(impatient: DockerStack) -> str:
    """The student's, on that stack."""
    return impatient.token("student")


@pytest.fixture
def person(impatient: DockerStack, token: str) -> Iterator[Person]:
    """Somebody who uses that stack, of whom nothing is left afterwards."""
    with closing(Person(impatient, "student", token)) as person:
        yield person
    wait_until(lambda: not impatient.leftovers(), seconds=GRACE_SECONDS, why="nothing is left")


def hangs(command: str) -> dict[str, str]:
    """A build of one step that never ends."""
    return dockerfile(f"RUN {command}")


def forks(command: str) -> dict[str, str]:
    """A build that never stops making processes, bounded by itself since the engine here does not."""
    code = FORK.format(processes=PROCESSES, arguments=command.split())
    return dockerfile("COPY fork.py /tmp/", "RUN python3 /tmp/fork.py", **{"fork.py": code})


def test_ends_builds_past_their_limit_with_all_their_processes(
    person: Person, impatient: DockerStack, repositories: GitHost
) -> None:
    servers, commands = [], []
    for make in (hangs, forks):
        commands.append(sleeper())
        repositories.add(f"build-that-{make.__name__}", make(commands[-1]))
        servers.append(person.launch(repositories.url(f"build-that-{make.__name__}")))
    wait_until(lambda: all(map(is_running, commands)), seconds=BUILD_SECONDS, why="both are under way")

    ended = [
        person.await_state(server, "failed", "running", seconds=BUILD_SECONDS + GRACE_SECONDS) for server in servers
    ]

    assert [server["reason"]["code"] for server in ended] == ["build_timeout", "build_timeout"]
    wait_until(lambda: not any(map(is_running, commands)), seconds=GRACE_SECONDS, why="their processes end")
    assert impatient.leftovers() == []


def test_gives_a_server_up_that_never_answers(person: Person, impatient: DockerStack, repositories: GitHost) -> None:
    repositories.add("never-answers", held_by_name())

    server = person.launch(repositories.url("never-answers"), name="held-for-ever")
    server = person.await_state(server, "failed", "running")

    assert (server["state"], server["reason"]["code"]) == ("failed", "start_timeout")
    wait_until(lambda: not impatient.remains_of(server["id"]), seconds=GRACE_SECONDS, why="nothing is left")
