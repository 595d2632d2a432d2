"""What a person may have: who has used up their room makes no new servers, and keeps those they have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from accounts.models import User
from environments import servers
from environments.errors import UserError
from environments.launching import launch
from environments.models import NotebookServer, Quota, Volume
from environments.quotas import (
    MEGABYTE,
    Allowance,
    DiskUse,
    allowance_of,
    allowances_of,
    check_disk_quota,
    check_wishes,
    disk_use_of,
)
from environments.references import parse
from environments.updating import update_server
from environments.values import LaunchSpec, Limits
from tests.environments.api_client import SERVERS, program_of
from tests.factories import NotebookServerFactory, VolumeFactory, running_server
from tests.fakes.git_host import GitHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

State = NotebookServer.State
DISK = "/api/v1/disk/"


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    """A git host with one repository."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": "numpy\n"})
        yield host


@pytest.fixture
def browser(client: Client, student: User) -> Client:
    client.force_login(student)
    return client


def server_with(megabytes: int | None, owner: User, **fields: object) -> NotebookServer:
    """A server whose files take so much."""
    size = None if megabytes is None else megabytes * MEGABYTE
    return NotebookServerFactory.create(owner=owner, volume=VolumeFactory.create(owner=owner, bytes=size), **fields)


def spec(host: GitHost) -> LaunchSpec:
    return LaunchSpec(parse(host.url("statistics")))


# --- What counts


def test_use_is_of_all_servers_and_personal_files(student: User, stranger: User) -> None:
    for megabytes in (1, 2, None):
        server_with(megabytes, student)
    VolumeFactory.create(owner=student, purpose=Volume.Purpose.HOME, bytes=4 * MEGABYTE)
    server_with(100, stranger)

    assert disk_use_of(student).used_bytes == 7 * MEGABYTE


def test_use_leaves_out_deleted_servers(student: User, now: datetime) -> None:
    server = server_with(10, student)

    servers.delete_server(server, now=now)

    assert disk_use_of(student).used_bytes == 0


def test_use_of_somebody_without_files_is_nothing(student: User) -> None:
    assert disk_use_of(student) == DiskUse(0, 0)


@pytest.mark.parametrize(
    ("used", "limit", "percent", "is_nearly_full", "is_exceeded"),
    [
        (10**9, 0, 0, False, False),
        (0, 100, 0, False, False),
        (89, 100, 89, False, False),
        (90, 100, 90, True, False),
        (99, 100, 99, True, False),
        (100, 100, 100, True, True),
        (500, 100, 100, True, True),
    ],
)
def test_limit_is_reached_when_all_is_used(
    used: int, limit: int, percent: int, is_nearly_full: bool, is_exceeded: bool
) -> None:
    use = DiskUse(used, limit)

    assert (use.percent, use.is_nearly_full, use.is_exceeded) == (percent, is_nearly_full, is_exceeded)


# --- What is refused, and what is not


def test_launch_of_a_new_server_is_refused(host: GitHost, student: User, settings: Settings, now: datetime) -> None:
    settings.PERSON_DISK_MB = 5
    server_with(6, student)

    with pytest.raises(UserError) as refusal:
        launch(student, spec(host), now=now)

    assert (refusal.value.code, refusal.value.facts) == ("disk_quota_exceeded", {"used_mb": 6, "limit_mb": 5})
    assert "6 MB of the 5 MB" in refusal.value.explain().sentence
    assert NotebookServer.objects.count() == 1


def test_launch_works_below_the_limit_and_without_one(
    host: GitHost, student: User, settings: Settings, now: datetime
) -> None:
    server_with(6, student)

    for settings.PERSON_DISK_MB in (0, 7):
        launch(student, spec(host), now=now)

    assert NotebookServer.objects.count() == 2


