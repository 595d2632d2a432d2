"""Brings a server's files up to the image it is about to start from, once, before it starts.

It is done under the lease of the start, and repeated by whoever takes the start over. That files could not be
brought up to date is no reason not to start: somebody must be able to work, and to tidy up a full disk.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from environments.backends import builder, spawner
from environments.errors import SystemFailure
from environments.live import announce_server
from environments.models import NotebookServer
from environments.values import Image

logger = logging.getLogger(__name__)

BEARABLE = ("refresh_failed", "disk_full")
"""The failures with which a server starts all the same."""


def needs_refresh(server: NotebookServer) -> bool:
    """Whether its files are still those of an earlier version than the one it is to run."""
    return server.files_image_key not in ("", server.image_key) and not server.is_rolled_back


def refresh_files(
    server: NotebookServer, image: Image, *, leave_out: Collection[str], owned: Collection[str] = ()
) -> bool:
    """See to it that the row says what the files are made from, and that this is the image.

    But for those that are `owned` by whatever else brings files to it.

    May take minutes, so the caller keeps the lease. Whether there was anything to do. Raises what starting the image
    raises too.
    """
    if needs_refresh(server):
        _merge(server, image, leave_out, owned)
        return True
    if not server.files_image_key:
        _record(server, files_image_key=server.image_key, files_commit=server.commit)
    return False


def _merge(server: NotebookServer, image: Image, leave_out: Collection[str], owned: Collection[str]) -> None:
    old = builder().find(server.files_image_key)
    try:
        merged = spawner().refresh(
            server.volume.key, old=old, new=image, commit=server.commit, leave_out=leave_out, owned=owned
        )
    except SystemFailure as error:
        if error.code not in BEARABLE:
            raise
        logger.warning("the files of server %s could not be brought up to date: %s", server.pk, error)
        _record(server, merge_report={"failure_code": error.code, "failure_facts": error.facts})
    else:
        _record(server, files_image_key=server.image_key, files_commit=server.commit, merge_report=asdict(merged))


def _record(server: NotebookServer, **columns: Any) -> None:
    """Write it down, unless somebody has brought the files to another version since."""
    seen = {"image_key": server.image_key, "files_image_key": server.files_image_key}
    if NotebookServer.objects.filter(pk=server.pk, **seen).update(**columns):
        for name, value in columns.items():
            setattr(server, name, value)
        announce_server(server)
