"""After any crash: nothing stuck, nothing orphaned, nothing done twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from environments import backends, servers, starting, stopping
from environments.errors import SystemFailure
from environments.models import Build, NotebookServer
from environments.reconciling import MAX_CLEARED, reconcile
from environments.spawners.fake import FakeSpawner
from environments.values import Handle, Image, ServerSpec
from tests.factories import BuildFactory, NotebookServerFactory, running_server
from tests.fakes.backends import SlowlyClearingSpawner

pytestmark = pytest.mark.django_db

State = NotebookServer.State


class UnreachableSpawner(FakeSpawner):
    """Its engine does not answer."""

    def list(self) -> list[Handle]:
        raise SystemFailure("runtime_unavailable")


def started_server() -> NotebookServer:
    """A server that runs, in row and engine alike."""
    server = NotebookServerFactory.create(state=State.QUEUED)
    backends.builder().images[server.image_key] = Image(server.image_key, "fake:")  # type: ignore[attr-defined]
    starting.carry_out_start(server)
    assert server.state == State.RUNNING
    return server


def spec_of(handle: Handle) -> ServerSpec:
    """What starts a server nobody has a row for."""
    return ServerSpec(handle, Image("k", "fake:k"), "server-" + "0" * 32, (), token="t")


def test_reconcile_fails_a_build_whose_worker_died_and_tells_who_waits(fake_backends: None, now: datetime) -> None:
    build = BuildFactory.create(state=Build.State.BUILDING, lease_expires_at=now - timedelta(seconds=1))
    server = NotebookServerFactory.create(state=State.BUILDING, build=build)

    reconcile(now=now)

    build.refresh_from_db()
    server.refresh_from_db()
    assert (build.state, server.state) == (Build.State.FAILED, State.FAILED)
    assert server.failure_code == "build_interrupted"


def test_reconcile_leaves_a_build_under_lease_alone(fake_backends: None, now: datetime) -> None:
    build = BuildFactory.create(state=Build.State.BUILDING, lease_expires_at=now + timedelta(seconds=1))

    reconcile(now=now)

    build.refresh_from_db()
    assert build.state == Build.State.BUILDING


def test_reconcile_moves_on_a_server_whose_build_ended_unnoticed(fake_backends: None, now: datetime) -> None:
    build = BuildFactory.create(state=Build.State.SUCCEEDED)
    server = NotebookServerFactory.create(state=State.BUILDING, build=build)

    reconcile(now=now)

    server.refresh_from_db()
    assert server.state == State.QUEUED


def test_reconcile_notices_a_server_that_died(fake_backends: None, now: datetime) -> None:
    server = started_server()
    backends.spawner().end(server.handle, log_tail="Killed")  # type: ignore[attr-defined]

    reconcile(now=now)

    server.refresh_from_db()
    assert (server.state, server.failure_code, server.failure_log) == (State.FAILED, "server_died", "Killed")


def test_reconcile_puts_a_server_the_engine_forgot_to_sleep(fake_backends: None, now: datetime) -> None:
    server = running_server()

    reconcile(now=now)

    server.refresh_from_db()
    assert (server.state, server.failure_code) == (State.STOPPING, "")


def test_reconcile_leaves_running_servers_running(fake_backends: None, now: datetime) -> None:
    server = started_server()

    reconcile(now=now)

    server.refresh_from_db()
    assert server.state == State.RUNNING
    assert server.handle in backends.spawner().list()


def test_reconcile_stops_orphans(fake_backends: None, now: datetime) -> None:
    wanted = started_server()
    orphan = Handle("00000000-0000-0000-0000-000000000000", "a" * 32)
    former_start = Handle(str(wanted.pk), "b" * 32)
    for handle in (orphan, former_start):
        backends.spawner().start(spec_of(handle))

    reconcile(now=now)

    assert backends.spawner().list() == [wanted.handle]


def test_reconcile_clears_away_what_a_stopped_server_has_left(
    use_backends: Callable[..., None], now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    use_backends(spawner=SlowlyClearingSpawner)
    server = started_server()
    servers.stop_server(server, now=now)
    stopping.carry_out_stop(server)
    left = backends.spawner().list()

    reconcile(now=now)

    assert (server.state, left) == (State.STOPPED, [server.handle])
    assert backends.spawner().list() == []
    assert "nobody asked for" not in caplog.text


def test_reconcile_clears_away_a_few_at_a_time(fake_backends: None, now: datetime) -> None:
    for number in range(MAX_CLEARED + 1):
        backends.spawner().start(spec_of(Handle(str(number), "a" * 32)))

    reconcile(now=now)

    assert len(backends.spawner().list()) == 1


def test_reconcile_goes_on_when_the_engine_does_not_answer(use_backends: Callable[..., None], now: datetime) -> None:
    use_backends(spawner=UnreachableSpawner)
    running = running_server()
    build = BuildFactory.create(state=Build.State.BUILDING, lease_expires_at=now - timedelta(seconds=1))

    reconcile(now=now)

    running.refresh_from_db()
    build.refresh_from_db()
    assert (running.state, build.state) == (State.RUNNING, Build.State.FAILED)


def test_reconcile_finishes_deletions(fake_backends: None, now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.STOPPED, deleted_at=now - timedelta(days=365))

    reconcile(now=now)

    assert not NotebookServer.objects.filter(pk=server.pk).exists()


@pytest.mark.parametrize(
    ("fields", "task"),
    [
        ({"state": State.STARTING, "lease_expires_at": timezone.now() - timedelta(days=999)}, "start_server"),
        ({"state": State.STOPPING, "lease_expires_at": None}, "stop_server"),
        ({"state": State.QUEUED}, "start_server"),
    ],
)
def test_reconcile_queues_work_nobody_does(
    fake_backends: None,
    now: datetime,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    monkeypatch: pytest.MonkeyPatch,
    fields: dict[str, object],
    task: str,
) -> None:
    server = NotebookServerFactory.create(**fields)
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr("environments.queueing._send", lambda name, key: sent.append((name, key)))

    with django_capture_on_commit_callbacks(execute=True):
        reconcile(now=now)

    assert (task, str(server.pk)) in sent


def test_reconcile_queues_waiting_builds(
    fake_backends: None,
    now: datetime,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build = BuildFactory.create()
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr("environments.queueing._send", lambda name, key: sent.append((name, key)))

    with django_capture_on_commit_callbacks(execute=True):
        reconcile(now=now)

    assert ("run_build", str(build.pk)) in sent


def test_reconcile_twice_is_as_good_as_once(fake_backends: None, now: datetime) -> None:
    server = started_server()
    backends.spawner().start(spec_of(Handle("00000000-0000-0000-0000-000000000000", "a" * 32)))

    reconcile(now=now)
    reconcile(now=now)

    server.refresh_from_db()
    assert server.state == State.RUNNING