def test_launch_meets_a_server_that_exists(host: GitHost, student: User, settings: Settings, now: datetime) -> None:
    server = launch(student, spec(host), now=now)
    Volume.objects.filter(pk=server.volume_id).update(bytes=6 * MEGABYTE)
    NotebookServer.objects.update(state=State.STOPPED)
    settings.PERSON_DISK_MB = 5

    again = launch(student, spec(host), now=now)

    assert again == server
    assert again.state == State.QUEUED


def test_launch_works_again_after_a_server_was_deleted(
    host: GitHost, student: User, settings: Settings, now: datetime
) -> None:
    settings.PERSON_DISK_MB = 5
    servers.delete_server(server_with(6, student), now=now)

    assert launch(student, spec(host), now=now)


def test_refusal_has_files_in_use_measured_soon(student: User, settings: Settings, now: datetime) -> None:
    settings.PERSON_DISK_MB = 5
    facts = {"bytes": 6 * MEGABYTE, "measured_at": now - timedelta(minutes=10), "measure_began_at": now}
    volume = VolumeFactory.create(owner=student, **facts)
    running_server(owner=student, volume=volume)

    with pytest.raises(UserError):
        check_disk_quota(student, now=now)

    volume.refresh_from_db()
    assert volume.measure_began_at is None


# --- What nobody may ask for


TOO_MUCH = [
    ("memory", {"memory_mb": 4096}, "memory_quota_exceeded", "4096 MB of memory is more than you may have: 2048 MB"),
    ("cpus", {"cpus": 2.5}, "cpus_quota_exceeded", "2.5 processors is more than you may have: 1"),
    ("idle", {"idle_minutes": 61}, "idle_quota_exceeded", "unused for 60 minutes before it is stopped, not for 61"),
    ("lifetime", {"lifetime_minutes": 999}, "lifetime_quota_exceeded", "run for 120 minutes at a time, not for 999"),
]


@pytest.fixture
def limits(settings: Settings) -> None:
    """What one server may have on this site."""
    settings.SERVER_MEMORY_MB, settings.SERVER_CPUS = 1024, 1.0
    settings.PERSON_MEMORY_MB, settings.PERSON_CPUS = 2048, 1.0
    settings.PERSON_IDLE_MINUTES, settings.PERSON_LIFETIME_MINUTES = 60, 120


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize(("option", "fields", "code", "words"), TOO_MUCH)
def test_api_refuses_more_than_a_person_may_ever_have(
    host: GitHost, student: User, option: str, fields: dict[str, float], code: str, words: str
) -> None:
    response = program_of(student).post(SERVERS, {"repository": host.url("statistics"), **fields}, format="json")

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert words in response.json()["message"]
    assert not NotebookServer.objects.exists()


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize(("option", "fields", "code", "words"), TOO_MUCH)
def test_link_refuses_more_than_a_person_may_ever_have_before_it_asks(
    browser: Client, option: str, fields: dict[str, float], code: str, words: str
) -> None:
    (value,) = fields.values()

    response = browser.get(f"/v2/example/nowhere/HEAD?{option}={value}")

    assert response.status_code == 422
    assert words in response.content.decode()


@pytest.mark.usefixtures("limits")
def test_form_refuses_what_the_site_gives_everybody_where_it_is_more_than_somebody_may_have(
    browser: Client, host: GitHost, student: User
) -> None:
    Quota.objects.create(person=student, memory_mb=512)

    response = browser.post("/", {"repository": host.url("statistics")})

    assert response.status_code == 422
    assert "1024 MB of memory" in str(response.context["form"].errors)


@pytest.mark.usefixtures("limits")
def test_launch_gives_all_that_a_person_may_have(host: GitHost, student: User, now: datetime) -> None:
    most = LaunchSpec(parse(host.url("statistics")), limits=Limits(2048, 1.0), idle_minutes=60, lifetime_minutes=120)

    assert launch(student, most, now=now).memory_mb == 2048


