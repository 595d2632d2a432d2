"""Servers that are up when their people come: started behind everybody who waits, and stopped if nobody comes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from environments import backends, images, prewarming, tasks
from environments.builders.fake import FakeBuilder
from environments.culling import stops_at
from environments.errors import EnvironmentsError
from environments.gateway.facts import note_use
from environments.launching import launch
from environments.models import Build, NotebookServer, Quota, Reservation
from environments.places import line_of_starts
from environments.prewarming import release, reserve, tend_reservations
from environments.servers import start_server, stop_server
from environments.spawners.fake import FakeSpawner
from environments.starting import carry_out_start
from environments.stopping import carry_out_stop
from environments.values import Image, LaunchSpec, Limits, Reference, ResolvedRepository, ServerSpec
from tests.factories import BuildFactory, NotebookServerFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

MINUTE = timedelta(minutes=1)
SPEC = LaunchSpec(Reference("gh", "ada/statistics", "main"), name="statistics")
RESOLVED = ResolvedRepository("https://github.com/ada/statistics", "1" * 40, "main")
State = NotebookServer.State


@pytest.fixture
def group(student: User) -> Group:
    """One the student is in."""
    group = Group.objects.create(name="Statistics")
    student.groups.add(group)
    return group


def reserved(owner: User, now: datetime, *, minutes: int = 60, spec: LaunchSpec = SPEC, **fields: Any) -> Reservation:
    """A reservation of this person's for so many minutes from now, for ten minutes; its image is there."""
    ready_at = now + minutes * MINUTE
    reservation = reserve(owner, spec, ready_at=ready_at, until=ready_at + 10 * MINUTE, resolved=RESOLVED, **fields)
    key = reservation.image_key
    BuildFactory.create(image_key=key, state=Build.State.SUCCEEDED)
    cast("FakeBuilder", backends.builder()).images[key] = Image(key, "fake:")
    return reservation


def the_server() -> NotebookServer:
    """The only one there is, as it is now."""
    return NotebookServer.objects.get()


def warmed(owner: User, now: datetime, **fields: Any) -> NotebookServer:
    """A server that runs ahead of the time in ten minutes."""
    reserved(owner, now, minutes=10, **fields)
    tend_reservations(now=now)
    carry_out_start(the_server(), clock=lambda: now)
    assert the_server().state == State.RUNNING
    return the_server()


def spec_of(server: NotebookServer) -> ServerSpec:
    """What it was started with."""
    return cast("FakeSpawner", backends.spawner()).specs[server.handle]


def stopped(server: NotebookServer, now: datetime) -> NotebookServer:
    """The same, stopped by its owner."""
    stop_server(server, now=now)
    carry_out_stop(NotebookServer.objects.get(pk=server.pk), clock=lambda: now)
    return NotebookServer.objects.get(pk=server.pk)


# --- Starting --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("minutes_before", "is_there"), [(11, False), (10, True), (0, True), (-9, True), (-10, False)])
def test_reserved_server_is_launched_some_minutes_before_its_time(
    student: User, now: datetime, minutes_before: int, is_there: bool
) -> None:
    reserved(student, now)

    tend_reservations(now=now + (60 - minutes_before) * MINUTE)

    assert NotebookServer.objects.exists() == is_there


def test_reserved_server_is_what_was_asked_for(student: User, teacher: User, group: Group, now: datetime) -> None:
    private = ResolvedRepository(RESOLVED.url, RESOLVED.commit, "main", is_private=True)
    spec = LaunchSpec(SPEC.reference, name="statistics", urlpath="lab/tree/a.ipynb", limits=Limits(512, 0.5))
    until = now + 10 * MINUTE

    reserve(student, spec, ready_at=now, until=until, resolved=private, group=group, image_owner=teacher)
    tend_reservations(now=now)

    server = the_server()
    assert (server.owner, server.group, server.image_owner, server.name) == (student, group, teacher, "statistics")
    assert (server.urlpath, server.limits, server.resolved) == ("lab/tree/a.ipynb", Limits(512, 0.5), private)
    assert (server.prewarmed_until, server.image_key) == (until, Reservation.objects.get().image_key)


def test_reserved_server_keeps_a_spare_kernel(student: User, now: datetime) -> None:
    server = warmed(student, now)

    assert spec_of(server).keeps_spare_kernel


def test_server_somebody_came_to_before_it_ran_keeps_no_spare_kernel(student: User, now: datetime) -> None:
    reserved(student, now, minutes=10)
    tend_reservations(now=now)
    launch(student, SPEC, now=now, resolved=RESOLVED)

    carry_out_start(the_server(), clock=lambda: now)

    assert not spec_of(the_server()).keeps_spare_kernel


