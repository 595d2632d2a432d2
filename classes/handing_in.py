"""Handing in: files of a member's server are copied to where only their teachers read them, with a receipt.

Asked for by a person, carried out by a worker, who reads the files whether or not the server runs. What was received
is written down file by file, so that nobody can doubt it later.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from classes.errors import CourseError
from classes.files import SHARED_FOLDER, Area, volume_of
from classes.launching import check_may_open, place_of
from classes.models import HandIn, Membership
from classes.policies import Standing
from classes.saved_files import opened
from environments.backends import volume_store
from environments.errors import SystemFailure, UserError
from environments.models import Volume
from environments.mounts import HOME_MOUNT
from environments.queueing import enqueue
from environments.volumes.archive import Entry, check_path, pack, printable, unpack
from environments.volumes.base import VolumeStore

logger = logging.getLogger(__name__)

TASK = "classes.tasks.copy_hand_in"
USUAL_PATH = "hand-in"
MAX_BYTES, MAX_FILES = 200 * 1024**2, 1000
MAX_DOWNLOAD_BYTES = 50 * 1024**2
"""How large a received file may be to be read on its page."""
MAX_HAND_INS = 200
"""How often one member may hand in."""
OVERDUE = timedelta(minutes=2)
"""After which another worker is asked."""
GIVEN_UP = timedelta(hours=1)
"""After which what cannot be copied has failed."""


def hand_ins_for(standing: Standing) -> QuerySet[HandIn]:
    """Those whose receipts this person may see, the last first: teachers and graders all, a student their own."""
    hand_ins = HandIn.objects.filter(membership__course=standing.course).select_related("membership__person")
    return hand_ins if standing.is_staff else hand_ins.filter(membership=standing.membership)


def read_received(hand_in: HandIn, name: str) -> bytes:
    """A file as it was received, by its name in the receipt: nothing else can be read this way.

    Raises CourseError `file_missing` and `file_too_large`, and SystemFailure where files cannot be reached.
    """
    area = volume_of(hand_in.membership.course, Area.HAND_IN)
    missing = CourseError("file_missing", path=printable(name))
    if area is None or name not in {known for known, _size, _digest in hand_in.contents}:
        raise missing
    try:
        with opened(area.volume.key, f"{hand_in.folder}/{name}", max_bytes=MAX_DOWNLOAD_BYTES) as file:
            return b"".join(file.content)
    except UserError as error:
        if error.code != "volume_too_large":
            raise missing from error
        raise CourseError("received_too_large", path=printable(name), folder=hand_in.folder) from error


def ask_hand_in(standing: Standing, *, path: str, now: datetime) -> HandIn:
    """Have this file or folder of the member's server of the class handed in. The receipt fills within moments.

    Raises what `check_may_open` raises, and CourseError `hand_in_off`, `hand_in_no_server`, `hand_in_path_invalid`,
    `hand_in_under_way` or `hand_in_too_many`.
    """
    membership = check_may_open(standing, now=now)
    if volume_of(standing.course, Area.HAND_IN) is None:
        raise CourseError("hand_in_off", course=standing.course.title)
    server = place_of(standing).server
    if server is None:
        raise CourseError("hand_in_no_server")
    if membership.hand_ins.count() >= MAX_HAND_INS:
        raise CourseError("hand_in_too_many", most=MAX_HAND_INS)
    try:
        with transaction.atomic():
            hand_in = HandIn.objects.create(
                membership=membership, server=server, path=_checked(path), folder=_folder(membership, now), asked_at=now
            )
            enqueue(TASK, hand_in.pk)
    except IntegrityError as error:
        raise CourseError("hand_in_under_way") from error
    return hand_in


def carry_out_hand_in(hand_in: HandIn, *, clock: Callable[[], datetime] = timezone.now) -> None:
    """Copy the files and write the receipt. Safe to repeat: a folder is of one hand-in only."""
    if hand_in.state != HandIn.State.WAITING:
        return
    try:
        contents = _copy(hand_in, volume_store())
    except SystemFailure as trouble:
        logger.warning("hand-in %s could not be copied yet: %s", hand_in.pk, trouble)
        if clock() - hand_in.asked_at > GIVEN_UP:
            _end(hand_in, HandIn.State.FAILED, failure_code="hand_in_failed")
    except UserError as error:
        known = error if isinstance(error, CourseError) else _words_for(hand_in, error)
        logger.info("hand-in %s ended: %s", hand_in.pk, error)
        _end(hand_in, HandIn.State.FAILED, failure_code=known.code, failure_facts=known.facts)
    else:
        _end(hand_in, HandIn.State.RECEIVED, received_at=clock(), contents=contents)


def enqueue_overdue_hand_ins(*, now: datetime) -> None:
    """Ask for what a worker has left undone."""
    overdue = HandIn.objects.filter(state=HandIn.State.WAITING, asked_at__lte=now - OVERDUE)
    for key in overdue.values_list("pk", flat=True):
        enqueue(TASK, key)


# --- Steps -------------------------------------------------------------------------------------------------


def _checked(path: str) -> str:
    """The path in the server's home. Raises CourseError `hand_in_path_invalid` for what is not the member's own."""
    typed = path.strip().removeprefix("~/").strip("/")
    invalid = CourseError("hand_in_path_invalid", path=typed[:100])
    try:
        parts = check_path(typed).parts
    except UserError as error:
        raise invalid from error
    if not parts or parts == HOME_MOUNT.parts or parts[0] == SHARED_FOLDER or len(typed) > 500:
        raise invalid
    return "/".join(parts)


def _folder(membership: Membership, now: datetime) -> str:
    """Whose it is, and when: as teachers find it."""
    name = re.sub(r"[^\w.@+-]", "-", membership.person.username).lstrip(".") or str(membership.pk)
    return f"{name}/{timezone.localtime(now):%Y-%m-%d %H.%M.%S}"


def _source(hand_in: HandIn) -> tuple[str, str]:
    """The volume that holds the files, and where in it."""
    server, person = hand_in.server, hand_in.membership.person
    prefix = f"{HOME_MOUNT}/"
    if hand_in.path.startswith(prefix):
        home = Volume.objects.filter(owner=person, purpose=Volume.Purpose.HOME).first()
        return (home.key if home is not None else ""), hand_in.path.removeprefix(prefix)
    return (server.volume.key if server is not None else ""), hand_in.path


def _copy(hand_in: HandIn, store: VolumeStore) -> list[tuple[str, int, str]]:
    area = volume_of(hand_in.membership.course, Area.HAND_IN)
    source, path = _source(hand_in)
    if area is None:
        raise CourseError("hand_in_off", course=hand_in.membership.course.title)
    if not source or not store.exists(source):
        raise CourseError("hand_in_empty", path=hand_in.path)
    contents: list[tuple[str, int, str]] = []
    entries = _noted(unpack(store.read(source, path), max_bytes=MAX_BYTES), contents, hand_in)
    store.create(area.volume.key)
    store.write(area.volume.key, hand_in.folder, pack(entries), max_bytes=2 * MAX_BYTES)
    if not contents:
        raise CourseError("hand_in_empty", path=hand_in.path)
    return contents


def _noted(entries: Iterable[Entry], contents: list[tuple[str, int, str]], hand_in: HandIn) -> Iterator[Entry]:
    """The entries as they pass, each file noted with its size and digest."""
    for entry in entries:
        if entry.is_folder:
            yield entry
            continue
        if len(contents) >= MAX_FILES:
            raise _too_large(hand_in)
        digest = hashlib.sha256()
        yield replace(entry, content=_hashed(entry.content, digest))
        contents.append((str(entry.path), entry.size, digest.hexdigest()))


def _hashed(content: Iterable[bytes], digest: Any) -> Iterator[bytes]:
    for piece in content:
        digest.update(piece)
        yield piece


def _words_for(hand_in: HandIn, error: UserError) -> CourseError:
    """What a store says, as it is said to whoever handed in."""
    if error.code == "volume_too_large":
        return _too_large(hand_in)
    return CourseError("hand_in_path_invalid", path=hand_in.path[:100])


def _too_large(hand_in: HandIn) -> CourseError:
    return CourseError("hand_in_too_large", path=hand_in.path, most_files=MAX_FILES, most_mb=MAX_BYTES // 1024**2)


def _end(hand_in: HandIn, state: HandIn.State, **columns: Any) -> None:
    waiting = HandIn.objects.filter(pk=hand_in.pk, state=HandIn.State.WAITING)
    if waiting.update(state=state, **columns):
        hand_in.refresh_from_db()
