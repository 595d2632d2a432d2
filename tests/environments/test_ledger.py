"""What is used gets into the accounts once, whatever comes twice, late or never."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import cast

import pytest
from django.contrib.auth.models import Group
from pytest_django import Settings

from accounts.models import User
from environments import backends, builds, ledger, servers, starting, stopping
from environments.accounting import measure_usage
from environments.builders.fake import FakeBuilder
from environments.ledger import GIB, LONGEST_SILENCE
from environments.models import Build, MonthlyUse, NotebookServer, Run, StorageClock, Volume
from environments.reconciling import reconcile
from environments.spawners.fake import FakeSpawner
from environments.values import Handle, Image, Usage
from tests.factories import BuildFactory, NotebookServerFactory, VolumeFactory, running_server
from tests.fakes.backends import FailingSpawner

pytestmark = pytest.mark.django_db

State = NotebookServer.State
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MARCH = date(2026, 3, 1)


class MeasuredSpawner(FakeSpawner):
    """Its servers use what a test says."""

    measured: Usage | None = None

    def usage(self, handle: Handle) -> Usage | None:
        return self.measured if handle in self.specs else None


def used(cpu_seconds: float, at: datetime, gib: float = 1) -> Usage:
    return Usage(cpu_seconds, int(gib * GIB), at)


def server_since(start: datetime, owner: User | None = None) -> NotebookServer:
    """A server that a worker has started."""
    owned = {"owner": owner} if owner else {}
    server = NotebookServerFactory.create(state=State.QUEUED, **owned)
    cast("FakeBuilder", backends.builder()).images[server.image_key] = Image(server.image_key, "fake:")
    starting.carry_out_start(server, clock=lambda: start)
    assert server.state == State.RUNNING
    return server


def account() -> MonthlyUse:
    """The only row there is."""
    return MonthlyUse.objects.get()


# --- Measures


def test_measures_add_up(fake_backends: None, now: datetime, student: User) -> None:
    server = server_since(now, student)

    for minute in (1, 2, 3):
        ledger.count_use(server, used(30.0 * minute, now + minute * MINUTE, gib=2))

    row = account()
    assert (row.month, row.person, row.server_key, row.server_name) == (MARCH, student, str(server.pk), server.name)
    assert row.repository_url == server.repository_url
    assert (row.starts, row.running_seconds, row.cpu_seconds) == (1, 180, 90)
    assert row.memory_gib_hours == pytest.approx(2 * 3 / 60)


def test_measure_that_comes_twice_counts_once(fake_backends: None, now: datetime) -> None:
    server = server_since(now)

    for _time in range(3):
        ledger.count_use(server, used(30, now + MINUTE))

    assert (account().cpu_seconds, account().running_seconds) == (30, 60)


def test_measure_that_was_missed_is_made_up_for(fake_backends: None, now: datetime) -> None:
    server = server_since(now)

    ledger.count_use(server, used(30, now + MINUTE))
    ledger.count_use(server, used(300, now + 10 * MINUTE))

    assert (account().cpu_seconds, account().running_seconds) == (300, 600)


def test_long_silence_counts_no_more_than_an_hour(fake_backends: None, now: datetime) -> None:
    server = server_since(now)

    ledger.count_use(server, used(30, now + 400 * HOUR))

    assert account().running_seconds == LONGEST_SILENCE.total_seconds()


def test_clock_that_is_set_back_counts_nothing_twice(fake_backends: None, now: datetime) -> None:
    server = server_since(now)

    for minute in (10, 5, 8, 10, 11):
        ledger.count_use(server, used(minute, now + minute * MINUTE))

    assert (account().cpu_seconds, account().running_seconds) == (11, 660)


def test_two_workers_that_measure_at_once_count_once(
    fake_backends: None, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = server_since(now)
    real = Run.objects.get_or_create

    def slow(**fields: object) -> tuple[Run, bool]:
        seen = real(**fields)  # type: ignore[arg-type]
        monkeypatch.setattr(Run.objects, "get_or_create", real)
        ledger.count_use(server, used(30, now + MINUTE))
        return seen

    monkeypatch.setattr(Run.objects, "get_or_create", slow)
    ledger.count_use(server, used(31, now + MINUTE + timedelta(seconds=1)))

    assert (account().cpu_seconds, account().running_seconds) == (30, 60)


def test_processor_time_that_shrinks_is_no_new_use(fake_backends: None, now: datetime) -> None:
    server = server_since(now)

    for minute, cpu in ((1, 100), (2, 40), (3, 60)):
        ledger.count_use(server, used(cpu, now + minute * MINUTE))

    assert account().cpu_seconds == 120


def test_new_start_begins_to_count_anew(fake_backends: None, now: datetime) -> None:
    server = server_since(now)
    ledger.count_use(server, used(100, now + MINUTE))
    servers.stop_server(server, now=now)
    stopping.carry_out_stop(server, clock=lambda: now + MINUTE)
    servers.start_server(server, now=now)
    Build.objects.update(state=Build.State.SUCCEEDED)
    fresh = NotebookServer.objects.get(pk=server.pk)
    starting.carry_out_start(fresh, clock=lambda: now + 2 * MINUTE)

    ledger.count_use(fresh, used(7, now + 3 * MINUTE))

    assert (account().starts, account().cpu_seconds, account().running_seconds) == (2, 107, 120)


def test_late_measure_of_a_start_that_is_over_counts_nothing(fake_backends: None, now: datetime) -> None:
    server = server_since(now)
    ledger.end_run(server, now=now)

    ledger.count_use(server, used(100, now + MINUTE))

    assert account().cpu_seconds == 0


def test_server_that_ran_before_there_were_accounts_counts_from_now_on(now: datetime) -> None:
    server = running_server(started_at=now - HOUR)

    ledger.count_use(server, used(5000, now))
    ledger.count_use(server, used(5010, now + MINUTE))

    assert (account().cpu_seconds, account().running_seconds) == (10, 60)


def test_measures_of_two_months_are_kept_apart(fake_backends: None) -> None:
    midnight = datetime(2026, 4, 1, tzinfo=UTC)
    server = server_since(midnight - 2 * MINUTE)

    for minute in (-1, 1):
        ledger.count_use(server, used(100 + minute, midnight + minute * MINUTE))

    rows = MonthlyUse.objects.order_by("month").values_list("month", "cpu_seconds")
    assert list(rows) == [(MARCH, 99), (date(2026, 4, 1), 2)]


def test_month_is_that_of_the_sites_own_time_zone(settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Paris"

    assert ledger.month_of(datetime(2026, 3, 31, 23, 30, tzinfo=UTC)) == date(2026, 4, 1)


def test_worker_measures_what_runs(use_backends: Callable[..., None], now: datetime) -> None:
    use_backends(spawner=MeasuredSpawner)
    server_since(now)
    cast("MeasuredSpawner", backends.spawner()).measured = used(30, now + MINUTE)

    measure_usage(now=now + MINUTE)
    measure_usage(now=now + MINUTE)

    assert account().cpu_seconds == 30


# --- Ends


def test_stop_counts_the_time_since_the_last_measure(fake_backends: None, now: datetime) -> None:
    server = server_since(now)
    ledger.count_use(server, used(30, now + MINUTE, gib=2))
    servers.stop_server(server, now=now)

    stopping.carry_out_stop(server, clock=lambda: now + 3 * MINUTE)

    assert account().running_seconds == 180
    assert account().memory_gib_hours == pytest.approx(2 * 3 / 60)
    assert Run.objects.get().ended_at == now + 3 * MINUTE


def test_server_that_died_counts_until_that_is_found(fake_backends: None, now: datetime) -> None:
    server = server_since(now)
    cast("FakeSpawner", backends.spawner()).end(server.handle)

    reconcile(now=now + MINUTE)

    assert account().running_seconds == 60


def test_start_that_fails_counts_nothing(use_backends: Callable[..., None], now: datetime) -> None:
    use_backends(spawner=FailingSpawner)
    server = NotebookServerFactory.create(state=State.QUEUED)
    cast("FakeBuilder", backends.builder()).images[server.image_key] = Image(server.image_key, "fake:")

    starting.carry_out_start(server, clock=lambda: now)

    assert Run.objects.get().ended_at == now
    assert not MonthlyUse.objects.exists()


def test_end_nobody_saw_is_when_it_was_last_seen(fake_backends: None, now: datetime) -> None:
    server = server_since(now)
    ledger.count_use(server, used(30, now + MINUTE))
    running = server_since(now)
    NotebookServer.objects.filter(pk=server.pk).update(state=State.STOPPED)

    measure_usage(now=now + HOUR)

    ends = dict(Run.objects.values_list("start_id", "ended_at"))
    assert ends == {server.start_id: now + MINUTE, running.start_id: None}


def test_account_outlives_the_server(fake_backends: None, now: datetime, student: User) -> None:
    server = server_since(now, student)
    ledger.count_use(server, used(30, now + MINUTE))
    NotebookServer.objects.filter(pk=server.pk).update(state=State.STOPPED, deleted_at=now - timedelta(days=365))

    stopping.purge_server(NotebookServer.objects.get(pk=server.pk), now=now)

    assert not NotebookServer.objects.exists()
    assert (account().person, account().server_name, account().cpu_seconds) == (student, server.name, 30)


def test_account_outlives_the_person(now: datetime, student: User) -> None:
    ledger.charge(month=MARCH, person=student.pk, cpu_seconds=1)

    student.delete()

    assert (account().person, account().cpu_seconds) == (None, 1)


def test_account_of_a_class_server_is_that_of_its_group_and_outlives_it(
    fake_backends: None, now: datetime, student: User
) -> None:
    group = Group.objects.create(name="Optics")
    server = server_since(now, student)
    NotebookServer.objects.update(group=group)
    ledger.count_use(NotebookServer.objects.get(pk=server.pk), used(30, now + MINUTE))
    Volume.objects.filter(server=server).update(bytes=24 * GIB)
    for hours in (0, 1):
        ledger.charge_storage(now=now + hours * HOUR)

    group.delete()
    ledger.count_use(NotebookServer.objects.get(pk=server.pk), used(37, now + 2 * MINUTE))

    rows = MonthlyUse.objects.order_by("group_name").values_list("group_name", "cpu_seconds", "storage_gib_days")
    assert list(rows) == [("", 7, 0), ("Optics", 30, pytest.approx(1))]
    assert set(MonthlyUse.objects.values_list("server_key", flat=True)) == {str(server.pk)}


# --- Builds


def test_build_counts_for_whoever_asked(fake_backends: None, now: datetime, student: User) -> None:
    build = BuildFactory.create(requested_by=student)
    times = iter([now, *(now + MINUTE for _ in range(50))])
    assert builds.claim_build(build, now=next(times))

    builds.run_claimed_build(build, clock=lambda: next(times))

    assert (account().person, account().repository_url) == (student, build.repository_url)
    assert (account().build_seconds, account().server_key) == (60, "")


def test_build_that_two_end_counts_once(fake_backends: None, now: datetime) -> None:
    build = BuildFactory.create(state=Build.State.BUILDING, started_at=now)
    late = Build.objects.get(pk=build.pk)

    for seen in (build, late):
        builds.fail_interrupted_build(seen, now=now + MINUTE)

    assert account().build_seconds == 60


# --- Files


def test_files_count_by_the_hour(fake_backends: None, now: datetime, student: User) -> None:
    server = NotebookServerFactory.create(owner=student, volume=VolumeFactory.create(owner=student, bytes=24 * GIB))
    VolumeFactory.create(owner=student, purpose=Volume.Purpose.HOME, bytes=48 * GIB)
    VolumeFactory.create(owner=student, bytes=None)

    for minutes in (0, 59, 60, 61, 119, 120):
        ledger.charge_storage(now=now + minutes * MINUTE)

    amounts = dict(MonthlyUse.objects.values_list("server_key", "storage_gib_days"))
    assert amounts == pytest.approx({str(server.pk): 2, "": 4})


def test_files_count_once_when_the_clock_is_set_back(now: datetime) -> None:
    VolumeFactory.create(bytes=24 * GIB)

    for hours in (0, 2, 1, 2):
        ledger.charge_storage(now=now + hours * HOUR)

    assert account().storage_gib_days == pytest.approx(2)


def test_files_count_once_when_two_workers_do_it(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    VolumeFactory.create(bytes=24 * GIB)
    ledger.charge_storage(now=now)
    real = StorageClock.objects.get_or_create

    def slow(**fields: object) -> tuple[StorageClock, bool]:
        seen = real(**fields)  # type: ignore[arg-type]
        monkeypatch.setattr(StorageClock.objects, "get_or_create", real)
        ledger.charge_storage(now=now + HOUR)
        return seen

    monkeypatch.setattr(StorageClock.objects, "get_or_create", slow)
    ledger.charge_storage(now=now + HOUR)

    assert account().storage_gib_days == pytest.approx(1)


# --- Forgetting


def test_forget_keeps_as_many_months_as_the_site_says(settings: Settings, now: datetime) -> None:
    settings.USAGE_KEEP_MONTHS = 2
    for month in (date(2025, 12, 1), date(2026, 1, 1), MARCH):
        ledger.charge(month=month, person=None, cpu_seconds=1)

    ledger.forget_old_use(now=now)

    assert sorted(MonthlyUse.objects.values_list("month", flat=True)) == [date(2026, 1, 1), MARCH]


def test_forget_keeps_all_where_the_site_says_so(settings: Settings, now: datetime) -> None:
    settings.USAGE_KEEP_MONTHS = 0
    ledger.charge(month=date(1999, 1, 1), person=None, cpu_seconds=1)

    ledger.forget_old_use(now=now)

    assert MonthlyUse.objects.exists()


def test_forget_drops_single_starts_after_a_month(now: datetime) -> None:
    for name, days in (("old", 31), ("recent", 29)):
        Run.objects.create(start_id=name, began_at=now, ended_at=now - timedelta(days=days))
    Run.objects.create(start_id="goes on", began_at=now - timedelta(days=99))

    ledger.forget_old_use(now=now)

    assert sorted(Run.objects.values_list("start_id", flat=True)) == ["goes on", "recent"]


@pytest.mark.parametrize(("count", "expected"), [(0, MARCH), (2, date(2026, 1, 1)), (3, date(2025, 12, 1))])
def test_months_before_cross_the_year(count: int, expected: date) -> None:
    assert ledger.months_before(MARCH, count) == expected
