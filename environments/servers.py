"""The life of a notebook server: asked to start, stop or go away by a person, carried out by a worker.

Asking changes the row and returns at once. Carrying out happens under a lease: whoever holds it is the
only one at work on the server, and when it is not renewed the reconciler hands the work to another.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import PurePosixPath

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from environments import builds, naming, probing
from environments.backends import builder, spawner, volume_store
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.leases import Pulse, lease_from
from environments.live import announce_server
from environments.models import Build, NotebookServer, Volume
from environments.queueing import enqueue
from environments.tickets import server_token
from environments.values import Endpoint, Image, Limits, Liveness, Mount, ResolvedRepository, ServerSpec

logger = logging.getLogger(__name__)

MAX_START_ATTEMPTS = 3
MAX_FAILURE_LOG = 4000
HOME_MOUNT = PurePosixPath("home")
_PROBE_SECONDS = 0.1

Clock = Callable[[], datetime]
State = NotebookServer.State


# --- Asking ------------------------------------------------------------------------------------------------


def start_server(server: NotebookServer, *, now: datetime) -> None:
    """Have the server started, its image made again if need be; nothing if it runs or is on the way.

    Raises UserError `state_conflict` while it is stopping.
    """
    if server.is_on_the_way or server.state == State.RUNNING:
        return
    if not server.can_start:
        raise _conflict(server)
    cleared = {"failure_code": "", "failure_facts": {}, "failure_log": "", "start_attempts": 0, "build": None}
    with transaction.atomic():
        if not NotebookServer.objects.move(server, State.QUEUED, now=now, **cleared):
            return  # A second click was quicker.
        prepare_server(server, now=now)
        announce_server(server)


def prepare_server(server: NotebookServer, *, now: datetime) -> None:
    """See to it that a waiting server gets its image and then a start."""
    if builder().find(server.image_key):
        enqueue("start_server", server.pk)
        return
    resolved = ResolvedRepository(server.repository_url, server.commit, server.ref)
    server.build = builds.request_build(server.image_key, resolved, requested_by=server.owner, now=now)
    server.save(update_fields=["build"])
    follow_build(server.build, now=now)


def stop_server(server: NotebookServer, *, now: datetime) -> None:
    """Have the server stopped; nothing if it is not running nor about to.

    A server that waits for its environment leaves the queue; the build goes on only if others wait too.
    """
    if not server.can_stop:
        return
    with transaction.atomic():
        if server.state in (State.QUEUED, State.BUILDING):
            moved = NotebookServer.objects.move(server, State.STOPPED, now=now)
            if moved and server.build is not None:
                _abandon_build(server.build, now=now)
        else:
            moved = NotebookServer.objects.move(server, State.STOPPING, now=now, lease_expires_at=None)
            enqueue("stop_server", server.pk)
        if not moved:
            raise _conflict(server)
        announce_server(server)


def leave_build(build: Build, *, user: User, now: datetime) -> None:
    """Stop this person's servers that wait for a build; the last to leave cancels it."""
    waiting = build.servers.filter(owner=user, state__in=(State.QUEUED, State.BUILDING))
    for server in waiting.select_related("build"):
        stop_server(server, now=now)
    _abandon_build(build, now=now)


def delete_server(server: NotebookServer, *, now: datetime) -> None:
    """Take the server and its files away for good. Personal files in `~/home` stay.

    It vanishes from every page at once; the engine follows.
    """
    with transaction.atomic():
        NotebookServer.objects.present().filter(pk=server.pk).update(deleted_at=now)
        server.deleted_at = now
        stop_server(server, now=now)
        announce_server(server)
        enqueue("purge_server", server.pk)


def keep_server(server: NotebookServer, *, until: datetime | None) -> None:
    """Do not stop this server for being idle before then; None takes that back."""
    NotebookServer.objects.filter(pk=server.pk).update(keep_until=until)
    server.keep_until = until
    announce_server(server)


def queue_place(server: NotebookServer) -> int | None:
    """Its place among those that wait for an environment or a start, the next being 1; None otherwise."""
    if server.state != State.QUEUED:
        return None
    if server.build is not None and server.build.is_active:
        return builds.queue_place(server.build)
    waiting = NotebookServer.objects.present().filter(state=State.QUEUED)
    return waiting.filter(state_changed_at__lt=server.state_changed_at).count() + 1


