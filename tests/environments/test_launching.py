"""One verb behind form, link and API: the same person and reference always meet the same server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import User
from environments.errors import EnvironmentsError
from environments.launching import free_name, launch, launch_environment
from environments.models import Build, NotebookServer
from environments.references import parse
from environments.updating import target_of_launch, update_server
from environments.values import LaunchSpec, Limits
from tests.factories import EnvironmentFactory, NotebookServerFactory
from tests.fakes.backends import UnreachableBuilder
from tests.fakes.git_host import GitHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    """A git host with one repository called statistics."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": "numpy\n"})
        yield host


def spec(host: GitHost, *, repository: str = "statistics", ref: str = "", name: str = "") -> LaunchSpec:
    """A launch of a repository of this host."""
    return LaunchSpec(parse(host.url(repository), ref=ref), name=name)


def test_launch_makes_a_server_of_exactly_this_commit(host: GitHost, student: User, now: datetime) -> None:
    server = launch(student, spec(host), now=now)

    assert server.owner == student
    assert len(server.commit) == 40
    assert server.build is not None
    assert (server.build.commit, server.build.image_key) == (server.commit, server.image_key)


def test_launch_is_taken_down_while_the_engine_does_not_answer(
    host: GitHost, student: User, now: datetime, use_backends: Callable[..., None]
) -> None:
    use_backends(builder=UnreachableBuilder)

    server = launch(student, spec(host), now=now)

    assert (server.state, server.build is None) == (NotebookServer.State.QUEUED, False)


def test_launch_twice_meets_the_same_server(host: GitHost, student: User, now: datetime) -> None:
    first = launch(student, spec(host), now=now)
    host.commit("statistics", {"requirements.txt": "numpy<2\n"})

    second = launch(student, spec(host), now=now)

    assert second == first
    assert NotebookServer.objects.count() == 1


def test_launch_that_came_second_made_nothing(host: GitHost, student: User, now: datetime) -> None:
    later = now + timedelta(milliseconds=1)
    quicker = launch(student, spec(host), now=later)

    slower = launch(student, spec(host), now=now)

    assert (quicker.created_at, slower.created_at) == (later, later)


def test_launch_wakes_a_sleeping_server(host: GitHost, student: User, now: datetime) -> None:
    server = launch(student, spec(host), now=now)
    NotebookServer.objects.update(state=NotebookServer.State.STOPPED)

    again = launch(student, spec(host), now=now)

    assert again == server
    assert again.state == NotebookServer.State.QUEUED


def test_launch_by_two_people_builds_once(host: GitHost, student: User, stranger: User, now: datetime) -> None:
    servers = [launch(person, spec(host), now=now) for person in (student, stranger)]

    assert servers[0] != servers[1]
    assert servers[0].subdomain != servers[1].subdomain
    assert Build.objects.count() == 1


def test_launch_with_a_name_that_is_taken_by_something_else_is_refused(
    host: GitHost, student: User, now: datetime
) -> None:
    host.add("physics", {"requirements.txt": "scipy\n"})
    launch(student, spec(host, name="mine"), now=now)

    with pytest.raises(EnvironmentsError) as refusal:
        launch(student, spec(host, repository="physics", name="mine"), now=now)

    assert (refusal.value.code, refusal.value.status) == ("server_differs", 409)


@pytest.mark.parametrize(
    "wish",
    [
        {"limits": Limits(memory_mb=512)},
        {"limits": Limits(cpus=2)},
        {"idle_minutes": 5},
        {"lifetime_minutes": 5},
        {"with_credentials": True},
    ],
    ids=["memory", "cpus", "idle", "lifetime", "credentials"],
)
def test_launch_of_a_server_that_is_otherwise_is_refused(
    host: GitHost, student: User, now: datetime, wish: dict[str, Any]
) -> None:
    server = launch(student, spec(host), now=now)

    with pytest.raises(EnvironmentsError) as refusal:
        launch(student, replace(spec(host), **wish), now=now)

    server.refresh_from_db()
    assert refusal.value.code == "server_differs"
    assert (server.limits, server.idle_minutes, server.lifetime_minutes) == (Limits(), None, None)
    assert not server.with_credentials


def test_launch_meets_a_server_that_has_more_than_it_asks_for(host: GitHost, student: User, now: datetime) -> None:
    more = replace(spec(host), limits=Limits(memory_mb=512), idle_minutes=5, urlpath="lab")
    server = launch(student, more, now=now)

    again = launch(student, replace(spec(host), urlpath="tree"), now=now)

    assert (again, again.memory_mb, again.urlpath) == (server, 512, "lab")


def test_launch_meets_a_server_that_is_about_to_be_what_it_asks_for(
    host: GitHost, student: User, now: datetime
) -> None:
    server = launch(student, spec(host), now=now)
    NotebookServer.objects.update(state=NotebookServer.State.STOPPED)
    server.refresh_from_db()
    wanted = replace(spec(host), limits=Limits(memory_mb=512))
    update_server(server, target_of_launch(server, wanted), now=now)

    assert launch(student, wanted, now=now) == server


@pytest.mark.parametrize(
    ("name", "free"),
    [("mine", "mine-2"), ("mine-2", "mine-3"), ("a" * 40, "a" * 35 + "-2")],
)
def test_free_name_is_like_the_one_that_is_taken(student: User, name: str, free: str) -> None:
    NotebookServerFactory.create(owner=student, name=name)

    assert free_name(student, name) == free


def test_launch_with_a_key_and_company_is_refused(host: GitHost, student: User, now: datetime) -> None:
    with pytest.raises(EnvironmentsError) as refusal:
        launch(student, replace(spec(host), with_credentials=True, collaborators=("ada",)), now=now)

    assert refusal.value.code == "credentials_shared"
    assert not NotebookServer.objects.exists()


def test_launch_with_two_names_makes_two_servers(host: GitHost, student: User, now: datetime) -> None:
    names = {launch(student, spec(host, name=name), now=now).name for name in ("one", "two")}

    assert names == {"one", "two"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"repository": "nowhere"}, "repository_not_found"),
        ({"ref": "no-such-branch"}, "ref_unknown"),
        ({"name": "Not A Name"}, "name_invalid"),
    ],
)
def test_launch_refused_leaves_nothing(
    host: GitHost, student: User, now: datetime, change: dict[str, str], code: str
) -> None:
    with pytest.raises(EnvironmentsError) as refusal:
        launch(student, spec(host, **change), now=now)

    assert refusal.value.code == code
    assert not NotebookServer.objects.exists()
    assert not Build.objects.exists()
    assert not student.volumes.exists()


def test_launch_environment_counts_launches(host: GitHost, student: User, now: datetime) -> None:
    reference = parse(host.url("statistics"))
    environment = EnvironmentFactory.create(
        provider=reference.provider, repository=reference.repository, urlpath="lab/tree/a.ipynb"
    )

    server = launch_environment(student, environment, now=now)

    environment.refresh_from_db()
    assert (environment.launch_count, server.urlpath) == (1, "lab/tree/a.ipynb")
