"""After any crash: nothing stuck, nothing orphaned, nothing done twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from environments import backends, servers, starting, stopping
from environments.errors import SystemFailure
from environments.models import Build, NotebookServer
from environments.reconciling import MAX_REMOVED, reconcile
from environments.spawners.fake import FakeSpawner
from environments.values import Handle, Image, Liveness, ServerSpec
from environments.volumes.fake import FakeVolumeStore
from tests.factories import BuildFactory, NotebookServerFactory, running_server
from tests.fakes.backends import UnreachableBuilder, UnreachableSpawner

pytestmark = pytest.mark.django_db

State = NotebookServer.State


class LitteredSpawner(FakeSpawner):
    """Something is left of starts whose servers are gone, and some of it cannot be removed."""

    def __init__(self) -> None:
        super().__init__()
        self.litter: list[Handle] = []
        self.stuck: list[Handle] = []

    def list(self) -> Mapping[Handle, Liveness]:
        return {**super().list(), **dict.fromkeys(self.litter, Liveness.ABSENT)}

    def halt(self, handle: Handle) -> None:
        super().stop(handle)
        self.litter.append(handle)

    def stop(self, handle: Handle) -> None:
        if handle in self.stuck:
            raise SystemFailure("runtime_unavailable")
        super().stop(handle)
        self.litter = [left for left in self.litter if left != handle]


class StickyVolumeStore(FakeVolumeStore):
    """One of its volumes cannot be removed."""

    stuck = ""

    def delete(self, volume: str) -> None:
        if volume == self.stuck:
            raise SystemFailure("runtime_unavailable")
        super().delete(volume)


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


def test_reconcile_is_not_misled_by_what_is_left_of_a_server(use_backends: Callable[..., None], now: datetime) -> None:
    use_backends(spawner=LitteredSpawner)
    server = running_server()
    backends.spawner().litter = [server.handle]  # type: ignore[attr-defined]

    reconcile(now=now)

    server.refresh_from_db()
    assert server.state == State.STOPPING


def test_reconcile_removes_what_is_left_of_starts_even_if_some_of_it_stays(
    use_backends: Callable[..., None], now: datetime
) -> None:
    use_backends(spawner=LitteredSpawner)
    spawner = backends.spawner()
    assert isinstance(spawner, LitteredSpawner)
    spawner.litter = [Handle(str(number), "a") for number in range(3)]
    spawner.stuck = spawner.litter[:1]

    reconcile(now=now)

    assert spawner.litter == spawner.stuck


def test_reconcile_removes_what_is_left_of_a_stopped_server_without_a_word(
    use_backends: Callable[..., None], now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    use_backends(spawner=LitteredSpawner)
    server = started_server()
    servers.stop_server(server, now=now)
    stopping.carry_out_stop(server)
    left = [*backends.spawner().list()]

    reconcile(now=now)

    assert (server.state, left) == (State.STOPPED, [server.handle])
    assert backends.spawner().list() == {}
    assert caplog.text == ""


def test_reconcile_removes_a_few_at_a_time_servers_that_run_first(
    use_backends: Callable[..., None], now: datetime
) -> None:
    use_backends(spawner=LitteredSpawner)
    spawner = backends.spawner()
    spawner.litter = [Handle(str(number), "a") for number in range(2 * MAX_REMOVED)]  # type: ignore[attr-defined]
    spawner.start(spec_of(Handle("orphan", "a")))

    reconcile(now=now)

    assert [*spawner.list().values()] == [Liveness.ABSENT] * (MAX_REMOVED + 1)


def test_reconcile_removes_what_is_left_of_a_failed_server(fake_backends: None, now: datetime) -> None:
    server = started_server()
    backends.spawner().end(server.handle)  # type: ignore[attr-defined]
    NotebookServer.objects.update(state=State.FAILED)

    reconcile(now=now)

    assert backends.spawner().list() == {}


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

    assert [*backends.spawner().list()] == [wanted.handle]


def test_reconcile_goes_on_when_the_engine_does_not_answer(
    use_backends: Callable[..., None],
    now: datetime,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_backends(spawner=UnreachableSpawner, builder=UnreachableBuilder)
    running, waiting = running_server(), NotebookServerFactory.create(state=State.QUEUED)
    build = BuildFactory.create(state=Build.State.BUILDING, lease_expires_at=now - timedelta(seconds=1))
    deleted = NotebookServerFactory.create(state=State.STOPPED, start_id="a" * 32, deleted_at=now - timedelta(days=365))
    sent: list[str] = []
    monkeypatch.setattr("environments.queueing._send", lambda name, key: sent.append(key))

    with django_capture_on_commit_callbacks(execute=True):
        reconcile(now=now)

    for row in (running, build, deleted):
        row.refresh_from_db()
    assert (running.state, build.state, deleted.state) == (State.RUNNING, Build.State.FAILED, State.STOPPED)
    assert str(waiting.pk) in sent


def test_reconcile_finishes_deletions(fake_backends: None, now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.STOPPED, deleted_at=now - timedelta(days=365))

    reconcile(now=now)

    assert not NotebookServer.objects.filter(pk=server.pk).exists()


def test_reconcile_finishes_deletions_even_if_one_cannot_be_finished(
    use_backends: Callable[..., None], now: datetime
) -> None:
    use_backends(volume_store=StickyVolumeStore)
    _first, second, _third = (
        NotebookServerFactory.create(state=State.STOPPED, deleted_at=now - timedelta(days=365)) for _ in range(3)
    )
    backends.volume_store().stuck = second.volume.key  # type: ignore[attr-defined]

    reconcile(now=now)

    assert NotebookServer.objects.get() == second


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
