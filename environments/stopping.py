"""Stopping a server and, in the end, removing it: carried out by a worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from environments.backends import spawner, volume_store
from environments.leases import lease_from
from environments.live import announce_server
from environments.models import NotebookServer

Clock = Callable[[], datetime]
State = NotebookServer.State


def carry_out_stop(server: NotebookServer, *, clock: Clock = timezone.now) -> None:
    """Stop a server that is to stop, with everything it started. What its engine keeps of it goes a little later."""
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=clock())
    ours = NotebookServer.objects.filter(free, pk=server.pk, state=State.STOPPING)
    if server.state != State.STOPPING or not ours.update(lease_expires_at=lease_from(clock())):
        return
    spawner().halt(server.handle)
    if NotebookServer.objects.move(server, State.STOPPED, now=clock(), endpoint="", lease_expires_at=None):
        announce_server(server)
    purge_server(server, now=clock())


def purge_server(server: NotebookServer, *, now: datetime) -> None:
    """Remove a deleted server's files and row once its time is over, if it is certain that nothing of it runs."""
    if not is_gone_for_good(server, now=now) or server.state not in (State.STOPPED, State.FAILED):
        return
    if server.start_id:
        spawner().stop(server.handle)
    volume_store().delete(server.volume.key)
    with transaction.atomic():
        server.delete()
        server.volume.delete()


def is_gone_for_good(server: NotebookServer, *, now: datetime) -> bool:
    """Whether a deleted server can no longer be brought back."""
    grace = timedelta(days=settings.DELETED_FILES_DAYS)
    return server.deleted_at is not None and server.deleted_at + grace <= now
