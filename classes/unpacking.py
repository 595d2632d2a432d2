"""The files of an archive brought into the class that was made from it, by a worker, folder by folder.

Shared files come into the areas of the class, beside whatever is there by then; members' work into volumes of its own,
from where it is given to whose it is (`kept_work`). A worker that died is followed by another, who leaves out what was
brought, and knows the rest again by its content.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, Sum
from django.utils import timezone

from classes.archives import ArchiveReader, opened_archive
from classes.errors import CourseError
from classes.files import Area, make_area
from classes.kept_work import hand_over
from classes.models import ArchiveState, Course, CourseImport, KeptWork
from environments.backends import volume_store
from environments.errors import EnvironmentsError
from environments.leases import kept_alive, lease_from
from environments.queueing import enqueue
from environments.quotas import disk_use_of
from environments.volumes.archive import Entry, pack, unpack

logger = logging.getLogger(__name__)

TASK = "classes.tasks.unpack_files"
TIME_LIMIT = timedelta(hours=2)
KEPT = timedelta(days=7)
"""How long an archive stays whose files could not be brought, for another attempt."""
MAX_ATTEMPTS = 3
_ALL = 1 << 60
_MARK = "from-archive"

Clock = Callable[[], datetime]
Present = Mapping[PurePosixPath, str | None]
"""What is in a volume: the digest of each file, None for folders."""


def brought_folder() -> Path:
    """Where archives lie that somebody brought."""
    return Path(settings.CARREL_DATA) / "brought-archives"


def brought_file(archive: UUID) -> Path:
    """The file of one of them."""
    return brought_folder() / f"{archive.hex}.zip"


def request_files(course: Course, archive: UUID, folders: list[tuple[str, str]], *, now: datetime) -> CourseImport:
    """Have these folders of an archive, each its kind and name, come into the class, and the work that is kept."""
    total = len(folders) + KeptWork.objects.filter(course=course).exclude(folder="").count()
    wanted = [list(folder) for folder in folders]
    brought = CourseImport.objects.create(id=archive, course=course, asked_at=now, folders=wanted, total=total)
    enqueue(TASK, brought.pk)
    return brought


def try_again(brought: CourseImport) -> None:
    """Have what is missing be brought after all. Nothing unless it has failed."""
    failed = CourseImport.objects.filter(pk=brought.pk, state=ArchiveState.FAILED)
    if failed.update(state=ArchiveState.WAITING, attempts=0, failure_code="", failure_facts={}, done_at=None):
        enqueue(TASK, brought.pk)


def can_be_tried_again(brought: CourseImport) -> bool:
    """Whether the archive is still there."""
    return brought.state == ArchiveState.FAILED and brought_file(brought.pk).is_file()


def carry_out_import(brought: CourseImport, *, clock: Clock = timezone.now) -> None:
    """Bring what is missing. What goes wrong is written down for the teachers. Safe to repeat at any moment."""
    if not _claim(brought, now=clock()):
        return
    try:
        with kept_alive(lambda: _renew_lease(brought, clock())):
            _bring_all(brought, clock)
    except _TakenOver:
        return
    except (EnvironmentsError, OSError) as error:
        logger.warning("the files of class %s could not be brought: %s", brought.course.slug, error)
        code = error.code if isinstance(error, EnvironmentsError) else "unexpected"
        facts = error.facts if isinstance(error, EnvironmentsError) else {}
        _end(brought, ArchiveState.FAILED, now=clock(), failure_code=code, failure_facts=facts)
    else:
        if _end(brought, ArchiveState.DONE, now=clock()):
            brought_file(brought.pk).unlink(missing_ok=True)


def tend_imports(*, now: datetime) -> None:
    """Ask again for what waits, or was left behind by a worker that died."""
    left = Q(state=ArchiveState.WAITING) | Q(state=ArchiveState.WORKING, lease_expires_at__lt=now)
    for key in CourseImport.objects.filter(left).values_list("pk", flat=True):
        enqueue(TASK, key)


def wanted_archives(*, now: datetime) -> set[UUID]:
    """The archives whose files are still needed."""
    failed = Q(state=ArchiveState.FAILED, done_at__lt=now - KEPT)
    return set(CourseImport.objects.exclude(state=ArchiveState.DONE).exclude(failed).values_list("pk", flat=True))


# --- Steps -------------------------------------------------------------------------------------------------


class _TakenOver(Exception):
    """Another worker, who took this one for dead, goes on."""


def _claim(brought: CourseImport, *, now: datetime) -> bool:
    free = Q(state=ArchiveState.WAITING) | Q(state=ArchiveState.WORKING, lease_expires_at__lt=now)
    ours = CourseImport.objects.filter(free, pk=brought.pk, attempts=brought.attempts)
    brought.attempts += 1
    if not ours.update(state=ArchiveState.WORKING, attempts=brought.attempts, lease_expires_at=lease_from(now)):
        return False
    if brought.attempts > MAX_ATTEMPTS:
        _end(brought, ArchiveState.FAILED, now=now, failure_code="class_import_interrupted")
        return False
    return True


def _renew_lease(brought: CourseImport, now: datetime) -> bool:
    return bool(_this_attempt(brought).update(lease_expires_at=lease_from(now)))


def _end(brought: CourseImport, state: ArchiveState, *, now: datetime, **failure: Any) -> int:
    return int(_this_attempt(brought).update(state=state, done_at=now, lease_expires_at=None, **failure))


def _this_attempt(brought: CourseImport) -> Any:
    return CourseImport.objects.filter(pk=brought.pk, state=ArchiveState.WORKING, attempts=brought.attempts)


def _bring_all(brought: CourseImport, clock: Clock) -> None:
    limit = settings.CLASS_ARCHIVE_MB * 1_000_000
    with opened_archive(brought_file(brought.pk), max_bytes=limit) as archive:
        folders = [(Area(kind), name) for kind, name in brought.folders if name not in brought.done]
        works = KeptWork.objects.filter(course=brought.course, is_unpacked=False).exclude(folder="")
        missing = [*(name for _area, name in folders), *works.values_list("folder", flat=True)]
        _check_room(brought.course, sum(archive.size(name) for name in missing))
        for area, name in folders:
            _bring_area(brought.course, area, archive, name, now=clock())
            _note(brought, name)
        for kept in works.order_by("folder"):
            _bring_work(kept, archive, now=clock())
            _note(brought, kept.folder)


def _note(brought: CourseImport, folder: str) -> None:
    brought.done = [*brought.done, folder]
    if not _this_attempt(brought).update(done=brought.done):
        raise _TakenOver


def _check_room(course: Course, size: int) -> None:
    """Raise CourseError `class_import_no_room` where the owner of the class may not have so much more."""
    use = disk_use_of(course.owner)
    kept = KeptWork.objects.filter(course__owner=course.owner).aggregate(bytes=Sum("bytes"))["bytes"] or 0
    if use.limit_bytes and use.used_bytes + kept + size > use.limit_bytes:
        raise CourseError("class_import_no_room", megabytes=max(1, size // 1_000_000))


def _bring_work(kept: KeptWork, archive: ArchiveReader, *, now: datetime) -> None:
    store = volume_store()
    store.delete(kept.volume_key)  # Half of it may have been written before.
    store.create(kept.volume_key)
    size = archive.stream_size(kept.folder)
    store.write(kept.volume_key, "", pack(archive.entries(kept.folder)), max_bytes=size)
    KeptWork.objects.filter(pk=kept.pk).update(is_unpacked=True, bytes=archive.size(kept.folder))
    for row in KeptWork.objects.filter(pk=kept.pk).select_related("membership__person", "course__everybody"):
        hand_over(row, now=now)  # Read anew: they may have come meanwhile.


def _bring_area(course: Course, area: Area, archive: ArchiveReader, folder: str, *, now: datetime) -> None:
    key, store = make_area(course, area, now=now).volume.key, volume_store()
    store.create(key)
    present = _present(key)
    store.write(key, "", pack(_missing(archive.entries(folder), present)), max_bytes=archive.stream_size(folder))


def _present(key: str) -> dict[PurePosixPath, str | None]:
    return {
        entry.path: None if entry.is_folder else _digest(entry)
        for entry in unpack(volume_store().read(key), max_bytes=_ALL)
    }


def _missing(entries: Iterator[Entry], present: Present) -> Iterator[Entry]:
    """What is not there yet. What is there under the same name with other content stays; the other goes beside it."""
    for entry in entries:
        place = _place_for(entry, present)
        if place is not None:
            yield replace(entry, path=place)


def _place_for(entry: Entry, present: Present) -> PurePosixPath | None:
    """Where it can be without being in anybody's way; None where it is already."""
    place, number = entry.path, 0
    while (taken := _taken(place, present)) is not None:
        if taken == place and present[place] is not None and present[place] == _digest(entry):
            return None
        number += 1
        place = _beside(entry.path, _taken(entry.path, present) or entry.path, number)
    return place


def _taken(path: PurePosixPath, present: Present) -> PurePosixPath | None:
    """What is in the way of a file: something in its place, or a file where a folder of its has to be."""
    in_the_way = (above for above in reversed(path.parents) if present.get(above) is not None)
    return next(in_the_way, path if path in present else None)


def _beside(path: PurePosixPath, taken: PurePosixPath, number: int) -> PurePosixPath:
    mark = f".{_MARK}" if number == 1 else f".{_MARK}-{number}"
    return taken.with_name(f"{taken.stem}{mark}{taken.suffix}") / path.relative_to(taken)


def _digest(entry: Entry) -> str:
    digest = hashlib.sha256()
    for piece in entry.content:
        digest.update(piece)
    return digest.hexdigest()
