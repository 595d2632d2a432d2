"""Starting a server: carried out by a worker, under a lease, until it answers or has failed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from environments import credentials, images, ledger, naming, probing
from environments.backends import builder, spawner
from environments.bringing import bring_while_starting, owned_by_material
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.giving import give_while_starting
from environments.leases import Pulse, kept_alive, lease_from
from environments.live import announce_server
from environments.models import NotebookServer, Turnstile, Volume
from environments.mounts import HOME_MOUNT, mounts_for_start
from environments.places import enqueue_waiting_starts, may_start
from environments.querysets import NotebookServerQuerySet
from environments.queueing import enqueue
from environments.quotas import allowance_of, check_size, group_allowance_of
from environments.references import unmarked
from environments.refreshing import refresh_files
from environments.servers import request_image
from environments.tickets import server_token
from environments.values import Endpoint, Image, Limits, Liveness, Mount, ServerSpec

logger = logging.getLogger(__name__)

MAX_START_ATTEMPTS = 3
MAX_FAILURE_LOG = 4000
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
        with kept_alive(lambda: _renew_lease(server, clock())):
            _start(server, clock)
    except EnvironmentsError as error:
        _fail(server, error, now=clock())
    except Exception:
        _fail(server, SystemFailure("unexpected"), now=clock())
        raise
    finally:
        enqueue_waiting_starts()
        if server.pending_update_id is not None:
            enqueue("update_server", server.pk)


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
    try:
        check_size(server.limits, allowance_of(server.owner), group_allowance_of(server.group_id))
    except UserError as error:
        _give_up(server, error, now=now)
        return False
    attempt = {"start_id": naming.new_start_id(), "start_attempts": server.start_attempts + 1, "endpoint": ""}
    with transaction.atomic():
        Turnstile.hold()
        if not may_start(server):
            return False
        claimed = NotebookServer.objects.move(server, State.STARTING, now=now, **attempt, **lease)
        if claimed:
            ledger.begin_run(server, now=now)
            announce_server(server)
    return claimed


def _give_up(server: NotebookServer, error: UserError, *, now: datetime) -> None:
    """Say that there will never be room for it: somebody may have less than when they launched it."""
    failure = {"failure_code": error.code, "failure_facts": error.facts}
    if NotebookServer.objects.move(server, State.FAILED, now=now, **failure):
        announce_server(server)


def _start(server: NotebookServer, clock: Clock) -> None:
    if server.start_attempts > MAX_START_ATTEMPTS:
        raise SystemFailure("start_interrupted")
    try:
        endpoint = _spawn(server, clock)
    except _NoLongerOurs:
        return
    if endpoint is None:
        _have_image_made_again(server, now=clock())
        return
    give_while_starting(server, clock=clock)  # Before the material, which leaves alone what is theirs.
    bring_while_starting(server, clock=clock)  # The home is filled now, and nobody is in it yet.
    if _await_ready(server, endpoint, clock) and _enter_running(server, endpoint, clock()):
        images.note_use(server.image_key, now=clock())
        announce_server(server)
    elif not _is_carried_on(server):  # Somebody stopped it meanwhile, perhaps before there was anything to stop.
        spawner().stop(server.handle)


class _NoLongerOurs(Exception):
    """Somebody stopped the server, or took the start over, while its files were brought up to date."""


def _spawn(server: NotebookServer, clock: Clock) -> Endpoint | None:
    """Where it will listen; None when its image is gone, be it that it went in this very moment."""
    image = builder().find(server.image_key)
    if image is None:
        return None
    spec = _spec(server, image, now=clock())
    try:
        leave_out = {mount.path.parts[0] for mount in spec.mounts}
        owned = owned_by_material(server)
        if refresh_files(server, image, leave_out=leave_out, owned=owned) and not _renew_lease(server, clock()):
            raise _NoLongerOurs
        return spawner().start(spec)
    except UserError as error:
        if error.code != "image_missing":
            raise
        logger.warning("the image of server %s is gone: %s", server.pk, error)
        return None


def _have_image_made_again(server: NotebookServer, *, now: datetime) -> None:
    """Back to the queue, for one more attempt with an image that is made anew."""
    if server.start_attempts >= MAX_START_ATTEMPTS:
        raise UserError("image_missing")
    last = {"start_attempts": MAX_START_ATTEMPTS - 1, "lease_expires_at": None}
    if _this_start(server).move(server, State.QUEUED, now=now, **last):
        request_image(server, now=now)
        announce_server(server)


def _enter_running(server: NotebookServer, endpoint: Endpoint, now: datetime) -> bool:
    running = {"endpoint": str(endpoint), "started_at": now, "last_activity_at": now, "lease_expires_at": None}
    with transaction.atomic():
        has_entered = _this_start(server).move(server, State.RUNNING, now=now, **running)
        if has_entered:
            ledger.enter_run(server, now=now)
    return has_entered


def _await_ready(server: NotebookServer, endpoint: Endpoint, clock: Clock) -> bool:
    """Wait until the server answers. False when it is no longer wanted; raises when it never will."""
    token, asking, looking = server_token(server.handle), Pulse(), Pulse(_LOOK_SECONDS)
    deadline = time.monotonic() + settings.START_TIME_LIMIT_SECONDS
    while not probing.is_ready(endpoint, token):
        time.sleep(_PROBE_SECONDS)
        if not looking.is_due():
            continue
        status = spawner().poll(server.handle)
        has_ended, is_late = status.liveness is not Liveness.ALIVE, time.monotonic() > deadline
        if (has_ended or is_late or asking.is_due()) and not _renew_lease(server, clock()):
            return False
        if has_ended:
            raise SystemFailure(status.reason or "start_failed", detail=status.log_tail)
        if is_late:
            raise SystemFailure("start_timeout", detail=status.log_tail, seconds=settings.START_TIME_LIMIT_SECONDS)
    return True


def _is_carried_on(server: NotebookServer) -> bool:
    """Whether another worker, who took this one for dead, has gone on with the same start."""
    return _this_start(server).filter(state__in=(State.STARTING, State.RUNNING)).exists()


def _renew_lease(server: NotebookServer, now: datetime) -> bool:
    ours = _this_start(server).filter(state=State.STARTING, start_attempts=server.start_attempts)
    return bool(ours.update(lease_expires_at=lease_from(now)))


def _this_start(server: NotebookServer) -> NotebookServerQuerySet:
    """The row, unless the server was stopped and started anew since."""
    return NotebookServer.objects.filter(pk=server.pk, start_id=server.start_id)


def _fail(server: NotebookServer, error: EnvironmentsError, *, now: datetime) -> None:
    """Say so first and tidy up then: the engine may not answer, and the reconciler finds what is left."""
    logger.warning("server %s (%s) failed to start: %s", server.pk, server, error)
    failure = {
        "failure_code": error.code,
        "failure_facts": error.facts,
        "failure_log": error.detail[-MAX_FAILURE_LOG:],
        "lease_expires_at": None,
        "endpoint": "",
    }
    if not _this_start(server).move(server, State.FAILED, now=now, **failure):
        return  # Whoever moved it on sees to what runs.
    ledger.end_run(server, now=now)
    announce_server(server)
    try:
        spawner().stop(server.handle)
    except SystemFailure as trouble:
        logger.warning("server %s could not be tidied up yet: %s", server.pk, trouble)


def _spec(server: NotebookServer, image: Image, *, now: datetime) -> ServerSpec:
    return ServerSpec(
        handle=server.handle,
        image=image,
        home=server.volume.key,
        mounts=_mounts(server),
        token=server_token(server.handle),
        environment={
            "CARREL_URL": settings.PUBLIC_URL,
            "CARREL_SERVER_NAME": server.name,
            "CARREL_REPOSITORY": unmarked(server.repository_url),
            "CARREL_COMMIT": server.commit,
        },
        credential=credentials.give(server, now=now),
        limits=Limits(server.memory_mb, server.cpus),
        keeps_spare_kernel=server.prewarmed_until is not None,
    )


def _mounts(server: NotebookServer) -> tuple[Mount, ...]:
    """What is in its home beside its own files: shared ones, and the person's.

    Not the person's in a copy to try, which anybody may have made.
    """
    shared = mounts_for_start(server)
    if server.is_throwaway:
        return shared
    home, _ = Volume.objects.get_or_create(owner=server.owner, purpose=Volume.Purpose.HOME)
    return (Mount(home.key, HOME_MOUNT), *shared)
