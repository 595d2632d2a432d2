"""A class taken out of Carrel as one archive: asked for, made by a worker, kept for a while, and removed.

No secret is in it: no invitation, no token, no password. It has what teachers of the class can see anyway, so it is
for them alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from classes.archives import ArchiveWriter, too_large
from classes.files import Area, volume_of
from classes.models import ArchiveState, Course, CourseExport, HandIn, LessonVisit
from classes.portable import Facts, Files, HandedIn, LessonFacts, Manifest, Member, Told, Visit
from environments.backends import volume_store
from environments.errors import EnvironmentsError, UserError
from environments.models import Environment, NotebookServer
from environments.queueing import enqueue
from environments.references import path_of
from environments.volumes.archive import unpack

logger = logging.getLogger(__name__)

KEPT = timedelta(days=7)
TIME_LIMIT = timedelta(hours=1)
PATIENCE = timedelta(minutes=2)
"""After so long a worker is asked again: what the broker held may be lost."""
Clock = Callable[[], datetime]


def request_export(
    course: Course,
    *,
    asked_by: User,
    with_files: bool,
    with_work: bool,
    with_hand_ins: bool = False,
    now: datetime,
) -> CourseExport:
    """Have an archive made. One is made at a time: while it is, that is the one that is meant."""
    try:
        with transaction.atomic():
            export = CourseExport.objects.create(
                course=course,
                asked_by=asked_by,
                asked_at=now,
                with_files=with_files,
                with_work=with_work,
                with_hand_ins=with_hand_ins,
            )
    except IntegrityError:
        return CourseExport.objects.under_way().get(course=course)
    enqueue("classes.tasks.make_export", export.pk)
    return export


def carry_out_export(export: CourseExport, *, clock: Clock = timezone.now) -> None:
    """Make an archive that waits. What goes wrong is written down for whoever asked. Safe to repeat."""
    waiting = CourseExport.objects.filter(pk=export.pk, state=ArchiveState.WAITING)
    if not waiting.update(state=ArchiveState.WORKING, began_at=clock()):
        return
    path = file_of(export)
    draft = path.with_suffix(".part")
    draft.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        left_out = _write(export, draft, now=clock())
        draft.replace(path)
    except (EnvironmentsError, OSError) as error:
        logger.warning("the archive of class %s could not be made: %s", export.course.slug, error)
        code = error.code if isinstance(error, EnvironmentsError) else "unexpected"
        facts = error.facts if isinstance(error, EnvironmentsError) else {}
        _finish(export, state=ArchiveState.FAILED, done_at=clock(), failure_code=code, failure_facts=facts)
    else:
        size = path.stat().st_size
        if not _finish(export, state=ArchiveState.DONE, done_at=clock(), bytes=size, left_out=left_out):
            path.unlink(missing_ok=True)  # Somebody deleted it, or gave it up, meanwhile.
    finally:
        draft.unlink(missing_ok=True)


def tend_exports(*, now: datetime) -> None:
    """Ask again for what waits, give up what a worker has left behind, and remove what is too old. Safe to repeat."""
    for key in CourseExport.objects.filter(state=ArchiveState.WAITING, asked_at__lt=now - PATIENCE).values_list(
        "pk", flat=True
    ):
        enqueue("classes.tasks.make_export", key)
    left = CourseExport.objects.filter(state=ArchiveState.WORKING, began_at__lt=now - TIME_LIMIT)
    left.update(state=ArchiveState.FAILED, done_at=now, failure_code="class_archive_interrupted")
    CourseExport.objects.filter(asked_at__lt=now - KEPT).exclude(state=ArchiveState.WORKING).delete()
    _remove_files_of_nobody()


def delete_export(export: CourseExport) -> None:
    """Remove an archive and its file. Nothing while a worker makes it."""
    if CourseExport.objects.filter(pk=export.pk).exclude(state=ArchiveState.WORKING).delete()[0]:
        file_of(export).unlink(missing_ok=True)


def file_of(export: CourseExport) -> Path:
    """Where its file is, once it is done."""
    return _folder() / f"{export.pk.hex}.zip"


def manifest_of(
    course: Course, files: tuple[Files, ...] = (), *, with_hand_ins: bool = False, now: datetime
) -> Manifest:
    """All that is to be said of a class; of what was handed in, the receipts by choice."""
    lessons = list(course.lessons.all())
    places = {lesson.pk: place for place, lesson in enumerate(lessons)}
    return Manifest(
        facts=_facts(course),
        exported_at=now,
        sections=tuple(course.sections.values_list("name", flat=True)),
        members=tuple(_members(course)),
        lessons=tuple(
            LessonFacts(it.title, it.summary, it.path, it.starts_at, it.ends_at, it.published_at, it.ready_minutes)
            for it in lessons
        ),
        announcements=tuple(Told(it.title, it.text, it.published_at) for it in course.announcements.all()),
        visits=tuple(_visits(course, places)),
        hand_ins=tuple(_hand_ins(course)) if with_hand_ins else (),
        files=files,
    )


# --- Steps -------------------------------------------------------------------------------------------------


def _folder() -> Path:
    return Path(settings.CARREL_DATA) / "class-archives"


def _finish(export: CourseExport, **changes: object) -> int:
    return CourseExport.objects.filter(pk=export.pk, state=ArchiveState.WORKING).update(**changes)


def _write(export: CourseExport, path: Path, *, now: datetime) -> int:
    """Write the archive; how many files were left out of it."""
    with ArchiveWriter(path, max_bytes=settings.CLASS_ARCHIVE_MB * 1_000_000) as archive:
        present, left_out = [], 0
        for files, key in _wanted_files(export):
            if volume_store().exists(key):  # That of a server which was never started does not.
                left_out += _add_volume(archive, files.folder, key)
                present.append(files)
        manifest = manifest_of(export.course, tuple(present), with_hand_ins=export.with_hand_ins, now=now)
        archive.finish(manifest)
    return left_out


def _add_volume(archive: ArchiveWriter, folder: str, key: str) -> int:
    try:
        return archive.add(folder, unpack(volume_store().read(key), max_bytes=max(1, archive.room)))
    except UserError as error:
        if error.code == "volume_too_large":
            raise too_large(settings.CLASS_ARCHIVE_MB * 1_000_000) from error
        raise


def _wanted_files(export: CourseExport) -> Iterator[tuple[Files, str]]:
    """Which folders the archive gets, and the volume that each is of."""
    course = export.course
    areas = [Area.SHARED, Area.COMMON] if export.with_files else []
    for area in (*areas, *([Area.HAND_IN] if export.with_hand_ins else [])):
        shared = volume_of(course, area)
        if shared is not None:
            yield Files(area, str(area)), shared.volume.key
    if export.with_work:
        servers = NotebookServer.objects.present().filter(group=course.everybody, is_throwaway=False)
        servers = servers.select_related("owner", "volume").order_by("owner__username", "name")
        for number, server in enumerate(servers, 1):
            files = Files("work", f"work/{number:04}", member=server.owner.username, server=server.name)
            yield files, server.volume.key


def _facts(course: Course) -> Facts:
    return Facts(
        title=course.title,
        code=course.code,
        term=course.term,
        description=course.description,
        colour=course.colour,
        starts_on=course.starts_on,
        ends_on=course.ends_on,
        repository=_reference(course.environment),
        teacher_repository=_reference(course.teacher_environment),
        commit=course.environment.commit if course.environment else "",
        memory_mb=course.memory_mb,
        cpus=course.cpus,
        idle_minutes=course.idle_minutes,
        running_servers=course.running_servers,
    )


def _reference(environment: Environment | None) -> str:
    return path_of(environment.reference) if environment else ""


def _members(course: Course) -> Iterator[Member]:
    for it in course.memberships.select_related("person", "section"):
        yield Member(
            username=it.person.username,
            email=it.person.email,
            name=it.person.display_name,
            role=it.role,
            section=it.section.name if it.section else "",
            joined_at=it.joined_at,
            left_at=it.left_at,
        )


def _visits(course: Course, places: dict[UUID, int]) -> Iterator[Visit]:
    visits = LessonVisit.objects.filter(lesson__course=course).select_related("membership__person")
    for it in visits.order_by("membership__person__username", "lesson__position", "pk"):
        yield Visit(
            member=it.membership.person.username,
            lesson=places[it.lesson_id],
            opened_at=it.opened_at,
            last_opened_at=it.last_opened_at,
            cells=it.cells,
            executed_cells=it.executed_cells,
            validated_cells=it.validated_cells,
            tests=it.tests,
        )


def _hand_ins(course: Course) -> Iterator[HandedIn]:
    received = HandIn.objects.filter(membership__course=course, state=HandIn.State.RECEIVED)
    for it in received.select_related("membership__person").order_by("asked_at", "pk"):
        yield HandedIn(
            member=it.membership.person.username,
            path=it.path,
            folder=it.folder,
            asked_at=it.asked_at,
            received_at=it.received_at or it.asked_at,
            contents=tuple((name, size, digest) for name, size, digest in it.contents),
        )


def _remove_files_of_nobody() -> None:
    """Files whose class or row is gone; one that is being written has a row."""
    with suppress(FileNotFoundError):
        known = {key.hex for key in CourseExport.objects.values_list("pk", flat=True)}
        for path in _folder().iterdir():
            if path.stem not in known:
                path.unlink(missing_ok=True)