def test_reserved_server_wakes_the_one_its_owner_has(student: User, now: datetime) -> None:
    mine = launch(student, SPEC, now=now, resolved=RESOLVED)
    stopped(mine, now)
    reserved(student, now, minutes=60)

    tend_reservations(now=now + 55 * MINUTE)

    assert (the_server().pk, the_server().is_on_the_way) == (mine.pk, True)


def test_reserved_server_that_runs_by_itself_is_left_alone(student: User, now: datetime) -> None:
    NotebookServerFactory.create(owner=student, name="statistics", state=State.RUNNING)
    reserved(student, now, minutes=5)

    tend_reservations(now=now)

    assert (the_server().state, the_server().prewarmed_until) == (State.RUNNING, None)


def test_reserved_server_that_ended_before_its_time_is_launched_after_all(student: User, now: datetime) -> None:
    NotebookServerFactory.create(
        owner=student, name="statistics", state=State.STOPPED, state_changed_at=now, provider="gh",
        repository="ada/statistics", ref="main",
    )  # fmt: skip
    reserved(student, now, minutes=5)

    tend_reservations(now=now + MINUTE)

    assert the_server().is_on_the_way


def test_reserved_server_whose_owner_has_been_there_is_not_started_again(student: User, now: datetime) -> None:
    server = warmed(student, now)
    launch(student, SPEC, now=now + 9 * MINUTE)
    stopped(server, now + 12 * MINUTE)

    tend_reservations(now=now + 13 * MINUTE)

    assert the_server().state == State.STOPPED


def test_server_of_ones_own_that_ended_during_its_time_is_not_started_again(student: User, now: datetime) -> None:
    server = launch(student, SPEC, now=now, resolved=RESOLVED)
    reserved(student, now, minutes=5)
    stopped(server, now + 7 * MINUTE)

    tend_reservations(now=now + 8 * MINUTE)

    assert the_server().state == State.STOPPED


def test_reserved_server_of_somebody_who_left_the_group_is_given_up(student: User, group: Group, now: datetime) -> None:
    reserved(student, now, minutes=5, group=group)
    student.groups.clear()

    tend_reservations(now=now)

    assert not NotebookServer.objects.exists()
    assert not Reservation.objects.exists()


def test_reserved_server_that_cannot_be_launched_says_why_and_disturbs_no_other(
    student: User, stranger: User, now: datetime
) -> None:
    Quota.objects.create(person=student, memory_mb=1)
    for person in (student, stranger):
        reserved(person, now, minutes=5)

    for seconds in (0, 15):
        tend_reservations(now=now + timedelta(seconds=seconds))

    assert the_server().owner == stranger
    failure = Reservation.objects.get(owner=student).failure
    assert failure is not None
    assert failure.code == "memory_quota_exceeded"


def test_two_workers_launch_it_once(student: User, now: datetime) -> None:
    reservation = reserved(student, now, minutes=5)
    late = Reservation.objects.get(pk=reservation.pk)
    tend_reservations(now=now)
    NotebookServer.objects.update(prewarmed_until=None, state=State.STOPPED)

    prewarming._launch(late, now=now)

    assert the_server().state == State.STOPPED


def test_reserving_again_changes_what_is_launched(student: User, now: datetime) -> None:
    reserved(student, now, minutes=5)
    reserved(student, now, minutes=5, spec=LaunchSpec(SPEC.reference, name="statistics", limits=Limits(256)))

    tend_reservations(now=now)

    assert (Reservation.objects.count(), the_server().memory_mb) == (1, 256)


def test_image_of_what_is_reserved_is_kept(student: User, now: datetime) -> None:
    reservation = reserved(student, now)

    assert reservation.image_key in images.needed_keys(now=now)


@pytest.mark.parametrize("fields", [{"is_public": True}, {"collaborators": ("ada",)}, {"with_credentials": True}])
def test_reserve_takes_nothing_but_a_server_one_works_in_alone(
    student: User, now: datetime, fields: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="alone"):
        reserved(student, now, spec=LaunchSpec(SPEC.reference, **fields))


# --- Giving way ------------------------------------------------------------------------------------------------


def test_reserved_start_gives_way_to_whoever_waits(student: User, stranger: User, now: datetime) -> None:
    reserved(student, now, minutes=5)
    tend_reservations(now=now)
    theirs = [NotebookServerFactory.create(owner=stranger, state=State.QUEUED) for _number in range(2)]

    line = [key for key, _standing in line_of_starts()]

    assert set(line[:2]) == {server.pk for server in theirs}
    assert line[2] == NotebookServer.objects.get(owner=student).pk


