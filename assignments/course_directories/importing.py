"""Course directories of nbgrader that teachers bring: kept, looked at by a worker, and shown before anything is made.

What is in one is written down as it was found (`Found`); who of the people in it is who here is asked anew each time,
because people come into classes. `taking` makes assignments and grades of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import User
from accounts.people import find_people
from assignments.course_directories import course_work
from assignments.course_directories.folders import CourseFolder, store, unpacked
from assignments.course_directories.stored_grades import is_graded
from assignments.errors import AssignmentError
from assignments.models import Assignment, CourseDirectory
from assignments.models.assignment import MAX_NAME
from assignments.models.course_directory import WorkState
from assignments.releasing.authoring import LIMITS, RESERVED
from assignments.running import engine
from assignments.running.engine import StoredAssignment, StoredCourse, StoredStudent, StoredSubmission
from classes.members import check_going_on
from classes.models import Course, Membership
from classes.moments import is_far_away
from environments.errors import Explanation, UserError, explain
from environments.queueing import enqueue
from environments.scratch import scratch

TASK = "assignments.tasks.carry_out_course_directory"
MAX_CELL_NAME = 200
MOST_POINTS = 100_000
MOST_POINTS_IN_ALL = 900_000
"""Of an assignment, and of a submission with everything that was ever given for it."""
MAX_KEPT = 5
"""So many of one class lie here at a time."""
SPARED = timedelta(days=1)
"""What is younger may belong to a row that is being written."""


@dataclass(frozen=True, slots=True)
class FoundAssignment:
    """An assignment of the archive. `code` and `facts` say why nothing can be made of it, if so."""

    stored_name: str
    name: str
    """What it is called here."""
    due_at: str
    points: float
    notebooks: int
    code: str = ""
    facts: Mapping[str, Any] | None = None

    @property
    def due(self) -> datetime | None:
        """When it was due."""
        return parse_datetime(self.due_at) if self.due_at else None

    @property
    def problem(self) -> Explanation | None:
        """Why nothing can be made of it, in words."""
        return words_for(self.code, self.facts)


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """A student of the archive, with how many submissions and grades there are of them."""

    id: str
    name: str
    email: str
    submissions: int
    grades: int


@dataclass(frozen=True, slots=True)
class Found:
    """What is in an archive."""

    assignments: Sequence[FoundAssignment]
    people: Sequence[FoundPerson]
    has_gradebook: bool

    @classmethod
    def of(cls, directory: CourseDirectory) -> Found:
        """As it was written down."""
        stored = directory.found
        return cls(
            [FoundAssignment(**each) for each in stored.get("assignments", ())],
            [FoundPerson(**each) for each in stored.get("people", ())],
            stored.get("has_gradebook", False),
        )


@transaction.atomic
def bring(course: Course, pieces: Iterable[bytes], *, name: str, by: User, now: datetime) -> CourseDirectory:
    """Keep an archive and have it looked at. Nothing of it is in the class before somebody says so.

    Raises CourseError `course_over`, and AssignmentError `courses_too_many` and `course_too_large`.
    """
    check_going_on(course)
    if course.course_directories.count() >= MAX_KEPT:
        raise AssignmentError("courses_too_many", most=MAX_KEPT)
    directory = CourseDirectory(course=course, name=name[-200:] or "course", asked_by=by, asked_at=now)
    directory.bytes = store(pieces, file_of(directory), max_bytes=max_bytes())
    directory.save()
    enqueue(TASK, directory.pk)
    return directory


def ask_import(directory: CourseDirectory, *, matches: Mapping[str, str], by: User, now: datetime) -> None:
    """Have it imported, or imported once more. `matches` says who somebody is whom nothing else tells.

    Nothing while a worker has it. Raises CourseError `course_over`, and AssignmentError `course_not_looked_at`.
    """
    check_going_on(directory.course)
    if not directory.found:
        raise AssignmentError("course_not_looked_at")
    _ask(directory, CourseDirectory.Step.TAKE, {"matches": dict(matches), "asked_by": by}, now=now)


def ask_again(directory: CourseDirectory, *, now: datetime) -> None:
    """Have done once more what has failed."""
    _ask(directory, CourseDirectory.Step(directory.step), {}, now=now)


def remove(directory: CourseDirectory) -> None:
    """Remove what was kept of it; what was made of it stays. Nothing while a worker has it."""
    rows = CourseDirectory.objects.filter(pk=directory.pk).exclude(state=WorkState.RUNNING)
    if rows.delete()[0]:
        file_of(directory).unlink(missing_ok=True)


def look(directory: CourseDirectory) -> dict[str, Any]:
    """What is in it, as columns of its row."""
    with opened(directory) as (folder, stored):
        found = Found(
            assignments=list(_assignments(directory.course, folder, stored)),
            people=list(_people(folder, stored)),
            has_gradebook=folder.gradebook is not None,
        )
    return {"found": asdict(found)}


def members_of(directory: CourseDirectory) -> dict[str, Membership]:
    """Who of the people in it is which student of the class: as a teacher has said, else by username or by an e-mail
    address that they have shown to be theirs. Nobody is two of them.
    """
    people, course = Found.of(directory).people, directory.course
    students = {str(each.pk): each for each in course.memberships.present().students().select_related("person")}
    by_person = {each.person_id: each for each in students.values()}
    named = find_people([name for each in people for name in (each.id, each.email) if name])
    members: dict[str, Membership] = {}
    for each in people:
        if (said := students.get(directory.matches.get(each.id, ""))) is not None and said not in members.values():
            members[each.id] = said
    for each in people:
        candidates = [named.get(name) for name in (each.id, each.email) if name]
        found = [by_person[one.pk] for one in candidates if one is not None and one.pk in by_person]
        if each.id not in members and found and found[0] not in members.values():
            members[each.id] = found[0]
    return members


@contextmanager
def opened(directory: CourseDirectory) -> Iterator[tuple[CourseFolder, StoredCourse]]:
    """Its files, and what its gradebook says; nothing where it has none.

    Raises AssignmentError as `unpacked` and `engine.read_gradebook` do, and `course_gone`.
    """
    archive = file_of(directory)
    if not archive.is_file():
        raise AssignmentError("course_gone")
    with scratch("course") as place:
        folder = unpacked(archive, place, max_bytes=max_bytes())
        stored = engine.read_gradebook(folder.gradebook) if folder.gradebook is not None else StoredCourse()
        _check_sane(stored)
        yield folder, _dated(stored)


def carry_out(
    directory: CourseDirectory,
    take: Callable[[CourseDirectory], Mapping[str, Any]],
    *,
    clock: course_work.Clock = timezone.now,
) -> None:
    """Look at it, or have `take` import it, whichever was asked for."""
    do = look if directory.step == CourseDirectory.Step.LOOK else take
    course_work.carry_out(directory, do, clock=clock)


def tend(*, now: datetime) -> None:
    """Have done what was left undone, and remove files that nobody knows any more. Safe to repeat."""
    course_work.tend(CourseDirectory, TASK, now=now)
    with suppress(FileNotFoundError):
        # Listed first: one that is just being brought has no row yet.
        old = [path for path in _folder().iterdir() if path.stat().st_mtime < (now - SPARED).timestamp()]
        known = {key.hex for key in CourseDirectory.objects.values_list("pk", flat=True)}
        for path in old:
            if path.name not in known:
                path.unlink(missing_ok=True)


def file_of(directory: CourseDirectory) -> Path:
    """Where its file is."""
    return _folder() / directory.pk.hex


def max_bytes() -> int:
    """How much one may hold, unpacked."""
    return settings.CLASS_ARCHIVE_MB * 1_000_000


def name_for(stored_name: str) -> str:
    """What an assignment is called here: the same, as far as a folder can be called so."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", stored_name).lstrip("_.-")[:MAX_NAME].rstrip("-") or "assignment"
    return f"{plain}-1" if plain in RESERVED else plain


