"""The assignments of a class as a course directory of nbgrader, with its gradebook.db: asked for, made by a worker,
kept for a while, and removed.

nbgrader knows one version of an assignment and one submission of each student: the release that is given out now, and
the submission that counts. Everything nbgrader knows of a grade is in it; what only Carrel knows, such as earlier
attempts and the history, is not. Students are called by their usernames.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from assignments import artefacts
from assignments.course_directories import course_work
from assignments.course_directories.folders import TIMESTAMP, pack_tree
from assignments.course_directories.stored_grades import Present, mark_of
from assignments.deadlines import dates_for
from assignments.errors import AssignmentError
from assignments.files import Bundle, from_tar
from assignments.grading.points import Origin
from assignments.models import Assignment, CourseDirectoryExport, Extension, Grade, Submission
from assignments.models.course_directory import WorkState
from assignments.running import engine
from assignments.running.engine import (
    StoredAssignment,
    StoredCourse,
    StoredMark,
    StoredPenalty,
    StoredStudent,
    StoredSubmission,
)
from assignments.running.grading_runs import GRADED_LIMITS, written
from classes.models import Course
from environments.queueing import enqueue
from environments.scratch import scratch

TASK = "assignments.tasks.make_course_directory"
KEPT = timedelta(days=7)


def ask_export(course: Course, *, by: User, now: datetime) -> CourseDirectoryExport:
    """Have one made. One is made at a time: while it is, that is the one that is meant."""
    try:
        with transaction.atomic():
            export = CourseDirectoryExport.objects.create(course=course, asked_by=by, asked_at=now)
            enqueue(TASK, export.pk)
    except IntegrityError:
        return course.course_directory_exports.get(state__in=(WorkState.WAITING, WorkState.RUNNING))
    return export


def carry_out_export(export: CourseDirectoryExport, *, clock: course_work.Clock = timezone.now) -> None:
    """Make it, unless another worker does. Safe to repeat."""
    course_work.carry_out(export, _make, clock=clock)


def tend_exports(*, now: datetime) -> None:
    """Have made what was left undone, and remove what is too old, with files that nobody knows. Safe to repeat."""
    course_work.tend(CourseDirectoryExport, TASK, now=now)
    CourseDirectoryExport.objects.filter(asked_at__lt=now - KEPT).exclude(state=WorkState.RUNNING).delete()
    known = {key.hex for key in CourseDirectoryExport.objects.values_list("pk", flat=True)}
    with suppress(FileNotFoundError):
        for path in _folder().iterdir():
            if path.name.partition(".")[0] not in known:
                path.unlink(missing_ok=True)


def delete_export(export: CourseDirectoryExport) -> None:
    """Remove one. Nothing while a worker makes it."""
    if CourseDirectoryExport.objects.filter(pk=export.pk).exclude(state=WorkState.RUNNING).delete()[0]:
        file_of(export).unlink(missing_ok=True)


def file_of(export: CourseDirectoryExport) -> Path:
    """Where its file is, once it is done."""
    return _folder() / f"{export.pk.hex}.zip"


# --- Making ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Work:
    """What counts of one student."""

    who: str
    submission: Submission
    penalty: Decimal
    extension_seconds: float


def _make(export: CourseDirectoryExport) -> dict[str, Any]:
    course, path = export.course, file_of(export)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    released = Assignment.objects.present().filter(course=course, release__isnull=False)
    assignments = list(released.select_related("release__source"))
    names = _names(course)
    if not assignments:
        raise AssignmentError("course_empty")
    with scratch("course") as place:
        folder = place / "course"
        folder.mkdir()
        stored, submissions = [], []
        for assignment in assignments:
            assignment.course = course
            stored.append(_write_assignment(assignment, folder, place))
            submissions += [_write_work(assignment, work, folder) for work in _work(assignment, names)]
        course_values = StoredCourse(tuple(_students(course, names)), tuple(stored), tuple(submissions))
        engine.write_gradebook(course_values, into=place / "gradebook")
        (place / "gradebook" / "gradebook.db").rename(folder / "gradebook.db")
        (folder / "nbgrader_config.py").write_text(_CONFIG.format(course=course.slug))
        pack_tree(folder, path)
    return {"bytes": path.stat().st_size}


_CONFIG = """c = get_config()
c.CourseDirectory.course_id = "{course}"
"""


def _write_assignment(assignment: Assignment, folder: Path, place: Path) -> StoredAssignment:
    release = assignment.release
    if release is None:
        raise AssignmentError("assignment_not_released", assignment=assignment.title)
    written(_read(release.source.bundle), _made(folder / "source" / assignment.name))
    written(_read(release.bundle), _made(folder / "release" / assignment.name))
    book = place / f"{release.pk.hex}.db"
    book.write_bytes(artefacts.read(release.gradebook))
    known = engine.read_gradebook(book).assignments
    return replace(known[0], name=assignment.name, due_at=assignment.due_at)


def _write_work(assignment: Assignment, work: _Work, folder: Path) -> StoredSubmission:
    submission, place = work.submission, Path(work.who) / assignment.name
    submitted = written(_without_timestamp(_read(submission.bundle)), _made(folder / "submitted" / place))
    moment = submission.submitted_at.astimezone(UTC)
    (submitted / TIMESTAMP).write_text(f"{moment:%Y-%m-%d %H:%M:%S.%f} UTC")
    run = submission.autograding
    if run is not None and run.bundle:
        written(_read(run.bundle), _made(folder / "autograded" / place))
    marks = tuple(_marks(submission))
    return StoredSubmission(
        assignment.name,
        work.who,
        submission.submitted_at,
        work.extension_seconds,
        marks,
        tuple(_penalties(work.penalty, marks)),
    )


def _marks(submission: Submission) -> Iterable[StoredMark]:
    said: dict[tuple[str, str], list[str]] = {}
    for comment in submission.comments.all():
        said.setdefault((comment.notebook, comment.cell), []).append(comment.text)
    graded = {
        (cell.notebook, cell.grade_id): Present(
            cell.points, Origin(cell.origin), cell.automatic, cell.extra, cell.needs_manual
        )
        for cell in submission.cell_grades.all()
    }
    for key in dict.fromkeys([*graded, *said]):
        text = "\n\n".join(said.get(key, ()))
        yield mark_of(*key, graded[key], comment=text) if key in graded else StoredMark(*key, comment=text)


def _penalties(penalty: Decimal, marks: Sequence[StoredMark]) -> Iterable[StoredPenalty]:
    """nbgrader takes lateness off notebooks, and never below nothing: as much of each as it has, until it is all."""
    points: dict[str, Decimal] = {}
    for mark in marks:
        given = mark.manual_points if mark.manual_points is not None else mark.auto_points
        points.setdefault(mark.notebook, Decimal(0))
        points[mark.notebook] += Decimal(str(given or 0)) + Decimal(str(mark.extra or 0))
    left = penalty
    for notebook, most in points.items():
        off = min(left, most)
        if off > 0:
            yield StoredPenalty(notebook, float(off))
        left -= off


def _work(assignment: Assignment, names: Mapping[UUID, str]) -> list[_Work]:
    """What counts of each student: their grade says which; of those without one the last they have handed in."""
    rows = Grade.objects.filter(assignment=assignment).exclude(submission=None)
    counting = {grade.membership_id: grade for grade in rows}
    extensions = {each.membership_id: each for each in Extension.objects.filter(assignment=assignment)}
    theirs = assignment.submissions.select_related("autograding").prefetch_related("comments", "cell_grades")
    found: dict[UUID, _Work] = {}
    for submission in theirs.order_by("submitted_at", "attempt"):
        key = submission.membership_id
        grade = counting.get(key)
        if key in names and (grade is None or grade.submission_id == submission.pk):
            penalty = grade.penalty if grade is not None and grade.points is not None else Decimal(0)
            found[key] = _Work(names[key], submission, penalty, _extended(assignment, extensions.get(key)))
    return list(found.values())


def _extended(assignment: Assignment, extension: Extension | None) -> float:
    """How many seconds later than for others it is due."""
    if extension is None or assignment.due_at is None:
        return 0.0
    due_at = dates_for(assignment.schedule, extension.allowance).due_at
    return (due_at - assignment.due_at).total_seconds() if due_at is not None else 0.0


def _students(course: Course, names: Mapping[UUID, str]) -> Iterable[StoredStudent]:
    for membership in course.memberships.filter(pk__in=names).select_related("person"):
        person = membership.person
        first, _, last = person.get_full_name().rpartition(" ")
        yield StoredStudent(names[membership.pk], first, last, person.email)


def _names(course: Course) -> dict[UUID, str]:
    """What nbgrader calls the students, as folders too: their usernames, as far as a folder can be called so."""
    students = course.memberships.present().students().select_related("person").order_by("person__username")
    names: dict[UUID, str] = {}
    for membership in students:
        plain = re.sub(r"[^\w.@-]", "-", membership.person.username).lstrip(".") or "student"
        taken = plain in names.values()
        names[membership.pk] = f"{plain}-{membership.pk.hex[:8]}" if taken else plain
    return names


def _read(artefact: str) -> Bundle:
    return from_tar([artefacts.read(artefact)], limits=GRADED_LIMITS).bundle


def _without_timestamp(bundle: Bundle) -> Bundle:
    """Where nbgrader keeps the moment may lie a file or a folder of the student's."""
    return Bundle(tuple(file for file in bundle if file.path.partition("/")[0] != TIMESTAMP))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _folder() -> Path:
    return Path(settings.CARREL_DATA) / "course-directory-exports"
