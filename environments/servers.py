"""The life of a notebook server: asked to start, stop or go away by a person, carried out by a worker.

Asking changes the row and returns at once. Carrying out happens under a lease: whoever holds it is the
only one at work on the server, and when it is not renewed the reconciler hands the work to another.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from environments import builds
from environments.errors import UserError
from environments.live import announce_server
from environments.models import Build, NotebookServer, Outcome
from environments.queueing import enqueue
from environments.quotas import check_server_count

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
State = NotebookServer.State


# --- Asking ------------------------------------------------------------------------------------------------


def start_server(server: NotebookServer, *, now: datetime) -> None:
    """Have the server started, its image made again if need be; nothing if it runs or is on the way.

    One that was started ahead of a time has its person now. Raises UserError `state_conflict` while it is stopping.
    """
    note_arrival(server, now=now)
    if server.is_on_the_way or server.state == State.RUNNING:
        return
    if not server.can_start:
        raise state_conflict(server)
    cleared = {"failure_code": "", "failure_facts": {}, "failure_log": "", "start_attempts": 0, "build": None}
    with transaction.atomic():
        if not NotebookServer.objects.move(server, State.QUEUED, now=now, **cleared):
            return  # A second click was quicker.
        prepare_server(server, now=now)
        announce_server(server)


def note_arrival(server: NotebookServer, *, now: datetime) -> None:
    """Note that somebody has come to the server; nothing unless it was started ahead of a time and waits for them.

    From now on it is used like any other, and waits for a place as its owner's.
    """
    if server.prewarmed_until is None:
        return
    arrived = NotebookServer.objects.filter(pk=server.pk, prewarmed_until__isnull=False)
    if arrived.update(prewarmed_until=None, last_activity_at=now):
        server.prewarmed_until, server.last_activity_at = None, now
        announce_server(server)


def prepare_server(server: NotebookServer, *, now: datetime) -> None:
    """See to it that a waiting server gets its image and then a start.

    Goes by what the rows say of the image: somebody waits for this to return, and the engine may not answer. The
    worker who starts it asks the engine.
    """
    if builds.was_built(server.image_key):
        enqueue("start_server", server.pk)
    else:
        request_image(server, now=now)


def request_image(server: NotebookServer, *, now: datetime) -> None:
    """Have the image of a waiting server made; it is started then."""
    server.build = builds.request_build(server.image_key, server.resolved, requested_by=server.image_for, now=now)
    server.save(update_fields=["build"])
    follow_build(server.build, now=now)


def stop_server(server: NotebookServer, *, now: datetime, reason: UserError | None = None) -> None:
    """Have the server stopped; nothing if it is not running nor about to.

    A server that waits for its environment leaves the queue; the build goes on only if others wait too. Where it is
    not its owner who stops it, its page says for what reason, until it is started again.
    """
    if not server.can_stop:
        return
    with transaction.atomic():
        if server.state in (State.QUEUED, State.BUILDING):
            moved = NotebookServer.objects.move(server, State.STOPPED, now=now)
            if moved and server.build is not None:
                abandon_build(server.build, now=now)
        else:
            told = {"failure_code": reason.code, "failure_facts": reason.facts} if reason else {}
            moved = NotebookServer.objects.move(server, State.STOPPING, now=now, lease_expires_at=None, **told)
            enqueue("stop_server", server.pk)
        if not moved:
            raise state_conflict(server)
        announce_server(server)


def leave_build(build: Build, *, user: User, now: datetime) -> None:
    """Stop this person's servers that wait for a build, and give up updates that do; the last to leave cancels it."""
    waiting = build.servers.filter(owner=user, state__in=(State.QUEUED, State.BUILDING))
    for server in waiting.select_related("build"):
        stop_server(server, now=now)
    updated = NotebookServer.objects.filter(owner=user, pending_update__build=build)
    for server in updated.select_related("pending_update__build"):
        drop_update(server, now=now)
    abandon_build(build, now=now)


def abandon_build(build: Build, *, now: datetime) -> None:
    """Cancel a build if no server, update or environment of the catalog waits for it any more."""
    waiting = build.servers.filter(state__in=(State.QUEUED, State.BUILDING))
    in_catalog = build.environments.filter(outcome=Outcome.PREPARING)
    if not waiting.exists() and not build.updates.exists() and not in_catalog.exists():
        builds.cancel_build(build, now=now)


def drop_update(server: NotebookServer, *, now: datetime) -> None:
    """Forget that the server was to become something else; nothing if it was not, or has just become it."""
    update = server.pending_update
    with transaction.atomic():
        if update is None or not NotebookServer.objects.filter(pending_update=update).update(pending_update=None):
            return
        server.pending_update = None
        update.delete()
        if update.build is not None:
            abandon_build(update.build, now=now)
        announce_server(server)


def delete_server(server: NotebookServer, *, now: datetime) -> None:
    """Take the server away, and its files with it. Personal files in `~/home` stay.

    It vanishes from among the others at once and is stopped. For `DELETED_FILES_DAYS` it can be brought
    back; then its files are removed.
    """
    with transaction.atomic():
        if not NotebookServer.objects.present().filter(pk=server.pk).update(deleted_at=now):
            return  # A second click was quicker.
        server.refresh_from_db()  # The row is ours until we commit: a worker cannot move it on meanwhile.
        drop_update(server, now=now)
        stop_server(server, now=now)
        announce_server(server)
        enqueue("purge_server", server.pk)


def undelete_server(server: NotebookServer, *, now: datetime) -> None:
    """Bring a deleted server back, asleep, with its files.

    Raises UserError `name_taken` when another server has its name by now, `servers_quota_exceeded` when the person
    keeps as many others as they may.
    """
    check_server_count(server.owner)
    deleted = NotebookServer.objects.filter(pk=server.pk, deleted_at__isnull=False)
    try:
        with transaction.atomic():
            deleted.update(deleted_at=None)
    except IntegrityError as error:
        raise UserError("name_taken", name=server.name) from error
    server.deleted_at = None
    announce_server(server)


def keep_server(server: NotebookServer, *, until: datetime | None, now: datetime) -> None:
    """Do not stop this server for being idle before then; None takes that back.

    Raises UserError `keep_past` or `keep_too_long` for a moment that is not within `max_keep()` from
    now, and `state_conflict` for a server that neither runs nor is about to.
    """
    servers = NotebookServer.objects.present().filter(pk=server.pk)
    if until is not None:
        _check_keep(until, now)
        servers = servers.filter(state__in=NotebookServer.STOPPABLE)
    with transaction.atomic():
        if not servers.update(keep_until=until):
            raise state_conflict(server)
        server.keep_until = until
        announce_server(server)


def max_keep() -> timedelta:
    """For how long a server can be kept running at a time."""
    return timedelta(hours=settings.SERVER_KEEP_HOURS)


def state_conflict(server: NotebookServer) -> UserError:
    """The refusal of what is not possible in the state the server is in."""
    return UserError("state_conflict", state=str(State(server.state).label))


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
    if not build.is_active:
        for server in NotebookServer.objects.filter(pending_update__build=build):
            enqueue("update_server", server.pk)
        for key in build.environments.filter(outcome=Outcome.PREPARING).values_list("pk", flat=True):
            enqueue("settle_environment", key)


# --- Steps -------------------------------------------------------------------------------------------------


def _check_keep(until: datetime, now: datetime) -> None:
    if until <= now:
        raise UserError("keep_past")
    if until > now + max_keep():
        raise UserError("keep_too_long", hours=settings.SERVER_KEEP_HOURS)


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