def words_for(code: str, facts: Mapping[str, Any] | None) -> Explanation | None:
    """What is said of something that could not be made, in words."""
    if not code:
        return None
    known = AssignmentError.reasons()
    return explain(code, dict(facts or {}), reasons={**known} if code in known else None)


# --- Steps -------------------------------------------------------------------------------------------------


def _folder() -> Path:
    return Path(settings.CARREL_DATA) / "course-directories"


def _check_sane(stored: StoredCourse) -> None:
    """Raise AssignmentError `gradebook_unreadable` for names and points that nothing here has room for."""
    notebooks = [notebook for each in stored.assignments for notebook in each.notebooks]
    cells = [cell for notebook in notebooks for cell in notebook.cells]
    names = [notebook.name for notebook in notebooks] + [cell.grade_id for cell in cells]
    given = [list(_given(each)) for each in stored.submissions]
    worth = [[cell.points for notebook in each.notebooks for cell in notebook.cells] for each in stored.assignments]
    is_sane = (
        all(len(name) <= MAX_CELL_NAME for name in names)
        and all(cell.points >= 0 for cell in cells)
        and all(abs(points) <= MOST_POINTS for each in (*given, *worth) for points in each)
        and all(sum(map(abs, each)) <= MOST_POINTS_IN_ALL for each in (*given, *worth))
    )
    if not is_sane:
        raise AssignmentError("gradebook_unreadable", detail="names or points out of bounds")


