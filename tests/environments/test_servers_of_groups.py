"""Servers that are run for a class or another group; private repositories that whoever answers for it has a key to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from pytest_django import Settings

from accounts.models import Scope, User
from accounts.tokens import create_token
from environments import backends, binder_events
from environments.builders.fake import FakeBuilder
from environments.catalog import publish, recipe_from
from environments.errors import EnvironmentsError
from environments.following import view_of
from environments.git_credentials import keep_credential, resolve_for
from environments.launching import launch
from environments.models import Build, BuildLogLine, NotebookServer
from environments.references import parse
from environments.servers import carry_out_build, start_server
from environments.starting import carry_out_start
from environments.updating import carry_out_update, check_for_update, roll_back, target_of_launch, update_server
from environments.values import LaunchSpec, ResolvedRepository
from tests.environments.api_client import BUILDS, program_of
from tests.factories import NotebookServerFactory
from tests.fakes.git_host import GitHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

TOKEN = "correct-horse-battery"
State = NotebookServer.State


@pytest.fixture
def group() -> Group:
    return Group.objects.create(name="Statistics")


@pytest.fixture
def host(settings: Settings, teacher: User, now: datetime) -> Iterator[GitHost]:
    """A git host with a public repository, and a private one that the teacher has a token for."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        for name in ("public", "private"):
            host.add(name, {"requirements.txt": ""})
        host.make_private("private", username="ada", password=TOKEN)
        keep_credential(teacher, address=host.base_url, username="ada", password=TOKEN, now=now)
        yield host


def spec_of(host: GitHost, name: str = "private") -> LaunchSpec:
    """A launch of this repository."""
    return LaunchSpec(parse(host.url(name)))


def found_by(person: User, host: GitHost, now: datetime) -> ResolvedRepository:
    """What the private repository means to this person."""
    return resolve_for(person, parse(host.url("private")), now=now)


def class_server(host: GitHost, person: User, teacher: User, group: Group, now: datetime) -> NotebookServer:
    """A server in the teacher's private repository, run for the group."""
    resolved = found_by(teacher, host, now)
    return launch(person, spec_of(host), now=now, resolved=resolved, group=group, image_owner=teacher)


def fresh(server: NotebookServer) -> NotebookServer:
    """The server as it is now."""
    return NotebookServer.objects.get(pk=server.pk)


def build_of(server: NotebookServer) -> Build:
    """The build it waits or waited for."""
    build = fresh(server).build
    assert build is not None
    return build


def work(server: NotebookServer) -> NotebookServer:
    """Have its image made, and start it."""
    carry_out_build(build_of(server))
    carry_out_start(fresh(server))
    return fresh(server)


def tokens_shown() -> list[str | None]:
    """What each build was given to fetch with."""
    builder = backends.builder()
    assert isinstance(builder, FakeBuilder)
    credentials = [request.credential for request in builder.requests]
    return [each.password if each else None for each in credentials]


# --- The group ---------------------------------------------------------------------------------------------


def test_launch_makes_a_server_of_the_group(host: GitHost, student: User, group: Group, now: datetime) -> None:
    server = launch(student, spec_of(host, "public"), now=now, group=group)

    assert list(group.servers.all()) == [server]


def test_launch_without_a_group_makes_a_server_of_none(host: GitHost, student: User, now: datetime) -> None:
    assert launch(student, spec_of(host, "public"), now=now).group is None


def test_launch_meets_the_server_of_the_group(host: GitHost, student: User, group: Group, now: datetime) -> None:
    first = launch(student, spec_of(host, "public"), now=now, group=group)

    again = launch(student, spec_of(host, "public"), now=now, group=group)
    by_hand = launch(student, spec_of(host, "public"), now=now)

    assert again == by_hand == first


@pytest.mark.parametrize("other", ["Physics", ""])
def test_launch_refuses_a_server_of_another_group(
    host: GitHost, student: User, group: Group, now: datetime, other: str
) -> None:
    others = Group.objects.create(name=other) if other else None
    launch(student, spec_of(host, "public"), now=now, group=others)

    with pytest.raises(EnvironmentsError) as refusal:
        launch(student, spec_of(host, "public"), now=now, group=group)

    assert (refusal.value.code, refusal.value.status) == ("server_of_other_group", 409)
    assert "Statistics" in refusal.value.explain().sentence


def test_deleted_group_leaves_its_servers(student: User, group: Group) -> None:
    server = NotebookServerFactory.create(owner=student, group=group)

    group.delete()

    assert fresh(server).group is None


# --- The image -----------------------------------------------------------------------------------------------


def test_launch_builds_with_the_token_of_whoevers_image_it_is(
    host: GitHost, student: User, teacher: User, group: Group, now: datetime
) -> None:
    server = work(class_server(host, student, teacher, group, now))

    assert server.state == State.RUNNING
    assert (build_of(server).requested_by, tokens_shown()) == (teacher, [TOKEN])


def test_launch_shares_one_image_with_the_whole_class(
    host: GitHost, student: User, stranger: User, teacher: User, group: Group, now: datetime
) -> None:
    servers = [class_server(host, person, teacher, group, now) for person in (student, stranger, teacher)]

    assert len({server.image_key for server in servers}) == 1
    assert Build.objects.count() == 1


def test_image_owner_of_what_is_public_is_nobody(
    host: GitHost, student: User, teacher: User, group: Group, now: datetime
) -> None:
    resolved = resolve_for(student, parse(host.url("public")), now=now)

    server = launch(student, spec_of(host, "public"), now=now, resolved=resolved, group=group, image_owner=teacher)

    assert (server.image_owner, build_of(server).requested_by) == (None, student)