# --- Carrying out ------------------------------------------------------------------------------------------


def carry_out_build(build: Build, *, clock: Clock = timezone.now) -> None:
    """Run a waiting build, and move everybody who waits for it along with it."""
    if not builds.claim_build(build, now=clock()):
        return
    follow_build(build, now=clock())
    try:
        builds.run_claimed_build(build, clock=clock)
    finally:
        follow_build(build, now=clock())
        builds.enqueue_waiting_builds()


def follow_build(build: Build, *, now: datetime) -> None:
    """Bring the servers that wait for a build to where the build is. Safe to repeat."""
    build.refresh_from_db()
    for server in build.servers.filter(state__in=(State.QUEUED, State.BUILDING)):
        _follow(server, build, now)


def carry_out_start(server: NotebookServer, *, clock: Clock = timezone.now) -> None:
    """Start a waiting server, or go on with a start whose worker died, until it runs or has failed."""
    if not _claim_start(server, now=clock()):
        return
    try:
        _start(server, clock)
    except EnvironmentsError as error:
        _fail(server, error, now=clock())
    except Exception:
        _fail(server, SystemFailure("unexpected"), now=clock())
        raise
    finally:
        enqueue_waiting_starts()


def enqueue_waiting_starts() -> None:
    """Ask workers to start as many waiting servers, oldest first, as there are free places."""
    free = int(settings.START_CONCURRENCY) - NotebookServer.objects.filter(state=State.STARTING).count()
    waiting = NotebookServer.objects.filter(state=State.QUEUED).exclude(build__state__in=Build.ACTIVE)
    for server in waiting.order_by("state_changed_at")[: max(0, free)]:
        enqueue("start_server", server.pk)


def carry_out_stop(server: NotebookServer, *, clock: Clock = timezone.now) -> None:
    """Stop a server that is to stop, with everything it started."""
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=clock())
    ours = NotebookServer.objects.filter(free, pk=server.pk, state=State.STOPPING)
    if server.state != State.STOPPING or not ours.update(lease_expires_at=lease_from(clock())):
        return
    spawner().stop(server.handle)
    if NotebookServer.objects.move(server, State.STOPPED, now=clock(), endpoint="", lease_expires_at=None):
        announce_server(server)
    if server.deleted_at is not None:
        purge_server(server)


def purge_server(server: NotebookServer) -> None:
    """Remove a deleted server's files and row, once it is certain that nothing of it runs."""
    if server.deleted_at is None or server.state not in (State.STOPPED, State.FAILED):
        return
    if server.start_id:
        spawner().stop(server.handle)
    volume_store().delete(server.volume.key)
    with transaction.atomic():
        server.delete()
        server.volume.delete()


# --- Steps -------------------------------------------------------------------------------------------------


def _conflict(server: NotebookServer) -> UserError:
    return UserError("state_conflict", state=str(State(server.state).label))


def _abandon_build(build: Build, *, now: datetime) -> None:
    if not build.servers.filter(state__in=(State.QUEUED, State.BUILDING)).exists():
        builds.cancel_build(build, now=now)


def _follow(server: NotebookServer, build: Build, now: datetime) -> None:
    to = _state_with(build)
    if to == server.state:
        return
    failure = {"failure_code": build.failure_code, "failure_facts": build.failure_facts} if to == State.FAILED else {}
    if NotebookServer.objects.move(server, to, now=now, **failure):
        announce_server(server)
        if to == State.QUEUED:
            enqueue("start_server", server.pk)


def _state_with(build: Build) -> NotebookServer.State:
    if build.state in Build.UNDER_WAY:
        return State.BUILDING
    if build.state in (Build.State.QUEUED, Build.State.SUCCEEDED):
        return State.QUEUED
    return State.FAILED


