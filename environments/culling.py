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
    running = NotebookServer.objects.filter(state=NotebookServer.State.RUNNING)
    for server in running:
        note_activity(server, now=now)
        if not _is_over(server, now):
            continue
        # Asking all of them took a while, in which somebody may have asked to keep this one.
        for fresh in running.filter(pk=server.pk).select_related("build"):
            _stop(fresh, now)


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
    """When the server will be stopped if nothing happens in it until then; None for never, or if it does not run.

    The idle time can be put off by `keep_until`, and begins when somebody comes to what was started ahead of a time;
    the lifetime, counted from the start, cannot.
    """
    if server.state != NotebookServer.State.RUNNING:
        return None
    ends = [end for end in (_idle_end(server), lifetime_ends_at(server)) if end is not None]
    return min(ends, default=None)


def lifetime_ends_at(server: NotebookServer) -> datetime | None:
    """When a server that runs is stopped whatever happens in it; None for never."""
    minutes = server.lifetime_minutes or settings.SERVER_LIFETIME_MINUTES
    if not minutes or server.started_at is None:
        return None
    return server.started_at + timedelta(minutes=minutes)


def stops_soon(server: NotebookServer, *, now: datetime) -> bool:
    """Whether its end is so near that the person should be warned."""
    end = stops_at(server)
    return end is not None and end - now <= WARNING_BEFORE


def _idle_end(server: NotebookServer) -> datetime | None:
    minutes = server.idle_minutes or settings.SERVER_IDLE_MINUTES
    since = server.idle_since()
    if not minutes or since is None:
        return None
    end = since + timedelta(minutes=minutes)
    return max([end, *filter(None, (server.keep_until, server.prewarmed_until))])


def _is_over(server: NotebookServer, now: datetime) -> bool:
    end = stops_at(server)
    return end is not None and end <= now


def _stop(server: NotebookServer, now: datetime) -> None:
    if not _is_over(server, now):
        return
    logger.info("stopping server %s, idle or over its time", server.pk)
    try:
        stop_server(server, now=now)
    except UserError:  # Somebody else changed it in this moment.
        return