def test_image_owner_counts_for_nothing_that_was_found_otherwise(
    host: GitHost, student: User, teacher: User, group: Group, now: datetime
) -> None:
    with pytest.raises(EnvironmentsError, match="repository_not_found"):
        launch(student, spec_of(host), now=now, group=group, image_owner=teacher)


def test_image_that_was_removed_is_made_with_the_same_token(
    host: GitHost, student: User, teacher: User, group: Group, now: datetime
) -> None:
    server = work(class_server(host, student, teacher, group, now))
    backends.builder().discard(server.image_key)
    NotebookServer.objects.update(state=State.STOPPED)

    start_server(fresh(server), now=now)
    carry_out_start(fresh(server))
    again = work(server)

    assert (again.state, tokens_shown()) == (State.RUNNING, [TOKEN, TOKEN])


def test_update_and_rollback_use_the_same_token(
    host: GitHost, student: User, teacher: User, group: Group, now: datetime
) -> None:
    server = work(class_server(host, student, teacher, group, now))
    NotebookServer.objects.update(state=State.STOPPED)
    before = fresh(server)
    host.commit("private", {"new.txt": "new"})

    target = before.target.made_from(found_by(teacher, host, now), image_owner_id=teacher.pk)
    update_server(before, target, now=now)
    update = fresh(server).pending_update
    assert update is not None
    assert update.build is not None
    carry_out_build(update.build)
    carry_out_update(fresh(server))
    updated = fresh(server)
    backends.builder().discard(before.image_key)
    Build.objects.filter(image_key=before.image_key).delete()
    roll_back(updated, now=now)
    update = fresh(server).pending_update
    assert update is not None
    assert update.build is not None
    carry_out_build(update.build)
    carry_out_update(fresh(server))

    assert (updated.image_owner, updated.commit != before.commit) == (teacher, True)
    assert (fresh(server).image_owner, fresh(server).image_key) == (teacher, before.image_key)
    assert tokens_shown() == [TOKEN, TOKEN, TOKEN]
    assert fresh(server).previous_image_owner is None


def test_update_to_a_repository_of_ones_own_leaves_the_teachers_token(
    host: GitHost, student: User, teacher: User, group: Group, now: datetime
) -> None:
    server = work(class_server(host, student, teacher, group, now))
    other = replace(spec_of(host), reference=parse(host.url("private"), ref="main"))
    mine = replace(found_by(teacher, host, now), ref="main")

    target = target_of_launch(server, other, mine)

    assert (server.target.image_owner_id, target.image_owner_id) == (teacher.pk, None)


def test_check_for_update_asks_with_nobody_elses_token(
    host: GitHost, student: User, teacher: User, group: Group, now: datetime
) -> None:
    server = class_server(host, student, teacher, group, now)

    with pytest.raises(EnvironmentsError, match="version_of_group"):
        check_for_update(server, now=now)


def test_page_offers_to_look_for_a_newer_version_only_where_its_owner_can_find_one(
    host: GitHost, student: User, teacher: User, group: Group, now: datetime, client: Client
) -> None:
    servers = [class_server(host, person, teacher, group, now) for person in (student, teacher)]
    NotebookServer.objects.update(state=State.STOPPED)

    offers = []
    for server in servers:
        client.force_login(server.owner)
        offers.append(f"/servers/{server.pk}/look/" in client.get(f"/servers/{server.pk}/").content.decode())

    assert offers == [False, True]


def test_published_server_takes_no_version_that_is_somebody_elses(
    host: GitHost, student: User, teacher: User, group: Group, now: datetime
) -> None:
    server = work(class_server(host, student, teacher, group, now))

    environment = publish(student, recipe_from(server), now=now, server=server)

    assert (environment.commit, environment.build) == ("", None)


# --- Who reads the log -----------------------------------------------------------------------------------------


@pytest.fixture
def failed(host: GitHost, student: User, teacher: User, group: Group, now: datetime) -> NotebookServer:
    """A class server of the student whose private environment could not be made."""
    server = class_server(host, student, teacher, group, now)
    build = build_of(server)
    BuildLogLine.objects.create(build=build, sequence=1, phase="building", text="secret-package 1.0")
    Build.objects.filter(pk=build.pk).update(state=Build.State.FAILED, failure_code="build_failed")
    NotebookServer.objects.update(state=State.FAILED, failure_code="build_failed")
    return fresh(server)


def test_page_of_a_class_server_shows_no_log_of_a_private_build(
    failed: NotebookServer, student: User, client: Client
) -> None:
    client.force_login(student)

    page = client.get(f"/servers/{failed.pk}/")

    assert page.status_code == 200
    assert "secret-package" not in page.content.decode()
    assert str(build_of(failed).pk) not in page.content.decode()


def test_live_page_of_a_class_server_follows_no_log_of_a_private_build(failed: NotebookServer, student: User) -> None:
    view = view_of(str(failed.pk), user=student, build_id=None, after=0)

    assert view is not None
    assert (view.lines, view.build_id) == ([], None)


def test_api_gives_a_class_servers_owner_no_private_log(failed: NotebookServer, student: User, teacher: User) -> None:
    answers = [program_of(person).get(f"{BUILDS}{build_of(failed).pk}/log/") for person in (student, teacher)]

    assert [answer.status_code for answer in answers] == [404, 200]


def test_binder_client_of_a_class_server_is_told_no_line_of_a_private_log(
    failed: NotebookServer, student: User, now: datetime
) -> None:
    token, _secret = create_token(student, name="test", scopes=[*Scope], days=1, now=now)
    order = binder_events.Order(failed.pk, False, failed.reference, token.uuid)

    news = binder_events.news_of(order, binder_events.Seen(), now=now)

    assert [event["phase"] for event in news.events] == ["failed"]
    assert "secret-package" not in str(news.events)
