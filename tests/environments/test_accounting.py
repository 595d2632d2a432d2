"""What servers use is measured, and a missing engine fails nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from pytest_django import Settings

from environments import backends
from environments.accounting import HISTORY, MAX_VERSION, forget_old_samples, measure_usage
from environments.errors import SystemFailure
from environments.models import NotebookServer, ServerUsage, SiteReport, SiteSample
from environments.spawners.fake import FakeSpawner
from environments.values import Disk, EngineProblem, Firewall, Handle, Image, RuntimeReport, ServerSpec, Usage
from tests.factories import BuildFactory, NotebookServerFactory, running_server

pytestmark = pytest.mark.django_db


class WorkingSpawner(FakeSpawner):
    """Its servers use half a core, measured once a minute."""

    measures = 0

    def usage(self, handle: Handle) -> Usage | None:
        self.measures += 1
        minute = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=self.measures)
        return Usage(30.0 * self.measures, 1_000_000, minute) if handle in self.specs else None


class UnreachableSpawner(FakeSpawner):
    """Its engine does not answer."""

    def usage(self, handle: Handle) -> Usage | None:
        raise SystemFailure("runtime_unavailable")


class ReportedSpawner(UnreachableSpawner):
    """Its engine does not answer, as it says itself; so nothing else may be asked of it."""

    questions = 0

    def usage(self, handle: Handle) -> Usage | None:
        self.questions += 1
        return super().usage(handle)

    def report(self) -> RuntimeReport:
        return RuntimeReport(
            "docker", problem=EngineProblem.SILENT, detail="timed out", firewall=Firewall.UNSEEN, disk=Disk(100, 40)
        )


class WordySpawner(FakeSpawner):
    """Says more of itself than there is room for."""

    def report(self) -> RuntimeReport:
        return RuntimeReport(self.name, version="1" * 1000)


def server_in_engine() -> NotebookServer:
    """A server that runs, in row and engine alike."""
    server = running_server()
    spec = ServerSpec(server.handle, Image("k", "fake:k"), server.volume.key, (), token="t")
    backends.spawner().start(spec)
    return server


def test_measure_finds_cores_between_two_measures(use_backends: Callable[..., None], now: datetime) -> None:
    use_backends(spawner=WorkingSpawner)
    server = server_in_engine()

    measure_usage(now=now)
    sample = measure_usage(now=now + timedelta(minutes=1))

    assert ServerUsage.objects.get(server=server).cores == pytest.approx(0.5)
    assert sample.cores == pytest.approx(0.5)
    assert sample.memory_bytes == 1_000_000


def test_measure_starts_anew_with_a_new_start(use_backends: Callable[..., None], now: datetime) -> None:
    use_backends(spawner=WorkingSpawner)
    server = server_in_engine()
    measure_usage(now=now)
    ServerUsage.objects.update(start_id="another", cpu_seconds=9999)

    measure_usage(now=now)

    assert ServerUsage.objects.get(server=server).cores == 0


def test_measure_counts_what_waits_and_builds(fake_backends: None, now: datetime) -> None:
    NotebookServerFactory.create(state=NotebookServer.State.QUEUED)
    BuildFactory.create(state="building")

    sample = measure_usage(now=now)

    assert (sample.running, sample.waiting, sample.building) == (0, 1, 1)
    assert sample.disk_used_bytes > 0


def test_measure_forgets_servers_that_stopped(fake_backends: None, now: datetime) -> None:
    server = server_in_engine()
    measure_usage(now=now)
    NotebookServer.objects.filter(pk=server.pk).update(state=NotebookServer.State.STOPPED)

    measure_usage(now=now)

    assert not ServerUsage.objects.exists()


def test_measure_goes_on_when_the_engine_does_not_answer(use_backends: Callable[..., None], now: datetime) -> None:
    use_backends(spawner=UnreachableSpawner)
    server_in_engine()

    assert measure_usage(now=now).running == 1


def test_measure_keeps_what_servers_run_with(fake_backends: None, settings: Settings, now: datetime) -> None:
    settings.RUNTIME = "process"

    measure_usage(now=now)

    report = SiteReport.objects.get()
    assert (report.runtime, report.version, report.choice, report.problem) == ("fake", "1", "set", "")
    assert report.taken_at == now
    assert 0 < report.data_disk_free_bytes < report.data_disk_total_bytes


def test_measure_keeps_the_latest_report_alone(fake_backends: None, now: datetime) -> None:
    measure_usage(now=now)
    measure_usage(now=now + timedelta(minutes=1))

    assert SiteReport.objects.get().taken_at == now + timedelta(minutes=1)


def test_measure_asks_nothing_more_of_an_engine_that_is_down(use_backends: Callable[..., None], now: datetime) -> None:
    use_backends(spawner=ReportedSpawner)
    server_in_engine()

    measure_usage(now=now)

    report = SiteReport.objects.get()
    assert (report.problem, report.detail, report.firewall) == ("silent", "timed out", "unseen")
    assert (report.engine_disk_total_bytes, report.engine_disk_free_bytes) == (100, 40)
    assert cast("ReportedSpawner", backends.spawner()).questions == 0


def test_measure_says_that_no_runtime_could_be_chosen(settings: Settings, now: datetime) -> None:
    settings.RUNTIME, settings.DOCKER_HOST, settings.EMBEDDED = "auto", "tcp://127.0.0.1:1", False
    backends.runtime.cache_clear()
    backends.spawner.cache_clear()

    sample = measure_usage(now=now)

    report = SiteReport.objects.get()
    assert (report.runtime, report.choice, report.problem, sample.running) == ("auto", "", "other", 0)
    assert "no Docker Engine answers" in report.detail


def test_measure_bounds_what_it_keeps(use_backends: Callable[..., None], now: datetime) -> None:
    use_backends(spawner=WordySpawner)

    measure_usage(now=now)

    assert SiteReport.objects.get().version == "1" * MAX_VERSION


def test_measure_twice_in_a_minute_keeps_one_sample(fake_backends: None, now: datetime) -> None:
    measure_usage(now=now)
    measure_usage(now=now + timedelta(seconds=20))

    assert SiteSample.objects.count() == 1


def test_forget_keeps_the_history(fake_backends: None, now: datetime) -> None:
    measure_usage(now=now)
    measure_usage(now=now - HISTORY - timedelta(minutes=1))

    forget_old_samples(now=now)

    assert [sample.taken_at for sample in SiteSample.objects.all()] == [now]
