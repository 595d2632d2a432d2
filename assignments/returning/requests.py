"""Questions of students about their points: asked at a cell, answered in a thread, closed by whoever grades.

One stands open for a cell at a time. Closing says whether points were changed; a change is told, as any other, once it
is published.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import User
from assignments.errors import AssignmentError
from assignments.grading.gradebook import change_points
from assignments.grading.points import CellKey, ChangeKind
from assignments.models import Assignment, CellGrade, Feedback, RegradeMessage, RegradeRequest, Submission
from assignments.returning.feedback import feedback_of, told_of
from classes.members import check_going_on
from classes.models import Course

MAX_CHARACTERS = 4000
MAX_MESSAGES = 100
"""So many are in a thread before only those who grade can add to it: every one is on the page where they are read."""
State = RegradeRequest.State


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what its cell has now."""

    request: RegradeRequest
    grade: CellGrade | None
    """None where the cell is no longer part of what is graded."""


def requests_in(
    course: Course, *, assignment: Assignment | None = None, is_open: bool = True
) -> QuerySet[RegradeRequest]:
    """What waits for an answer in a class, or at one of its assignments, who waits longest first; or what is closed."""
    rows = RegradeRequest.objects.filter(submission__assignment__course=course, submission__assignment__deleted_at=None)
    if assignment is not None:
        rows = rows.filter(submission__assignment=assignment)
    if is_open:
        return rows.filter(state=State.OPEN).order_by("opened_at", "pk")
    return rows.exclude(state=State.OPEN).order_by("-closed_at", "pk")


def threads(requests: QuerySet[RegradeRequest]) -> Sequence[Asked]:
    """These with their messages, whose they are, and the points there are now. Three questions for any number."""
    rows = list(
        requests.select_related("submission__membership__person", "submission__assignment").prefetch_related(
            "messages__by"
        )
    )
    grades = _cells_of(rows)
    return [Asked(row, grades.get((row.submission_id, row.notebook, row.grade_id))) for row in rows]


def requests_of(submission: Submission) -> Sequence[RegradeRequest]:
    """What was asked about it, with every message, the newest question first. Two questions to the tables."""
    return list(submission.regrade_requests.prefetch_related("messages__by"))


def open_request(submission: Submission, cell: CellKey, words: str, *, by: User, now: datetime) -> RegradeRequest:
    """Ask those who grade to look at a cell again. Asking again while it is open adds to the same thread.

    Raises CourseError `course_over`, and AssignmentError `request_empty`, `request_cell_unknown` or `request_full`.
    """
    check_going_on(submission.assignment.course)
    text = _words(words)
    is_told = Feedback.objects.filter(submission=submission).exists()
    if not is_told or not submission.cell_grades.filter(notebook=cell.notebook, grade_id=cell.grade_id).exists():
        raise AssignmentError("request_cell_unknown")
    at = {"submission": submission, "notebook": cell.notebook, "grade_id": cell.grade_id, "state": State.OPEN}
    with transaction.atomic():
        request = _opened(at, now=now)
        if request.messages.count() >= MAX_MESSAGES:
            raise AssignmentError("request_full")
        RegradeMessage.objects.create(request=request, text=text, by=by, at=now)
    return request


def ask(submission: Submission, cell: CellKey, words: str, *, by: User, now: datetime) -> RegradeRequest:
    """The same for whoever submitted it: about a cell whose points they were told. Raises as `open_request`."""
    if told_of(submission, feedback_of(submission), now=now).points_of(cell) is None:
        raise AssignmentError("request_cell_unknown")
    return open_request(submission, cell, words, by=by, now=now)


@transaction.atomic
def answer(request: RegradeRequest, words: str, *, by: User, now: datetime) -> None:
    """Say something in the thread. Raises CourseError `course_over`, and `request_empty` or `request_closed`."""
    check_going_on(request.submission.assignment.course)
    _locked(request)
    RegradeMessage.objects.create(request=request, text=_words(words), by=by, at=now)


@transaction.atomic
def close(request: RegradeRequest, *, points: Decimal | None, words: str = "", by: User, now: datetime) -> None:
    """End it with these points for the cell, or keep what it has where they are None.

    Raises CourseError `course_over`, and AssignmentError `request_closed` or `request_points_invalid`.
    """
    submission = request.submission
    check_going_on(submission.assignment.course)
    locked = _locked(request)
    if words.strip():
        RegradeMessage.objects.create(request=locked, text=_words(words), by=by, at=now)
    if points is not None:
        cell = CellKey(locked.notebook, locked.grade_id)
        _check(points, submission, cell)
        change_points(submission, kind=ChangeKind.MANUAL, points=points, cell=cell, by=by, now=now, why=words[:500])
    locked.state = State.KEPT if points is None else State.CHANGED
    locked.closed_at, locked.closed_by = now, by
    locked.save(update_fields=["state", "closed_at", "closed_by"])


# --- Steps -------------------------------------------------------------------------------------------------


def _cells_of(requests: Iterable[RegradeRequest]) -> dict[tuple[object, str, str], CellGrade]:
    submissions = {request.submission_id for request in requests}
    rows = CellGrade.objects.filter(submission__in=submissions)
    return {(row.submission_id, row.notebook, row.grade_id): row for row in rows}


def _opened(at: dict[str, object], *, now: datetime) -> RegradeRequest:
    try:
        with transaction.atomic():
            return RegradeRequest.objects.create(**at, opened_at=now)
    except IntegrityError:
        return RegradeRequest.objects.get(**at)


def _locked(request: RegradeRequest) -> RegradeRequest:
    locked = RegradeRequest.objects.select_for_update().get(pk=request.pk)
    if locked.state != State.OPEN:
        raise AssignmentError("request_closed")
    return locked


def _words(words: str) -> str:
    text = words.strip()[:MAX_CHARACTERS]
    if not text:
        raise AssignmentError("request_empty")
    return text


def _check(points: Decimal, submission: Submission, cell: CellKey) -> None:
    grade = submission.cell_grades.filter(notebook=cell.notebook, grade_id=cell.grade_id).first()
    if grade is None or not points.is_finite() or not 0 <= points <= grade.max_points:
        raise AssignmentError("request_points_invalid", most=f"{grade.max_points.normalize():f}" if grade else "0")
