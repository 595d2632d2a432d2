"""Who waits for what, whose turn it is, and that no two workers give out the same place."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from accounts.models import User
from environments import backends, places, servers, starting, stopping
from environments.builders.fake import FakeBuilder
from environments.models import Build, NotebookServer, Quota
from environments.places import Hold, RecentLine, line_of_starts, standing_of
from environments.values import Image
from tests.factories import BuildFactory, NotebookServerFactory, UserFactory, running_server

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

State = NotebookServer.State
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def many_starts(settings: Settings) -> None:
    """Room to start everything at once, unless a test says otherwise."""
    settings.START_CONCURRENCY = 100


def waits(owner: User, now: datetime, minutes: int = 0, **fields: Any) -> NotebookServer:
    """A server of this person that has its environment and waits since then."""
    since = {"state_changed_at": now + minutes * MINUTE}
    server = NotebookServerFactory.create(owner=owner, state=State.QUEUED, **since | fields)
    cast("FakeBuilder", backends.builder()).images[server.image_key] = Image(server.image_key, "fake:")
    return server


def holds_of(*waiting: NotebookServer) -> list[Hold | None]:
    """What each of them waits for."""
    line = dict(line_of_starts())
    return [line[server.pk].hold for server in waiting]


def names_in_line() -> list[str]:
    """The servers in the order of their turns."""
    names = dict(NotebookServer.objects.values_list("pk", "name"))
    return [names[key] for key, _standing in line_of_starts()]


# --- Whose turn it is


def test_line_begins_with_whoever_takes_the_fewest_places(student: User, stranger: User, now: datetime) -> None:
    running_server(owner=student)
    waits(student, now, 0, name="a-third")
    waits(student, now, 1, name="a-fourth")
    waits(stranger, now, 9, name="b-first")

    assert names_in_line() == ["b-first", "a-third", "a-fourth"]


def test_line_takes_people_with_many_waiting_one_by_one(student: User, stranger: User, now: datetime) -> None:
    for minute in range(3):
        waits(student, now, minute, name=f"a-{minute}")
    waits(stranger, now, 10, name="b-0")
    waits(stranger, now, 11, name="b-1")

    assert names_in_line() == ["a-0", "b-0", "a-1", "b-1", "a-2"]


def test_line_goes_by_time_between_equals(student: User, stranger: User, now: datetime) -> None:
    waits(stranger, now, 1, name="second")
    waits(student, now, 0, name="first")

    assert names_in_line() == ["first", "second"]


def test_line_leaves_out_what_waits_for_its_environment_and_what_is_deleted(student: User, now: datetime) -> None:
    waits(student, now, build=BuildFactory.create(state=Build.State.BUILDING))
    waits(student, now, deleted_at=now)

    assert dict(line_of_starts()) == {}


# --- What is waited for


def test_nothing_is_waited_for_where_nothing_limits(student: User, now: datetime) -> None:
    running_server(owner=student)

    assert holds_of(waits(student, now), waits(student, now)) == [None, None]


@pytest.mark.parametrize("state", [State.STARTING, State.RUNNING, State.STOPPING])
def test_person_waits_for_their_own_servers(student: User, now: datetime, settings: Settings, state: str) -> None:
    settings.PERSON_RUNNING_SERVERS = 2
    running_server(owner=student, state=state)
    first, second = waits(student, now), waits(student, now, 1)

    assert holds_of(first, second) == [None, Hold.PERSON_SERVERS]


@pytest.mark.parametrize("state", [State.STOPPED, State.FAILED, State.BUILDING])
def test_server_that_does_not_run_takes_no_place(student: User, now: datetime, settings: Settings, state: str) -> None:
    settings.PERSON_RUNNING_SERVERS = 1
    NotebookServerFactory.create(owner=student, state=state)

    assert holds_of(waits(student, now)) == [None]


def test_person_waits_for_memory_and_processors_of_their_own(student: User, now: datetime, settings: Settings) -> None:
    settings.SERVER_MEMORY_MB, settings.SERVER_CPUS = 1000, 1.0
    settings.PERSON_MEMORY_MB, settings.PERSON_CPUS = 3000, 3.0
    running_server(owner=student)
    large, wide, fits = (
        waits(student, now, memory_mb=2500),
        waits(student, now, 1, cpus=2.5),
        waits(student, now, 2, memory_mb=2000, cpus=2.0),
    )

    assert holds_of(large, wide, fits) == [Hold.PERSON_MEMORY, Hold.PERSON_CPUS, None]


def test_own_limit_holds_up_nobody_else(student: User, stranger: User, now: datetime, settings: Settings) -> None:
    settings.PERSON_RUNNING_SERVERS, settings.SITE_RUNNING_SERVERS = 1, 2
    running_server(owner=student)
    mine, theirs = waits(student, now), waits(stranger, now, 5)

    assert holds_of(mine, theirs) == [Hold.PERSON_SERVERS, None]


def test_repository_is_waited_for_by_its_own_servers_alone(
    student: User, stranger: User, now: datetime, settings: Settings
) -> None:
    settings.REPOSITORY_RUNNING_SERVERS = 1
    running_server(repository_url="https://git.example/popular")
    popular = waits(student, now, repository_url="https://git.example/popular")
    other = waits(stranger, now, 5, repository_url="https://git.example/other")

    assert holds_of(popular, other) == [Hold.REPOSITORY_SERVERS, None]


def test_site_has_so_many_places(student: User, stranger: User, now: datetime, settings: Settings) -> None:
    settings.SITE_RUNNING_SERVERS = 2
    running_server()
    first, second = waits(student, now), waits(stranger, now, 1)

    assert holds_of(first, second) == [None, Hold.SITE_SERVERS]


def test_nobody_passes_a_large_server_for_whom_the_site_has_no_memory_yet(
    student: User, stranger: User, now: datetime, settings: Settings
) -> None:
    settings.SITE_MEMORY_MB, settings.SERVER_MEMORY_MB = 4000, 1000
    running_server()
    large, small = waits(student, now, memory_mb=3500), waits(stranger, now, 1)

    assert holds_of(large, small) == [Hold.SITE_MEMORY, Hold.SITE_MEMORY]


def test_server_there_will_never_be_room_for_holds_up_nobody(
    student: User, stranger: User, now: datetime, settings: Settings
) -> None:
    settings.SITE_MEMORY_MB = 4000
    large, small = waits(student, now, memory_mb=5000), waits(stranger, now, 1)

    assert holds_of(large, small) == [Hold.TOO_LARGE, None]


def test_starts_are_waited_for(student: User, stranger: User, now: datetime, settings: Settings) -> None:
    settings.START_CONCURRENCY = 2
    NotebookServerFactory.create(state=State.STARTING)
    first, second = waits(student, now), waits(stranger, now, 1)

    assert holds_of(first, second) == [None, Hold.STARTS]


def test_place_counts_those_who_wait_for_the_same(
    student: User, stranger: User, now: datetime, settings: Settings
) -> None:
    settings.PERSON_RUNNING_SERVERS, settings.SITE_RUNNING_SERVERS = 1, 2
    running_server(owner=student)
    running_server()
    own, own_too = waits(student, now), waits(student, now, 1)
    first, second = waits(stranger, now, 2), waits(UserFactory.create(), now, 3)

    line = dict(line_of_starts())

    assert [line[server.pk].place for server in (own, own_too, first, second)] == [1, 2, 1, 2]
    assert (line[own.pk].used, line[own.pk].limit) == (1, 1)


@pytest.mark.parametrize(("at_once", "hold"), [(2, Hold.BUILDS), (3, None)])
def test_place_among_builds_is_that_of_the_build(
    student: User, now: datetime, settings: Settings, at_once: int, hold: Hold | None
) -> None:
    settings.BUILD_CONCURRENCY = at_once
    BuildFactory.create(state=Build.State.BUILDING)
    BuildFactory.create()
    server = waits(student, now, build=BuildFactory.create())

    standing = standing_of(server)

    assert standing is not None
    assert (standing.place, standing.hold) == (2, hold)


def test_standings_are_those_of_each_server(student: User, now: datetime) -> None:
    for build_state in (Build.State.QUEUED, Build.State.BUILDING, Build.State.SUCCEEDED):
        for minutes in range(3):
            waits(student, now, minutes, build=BuildFactory.create(state=build_state))
            waits(student, now, minutes)
    running_server()
    everybody = list(NotebookServer.objects.select_related("build"))

    standings = places.standings_of(everybody)

    one_by_one = {server.pk: standing_of(server) for server in everybody}
    assert standings == {key: standing for key, standing in one_by_one.items() if standing}
    assert len(standings) == 15


def test_standings_need_few_queries_however_many_wait(
    now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _number in range(15):
        waits(UserFactory.create(), now, build=BuildFactory.create())
        waits(UserFactory.create(), now)
        running_server()
    everybody = list(NotebookServer.objects.all())

    with django_assert_num_queries(6):
        places.standings_of(everybody)


def test_standings_ask_nothing_when_nobody_waits(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    everybody = [running_server(), NotebookServerFactory.create()]

    with django_assert_num_queries(0):
        assert places.standings_of(everybody) == {}


def test_line_longer_than_its_front_is_read_to_its_end(
    student: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("environments.places.FRONT", 3)
    names = [f"server-{number}" for number in range(8)]
    for minute, name in enumerate(names):
        waits(student, now, minute, name=name)

    assert names_in_line() == names
    assert [standing.place for _key, standing in line_of_starts()] == list(range(1, 9))


def test_own_limit_at_the_front_of_a_long_line_holds_up_nobody_behind(
    student: User, stranger: User, now: datetime, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("environments.places.FRONT", 2)
    Quota.objects.create(person=student, memory_mb=1)
    running_server(owner=stranger)
    for minute in range(2):
        waits(student, now, minute)
    theirs = waits(stranger, now, 9)

    assert theirs.pk in places.next_in_line()


def test_line_that_pages_follow_is_read_once_a_moment(
    student: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RecentLine, "GOOD_FOR_SECONDS", 1.0)
    times = iter([0.0, 0.0, 0.9, 1.1, 1.1])
    line = RecentLine(tick=lambda: next(times))

    lengths = []
    for _look in range(3):
        waits(student, now)
        lengths.append(len(line.read()))

    assert lengths == [1, 1, 3]


# --- Exceptions


def test_quota_of_a_person_counts_before_groups_and_site(student: User, now: datetime, settings: Settings) -> None:
    settings.PERSON_RUNNING_SERVERS = 1
    group = Group.objects.create(name="physics")
    student.groups.add(group)
    Quota.objects.create(group=group, running_servers=5)
    Quota.objects.create(person=student, running_servers=2)
    running_server(owner=student)

    assert holds_of(waits(student, now), waits(student, now, 1)) == [None, Hold.PERSON_SERVERS]


# --- Groups as a whole


@pytest.fixture
def group(db: None) -> Group:
    return Group.objects.create(name="statistics")


def test_group_has_so_many_places_for_its_own_servers(
    student: User, stranger: User, group: Group, now: datetime
) -> None:
    Quota.objects.create(group=group, group_running_servers=2)
    running_server(group=group)
    first, second = waits(student, now, group=group), waits(stranger, now, 1, group=group)
    own, others = waits(stranger, now, 2), waits(UserFactory.create(), now, 3)

    assert holds_of(first, second, own, others) == [None, Hold.GROUP_SERVERS, None, None]


def test_group_waits_for_its_own_memory_and_processors(
    student: User, stranger: User, now: datetime, settings: Settings
) -> None:
    settings.SERVER_MEMORY_MB, settings.SERVER_CPUS = 1000, 1.0
    groups = [Group.objects.create(name=name) for name in ("memory", "processors", "neither")]
    Quota.objects.create(group=groups[0], group_memory_mb=1500)
    Quota.objects.create(group=groups[1], group_cpus=1.5)
    Quota.objects.create(group=groups[2], memory_mb=9000)
    for group in groups:
        running_server(owner=stranger, group=group)

    waiting = [waits(student, now, minute, group=group) for minute, group in enumerate(groups)]

    assert holds_of(*waiting) == [Hold.GROUP_MEMORY, Hold.GROUP_CPUS, None]


def test_group_counts_the_servers_it_is_run_for_and_not_its_people(student: User, group: Group, now: datetime) -> None:
    Quota.objects.create(group=group, group_running_servers=1)
    student.groups.add(group)
    running_server(owner=student)

    assert holds_of(waits(student, now, group=group), waits(student, now, 1)) == [None, None]


def test_nobody_in_a_group_passes_a_large_server_that_the_group_has_no_room_for_yet(
    student: User, stranger: User, group: Group, now: datetime, settings: Settings
) -> None:
    settings.SERVER_MEMORY_MB = 1000
    Quota.objects.create(group=group, group_memory_mb=4000)
    running_server(group=group)
    large, small = waits(student, now, memory_mb=3500, group=group), waits(stranger, now, 1, group=group)
    outside = waits(UserFactory.create(), now, 2)

    line = dict(line_of_starts())

    assert [line[server.pk].hold for server in (large, small, outside)] == [Hold.GROUP_MEMORY, Hold.GROUP_MEMORY, None]
    assert [line[server.pk].place for server in (large, small)] == [1, 2]


def test_group_is_held_up_by_no_member_who_waits_for_something_of_their_own(
    student: User, stranger: User, group: Group, now: datetime, settings: Settings
) -> None:
    settings.PERSON_RUNNING_SERVERS = 1
    Quota.objects.create(group=group, group_running_servers=1)
    running_server(owner=student)
    mine, theirs = waits(student, now, group=group), waits(stranger, now, 9, group=group)

    assert holds_of(mine, theirs) == [Hold.PERSON_SERVERS, None]


def test_server_larger_than_all_of_its_group_is_given_up(student: User, group: Group, now: datetime) -> None:
    Quota.objects.create(group=group, group_memory_mb=1000)
    server = waits(student, now, memory_mb=2000, group=group)

    assert holds_of(server) == [Hold.TOO_LARGE]
    assert start(server) == State.FAILED
    server.refresh_from_db()
    assert server.failure_code == "memory_quota_exceeded"


def test_line_of_many_groups_needs_few_queries(
    now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(10):
        group = Group.objects.create(name=f"class {number}")
        Quota.objects.create(group=group, group_running_servers=1)
        running_server(group=group)
        waits(UserFactory.create(), now, group=group)

    with django_assert_num_queries(7):
        assert {standing.hold for _key, standing in line_of_starts()} == {Hold.GROUP_SERVERS}


# --- Giving out places


def start(server: NotebookServer) -> str:
    """Where a server is after a worker got the message to start it."""
    fresh = NotebookServer.objects.get(pk=server.pk)
    starting.carry_out_start(fresh)
    return NotebookServer.objects.get(pk=server.pk).state


def test_start_waits_while_the_person_runs_as_many_as_they_may(
    student: User, now: datetime, settings: Settings
) -> None:
    settings.PERSON_RUNNING_SERVERS = 1
    running_server(owner=student)

    assert start(waits(student, now)) == State.QUEUED


def test_start_out_of_turn_waits_for_those_before(
    student: User, stranger: User, now: datetime, settings: Settings
) -> None:
    settings.SITE_RUNNING_SERVERS = 2
    running_server(owner=student)
    mine, theirs = waits(student, now), waits(stranger, now, 5)

    assert (start(mine), start(theirs)) == (State.QUEUED, State.RUNNING)


def test_those_whose_turn_it_is_are_sent_for(
    student: User,
    stranger: User,
    now: datetime,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.SITE_RUNNING_SERVERS, settings.SITE_MEMORY_MB = 2, 10_000
    running_server(owner=student)
    too_large = waits(student, now, memory_mb=20_000)
    waits(student, now, 1)
    theirs = waits(stranger, now, 5)
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr("environments.queueing._send", lambda name, key: sent.append((name, key)))

    with django_capture_on_commit_callbacks(execute=True):
        places.enqueue_waiting_starts()

    assert sorted(sent) == sorted([("start_server", str(theirs.pk)), ("start_server", str(too_large.pk))])


def test_start_there_will_never_be_room_for_fails_with_the_reason(
    student: User, now: datetime, settings: Settings
) -> None:
    settings.PERSON_MEMORY_MB = 1000
    server = waits(student, now, memory_mb=2000)

    assert start(server) == State.FAILED
    server.refresh_from_db()
    assert server.failure is not None
    assert "2000 MB of memory is more than you may have: 1000 MB" in server.failure.sentence


def test_stop_lets_the_next_go_at_once(
    student: User,
    now: datetime,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.PERSON_RUNNING_SERVERS = 1
    running, waiting = waits(student, now), waits(student, now, 1)
    assert start(running) == State.RUNNING
    running.refresh_from_db()
    servers.stop_server(running, now=now)
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr("environments.queueing._send", lambda name, key: sent.append((name, key)))

    with django_capture_on_commit_callbacks(execute=True):
        stopping.carry_out_stop(running)

    assert ("start_server", str(waiting.pk)) in sent
    assert start(waiting) == State.RUNNING


def test_claim_holds_the_turnstile_before_it_looks(student: User, now: datetime) -> None:
    server = waits(student, now)

    with CaptureQueriesContext(connection) as queries:
        start(server)

    statements = [query["sql"] for query in queries]
    turnstile = next(i for i, sql in enumerate(statements) if "UPDATE" in sql and "environments_turnstile" in sql)
    look = next(i for i, sql in enumerate(statements) if "COUNT" in sql and "environments_notebookserver" in sql)
    claim = next(i for i, sql in enumerate(statements) if "UPDATE" in sql and "starting" in sql)
    assert turnstile < look < claim


@pytest.mark.django_db(transaction=True)
def test_two_workers_do_not_give_out_the_same_place(student: User, now: datetime, settings: Settings) -> None:
    settings.PERSON_RUNNING_SERVERS = 1
    waiting = [waits(student, now, minute) for minute in range(4)]
    together = threading.Barrier(len(waiting))

    def work(server: NotebookServer) -> None:
        together.wait(timeout=30)
        try:
            starting.carry_out_start(server)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(server,)) for server in waiting]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)

    assert NotebookServer.objects.filter(state=State.RUNNING).count() == 1
