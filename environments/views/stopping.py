"""When a running server stops, as its page and the list of servers tell it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from environments.culling import lifetime_ends_at, stops_at, stops_soon
from environments.models import NotebookServer


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a server that runs."""

    at: datetime
    is_fixed: bool
    """Whether it comes whatever happens in the server, and cannot be put off."""
    is_near: bool


def ending_of(server: NotebookServer, *, now: datetime) -> Ending | None:
    """How this server will end; None if it does not run, or goes on until somebody stops it."""
    end = stops_at(server)
    if end is None:
        return None
    return Ending(end, is_fixed=end == lifetime_ends_at(server), is_near=stops_soon(server, now=now))


def is_kept(server: NotebookServer, *, now: datetime) -> bool:
    """Whether somebody asked to keep it running for longer than now."""
    return server.keep_until is not None and server.keep_until > now
