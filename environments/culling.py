"""Stops servers nobody uses, and those whose time is over.

An open browser tab is not use; a kernel that computes is, however silent, and so is a terminal that
prints and a file that is saved.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings

from environments import probing
from environments.errors import UserError
from environments.models import NotebookServer
from environments.servers import stop_server
from environments.tickets import server_token

logger = logging.getLogger(__name__)

WARNING_BEFORE = timedelta(minutes=10)


def cull_idle_servers(*, now: datetime) -> None:
    """Note what each running server does, and stop those that are idle or over their time."""
    for server in NotebookServer.objects.filter(state=NotebookServer.State.RUNNING):
        note_activity(server, now=now)
        stops = stops_at(server)
        if stops is not None and stops <= now:
            logger.info("stopping server %s, idle or over its time", server.pk)
            try:
                stop_server(server, now=now)
            except UserError:  # Somebody else changed it in this moment.
                continue


def note_activity(server: NotebookServer, *, now: datetime) -> None:
    """Ask the server what it does and remember when it last did something."""
    upstream = server.upstream
    doing = upstream and probing.activity(upstream, server_token(server.handle))
    if not doing:
        return
    seen = now if doing.is_busy else doing.last_at
    if seen and (server.last_activity_at is None or seen > server.last_activity_at):
        NotebookServer.objects.filter(pk=server.pk).update(last_activity_at=seen)
        server.last_activity_at = seen


def stops_at(server: NotebookServer) -> datetime | None:
    """When the server will be stopped if nothing happens in it until then; None for never.

    The idle time can be put off by `keep_until`; the lifetime, counted from the start, cannot.
    """
    ends = [end for end in (_idle_end(server), _lifetime_end(server)) if end is not None]
    return min(ends, default=None)


def _idle_end(server: NotebookServer) -> datetime | None:
    minutes = server.idle_minutes or settings.SERVER_IDLE_MINUTES
    since = server.last_activity_at or server.started_at
    if not minutes or since is None:
        return None
    end = since + timedelta(minutes=minutes)
    return max(end, server.keep_until) if server.keep_until else end


def _lifetime_end(server: NotebookServer) -> datetime | None:
    minutes = server.lifetime_minutes or settings.SERVER_LIFETIME_MINUTES
    if not minutes or server.started_at is None:
        return None
    return server.started_at + timedelta(minutes=minutes)