def _given(submission: StoredSubmission) -> Iterator[float]:
    """Every number of points that somebody gave or took."""
    for mark in submission.marks:
        yield from (points or 0.0 for points in (mark.auto_points, mark.manual_points, mark.extra))
    yield from (penalty.points for penalty in submission.penalties)


def _dated(stored: StoredCourse) -> StoredCourse:
    """Without dates that nobody means: no page could say when that is."""
    assignments = (replace(each, due_at=_near(each.due_at)) for each in stored.assignments)
    submissions = (replace(each, submitted_at=_near(each.submitted_at)) for each in stored.submissions)
    return replace(stored, assignments=tuple(assignments), submissions=tuple(submissions))


def _near(moment: datetime | None) -> datetime | None:
    return None if moment is None or is_far_away(moment) else moment


def _ask(directory: CourseDirectory, step: CourseDirectory.Step, columns: dict[str, Any], *, now: datetime) -> None:
    rows = CourseDirectory.objects.filter(pk=directory.pk, state__in=(WorkState.DONE, WorkState.FAILED))
    anew = {"state": WorkState.WAITING, "tries": 0, "failure_code": "", "failure_facts": {}, "asked_at": now}
    if rows.update(step=step, **anew, **columns):
        enqueue(TASK, directory.pk)
    directory.refresh_from_db()


def _assignments(course: Course, folder: CourseFolder, stored: StoredCourse) -> Iterator[FoundAssignment]:
    known = {each.name: each for each in stored.assignments}
    taken: set[str] = set()
    for stored_name in sorted({*folder.assignments(), *known}):
        it = known.get(stored_name)
        found = FoundAssignment(
            stored_name,
            name_for(stored_name),
            it.due_at.isoformat() if it is not None and it.due_at is not None else "",
            _points(it),
            0,
        )
        try:
            notebooks = len(folder.bundle("source", stored_name, limits=LIMITS).notebooks)
            _check(course, found, notebooks, taken)
        except UserError as error:
            yield FoundAssignment(**{**asdict(found), "code": error.code, "facts": error.facts})
        else:
            taken.add(found.name)
            yield FoundAssignment(**{**asdict(found), "notebooks": notebooks})


def _check(course: Course, found: FoundAssignment, notebooks: int, taken: set[str]) -> None:
    deleted = Assignment.objects.filter(course=course, name=found.name).exclude(deleted_at=None)
    if found.name in taken or deleted.exists():
        raise AssignmentError("assignment_name_taken", name=found.name)
    if not notebooks:
        raise AssignmentError("source_without_notebooks")


def _points(assignment: StoredAssignment | None) -> float:
    notebooks = assignment.notebooks if assignment is not None else ()
    return sum(cell.points for each in notebooks for cell in each.cells)


def _people(folder: CourseFolder, stored: StoredCourse) -> Iterator[FoundPerson]:
    submitted: dict[str, set[str]] = {}
    graded: dict[str, int] = {}
    for name in {*folder.assignments("submitted"), *folder.assignments("autograded")}:
        for who in folder.students(name):
            submitted.setdefault(who, set()).add(name)
    for each in stored.submissions:
        submitted.setdefault(each.student, set()).add(each.assignment)
        graded[each.student] = graded.get(each.student, 0) + any(map(is_graded, each.marks))
    known = {each.id: each for each in stored.students}
    for who in sorted({*submitted, *known}):
        person = known.get(who, StoredStudent(who))
        name = f"{person.first_name} {person.last_name}".strip()
        yield FoundPerson(who, name, person.email, len(submitted.get(who, ())), graded.get(who, 0))