@pytest.mark.usefixtures("limits")
def test_update_refuses_more_than_a_person_may_ever_have(student: User, now: datetime) -> None:
    server = NotebookServerFactory.create(owner=student)

    with pytest.raises(UserError) as refusal:
        update_server(server, replace(server.target, limits=Limits(4096)), now=now)

    assert refusal.value.code == "memory_quota_exceeded"


def test_site_memory_is_more_than_anybody_may_have(settings: Settings, student: User) -> None:
    settings.SITE_MEMORY_MB, settings.PERSON_MEMORY_MB = 4000, 5000

    with pytest.raises(UserError) as refusal:
        check_wishes(student, limits=Limits(4500))

    assert refusal.value.facts == {"asked_mb": 4500, "limit_mb": 4000}


def test_server_of_a_group_is_no_larger_than_all_of_the_group(student: User) -> None:
    group = Group.objects.create(name="physics")
    Quota.objects.create(group=group, group_cpus=2)

    with pytest.raises(UserError, match="cpus_quota_exceeded"):
        check_wishes(student, limits=Limits(cpus=3), group=group.pk)
    check_wishes(student, limits=Limits(cpus=3))


def test_launch_of_one_server_too_many_is_refused(
    host: GitHost, student: User, settings: Settings, now: datetime
) -> None:
    settings.PERSON_SERVERS = 2
    server_with(None, student)
    doomed = server_with(None, student)

    with pytest.raises(UserError) as refusal:
        launch(student, spec(host), now=now)
    servers.delete_server(doomed, now=now)
    launch(student, spec(host), now=now)

    assert (refusal.value.code, refusal.value.facts) == ("servers_quota_exceeded", {"count": 2, "limit": 2})


def test_undelete_of_one_server_too_many_is_refused(student: User, settings: Settings, now: datetime) -> None:
    settings.PERSON_SERVERS = 1
    deleted = server_with(None, student, deleted_at=now)
    server_with(None, student)

    with pytest.raises(UserError) as refusal:
        servers.undelete_server(deleted, now=now)

    deleted.refresh_from_db()
    assert (refusal.value.code, deleted.deleted_at) == ("servers_quota_exceeded", now)


# --- Exceptions for people and groups


def group_with(person: User, name: str, **limits: float) -> None:
    """A group of this person's with a quota."""
    group = Group.objects.create(name=name)
    person.groups.add(group)
    Quota.objects.create(group=group, **limits)


def test_allowance_is_the_sites_where_nothing_else_is_said(student: User, settings: Settings) -> None:
    settings.PERSON_SERVERS, settings.PERSON_CPUS = 3, 1.5
    Quota.objects.create(person=student)

    assert allowance_of(student) == Allowance(servers=3, cpus=1.5)


def test_allowance_is_the_largest_of_what_groups_give(student: User, settings: Settings) -> None:
    settings.PERSON_SERVERS, settings.PERSON_DISK_MB = 9, 50
    group_with(student, "physics", servers=2, memory_mb=100, cpus=8)
    group_with(student, "history", servers=5, memory_mb=0)

    assert allowance_of(student) == Allowance(servers=5, memory_mb=0, cpus=8, disk_mb=50)


def test_allowance_is_first_the_persons_own(student: User, settings: Settings) -> None:
    settings.PERSON_SERVERS = 9
    group_with(student, "physics", servers=5, running_servers=4)
    Quota.objects.create(person=student, servers=0)

    assert allowance_of(student) == Allowance(servers=0, running_servers=4)


