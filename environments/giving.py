"""Gives files to a server that is yet to be made, or to one that is there, and overwrites nothing of its owner's.

They wait in a volume of their own. A server that starts for the first time gets each in its place, before anybody can
be in it: there is nothing there yet but what its image brought. A server that has been used gets them in a folder that
is new. A worker gives them under a lease; whoever takes over from one that died gives them again: in their places as
long as nobody has been in the server, and else in one more new folder.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import User
from environments.backends import volume_store
from environments.errors import EnvironmentsError, SystemFailure
from environments.leases import kept_alive, lease_from
from environments.models import GivenFiles, NotebookServer
from environments.mounts import HOME_MOUNT, mounts_of
from environments.queueing import enqueue
from environments.volumes.archive import Entry, pack, unpack

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
RETRY_AFTER = timedelta(minutes=2)
KEPT = timedelta(days=1)
"""How long a volume stays whose files were given."""
TASK = "give_files"

Clock = Callable[[], datetime]


def give(
    owner: User, *, group: Group, name: str, volume_key: str, folder: str, max_bytes: int, now: datetime
) -> GivenFiles:
    """Have this person's server of this name, run for this group, get the files of this volume, of at most so much.

    At once if it runs, else when it starts, or starts for the first time. The volume is removed when that is done.
    `folder` is where they go in a server that has been used.
    """
    files = GivenFiles.objects.create(
        owner=owner, group=group, name=name, volume_key=volume_key, folder=folder, max_bytes=max_bytes, asked_at=now
    )
    running = NotebookServer.objects.present().filter(owner=owner, group=group, name=name)
    for key in running.filter(state=NotebookServer.State.RUNNING).values_list("pk", flat=True):
        enqueue(TASK, key)
    return files


def carry_out_giving(server: NotebookServer, *, clock: Clock = timezone.now) -> None:
    """Give a server that runs what waits for it. Safe to repeat at any moment."""
    if server.state == NotebookServer.State.RUNNING:
        give_while_starting(server, clock=clock)


def give_while_starting(server: NotebookServer, *, clock: Clock) -> None:
    """The same for a server that is about to answer, whose home is filled. It raises nothing: the rows say how it went.

    One in which nobody has ever been gets each file in its place.
    """
    if server.group_id is None:
        return
    waiting = GivenFiles.objects.filter(owner=server.owner_id, group=server.group_id, name=server.name, given_at=None)
    for files in waiting.filter(attempts__lt=MAX_ATTEMPTS).order_by("asked_at"):
        _give(files, server, clock)


def enqueue_waiting_gifts(*, now: datetime) -> None:
    """Ask workers to give to servers that run what a dead worker has left, or what could not be given before."""
    theirs = _free(now).filter(owner=OuterRef("owner"), group=OuterRef("group"), name=OuterRef("name"))
    waiting = Exists(theirs.filter(given_at=None, attempts__lt=MAX_ATTEMPTS))
    running = NotebookServer.objects.present().filter(waiting, state=NotebookServer.State.RUNNING)
    for key in running.values_list("pk", flat=True):
        enqueue(TASK, key)


def remove_given(*, now: datetime) -> None:
    """Remove the volumes whose files were given some time ago. Safe to repeat."""
    for files in GivenFiles.objects.filter(given_at__lt=now - KEPT):
        _remove(files)


def take_back(group: Group) -> None:
    """Remove what waits for servers that are run for this group, with its files. Raises what the volume store does."""
    for files in GivenFiles.objects.filter(group=group):
        volume_store().delete(files.volume_key)
        files.delete()


def take_back_from(server: NotebookServer) -> None:
    """Remove what waits for a server that is gone for good, with its files, unless another has its name by now.

    Raises what the volume store does.
    """
    if NotebookServer.objects.present().filter(owner=server.owner_id, name=server.name).exists():
        return
    waiting = GivenFiles.objects.filter(owner=server.owner_id, group=server.group_id, name=server.name, given_at=None)
    for files in waiting:
        volume_store().delete(files.volume_key)
        files.delete()


# --- Steps -------------------------------------------------------------------------------------------------


def _free(now: datetime) -> Any:
    return GivenFiles.objects.filter(Q(lease_expires_at=None) | Q(lease_expires_at__lt=now))


def _give(files: GivenFiles, server: NotebookServer, clock: Clock) -> None:
    if not _claim(files, now=clock()):
        return
    folder = _folder_in(server, files)
    try:
        with kept_alive(lambda: _renew_lease(files, clock())):
            _copy(files, server, folder)
    except EnvironmentsError as error:
        logger.warning("%s could not be given: %s", files, error)
        _end(files, failure_code=error.code, failure_facts=error.facts, lease_expires_at=clock() + RETRY_AFTER)
    else:
        _end(files, given_at=clock(), given_in=folder, failure_code="", failure_facts={}, lease_expires_at=None)


def _folder_in(server: NotebookServer, files: GivenFiles) -> str:
    """Where they go this time. Not where an attempt before has begun to put them: somebody may be at work there."""
    if server.started_at is None:
        return ""
    return files.folder if files.attempts == 1 else f"{files.folder} ({files.attempts})"


def _copy(files: GivenFiles, server: NotebookServer, folder: str) -> None:
    store, max_bytes = volume_store(), files.max_bytes
    entries = unpack(store.read(files.volume_key), max_bytes=max_bytes)
    wanted = entries if folder else _outside(entries, _mount_folders(server))
    store.write(server.volume.key, folder, pack(wanted), max_bytes=max_bytes)


def _outside(entries: Iterator[Entry], top_folders: Collection[str]) -> Iterator[Entry]:
    """But for what other files are mounted over."""
    return (entry for entry in entries if entry.path.parts[0] not in top_folders)


def _mount_folders(server: NotebookServer) -> set[str]:
    return {HOME_MOUNT.parts[0], *(mount.path.split("/")[0] for mount in mounts_of(server))}


def _claim(files: GivenFiles, *, now: datetime) -> bool:
    free = _free(now).filter(pk=files.pk, given_at=None, attempts=files.attempts)
    files.attempts += 1
    return bool(free.update(attempts=files.attempts, lease_expires_at=lease_from(now)))


def _renew_lease(files: GivenFiles, now: datetime) -> bool:
    return bool(_this_attempt(files).update(lease_expires_at=lease_from(now)))


def _end(files: GivenFiles, **changes: Any) -> None:
    _this_attempt(files).update(**changes)


def _this_attempt(files: GivenFiles) -> Any:
    return GivenFiles.objects.filter(pk=files.pk, attempts=files.attempts, given_at=None)


def _remove(files: GivenFiles) -> None:
    try:
        volume_store().delete(files.volume_key)
    except SystemFailure as trouble:
        logger.warning("the volume of %s could not be removed yet: %s", files, trouble)
    else:
        files.delete()
