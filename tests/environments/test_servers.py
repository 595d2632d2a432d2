"""The life of a server: what a person asks for happens once, whatever comes between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from environments import backends, places, servers, starting, stopping
from environments.errors import SystemFailure, UserError
from environments.models import Build, NotebookServer, Volume
from environments.spawners.fake import FakeSpawner
from environments.values import Endpoint, Image, ServerSpec
from tests.factories import BuildFactory, NotebookServerFactory, running_server
from tests.fakes.backends import (
    DyingSpawner,
    FailingSpawner,
    LeavingSpawner,
    NeverSpawner,
    SlowSpawner,
    UnreachableBuilder,
    UnreachableSpawner,
)

pytestmark = pytest.mark.django_db

State = NotebookServer.State


class StoppedMeanwhileSpawner(FakeSpawner):
    """Somebody presses Stop while it starts a server."""

    def start(self, spec: ServerSpec) -> Endpoint:
        NotebookServer.objects.filter(pk=spec.handle.server_id).update(state=State.STOPPING)
        return super().start(spec)


class TakenOverSpawner(FakeSpawner):
    """Another worker, who took this one for dead, goes on with the same start and finishes it first."""

    error: SystemFailure | None = None

    def start(self, spec: ServerSpec) -> Endpoint:
        NotebookServer.objects.filter(pk=spec.handle.server_id).update(state=State.RUNNING)
        endpoint = super().start(spec)
        if self.error:
            raise self.error
        return endpoint


class TakenOverFailingSpawner(TakenOverSpawner):
    """The same, and what this worker does ends in an error."""

    error = SystemFailure("runtime_unavailable")


class StartedAnewSpawner(FakeSpawner):
    """Somebody stops the server and starts it again while this worker is at it."""

    def start(self, spec: ServerSpec) -> Endpoint:
        NotebookServer.objects.filter(pk=spec.handle.server_id).update(start_id="b" * 32)
        return super().start(spec)


def has_image(server: NotebookServer) -> NotebookServer:
    """The server, its image having been made and being there."""
    key = server.image_key
    BuildFactory.create(image_key=key, state=Build.State.SUCCEEDED)
    backends.builder().images[key] = Image(key, f"fake:{key}")  # type: ignore[attr-defined]
    return server


def waiting_server(**fields: Any) -> NotebookServer:
    """A server whose image is there and that waits for a start."""
    return has_image(NotebookServerFactory.create(state=State.QUEUED, **fields))


def is_alive(server: NotebookServer) -> bool:
    """Whether the engine has it."""
    return server.handle in backends.spawner().list()


# --- Asking


def test_start_asks_for_the_environment_when_it_is_not_there(fake_backends: None, now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.STOPPED)

    servers.start_server(server, now=now)

    server.refresh_from_db()
    assert server.state == State.QUEUED
    assert server.build is not None
    assert server.build.image_key == server.image_key


@pytest.mark.parametrize("was_built", [True, False])
def test_start_is_asked_for_while_the_engine_does_not_answer(
    use_backends: Callable[..., None], now: datetime, was_built: bool
) -> None:
    use_backends(builder=UnreachableBuilder)
    server = NotebookServerFactory.create(state=State.STOPPED)
    if was_built:
        BuildFactory.create(image_key=server.image_key, state=Build.State.SUCCEEDED)

    servers.start_server(server, now=now)

    server.refresh_from_db()
    assert (server.state, server.build is None) == (State.QUEUED, was_built)


def test_start_forgets_the_last_failure(fake_backends: None, now: datetime) -> None:
    server = has_image(NotebookServerFactory.create(state=State.FAILED, failure_code="server_died", failure_log="x"))

    servers.start_server(server, now=now)

    server.refresh_from_db()
    assert (server.state, server.failure_code, server.failure_log, server.build) == (State.QUEUED, "", "", None)


@pytest.mark.parametrize("state", [State.QUEUED, State.BUILDING, State.STARTING, State.RUNNING])
def test_start_twice_changes_nothing(fake_backends: None, now: datetime, state: str) -> None:
    server = NotebookServerFactory.create(state=state)

    servers.start_server(server, now=now)

    server.refresh_from_db()
    assert server.state == state


def test_start_while_stopping_is_refused(fake_backends: None, now: datetime) -> None:
    with pytest.raises(UserError) as refusal:
        servers.start_server(NotebookServerFactory.create(state=State.STOPPING), now=now)

    assert refusal.value.code == "state_conflict"


def test_stop_takes_a_waiting_server_out_of_the_queue_and_its_build_with_it(fake_backends: None, now: datetime) -> None:
    build = BuildFactory.create()
    server = NotebookServerFactory.create(state=State.QUEUED, build=build)

    servers.stop_server(server, now=now)

    build.refresh_from_db()
    assert (server.state, build.state) == (State.STOPPED, Build.State.CANCELLED)


def test_stop_lets_a_build_go_on_for_others(fake_backends: None, now: datetime) -> None:
    build = BuildFactory.create()
    mine, _other = (NotebookServerFactory.create(state=State.QUEUED, build=build) for _ in range(2))

    servers.stop_server(mine, now=now)

    build.refresh_from_db()
    assert build.state == Build.State.QUEUED


def test_leave_build_touches_only_ones_own_servers(fake_backends: None, student: User, now: datetime) -> None:
    build = BuildFactory.create(state=Build.State.BUILDING)
    mine = NotebookServerFactory.create(owner=student, state=State.BUILDING, build=build)
    other = NotebookServerFactory.create(state=State.BUILDING, build=build)

    servers.leave_build(build, user=student, now=now)

    mine.refresh_from_db()
    other.refresh_from_db()
    build.refresh_from_db()
    assert (mine.state, other.state, build.cancel_requested_at) == (State.STOPPED, State.BUILDING, None)


@pytest.mark.parametrize("state", [State.STOPPING, State.STOPPED, State.FAILED])
def test_stop_what_does_not_run_changes_nothing(fake_backends: None, now: datetime, state: str) -> None:
    server = NotebookServerFactory.create(state=state)

    servers.stop_server(server, now=now)

    server.refresh_from_db()
    assert server.state == state


@pytest.mark.parametrize("state", [State.QUEUED, State.BUILDING, State.STARTING, State.RUNNING])
def test_keep_puts_the_stop_off_and_takes_that_back(now: datetime, state: str) -> None:
    server = NotebookServerFactory.create(state=state)

    wishes = []
    for until in (now + servers.max_keep(), None):
        servers.keep_server(server, until=until, now=now)
        server.refresh_from_db()
        wishes.append(server.keep_until)

    assert wishes == [now + servers.max_keep(), None]


@pytest.mark.parametrize(
    ("ahead", "code"),
    [
        (timedelta(0), "keep_past"),
        (timedelta(days=-1), "keep_past"),
        (timedelta(hours=24, microseconds=1), "keep_too_long"),
        (timedelta(days=365 * 1000), "keep_too_long"),
    ],
)
def test_keep_refuses_moments_too_early_or_too_late(now: datetime, ahead: timedelta, code: str) -> None:
    server = running_server()

    with pytest.raises(UserError) as caught:
        servers.keep_server(server, until=now + ahead, now=now)

    server.refresh_from_db()
    assert (caught.value.code, server.keep_until) == (code, None)


def test_keep_is_bounded_by_the_site(now: datetime, settings: Settings) -> None:
    settings.SERVER_KEEP_HOURS = 2
    server = running_server()
    servers.keep_server(server, until=now + timedelta(hours=2), now=now)

    with pytest.raises(UserError) as caught:
        servers.keep_server(server, until=now + timedelta(hours=3), now=now)

    assert (caught.value.code, caught.value.facts) == ("keep_too_long", {"hours": 2})


@pytest.mark.parametrize("fields", [{"state": State.STOPPED}, {"state": State.FAILED}, {"deleted_at": timezone.now()}])
def test_keep_refuses_a_server_that_is_not_to_run(now: datetime, fields: dict[str, Any]) -> None:
    server = NotebookServerFactory.create(**fields)

    with pytest.raises(UserError) as caught:
        servers.keep_server(server, until=now + timedelta(hours=1), now=now)

    assert caught.value.code == "state_conflict"


def test_keep_can_be_taken_back_from_a_server_that_sleeps(now: datetime) -> None:
    server = NotebookServerFactory.create(keep_until=now)

    servers.keep_server(server, until=None, now=now)

    server.refresh_from_db()
    assert server.keep_until is None


# --- Carrying out


def test_carry_out_build_leads_everybody_who_waits_to_a_start(fake_backends: None) -> None:
    build = BuildFactory.create()
    waiting = [
        NotebookServerFactory.create(state=State.QUEUED, build=build, image_key=build.image_key) for _ in range(3)
    ]

    servers.carry_out_build(build)
    for server in NotebookServer.objects.filter(build=build):
        starting.carry_out_start(server)

    assert {NotebookServer.objects.get(pk=server.pk).state for server in waiting} == {State.RUNNING}
    assert len(backends.builder().requests) == 1  # type: ignore[attr-defined]


def test_carry_out_start_runs_the_server_with_its_files(fake_backends: None) -> None:
    server = waiting_server()

    starting.carry_out_start(server)

    server.refresh_from_db()
    spec = backends.spawner().specs[server.handle]  # type: ignore[attr-defined]
    home = Volume.objects.get(owner=server.owner, purpose=Volume.Purpose.HOME)
    assert (server.state, server.endpoint) == (State.RUNNING, str(backends.spawner().endpoint))  # type: ignore[attr-defined]
    assert (spec.home, [(mount.volume, str(mount.path)) for mount in spec.mounts]) == (
        server.volume.key,
        [(home.key, "home")],
    )


def test_carry_out_start_uses_another_token_each_time(fake_backends: None) -> None:
    tokens = set()
    server = waiting_server()
    for _ in range(2):
        starting.carry_out_start(server)
        tokens.add(backends.spawner().specs[server.handle].token)  # type: ignore[attr-defined]
        servers.stop_server(server, now=timezone.now())
        stopping.carry_out_stop(server)
        servers.start_server(server, now=timezone.now())

    assert len(tokens) == 2
    assert all(len(token) == 64 for token in tokens)


def test_carry_out_start_twice_starts_once(fake_backends: None) -> None:
    server = waiting_server()
    seen_by_another = NotebookServer.objects.get(pk=server.pk)

    starting.carry_out_start(server)
    starting.carry_out_start(seen_by_another)

    assert len(backends.spawner().list()) == 1


def test_carry_out_start_waits_until_it_answers(use_backends: Callable[..., None]) -> None:
    use_backends(spawner=SlowSpawner)
    server = waiting_server()

    starting.carry_out_start(server)

    assert server.state == State.RUNNING


def test_carry_out_start_waits_for_a_place(fake_backends: None, settings: Settings) -> None:
    settings.START_CONCURRENCY = 1
    NotebookServerFactory.create(state=State.STARTING)
    server = waiting_server()

    starting.carry_out_start(server)

    assert server.state == State.QUEUED
    assert places.queue_place(server) == 1


def test_carry_out_start_fails_when_it_never_answers(use_backends: Callable[..., None], settings: Settings) -> None:
    use_backends(spawner=NeverSpawner)
    settings.START_TIME_LIMIT_SECONDS = 0
    server = waiting_server()

    starting.carry_out_start(server)

    server.refresh_from_db()
    assert (server.state, server.failure_code, server.failure_log) == (State.FAILED, "start_timeout", "running")
    assert not is_alive(server)


def test_carry_out_start_fails_with_its_last_words_when_it_dies(use_backends: Callable[..., None]) -> None:
    use_backends(spawner=DyingSpawner)
    server = waiting_server()

    starting.carry_out_start(server)

    server.refresh_from_db()
    assert (server.state, server.failure_code) == (State.FAILED, "start_failed")
    assert "ImportError" in server.failure_log


def test_carry_out_start_fails_when_nothing_can_be_started(use_backends: Callable[..., None]) -> None:
    use_backends(spawner=FailingSpawner)
    server = waiting_server()

    starting.carry_out_start(server)

    server.refresh_from_db()
    assert (server.state, server.failure_code) == (State.FAILED, "runtime_unavailable")


def test_carry_out_start_fails_when_the_engine_leaves_meanwhile(use_backends: Callable[..., None]) -> None:
    use_backends(spawner=LeavingSpawner)
    server = waiting_server()

    starting.carry_out_start(server)

    server.refresh_from_db()
    assert (server.state, server.failure_code) == (State.FAILED, "runtime_unavailable")


@pytest.mark.parametrize("spawner", [TakenOverSpawner, TakenOverFailingSpawner])
def test_carry_out_start_leaves_the_server_to_the_worker_who_took_over(
    use_backends: Callable[..., None], spawner: type[FakeSpawner]
) -> None:
    use_backends(spawner=spawner)
    server = waiting_server()

    starting.carry_out_start(server)

    server.refresh_from_db()
    assert server.state == State.RUNNING
    assert is_alive(server)


def test_carry_out_start_does_not_pass_for_a_later_start(use_backends: Callable[..., None]) -> None:
    use_backends(spawner=StartedAnewSpawner)
    server = waiting_server()

    starting.carry_out_start(server)

    server.refresh_from_db()
    assert (server.state, server.endpoint) == (State.STARTING, "")
    assert not backends.spawner().list()


def test_carry_out_start_fails_when_nobody_knows_whether_there_is_an_image(use_backends: Callable[..., None]) -> None:
    use_backends(builder=UnreachableBuilder)
    server = NotebookServerFactory.create(state=State.QUEUED)

    starting.carry_out_start(server)

    server.refresh_from_db()
    assert (server.state, server.failure_code) == (State.FAILED, "runtime_unavailable")


def test_carry_out_build_fails_when_nobody_knows_whether_there_is_an_image(use_backends: Callable[..., None]) -> None:
    use_backends(builder=UnreachableBuilder)
    build = BuildFactory.create()
    server = NotebookServerFactory.create(state=State.QUEUED, build=build)

    servers.carry_out_build(build)

    server.refresh_from_db()
    assert (server.state, server.failure_code) == (State.FAILED, "runtime_unavailable")


def test_carry_out_start_leaves_nothing_when_stopped_meanwhile(use_backends: Callable[..., None]) -> None:
    use_backends(spawner=StoppedMeanwhileSpawner)
    server = waiting_server()

    starting.carry_out_start(server)

    server.refresh_from_db()
    assert server.state == State.STOPPING
    assert not is_alive(server)


def test_carry_out_start_has_a_lost_environment_made_again(fake_backends: None) -> None:
    server = NotebookServerFactory.create(state=State.QUEUED)

    starting.carry_out_start(server)

    server.refresh_from_db()
    assert server.state == State.QUEUED
    assert server.build is not None


def test_carry_out_start_goes_on_where_a_dead_worker_stopped(fake_backends: None) -> None:
    server = waiting_server()
    past = timezone.now() - timedelta(minutes=1)
    NotebookServer.objects.filter(pk=server.pk).update(
        state=State.STARTING, start_id="e" * 32, start_attempts=1, lease_expires_at=past
    )
    server.refresh_from_db()

    starting.carry_out_start(server)

    server.refresh_from_db()
    assert (server.state, server.start_id) == (State.RUNNING, "e" * 32)
    assert len(backends.spawner().list()) == 1


def test_carry_out_start_leaves_a_start_under_lease_to_its_worker(fake_backends: None) -> None:
    soon = timezone.now() + timedelta(seconds=10)
    server = has_image(NotebookServerFactory.create(state=State.STARTING, start_id="e" * 32, lease_expires_at=soon))

    starting.carry_out_start(server)

    assert not is_alive(server)


def test_carry_out_start_gives_up_after_some_attempts(fake_backends: None) -> None:
    past = timezone.now() - timedelta(minutes=1)
    server = has_image(
        NotebookServerFactory.create(
            state=State.STARTING,
            start_id="e" * 32,
            start_attempts=starting.MAX_START_ATTEMPTS,
            lease_expires_at=past,
        )
    )

    starting.carry_out_start(server)

    server.refresh_from_db()
    assert (server.state, server.failure_code) == (State.FAILED, "start_interrupted")


def test_carry_out_stop_stops_the_engines_server(fake_backends: None, now: datetime) -> None:
    server = waiting_server()
    starting.carry_out_start(server)
    servers.stop_server(server, now=now)

    stopping.carry_out_stop(server)

    server.refresh_from_db()
    assert (server.state, server.endpoint) == (State.STOPPED, "")
    assert not is_alive(server)


def test_carry_out_stop_goes_on_trying_when_the_engine_does_not_answer(
    use_backends: Callable[..., None], now: datetime
) -> None:
    use_backends(spawner=UnreachableSpawner)
    server = NotebookServerFactory.create(state=State.STOPPING)

    stopping.carry_out_stop(server, clock=lambda: now)

    server.refresh_from_db()
    assert server.state == State.STOPPING
    assert server.lease_expires_at is not None


# --- Deleting


def test_delete_removes_server_and_files_in_the_end_and_keeps_personal_ones(
    fake_backends: None, settings: Settings, now: datetime
) -> None:
    settings.DELETED_FILES_DAYS = 7
    server = waiting_server()
    starting.carry_out_start(server)
    owner, key = server.owner, server.volume.key
    backends.volume_store().create(key)

    servers.delete_server(server, now=now)
    stopping.carry_out_stop(server, clock=lambda: now)
    stopping.purge_server(server, now=now + timedelta(days=7))

    assert not NotebookServer.objects.exists()
    assert not backends.volume_store().exists(key)
    assert [kept.purpose for kept in Volume.objects.filter(owner=owner)] == [Volume.Purpose.HOME]


def test_delete_hides_the_server_and_frees_its_name_at_once(fake_backends: None, now: datetime) -> None:
    server = running_server(name="mine")

    servers.delete_server(server, now=now)

    assert not NotebookServer.objects.visible_to(server.owner).exists()
    NotebookServerFactory.create(owner=server.owner, name="mine")


def test_delete_stops_a_server_that_a_worker_has_moved_on_since(fake_backends: None, now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.STARTING)
    NotebookServer.objects.filter(pk=server.pk).update(state=State.RUNNING)

    servers.delete_server(server, now=now)

    assert NotebookServer.objects.get(pk=server.pk).state == State.STOPPING


def test_delete_twice_in_the_same_moment_is_one_deletion(fake_backends: None, now: datetime) -> None:
    server = running_server()
    second_click = NotebookServer.objects.get(pk=server.pk)

    servers.delete_server(server, now=now)
    servers.delete_server(second_click, now=now + timedelta(seconds=1))

    assert NotebookServer.objects.get(pk=server.pk).deleted_at == now


def test_delete_keeps_the_files_for_some_days(fake_backends: None, settings: Settings, now: datetime) -> None:
    settings.DELETED_FILES_DAYS = 7
    server = NotebookServerFactory.create(state=State.STOPPED)
    backends.volume_store().create(server.volume.key)
    servers.delete_server(server, now=now)

    stopping.purge_server(server, now=now + timedelta(days=6, hours=23))

    assert backends.volume_store().exists(server.volume.key)


def test_undelete_brings_the_server_back_asleep(fake_backends: None, now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.STOPPED)
    servers.delete_server(server, now=now)

    servers.undelete_server(NotebookServer.objects.deleted_by(server.owner).get(), now=now)

    assert NotebookServer.objects.visible_to(server.owner).get().state == State.STOPPED


def test_undelete_is_refused_when_the_name_is_taken_by_now(fake_backends: None, now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.STOPPED, name="mine")
    servers.delete_server(server, now=now)
    NotebookServerFactory.create(owner=server.owner, name="mine")

    with pytest.raises(UserError, match="name_taken"):
        servers.undelete_server(server, now=now)


def test_purge_touches_nothing_that_may_still_run(fake_backends: None, now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.STOPPING, deleted_at=now - timedelta(days=365))

    stopping.purge_server(server, now=now)

    assert NotebookServer.objects.filter(pk=server.pk).exists()