def _claim_start(server: NotebookServer, *, now: datetime) -> bool:
    """Take the lease on a start: a new one, or one that a dead worker left behind."""
    if server.build is not None and server.build.is_active:
        return False
    lease = {"lease_expires_at": lease_from(now)}
    if server.state == State.STARTING:
        abandoned = NotebookServer.objects.filter(pk=server.pk, state=State.STARTING, lease_expires_at__lt=now)
        server.start_attempts += 1
        return bool(abandoned.update(start_attempts=server.start_attempts, **lease))
    if server.state != State.QUEUED or server.deleted_at is not None:
        return False
    if NotebookServer.objects.filter(state=State.STARTING).count() >= settings.START_CONCURRENCY:
        return False
    attempt = {"start_id": naming.new_start_id(), "start_attempts": server.start_attempts + 1, "endpoint": ""}
    claimed = NotebookServer.objects.move(server, State.STARTING, now=now, **attempt, **lease)
    if claimed:
        announce_server(server)
    return claimed


def _start(server: NotebookServer, clock: Clock) -> None:
    if server.start_attempts > MAX_START_ATTEMPTS:
        raise SystemFailure("start_interrupted")
    image = builder().find(server.image_key)
    if image is None:  # Removed since it was asked for: have it made again, then start.
        if NotebookServer.objects.move(server, State.QUEUED, now=clock()):
            prepare_server(server, now=clock())
        return
    endpoint = spawner().start(_spec(server, image))
    if _await_ready(server, endpoint, clock) and _enter_running(server, endpoint, clock()):
        announce_server(server)
    else:  # Somebody stopped it meanwhile, perhaps before there was anything to stop.
        spawner().stop(server.handle)


def _enter_running(server: NotebookServer, endpoint: Endpoint, now: datetime) -> bool:
    running = {"endpoint": str(endpoint), "started_at": now, "last_activity_at": now, "lease_expires_at": None}
    return NotebookServer.objects.move(server, State.RUNNING, now=now, **running)


def _await_ready(server: NotebookServer, endpoint: Endpoint, clock: Clock) -> bool:
    """Wait until the server answers. False when it is no longer wanted; raises when it never will."""
    token, renewal = server_token(server.handle), Pulse()
    deadline = time.monotonic() + settings.START_TIME_LIMIT_SECONDS
    while not probing.is_ready(endpoint, token):
        status = spawner().poll(server.handle)
        has_ended, is_late = status.liveness is not Liveness.ALIVE, time.monotonic() > deadline
        if (has_ended or is_late or renewal.is_due()) and not _renew_lease(server, clock()):
            return False
        if has_ended:
            raise SystemFailure("start_failed", detail=status.log_tail)
        if is_late:
            raise SystemFailure("start_timeout", detail=status.log_tail, seconds=settings.START_TIME_LIMIT_SECONDS)
        time.sleep(_PROBE_SECONDS)
    return True


def _renew_lease(server: NotebookServer, now: datetime) -> bool:
    ours = NotebookServer.objects.filter(pk=server.pk, state=State.STARTING, start_id=server.start_id)
    return bool(ours.update(lease_expires_at=lease_from(now)))


def _fail(server: NotebookServer, error: EnvironmentsError, *, now: datetime) -> None:
    logger.warning("server %s (%s) failed to start: %s", server.pk, server, error)
    spawner().stop(server.handle)
    failure = {
        "failure_code": error.code,
        "failure_facts": error.facts,
        "failure_log": error.detail[-MAX_FAILURE_LOG:],
        "lease_expires_at": None,
        "endpoint": "",
    }
    if NotebookServer.objects.move(server, State.FAILED, now=now, **failure):
        announce_server(server)


def _spec(server: NotebookServer, image: Image) -> ServerSpec:
    home, _ = Volume.objects.get_or_create(owner=server.owner, purpose=Volume.Purpose.HOME)
    return ServerSpec(
        handle=server.handle,
        image=image,
        home=server.volume.key,
        mounts=(Mount(home.key, HOME_MOUNT),),
        token=server_token(server.handle),
        environment={
            "CARREL_URL": settings.PUBLIC_URL,
            "CARREL_SERVER_NAME": server.name,
            "CARREL_REPOSITORY": server.repository_url,
            "CARREL_COMMIT": server.commit,
        },
        limits=Limits(server.memory_mb, server.cpus),
    )
