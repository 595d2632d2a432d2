"""What a page that follows a server should see now, given what it has seen. Knows no transport."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from django.utils import timezone

from accounts.models import User
from environments import builds
from environments.builds import log_after
from environments.culling import stops_at, stops_soon
from environments.models import BuildLogLine, NotebookServer
from environments.policies import can_read_log
from environments.waiting import Wait, wait_of


@dataclass(frozen=True, slots=True)
class View:
    """A server as its page shows it. Another `version` means that the page should be drawn again."""

    state: str
    version: str
    build_id: str | None
    lines: list[BuildLogLine]


def view_of(server_id: str, *, user: User, build_id: str | None, after: int) -> View | None:
    """The server now, with the log lines that came after the last one seen of that build.

    None when this person may not see it, or no longer.
    """
    visible = NotebookServer.objects.visible_to(user).select_related("build", "pending_update__build")
    server = visible.filter(pk=server_id).first()
    if server is None:
        return None
    build, version = server.followed_build, version_of(server, wait_of(server, now=timezone.now(), is_followed=True))
    if build is None or not can_read_log(user, build):
        return View(server.state, version, None, [])
    seen = after if str(build.pk) == build_id else 0
    return View(server.state, version, str(build.pk), log_after(build, seen))


def version_of(server: NotebookServer, wait: Wait | None = None) -> str:
    """Changes whenever what its page says about the server, and about its wait, changes."""
    build, ends_at, update = server.followed_build, stops_at(server), server.pending_update
    facts = [
        server.state,
        server.state_changed_at.isoformat(),
        server.failure_code,
        str(server.keep_until),
        ends_at and ends_at.strftime("%F %H:%M"),
        stops_soon(server, now=timezone.now()),
        build and build.state,
        wait and wait.shown,
        update
        and [
            str(update.pk),
            update.failure_code,
            update.was_running,
            update.build and builds.queue_place(update.build),
        ],
        server.commit,
        server.version_since.isoformat(),
        server.newest_commit,
        str(server.looked_at),
        server.merge_report,
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
