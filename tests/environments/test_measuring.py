"""How much files take is measured when it can have changed, one volume at a time and a few at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import cast

import pytest
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts.models import User
from environments import backends, measuring, reconciling, servers, starting, stopping
from environments.builders.fake import FakeBuilder
from environments.errors import SystemFailure
from environments.measuring import EVERY, PLACES, TIME_LIMIT
from environments.models import NotebookServer, Volume
from environments.spawners.fake import FakeSpawner
from environments.values import Image, VolumeUsage
from environments.volumes.fake import FakeVolumeStore
from tests.factories import (
    NotebookServerFactory,
    ServerMountFactory,
    SharedVolumeFactory,
    UserFactory,
    VolumeFactory,
    running_server,
)

pytestmark = pytest.mark.django_db

State = NotebookServer.State
A_MINUTE = timedelta(minutes=1)


class UnreachableStore(FakeVolumeStore):
    """Its engine does not answer."""

    def usage(self, volume: str, *, time_limit_seconds: float | None = None) -> VolumeUsage:
        raise SystemFailure("runtime_unavailable")


class BottomlessStore(FakeVolumeStore):
    """Its volumes are too large to be seen in time."""

    def usage(self, volume: str, *, time_limit_seconds: float | None = None) -> VolumeUsage:
        return VolumeUsage(bytes=10**12, files=1, is_complete=False)


Due = Callable[[datetime], list[Volume]]


@pytest.fixture
def due(
    fake_backends: None,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    monkeypatch: pytest.MonkeyPatch,
) -> Due:
    """Which volumes workers are asked to measure."""

    def asked_for(now: datetime) -> list[Volume]:
        sent: list[tuple[str, str]] = []
        monkeypatch.setattr("environments.queueing._send", lambda name, key: sent.append((name, key)))
        with django_capture_on_commit_callbacks(execute=True):
            measuring.enqueue_due_measures(now=now)
        assert {name for name, _key in sent} <= {"measure_volume"}
        return [Volume.objects.get(pk=key) for _name, key in sent]

    return asked_for


def measure(volume: Volume, now: datetime) -> Volume:
    """Have a worker measure it; the row afterwards."""
    measuring.measure_volume(Volume.objects.get(pk=volume.pk), clock=lambda: now)
    return Volume.objects.get(pk=volume.pk)


def home_of(person: User) -> Volume:
    return VolumeFactory.create(owner=person, purpose=Volume.Purpose.HOME)


def fill(volume: Volume, size: int) -> None:
    """Have it hold one file of this size."""
    cast("FakeVolumeStore", backends.volume_store()).volumes[volume.key] = {PurePosixPath("file"): bytes(size)}


# --- Measuring one


def test_measure_records_what_a_volume_holds(fake_backends: None, now: datetime) -> None:
    volume = VolumeFactory.create()
    fill(volume, 1000)

    measured = measure(volume, now)

    assert (measured.bytes, measured.measured_at) == (1000, now)


def test_measure_of_a_volume_nobody_has_used_is_nothing(fake_backends: None, now: datetime) -> None:
    assert measure(VolumeFactory.create(), now).bytes == 0


def test_measure_takes_what_was_seen_of_a_volume_too_large_for_it(
    use_backends: Callable[..., None], now: datetime
) -> None:
    use_backends(volume_store=BottomlessStore)

    assert measure(VolumeFactory.create(), now).bytes == 10**12


def test_measure_that_fails_keeps_what_was_known(use_backends: Callable[..., None], now: datetime) -> None:
    use_backends(volume_store=UnreachableStore)

    measured = measure(VolumeFactory.create(bytes=7, measured_at=now - EVERY), now)

    assert (measured.bytes, measured.measured_at, measured.measure_began_at) == (7, now - EVERY, now)


def test_measure_twice_in_the_same_moment_is_one(fake_backends: None, now: datetime) -> None:
    volume = VolumeFactory.create()
    measure(volume, now)
    fill(volume, 1000)

    assert measure(volume, now + A_MINUTE).bytes == 0


def test_measure_waits_for_a_free_place(fake_backends: None, now: datetime) -> None:
    for _ in range(PLACES):
        VolumeFactory.create(measure_began_at=now)

    assert measure(VolumeFactory.create(), now).measured_at is None


def test_place_of_a_worker_that_died_becomes_free(fake_backends: None, now: datetime) -> None:
    for _ in range(PLACES):
        VolumeFactory.create(measure_began_at=now)
    later = now + TIME_LIMIT + A_MINUTE

    assert measure(VolumeFactory.create(), later).measured_at == later


def test_measure_hands_its_place_on(
    fake_backends: None,
    now: datetime,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = VolumeFactory.create(), VolumeFactory.create()
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr("environments.queueing._send", lambda name, key: sent.append((name, key)))

    with django_capture_on_commit_callbacks(execute=True):
        measure(first, now)

    assert sent == [("measure_volume", str(second.pk))]


# --- Whose turn it is


def test_volume_never_measured_is_due(due: Due, now: datetime) -> None:
    volume = VolumeFactory.create()

    assert due(now) == [volume]


def test_files_of_a_running_server_are_due_once_an_hour(due: Due, now: datetime) -> None:
    server = running_server()
    volumes = [server.volume, home_of(server.owner)]
    for volume in volumes:
        measure(volume, now)

    turns = [due(now + timedelta(minutes=minutes)) for minutes in (1, 59, 60)]

    assert turns == [[], [], volumes]


def test_files_of_a_sleeping_server_are_not_due_again(due: Due, now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.STOPPED)
    running_server()
    for volume in (server.volume, home_of(server.owner)):
        measure(volume, now)
    Volume.objects.exclude(owner=server.owner).update(measure_began_at=now + EVERY, measured_at=now + EVERY)

    assert due(now + EVERY * 24) == list(Volume.objects.exclude(owner=server.owner))


def test_measure_that_failed_is_due_again_after_an_hour(due: Due, now: datetime) -> None:
    volume = VolumeFactory.create(measure_began_at=now, measured_at=now - A_MINUTE)

    assert [due(now + EVERY - A_MINUTE), due(now + EVERY)] == [[], [volume]]


def test_a_few_are_asked_for_at_once_and_the_longest_waiting_first(due: Due, now: datetime) -> None:
    volumes = [VolumeFactory.create(measure_began_at=now - EVERY * (2 + n)) for n in range(4)]
    never = VolumeFactory.create()

    assert due(now) == [never, volumes[-1]]


def test_asking_takes_as_much_for_many_as_for_one(
    fake_backends: None, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        running_server()

    with django_assert_num_queries(2):
        measuring.enqueue_due_measures(now=now)


# --- When servers end


def test_files_are_measured_again_when_their_server_has_stopped(due: Due, now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.QUEUED)
    cast("FakeBuilder", backends.builder()).images[server.image_key] = Image(server.image_key, "fake:")
    starting.carry_out_start(server, clock=lambda: now)
    volumes = [server.volume, Volume.objects.get(owner=server.owner, purpose=Volume.Purpose.HOME)]
    for volume in volumes:
        measure(volume, now)

    servers.stop_server(server, now=now)
    stopping.carry_out_stop(server, clock=lambda: now + A_MINUTE)

    assert due(now + A_MINUTE) == volumes


def test_files_are_measured_again_when_their_server_has_died(due: Due, now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.QUEUED)
    cast("FakeBuilder", backends.builder()).images[server.image_key] = Image(server.image_key, "fake:")
    starting.carry_out_start(server, clock=lambda: now)
    for volume in Volume.objects.all():
        measure(volume, now)
    cast("FakeSpawner", backends.spawner()).end(server.handle)

    reconciling.reconcile(now=now + A_MINUTE)

    assert server.volume in due(now + A_MINUTE)


def test_files_in_use_can_be_measured_before_their_hour(due: Due, now: datetime) -> None:
    person = UserFactory.create()
    server, asleep = running_server(owner=person), NotebookServerFactory.create(owner=person)
    for volume in (server.volume, asleep.volume):
        measure(volume, now)
    moments = []

    for minutes in (0, 2):
        moment = now + timedelta(minutes=minutes)
        measuring.measure_soon(person, now=moment)
        moments.append(due(moment))

    assert moments == [[], [server.volume]]


# --- Shared files


def in_server(server: NotebookServer, **how: bool) -> Volume:
    """Shared files of somebody else in this server, measured already."""
    mount = ServerMountFactory.create(server=server, volume=SharedVolumeFactory.create(), **how)
    return mount.volume.volume


@pytest.mark.parametrize(("how", "is_due"), [({}, True), ({"read_only": True}, False)])
def test_shared_files_are_due_while_somebody_can_change_them(
    due: Due, student: User, now: datetime, how: dict[str, bool], is_due: bool
) -> None:
    volume = in_server(running_server(owner=student), **how)
    Volume.objects.update(measure_began_at=now, measured_at=now)

    assert (volume in due(now + EVERY)) is is_due


def test_shared_files_are_measured_again_when_a_server_with_them_has_ended(
    fake_backends: None, student: User, now: datetime
) -> None:
    server = running_server(owner=student)
    volume = in_server(server)
    Volume.objects.update(measure_began_at=now, measured_at=now)

    measuring.measure_again(server)

    volume.refresh_from_db()
    assert volume.measure_began_at is None


def test_servers_that_stop_together_do_not_wait_for_their_files_to_be_measured(
    fake_backends: None,
    student: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []
    monkeypatch.setattr("environments.queueing._send", lambda name, key: sent.append(name))

    with django_capture_on_commit_callbacks(execute=True):
        measuring.measure_again(running_server(owner=student))

    assert sent == []
