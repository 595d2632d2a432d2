"""The life of a server: what a person asks for happens once, whatever comes between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from environments import backends, servers
from environments.errors import UserError
from environments.models import Build, NotebookServer, Volume
from environments.spawners.fake import FakeSpawner
from environments.values import Endpoint, Image, ServerSpec
from tests.factories import BuildFactory, NotebookServerFactory, running_server
from tests.fakes.backends import DyingSpawner, FailingSpawner, NeverSpawner, SlowSpawner

pytestmark = pytest.mark.django_db

State = NotebookServer.State


class StoppedMeanwhileSpawner(FakeSpawner):
    """Somebody presses Stop while it starts a server."""

    def start(self, spec: ServerSpec) -> Endpoint:
        NotebookServer.objects.filter(pk=spec.handle.server_id).update(state=State.STOPPING)
        return super().start(spec)


def has_image(server: NotebookServer) -> NotebookServer:
    """The server, its image being there."""
    key = server.image_key
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


# --- Carrying out


def test_carry_out_build_leads_everybody_who_waits_to_a_start(fake_backends: None) -> None:
    build = BuildFactory.create()
    waiting = [
        NotebookServerFactory.create(state=State.QUEUED, build=build, image_key=build.image_key) for _ in range(3)
    ]

    servers.carry_out_build(build)
    for server in NotebookServer.objects.filter(build=build):
        servers.carry_out_start(server)

    assert {NotebookServer.objects.get(pk=server.pk).state for server in waiting} == {State.RUNNING}
    assert len(backends.builder().requests) == 1  # type: ignore[attr-defined]


def test_carry_out_start_runs_the_server_with_its_files(fake_backends: None) -> None:
    server = waiting_server()

    servers.carry_out_start(server)

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
        servers.carry_out_start(server)
        tokens.add(backends.spawner().specs[server.handle].token)  # type: ignore[attr-defined]
        servers.stop_server(server, now=timezone.now())
        servers.carry_out_stop(server)
        servers.start_server(server, now=timezone.now())

    assert len(tokens) == 2
    assert all(len(token) == 64 for token in tokens)


def test_carry_out_start_twice_starts_once(fake_backends: None) -> None:
    server = waiting_server()
    seen_by_another = NotebookServer.objects.get(pk=server.pk)

    servers.carry_out_start(server)
    servers.carry_out_start(seen_by_another)

    assert len(backends.spawner().list()) == 1


def test_carry_out_start_waits_until_it_answers(use_backends: Callable[..., None]) -> None:
    use_backends(spawner=SlowSpawner)
    server = waiting_server()

    servers.carry_out_start(server)

    assert server.state == State.RUNNING


def test_carry_out_start_waits_for_a_place(fake_backends: None, settings: Settings) -> None:
    settings.START_CONCURRENCY = 1
    NotebookServerFactory.create(state=State.STARTING)
    server = waiting_server()

    servers.carry_out_start(server)

    assert server.state == State.QUEUED
    assert servers.queue_place(server) == 1


def test_carry_out_start_fails_when_it_never_answers(use_backends: Callable[..., None], settings: Settings) -> None:
    use_backends(spawner=NeverSpawner)
    settings.START_TIME_LIMIT_SECONDS = 0
    server = waiting_server()

    servers.carry_out_start(server)

    server.refresh_from_db()
    assert (server.state, server.failure_code, server.failure_log) == (State.FAILED, "start_timeout", "running")
    assert not is_alive(server)


def test_carry_out_start_fails_with_its_last_words_when_it_dies(use_backends: Callable[..., None]) -> None:
    use_backends(spawner=DyingSpawner)
    server = waiting_server()

    servers.carry_out_start(server)

    server.refresh_from_db()
    assert (server.state, server.failure_code) == (State.FAILED, "start_failed")
    assert "ImportError" in server.failure_log


def test_carry_out_start_fails_when_nothing_can_be_started(use_backends: Callable[..., None]) -> None:
    use_backends(spawner=FailingSpawner)
    server = waiting_server()

    servers.carry_out_start(server)

    server.refresh_from_db()
    assert (server.state, server.failure_code) == (State.FAILED, "runtime_unavailable")


def test_carry_out_start_leaves_nothing_when_stopped_meanwhile(use_backends: Callable[..., None]) -> None:
    use_backends(spawner=StoppedMeanwhileSpawner)
    server = waiting_server()

    servers.carry_out_start(server)

    server.refresh_from_db()
    assert server.state == State.STOPPING
    assert not is_alive(server)


def test_carry_out_start_has_a_lost_environment_made_again(fake_backends: None) -> None:
    server = NotebookServerFactory.create(state=State.QUEUED)

    servers.carry_out_start(server)

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

    servers.carry_out_start(server)

    server.refresh_from_db()
    assert (server.state, server.start_id) == (State.RUNNING, "e" * 32)
    assert len(backends.spawner().list()) == 1


def test_carry_out_start_leaves_a_start_under_lease_to_its_worker(fake_backends: None) -> None:
    soon = timezone.now() + timedelta(seconds=10)
    server = has_image(NotebookServerFactory.create(state=State.STARTING, start_id="e" * 32, lease_expires_at=soon))

    servers.carry_out_start(server)

    assert not is_alive(server)


def test_carry_out_start_gives_up_after_some_attempts(fake_backends: None) -> None:
    past = timezone.now() - timedelta(minutes=1)
    server = has_image(
        NotebookServerFactory.create(
            state=State.STARTING,
            start_id="e" * 32,
            start_attempts=servers.MAX_START_ATTEMPTS,
            lease_expires_at=past,
        )
    )

    servers.carry_out_start(server)

    server.refresh_from_db()
    assert (server.state, server.failure_code) == (State.FAILED, "start_interrupted")


def test_carry_out_stop_stops_the_engines_server(fake_backends: None, now: datetime) -> None:
    server = waiting_server()
    servers.carry_out_start(server)
    servers.stop_server(server, now=now)

    servers.carry_out_stop(server)

    server.refresh_from_db()
    assert (server.state, server.endpoint) == (State.STOPPED, "")
    assert not is_alive(server)


# --- Deleting


def test_delete_removes_server_and_files_and_keeps_personal_ones(fake_backends: None, now: datetime) -> None:
    server = waiting_server()
    servers.carry_out_start(server)
    owner, key = server.owner, server.volume.key
    backends.volume_store().create(key)

    servers.delete_server(server, now=now)
    servers.carry_out_stop(server)

    assert not NotebookServer.objects.exists()
    assert not backends.volume_store().exists(key)
    assert [kept.purpose for kept in Volume.objects.filter(owner=owner)] == [Volume.Purpose.HOME]


def test_delete_hides_the_server_and_frees_its_name_at_once(fake_backends: None, now: datetime) -> None:
    server = running_server(name="mine")

    servers.delete_server(server, now=now)

    assert not NotebookServer.objects.visible_to(server.owner).exists()
    NotebookServerFactory.create(owner=server.owner, name="mine")


def test_purge_touches_nothing_that_may_still_run(fake_backends: None, now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.STOPPING, deleted_at=now)

    servers.purge_server(server)

    assert NotebookServer.objects.filter(pk=server.pk).exists()
