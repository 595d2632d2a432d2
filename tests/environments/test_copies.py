"""Copies to try: what they are made of and without, how many there may be, and that nothing is left of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import quote

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from environments import backends
from environments.builders.fake import FakeBuilder
from environments.errors import UserError
from environments.launching import launch, spec_of
from environments.models import NotebookServer, Volume
from environments.quotas import disk_use_of
from environments.reconciling import reconcile
from environments.references import parse
from environments.servers import delete_server, stop_server
from environments.spawners.fake import FakeSpawner
from environments.starting import carry_out_start
from environments.stopping import carry_out_stop, throw_away_copies
from environments.values import Image, LaunchSpec
from environments.volumes.fake import FakeVolumeStore
from tests.environments.api_client import program_of
from tests.factories import NotebookServerFactory, VolumeFactory, running_server
from tests.fakes.git_host import GitHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

State = NotebookServer.State


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    """A git host with one repository."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": "numpy\n"})
        yield host


@pytest.fixture
def spec(host: GitHost) -> LaunchSpec:
    """A launch of a copy to try."""
    return LaunchSpec(parse(host.url("statistics")), is_public=True)


@pytest.fixture
def copy(student: User) -> NotebookServer:
    """A copy of the student's that runs."""
    return running_server(owner=student, is_throwaway=True)


def test_copy_is_another_server_than_the_one_that_is_kept(spec: LaunchSpec, student: User, now: datetime) -> None:
    kept = launch(student, replace(spec, is_public=False), now=now)

    copy = launch(student, spec, now=now)

    assert copy != kept
    assert (copy.is_throwaway, kept.is_throwaway, copy.name) == (True, False, f"try-{kept.name}")
    assert launch(student, spec, now=now) == copy
    assert spec_of(copy).is_public


@pytest.mark.parametrize(("asked", "minutes"), [(None, 120), (30, 30), (100_000, 120)])
def test_copy_lasts_no_longer_than_the_site_says(
    spec: LaunchSpec, student: User, now: datetime, asked: int | None, minutes: int
) -> None:
    copy = launch(student, replace(spec, lifetime_minutes=asked), now=now)

    assert copy.lifetime_minutes == minutes


@pytest.mark.parametrize("wish", [{"with_credentials": True}, {"collaborators": ("ada",)}], ids=["key", "company"])
def test_copy_has_neither_company_nor_key(spec: LaunchSpec, student: User, now: datetime, wish: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="copy_alone"):
        launch(student, replace(spec, **wish), now=now)


@pytest.mark.parametrize("is_public", [True, False])
def test_neither_becomes_the_other(spec: LaunchSpec, student: User, now: datetime, is_public: bool) -> None:
    launch(student, replace(spec, name="mine", is_public=is_public), now=now)

    with pytest.raises(UserError, match="name_taken"):
        launch(student, replace(spec, name="mine", is_public=not is_public), now=now)


def test_start_leaves_personal_files_out(student: User, now: datetime) -> None:
    copy = NotebookServerFactory.create(owner=student, state=State.QUEUED, is_throwaway=True)
    cast("FakeBuilder", backends.builder()).images[copy.image_key] = Image(copy.image_key, "fake:")

    carry_out_start(copy, clock=lambda: now)

    (spec,) = cast("FakeSpawner", backends.spawner()).specs.values()
    assert spec.mounts == ()
    assert not Volume.objects.filter(purpose=Volume.Purpose.HOME).exists()


def test_stop_leaves_nothing_of_it(copy: NotebookServer, now: datetime) -> None:
    store, key, server_id = cast("FakeVolumeStore", backends.volume_store()), copy.volume.key, copy.pk
    store.create(key)

    stop_server(copy, now=now)
    carry_out_stop(copy, clock=lambda: now)

    assert not NotebookServer.objects.filter(pk=server_id).exists()
    assert not store.exists(key)


def test_stop_of_a_server_that_is_kept_leaves_all(student: User, now: datetime) -> None:
    server = running_server(owner=student)

    stop_server(server, now=now)
    carry_out_stop(server, clock=lambda: now)

    assert NotebookServer.objects.present().filter(pk=server.pk).exists()


def test_reconciler_throws_away_what_was_stopped_before_it_started(student: User, now: datetime) -> None:
    waiting = NotebookServerFactory.create(owner=student, state=State.QUEUED, is_throwaway=True)
    stop_server(waiting, now=now)

    reconcile(now=now)

    assert not NotebookServer.objects.present().filter(pk=waiting.pk).exists()


def test_failed_copy_is_kept_until_it_was_read(student: User, now: datetime) -> None:
    failed = NotebookServerFactory.create(
        owner=student, state=State.FAILED, is_throwaway=True, state_changed_at=now, failure_code="build_failed"
    )

    throw_away_copies(now=now + timedelta(minutes=59))
    is_there = NotebookServer.objects.present().filter(pk=failed.pk).exists()
    throw_away_copies(now=now + timedelta(minutes=61))

    assert is_there
    assert not NotebookServer.objects.present().filter(pk=failed.pk).exists()


def test_deleted_copy_cannot_be_brought_back(copy: NotebookServer, student: User, now: datetime) -> None:
    delete_server(copy, now=now)

    assert not NotebookServer.objects.deleted_by(student).exists()


def test_quota_of_one_person(
    spec: LaunchSpec, student: User, stranger: User, now: datetime, settings: Settings
) -> None:
    settings.COPIES_PER_PERSON = 1
    launch(student, spec, now=now)

    with pytest.raises(UserError, match="copies_own_exhausted"):
        launch(student, replace(spec, name="another"), now=now)

    assert launch(stranger, spec, now=now).owner == stranger


def test_quota_of_the_site(spec: LaunchSpec, student: User, stranger: User, now: datetime, settings: Settings) -> None:
    settings.COPIES_AT_ONCE = 1
    launch(student, spec, now=now)

    with pytest.raises(UserError, match="copies_exhausted"):
        launch(stranger, spec, now=now)

    assert launch(stranger, replace(spec, is_public=False), now=now).owner == stranger


def test_copy_does_not_count_as_room_a_person_uses(student: User, settings: Settings) -> None:
    settings.PERSON_DISK_MB = 1
    volume = VolumeFactory.create(owner=student, bytes=10**9)
    running_server(owner=student, volume=volume, is_throwaway=True)

    assert disk_use_of(student).used_bytes == 0


def test_link_asks_and_says_that_it_is_thrown_away(client: Client, student: User, host: GitHost) -> None:
    cache.clear()
    client.force_login(student)

    text = client.get(f"/v2/git/{quote(host.url('statistics'), safe='')}/HEAD?public=1").content.decode()

    assert "thrown away when it stops" in text
    assert "your personal files" not in text
    assert not NotebookServer.objects.exists()


def test_api_makes_one_and_says_so(student: User, host: GitHost) -> None:
    response = program_of(student).post(
        "/api/v1/servers/", {"repository": host.url("statistics"), "public": True}, format="json"
    )

    assert (response.status_code, response.json()["public"]) == (201, True)


def test_page_says_what_becomes_of_it_and_leads_home_when_it_is_stopped(
    client: Client, copy: NotebookServer, student: User
) -> None:
    client.force_login(student)

    text = client.get(f"/servers/{copy.pk}/").content.decode()
    response = client.post(f"/servers/{copy.pk}/stop/")

    assert "This is a copy to try" in text
    assert "Look for a newer version" not in text
    assert response["Location"] == "/"
