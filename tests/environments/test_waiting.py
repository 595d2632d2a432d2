"""What somebody is told who waits: for what, and how long that usually takes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from environments import waiting
from environments.following import view_of
from environments.models import Build, NotebookServer, Quota, Run
from environments.waiting import Wait, wait_of
from tests.environments.api_client import SERVERS, program_of
from tests.factories import BuildFactory, NotebookServerFactory, running_server

pytestmark = pytest.mark.django_db

State = NotebookServer.State
SECOND = timedelta(seconds=1)
URL = "https://git.example/statistics"


def built(now: datetime, seconds: int, url: str = URL, **fields: Any) -> Build:
    """A build that has succeeded and took so long."""
    times = {"started_at": now - seconds * SECOND, "finished_at": now}
    return BuildFactory.create(state=Build.State.SUCCEEDED, repository_url=url, **times | fields)


def started(now: datetime, seconds: int) -> Run:
    """A start that took so long."""
    return Run.objects.create(start_id=f"s{Run.objects.count()}", began_at=now - seconds * SECOND, running_at=now)


def ended(now: datetime, *seconds_ago: int) -> None:
    """Places that became free."""
    for ago in seconds_ago:
        times = {"began_at": now - timedelta(days=1), "running_at": None, "ended_at": now - ago * SECOND}
        Run.objects.create(start_id=f"e{Run.objects.count()}", **times)


def waits(now: datetime, **fields: Any) -> NotebookServer:
    """A server on its way since now."""
    return NotebookServerFactory.create(
        **{"state": State.QUEUED, "state_changed_at": now, "repository_url": URL} | fields
    )


def told(server: NotebookServer, now: datetime) -> Wait:
    """What is said of a server that waits."""
    wait = wait_of(NotebookServer.objects.select_related("build").get(pk=server.pk), now=now)
    assert wait is not None
    return wait


# --- For what


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"PERSON_RUNNING_SERVERS": 2}, "You have 2 servers running, which is as many as you may. Stop one of them"),
        ({"PERSON_MEMORY_MB": 3000}, "Your running servers have 2000 of the 3000 MB of memory you may have"),
        ({"PERSON_CPUS": 2.5}, "Your running servers have 2 of the 2.5 processors you may have"),
        ({"SITE_RUNNING_SERVERS": 2}, "All 2 places for servers are taken. It starts as soon as one is free."),
        ({"SITE_MEMORY_MB": 3000}, "other servers have taken 2000 of 3000 MB"),
        ({"REPOSITORY_RUNNING_SERVERS": 2}, "As many servers of this repository run as may at the same time: 2."),
    ],
)
def test_reason_names_the_limit(
    student: User, now: datetime, settings: Settings, limits: dict[str, float], words: str
) -> None:
    settings.SERVER_MEMORY_MB, settings.SERVER_CPUS = 1000, 1.0
    for name, limit in limits.items():
        setattr(settings, name, limit)
    for _number in range(2):
        running_server(owner=student, repository_url=URL)

    reason = told(waits(now, owner=student, memory_mb=1500, cpus=1.0), now).reason

    assert reason is not None
    assert words in f"{reason.sentence} {reason.next_step}"


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"group_running_servers": 2}, "As many servers of your class or group run as may at the same time: 2."),
        ({"group_memory_mb": 3000}, "running servers of your class or group have 2000 of its 3000 MB of memory"),
        ({"group_cpus": 2.5}, "running servers of your class or group have 2 of its 2.5 processors"),
    ],
)
def test_reason_names_the_limit_of_a_group(
    student: User, now: datetime, settings: Settings, limits: dict[str, float], words: str
) -> None:
    settings.SERVER_MEMORY_MB, settings.SERVER_CPUS = 1000, 1.0
    group = Group.objects.create(name="statistics")
    Quota.objects.create(group=group, **limits)
    for _number in range(2):
        running_server(group=group)

    wait = told(waits(now, owner=student, memory_mb=1500, group=group), now)

    assert wait.reason is not None
    assert words in wait.reason.sentence
    assert (wait.is_own, wait.hold_words) == (False, "others of its class or group")


def test_reason_of_one_alone_is_in_the_singular(student: User, now: datetime, settings: Settings) -> None:
    settings.PERSON_RUNNING_SERVERS = 1
    running_server(owner=student)

    reason = told(waits(now, owner=student), now).reason

    assert reason is not None
    assert reason.sentence == "You have 1 server running, which is as many as you may."


def test_reason_is_none_for_one_whose_turn_it_is(now: datetime) -> None:
    assert told(waits(now), now).reason is None


# --- How long


def test_estimate_of_a_build_is_that_of_the_same_environment(now: datetime) -> None:
    for seconds in (100, 200, 900):
        built(now, seconds)
    built(now, 5, "https://git.example/other")
    started(now, 4)
    build = BuildFactory.create(state=Build.State.BUILDING, started_at=now, repository_url=URL)

    wait = told(waits(now, state=State.BUILDING, build=build), now + 60 * SECOND)

    assert (wait.estimate_seconds, wait.estimate) == (144, "About 2 minutes, usually.")


def test_estimate_of_a_build_nobody_has_made_is_that_of_all(now: datetime) -> None:
    built(now, 600, "https://git.example/other")
    started(now, 4)
    build = BuildFactory.create(state=Build.State.BUILDING, started_at=now, repository_url=URL)

    assert told(waits(now, state=State.BUILDING, build=build), now).estimate_seconds == 604


def test_estimate_leaves_out_builds_that_found_everything_there(now: datetime) -> None:
    built(now, 0)
    started(now, 4)
    build = BuildFactory.create(state=Build.State.BUILDING, started_at=now, repository_url=URL)

    assert told(waits(now, state=State.BUILDING, build=build), now).estimate_seconds is None


def test_estimate_of_a_start_is_what_is_left_of_it(now: datetime) -> None:
    for seconds in (8, 10, 12):
        started(now, seconds)

    wait = told(waits(now, state=State.STARTING), now + 4 * SECOND)

    assert (wait.estimate_seconds, wait.estimate) == (6, "Less than a minute, usually.")


def test_estimate_gives_way_to_the_truth_when_it_was_wrong(now: datetime) -> None:
    started(now, 10)

    wait = told(waits(now, state=State.STARTING), now + 11 * SECOND)

    assert (wait.estimate_seconds, wait.estimate) == (None, "This takes longer than usual.")


def test_estimate_of_a_place_goes_by_how_often_one_became_free(now: datetime, settings: Settings) -> None:
    settings.SITE_RUNNING_SERVERS = 1
    running_server()
    started(now, 10)
    ended(now, 100, 300, 500, 1200)
    waits(now - SECOND)

    assert told(waits(now), now).estimate_seconds == 2 * 300 + 10


def test_estimate_of_many_builds_counts_how_many_are_made_at_once(now: datetime, settings: Settings) -> None:
    settings.BUILD_CONCURRENCY = 2
    built(now, 100)
    started(now, 10)
    for _number in range(2):
        BuildFactory.create(state=Build.State.BUILDING)
    for _number in range(2):
        BuildFactory.create()

    third = told(waits(now, build=BuildFactory.create(repository_url=URL)), now)

    assert third.estimate_seconds == 2 * 100 + 100 + 10


def test_estimate_is_not_given_without_any_history(now: datetime) -> None:
    wait = told(waits(now), now)

    assert wait.estimate_seconds is None
    assert "nothing to go by yet" in wait.estimate


def test_estimate_is_not_given_for_what_depends_on_the_person(student: User, now: datetime, settings: Settings) -> None:
    settings.PERSON_RUNNING_SERVERS = 1
    running_server(owner=student)
    started(now, 10)
    ended(now, 100)

    wait = told(waits(now, owner=student), now)

    assert (wait.estimate_seconds, wait.estimate, wait.is_own) == (None, "", True)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "Less than a minute, usually."),
        (59, "Less than a minute, usually."),
        (60, "About 1 minute, usually."),
        (3599, "About 60 minutes, usually."),
        (3600, "About 1 hour, usually."),
        (9000, "About 2 hours, usually."),
    ],
)
def test_estimate_is_rounded(seconds: int, words: str) -> None:
    assert Wait(1, None, seconds).estimate == words


def test_waits_need_as_many_queries_for_many_as_for_one(
    student: User, now: datetime, settings: Settings, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    settings.SITE_RUNNING_SERVERS = 1
    running_server()
    for _number in range(10):
        waits(now, owner=student, build=BuildFactory.create())
        waits(now)
        waits(now, state=State.STARTING)
    everybody = list(NotebookServer.objects.select_related("build"))

    with django_assert_max_num_queries(9):
        assert len(waiting.waits_of(everybody, now=now)) == 30


# --- Where it is shown


@pytest.fixture
def full(student: User, settings: Settings) -> NotebookServer:
    """A server that waits because its owner runs as many as they may."""
    settings.PERSON_RUNNING_SERVERS = 1
    running_server(owner=student)
    return waits(timezone.now(), owner=student)


def test_page_says_what_is_waited_for_and_leads_there(client: Client, student: User, full: NotebookServer) -> None:
    client.force_login(student)

    page = client.get(f"/servers/{full.pk}/").content.decode()

    assert "You are number 1 in the queue." in page
    assert "You have 1 server running" in page
    assert 'href="/#servers"' in page


def test_list_says_what_is_waited_for(client: Client, student: User, full: NotebookServer) -> None:
    client.force_login(student)

    assert "You have 1 server running" in client.get("/").content.decode()


def test_api_says_what_is_waited_for(student: User, full: NotebookServer) -> None:
    queue = program_of(student).get(f"{SERVERS}{full.pk}/").json()["queue"]

    assert (queue["place"], queue["reason"]["code"], queue["estimate_seconds"]) == (1, "person_servers_full", None)


def test_api_has_no_queue_for_a_server_that_runs(student: User) -> None:
    assert program_of(student).get(f"{SERVERS}{running_server(owner=student).pk}/").json()["queue"] is None


def test_open_page_is_drawn_again_when_what_is_waited_for_changes(
    student: User, full: NotebookServer, settings: Settings
) -> None:
    def version() -> str:
        view = view_of(str(full.pk), user=student, build_id=None, after=0)
        assert view is not None
        return view.version

    before = version()
    unchanged = version()
    settings.PERSON_RUNNING_SERVERS, settings.SITE_RUNNING_SERVERS = 2, 1

    assert (unchanged == before, version() == before) == (True, False)
