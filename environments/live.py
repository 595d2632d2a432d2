"""Tells open pages and gateways that something changed. Only that: what changed they read from the rows."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

from environments.models import Build, NotebookServer

logger = logging.getLogger(__name__)

GATEWAYS = "gateways"
"""The channel group of all gateways."""


def server_group(server_id: object) -> str:
    """The channel group of everybody who looks at this server."""
    return f"server.{server_id}"


def build_group(build_id: object) -> str:
    """The channel group of everybody who waits for this build."""
    return f"build.{build_id}"


def announce_server(server: NotebookServer) -> None:
    """Wake the pages that show this server, and the gateways that lead to it, once the change is committed."""
    notice = {"type": "wake", "subdomain": server.subdomain}
    transaction.on_commit(lambda: _wake(notice, server_group(server.pk), GATEWAYS))


def announce(*groups: str) -> None:
    """Wake whoever follows one of these groups, once the change is committed."""
    transaction.on_commit(lambda: _wake({"type": "wake"}, *groups))


def announce_build(build: Build) -> None:
    """Wake the pages that follow this build, once the change is committed."""
    transaction.on_commit(lambda: _wake({"type": "wake"}, build_group(build.pk)))


def _wake(notice: dict[str, str], *groups: str) -> None:
    try:
        async_to_sync(_send)(notice, groups)
    except (RedisError, OSError) as error:
        # Pages look at the rows every few seconds anyway; no work may fail for want of a notice.
        logger.warning("could not announce a change to %s: %s", groups[0], error)


async def _send(notice: dict[str, str], groups: Iterable[str]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    for group in groups:
        await layer.group_send(group, notice)
