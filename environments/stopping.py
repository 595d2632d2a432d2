"""Stopping a server and, in the end, removing it: carried out by a worker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from environments import credentials, images, ledger, measuring
from environments.backends import spawner, volume_store
from environments.errors import SystemFailure
from environments.giving import take_back_from
from environments.leases import kept_alive, lease_from
from environments.live import announce_server
from environments.models import NotebookServer
from environments.places import enqueue_waiting_starts
from environments.queueing import enqueue
from environments.servers import delete_server

logger = logging.getLogger(__name__)

FAILED_COPY_KEPT = timedelta(hours=1)
"""So long its page says what was wrong with it."""

Clock = Callable[[], datetime]
State = NotebookServer.State


def carry_out_stop(server: NotebookServer, *, clock: Clock = timezone.now) -> None:
    """Stop a server that is to stop, with everything it started. What is left in the engine the reconciler removes.

    While the engine does not answer it goes on being stopped: the reconciler asks again.
    """
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=clock())
    ours = NotebookServer.objects.filter(free, pk=server.pk, state=State.STOPPING)
    if server.state != State.STOPPING or not ours.update(lease_expires_at=lease_from(clock())):
        return
    try:
        with kept_alive(lambda: _renew_lease(server, clock())):
            spawner().halt(server.handle)
    except SystemFailure as trouble:
        logger.warning("server %s could not be stopped yet: %s", server.pk, trouble)
        return
    if NotebookServer.objects.move(server, State.STOPPED, now=clock(), endpoint="", lease_expires_at=None):
        credentials.withdraw(server)
        ledger.end_run(server, now=clock())
        images.note_use(server.image_key, now=clock())
        measuring.measure_again(server)
        announce_server(server)
        if server.pending_update_id is not None:
            enqueue("update_server", server.pk)
        if server.is_throwaway:
            delete_server(server, now=clock())
        enqueue_waiting_starts()  # There is a place now.
    purge_server(server, now=clock())


def purge_server(server: NotebookServer, *, now: datetime) -> None:
    """Remove a deleted server's files and row once its time is over, if it is certain that nothing of it runs."""
    if not is_gone_for_good(server, now=now) or server.state not in (State.STOPPED, State.FAILED):
        return
    if server.start_id:
        spawner().stop(server.handle)
    volume_store().delete(server.volume.key)
    if server.is_throwaway and server.group_id is not None:
        take_back_from(server)  # Of another start it would be another copy.
    with transaction.atomic():
        server.delete()
        server.volume.delete()


def throw_away_copies(*, now: datetime) -> None:
    """Delete the copies to try that have ended, however that came about."""
    failed_long_ago = Q(state=State.FAILED, state_changed_at__lt=now - FAILED_COPY_KEPT)
    for server in NotebookServer.objects.copies().filter(Q(state=State.STOPPED) | failed_long_ago):
        delete_server(server, now=now)


def is_gone_for_good(server: NotebookServer, *, now: datetime) -> bool:
    """Whether a deleted server can no longer be brought back; a copy to try never can."""
    grace = timedelta(days=0 if server.is_throwaway else settings.DELETED_FILES_DAYS)
    return server.deleted_at is not None and server.deleted_at + grace <= now


def _renew_lease(server: NotebookServer, now: datetime) -> bool:
    ours = NotebookServer.objects.filter(pk=server.pk, state=State.STOPPING, start_id=server.start_id)
    return bool(ours.update(lease_expires_at=lease_from(now)))
