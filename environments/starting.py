"""Starting a server: carried out by a worker, under a lease, until it answers or has failed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import PurePosixPath

from django.conf import settings
from django.utils import timezone

from environments import naming, probing
from environments.backends import builder, spawner
from environments.errors import EnvironmentsError, SystemFailure
from environments.leases import Pulse, lease_from
from environments.live import announce_server
from environments.models import Build, NotebookServer, Volume
from environments.queueing import enqueue
from environments.servers import prepare_server
from environments.tickets import server_token
from environments.values import Endpoint, Image, Limits, Liveness, Mount, ServerSpec

logger = logging.getLogger(__name__)

MAX_START_ATTEMPTS = 3
MAX_FAILURE_LOG = 4000
HOME_MOUNT = PurePosixPath("home")
_PROBE_SECONDS = 0.05
_LOOK_SECONDS = 0.5
"""How often the engine is asked whether a server is alive that does not answer yet: that costs more than knocking."""

Clock = Callable[[], datetime]
State = NotebookServer.State


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
    token, renewal, looking = server_token(server.handle), Pulse(), Pulse(_LOOK_SECONDS)
    deadline = time.monotonic() + settings.START_TIME_LIMIT_SECONDS
    while not probing.is_ready(endpoint, token):
        time.sleep(_PROBE_SECONDS)
        if not looking.is_due():
            continue
        status = spawner().poll(server.handle)
        has_ended, is_late = status.liveness is not Liveness.ALIVE, time.monotonic() > deadline
        if (has_ended or is_late or renewal.is_due()) and not _renew_lease(server, clock()):
            return False
        if has_ended:
            raise SystemFailure(status.reason or "start_failed", detail=status.log_tail)
        if is_late:
            raise SystemFailure("start_timeout", detail=status.log_tail, seconds=settings.START_TIME_LIMIT_SECONDS)
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
