"""Real people, repositories and faults on the stack that the tests of one session share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.docker_stack import DockerStack
from tests.fakes.git_host import GitHost
from tests.faults.holds import Hold, python_waiting_by_name
from tests.faults.people import PATIENCE_SECONDS, Person
from tests.faults.repositories import held_by_name
from tests.faults.traces import work_under_way
from tests.stack import Stack, wait_until


@dataclass(frozen=True)
class Prepared:
    """A repository whose environment has been made, by a build that the student asked for."""

    url: str
    build_id: str
    image: Path


@pytest.fixture(scope="session")
def repositories() -> Iterator[GitHost]:
    """The git host of all these tests; each test names its repositories as no other does."""
    with GitHost() as host:
        yield host


@pytest.fixture(scope="session")
def token_of(stack: Stack) -> Callable[[str], str]:
    """An API token for everything, one for each person: making one takes seconds."""
    return cache(stack.token)


@pytest.fixture(scope="session")
def start_holds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Servers of the prepared repository wait while they start if there is a hold of their name in here."""
    folder = tmp_path_factory.mktemp("start-holds")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def prepared(stack: Stack, repositories: GitHost, start_holds: Path, token_of: Callable[[str], str]) -> Prepared:
    """The repository for tests that are not about making one: its servers start within a second."""
    repositories.add(
        "prepared",
        {"requirements.txt": "", ".jupyter/jupyter_server_config.py": python_waiting_by_name(start_holds)},
    )
    url = repositories.url("prepared")
    before = set((stack.data_directory / "images").glob("*"))
    with closing(Person(stack, "student", token_of("student"))) as student:
        server = student.launch_and_wait(url, name="first-of-all")
        (image,) = set((stack.data_directory / "images").glob("*")) - before
        return Prepared(url, server["build"]["id"], image)


@pytest.fixture
def student(stack: Stack, token_of: Callable[[str], str]) -> Iterator[Person]:
    """The person the tests are about. What earlier tests have left to do is done by then."""
    wait_until(lambda: not work_under_way(stack), seconds=PATIENCE_SECONDS, why="earlier tests are over")
    with closing(Person(stack, "student", token_of("student"))) as person:
        yield person


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Hold]:
    """A place for a script of a repository to wait at."""
    hold = Hold(tmp_path / "hold")
    yield hold
    hold.release()


@pytest.fixture
def hold_start(start_holds: Path) -> Iterator[Callable[[str], Hold]]:
    """Makes the server of this name, of the prepared repository, wait while it starts."""
    holds: list[Hold] = []

    def hold(name: str) -> Hold:
        holds.append(Hold(start_holds / name))
        return holds[-1]

    yield hold
    for made in holds:
        made.release()


# --- The same on Docker ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def docker_token_of(docker_stack: DockerStack) -> Callable[[str], str]:
    """An API token for everything on the stack with Docker, one for each person."""
    return cache(docker_stack.token)


@pytest.fixture(scope="session")
def docker_prepared(docker_stack: DockerStack, repositories: GitHost, docker_token_of: Callable[[str], str]) -> str:
    """The address of a repository whose image has been made; its servers wait while they start if named `held…`."""
    repositories.add("docker-prepared", held_by_name())
    url = repositories.url("docker-prepared")
    with closing(Person(docker_stack, "student", docker_token_of("student"))) as student:
        student.launch_and_wait(url, name="first-of-all")
    return url


@pytest.fixture
def docker_student(docker_stack: DockerStack, docker_token_of: Callable[[str], str]) -> Iterator[Person]:
    """The person the tests of Docker are about. The engine is back when they are over."""
    with closing(Person(docker_stack, "student", docker_token_of("student"))) as person:
        yield person
        docker_stack.engine.restored()
    wait_until(lambda: not docker_stack.leftovers(), seconds=PATIENCE_SECONDS, why="nothing of it is left")