def test_reserved_start_waits_like_anybodys_once_its_owner_has_come(
    student: User, stranger: User, now: datetime, settings: Settings
) -> None:
    settings.SITE_RUNNING_SERVERS = 1
    reserved(student, now, minutes=5)
    tend_reservations(now=now)
    NotebookServerFactory.create(owner=stranger, state=State.QUEUED, state_changed_at=now + MINUTE)

    mine = launch(student, SPEC, now=now + 2 * MINUTE)

    assert next(key for key, _standing in line_of_starts()) == mine.pk


# --- Coming, or not --------------------------------------------------------------------------------------------


def test_server_nobody_came_for_is_stopped(student: User, now: datetime) -> None:
    warmed(student, now)

    tend_reservations(now=now + 19 * MINUTE)
    before = the_server().state
    tend_reservations(now=now + 20 * MINUTE)

    assert (before, the_server().state) == (State.RUNNING, State.STOPPING)
    assert not Reservation.objects.exists()


def test_reserved_server_that_still_waits_for_a_place_at_the_end_leaves_the_queue(student: User, now: datetime) -> None:
    reserved(student, now, minutes=5)
    tend_reservations(now=now)

    tend_reservations(now=now + 15 * MINUTE)

    assert (the_server().state, the_server().prewarmed_until) == (State.STOPPED, None)


def test_server_that_waits_for_its_time_is_not_idle(student: User, now: datetime, settings: Settings) -> None:
    settings.SERVER_IDLE_MINUTES = 5

    server = warmed(student, now)

    assert stops_at(server) == now + 20 * MINUTE


@pytest.mark.parametrize("way", ["launch", "start", "page", "program"])
def test_server_its_owner_came_to_goes_on(
    student: User, now: datetime, settings: Settings, client: Client, way: str
) -> None:
    settings.SERVER_IDLE_MINUTES = 5
    server = warmed(student, now)
    client.force_login(student)

    if way == "launch":
        launch(student, SPEC, now=now + 11 * MINUTE)
    elif way == "start":
        start_server(server, now=now + 11 * MINUTE)
    elif way == "page":
        client.get(f"/servers/{server.pk}/open/")
    else:
        note_use(server.subdomain)
    assert the_server().prewarmed_until is None
    tend_reservations(now=now + 30 * MINUTE)

    assert the_server().state == State.RUNNING
    if way in ("launch", "start"):
        assert stops_at(the_server()) == now + 16 * MINUTE


def test_server_in_which_a_kernel_works_goes_on(student: User, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    warmed(student, now)

    def at_work(server: NotebookServer, *, now: datetime) -> None:
        server.last_activity_at = now

    monkeypatch.setattr(prewarming, "note_activity", at_work)
    tend_reservations(now=now + 20 * MINUTE)

    assert (the_server().state, the_server().prewarmed_until) == (State.RUNNING, None)


# --- Giving up -------------------------------------------------------------------------------------------------


def test_release_before_its_time_starts_nothing(student: User, now: datetime) -> None:
    release(reserved(student, now), now=now)

    tend_reservations(now=now + 60 * MINUTE)

    assert not NotebookServer.objects.exists()


def test_release_stops_what_nobody_has_entered(student: User, now: datetime) -> None:
    warmed(student, now)

    release(Reservation.objects.get(), now=now + MINUTE)

    assert (the_server().state, Reservation.objects.exists()) == (State.STOPPING, False)


def test_release_leaves_a_server_its_owner_works_in(student: User, now: datetime) -> None:
    warmed(student, now)
    launch(student, SPEC, now=now + MINUTE)

    release(Reservation.objects.get(), now=now + 2 * MINUTE)

    assert the_server().state == State.RUNNING


def test_reserving_for_longer_holds_for_what_runs_already(student: User, now: datetime) -> None:
    warmed(student, now)
    reservation = Reservation.objects.get()

    reserve(student, SPEC, ready_at=reservation.ready_at, until=now + 40 * MINUTE, resolved=RESOLVED)
    tend_reservations(now=now + 20 * MINUTE)

    assert (the_server().state, the_server().prewarmed_until) == (State.RUNNING, now + 40 * MINUTE)


def test_name_that_can_be_none_is_refused(student: User, now: datetime) -> None:
    with pytest.raises(EnvironmentsError, match="name_invalid"):
        reserved(student, now, spec=LaunchSpec(SPEC.reference, name="No name"))


def test_task_tends_reservations(student: User) -> None:
    tasks.tend_reservations()