def test_allowances_are_each_persons_own(
    student: User, stranger: User, teacher: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    group_with(student, "physics", servers=5)
    Quota.objects.create(person=stranger, servers=1)

    with django_assert_num_queries(2):
        allowances = allowances_of([student.pk, stranger.pk, teacher.pk])

    assert [allowances[person.pk].servers for person in (student, stranger, teacher)] == [5, 1, 0]


def test_disk_quota_of_a_person_counts_instead_of_the_sites(student: User, settings: Settings) -> None:
    settings.PERSON_DISK_MB = 5
    Quota.objects.create(person=student, disk_mb=7)

    assert disk_use_of(student).limit_bytes == 7 * MEGABYTE


@pytest.mark.parametrize("whose", [(), ("person", "group")])
def test_quota_is_of_a_person_or_a_group(student: User, whose: tuple[str, ...]) -> None:
    owners = {"person": student, "group": Group.objects.create(name="physics")}

    with pytest.raises(IntegrityError):
        Quota.objects.create(**{kind: owners[kind] for kind in whose})


# --- What is shown


def test_home_shows_how_much_of_the_room_is_used(browser: Client, student: User, settings: Settings) -> None:
    settings.PERSON_DISK_MB = 100
    server_with(20, student)

    page = browser.get("/").content.decode()

    assert "Your files: 20.0\xa0MB of 100.0\xa0MB" in page
    assert "disk-use-high" not in page


def test_home_warns_when_there_is_little_room_left(browser: Client, student: User, settings: Settings) -> None:
    settings.PERSON_DISK_MB = 100
    server_with(95, student)

    assert "disk-use-high" in browser.get("/").content.decode()


def test_home_without_a_limit_shows_what_is_used(browser: Client, student: User) -> None:
    server_with(20, student)

    page = browser.get("/").content.decode()

    assert "Your files: 20.0\xa0MB<" in page
    assert 'class="meter' not in page


def test_form_says_why_it_is_refused(browser: Client, host: GitHost, student: User, settings: Settings) -> None:
    settings.PERSON_DISK_MB = 5
    server_with(6, student)

    response = browser.post("/", {"repository": host.url("statistics")})

    assert response.status_code == 422
    assert "no room for another server" in str(response.context["form"].non_field_errors())


@pytest.mark.parametrize(("limit", "is_told"), [(0, False), (100, False), (5, True)])
def test_page_of_a_server_tells_who_has_used_up_their_room(
    browser: Client, student: User, settings: Settings, limit: int, is_told: bool
) -> None:
    settings.PERSON_DISK_MB = limit
    server = server_with(6, student)

    page = browser.get(f"/servers/{server.pk}/").content.decode()

    assert ("you cannot make another" in page) is is_told


@pytest.mark.parametrize(("megabytes", "words"), [(6, "6.0\xa0MB"), (None, "not measured yet")])
def test_page_of_a_server_shows_its_size(
    browser: Client, student: User, now: datetime, megabytes: int | None, words: str
) -> None:
    server = server_with(megabytes, student)
    Volume.objects.update(measured_at=now)

    assert words in browser.get(f"/servers/{server.pk}/").content.decode()


def test_server_starts_all_the_same(browser: Client, student: User, settings: Settings) -> None:
    settings.PERSON_DISK_MB = 5
    server = server_with(6, student, state=State.STOPPED)

    browser.post(f"/servers/{server.pk}/start/")

    server.refresh_from_db()
    assert server.state == State.QUEUED


# --- The API


def test_api_shows_what_files_take(student: User, settings: Settings) -> None:
    settings.PERSON_DISK_MB = 5
    server = server_with(6, student)
    program = program_of(student)

    assert program.get(DISK).json() == {"used_bytes": 6 * MEGABYTE, "limit_bytes": 5 * MEGABYTE, "is_exceeded": True}
    assert program.get(f"{SERVERS}{server.pk}/").json()["disk_bytes"] == 6 * MEGABYTE


def test_api_shows_that_there_is_no_limit(student: User) -> None:
    assert program_of(student).get(DISK).json()["limit_bytes"] is None


def test_api_refuses_a_new_server_with_a_code(host: GitHost, student: User, settings: Settings) -> None:
    settings.PERSON_DISK_MB = 5
    server_with(6, student)
    program: APIClient = program_of(student)

    response = program.post(SERVERS, {"repository": host.url("statistics")}, format="json")

    assert (response.status_code, response.json()["code"]) == (409, "disk_quota_exceeded")
