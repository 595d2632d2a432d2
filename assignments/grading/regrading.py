"""Grading anew with a corrected release: tried first, shown beside what counts, and taken over where a teacher says so.

A trial changes no grade. What people have given by hand stays whatever is taken over: `points.fold` says how.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from accounts.models import User
from assignments.errors import AssignmentError, failure_of
from assignments.files import NO_FILES
from assignments.grading import gradebook
from assignments.grading.autograding import ask_many
from assignments.grading.points import SubmissionPoints
from assignments.models import Assignment, Autograding, Grade, Release, Submission
from assignments.querysets import AutogradingQuerySet
from classes.members import check_going_on
from environments.errors import Explanation

State = Autograding.State


@dataclass(frozen=True, slots=True)
class Tried:
    """What one student has, and what they would have. Values, not rows: there are as many of them as students."""

    grade_id: int
    username: str
    name: str
    now: Decimal | None
    """What they have."""
    max_now: Decimal | None
    trial_id: UUID | None = None
    """None where none was asked for with this release."""
    state: str | None = None
    points: Decimal | None = None
    """What they would have after lateness; None before the trial is done."""
    max_points: Decimal | None = None
    is_taken_over: bool = False
    """Whether it counts already."""
    failure_code: str = ""
    failure_facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_under_way(self) -> bool:
        """Whether a worker has it, or will."""
        return self.state in (State.WAITING, State.RUNNING)

    @property
    def is_ready(self) -> bool:
        """Whether it can be taken over."""
        return self.state == State.DONE and not self.is_taken_over

    @property
    def is_other(self) -> bool:
        """Whether taking it over would change what the student has."""
        return self.is_ready and (self.points, self.max_points) != (self.now, self.max_now)

    @property
    def failure(self) -> Explanation | None:
        """Why there is nothing to be taken over, in words."""
        return failure_of(self.failure_code, self.failure_facts)


def ask_trials(assignment: Assignment, *, by: User, now: datetime) -> int:
    """Have what counts for each student tried with the present release; returns how many that is.

    Where the present release has graded it already nothing is to be tried. Raises CourseError `course_over` and
    AssignmentError `assignment_not_released`.
    """
    check_going_on(assignment.course)
    release = _release(assignment)
    _of(assignment).filter(state=State.WAITING).exclude(release=release).delete()  # Nobody wants those any more.
    return ask_many(_submissions_that_count(assignment, release), by=by, now=now, release=release, is_trial=True)


def tried(assignment: Assignment) -> Sequence[Tried]:
    """How every student stands, those for whom something would change first. As many questions for any number."""
    latest = {trial.submission_id: trial for trial in _trials(assignment)}
    grades = [(grade, latest.get(grade.submission_id)) for grade in _grades(assignment)]
    done = [_done(trial, grade) for grade, trial in grades if trial is not None and trial.state == State.DONE]
    points = gradebook.points_if_taken_over(assignment, assignment.release_id, done) if assignment.release_id else {}
    rows = [_tried(grade, trial, points.get(trial.pk) if trial is not None else None) for grade, trial in grades]
    return sorted(rows, key=lambda row: (not row.is_other, row.name.casefold()))


def take_over(assignment: Assignment, chosen: Collection[UUID] | None, *, now: datetime) -> int:
    """Let these trials count, or all that are done; returns how many did. Published grades stay until published anew.

    Raises CourseError `course_over` and AssignmentError `assignment_not_released`.
    """
    check_going_on(assignment.course)
    _release(assignment)
    ready = [row.trial_id for row in tried(assignment) if row.is_ready and row.trial_id is not None]
    wanted = [trial_id for trial_id in ready if chosen is None or trial_id in chosen]
    for trial in _of(assignment).filter(pk__in=wanted):
        gradebook.take_over(trial, now=now)
    return len(wanted)


# --- Steps -------------------------------------------------------------------------------------------------


class _Trial(NamedTuple):
    pk: UUID
    submission_id: UUID
    state: str
    scores: Sequence[Mapping[str, Any]]
    failure_code: str
    failure_facts: Mapping[str, Any]


class _Grade(NamedTuple):
    pk: int
    points: Decimal | None
    max_points: Decimal | None
    membership_id: UUID
    username: str
    display_name: str
    submission_id: UUID
    submitted_at: datetime
    autograding_id: UUID | None


def _release(assignment: Assignment) -> Release:
    if assignment.release is None:
        raise AssignmentError("assignment_not_released", assignment=assignment.title)
    return assignment.release


def _submissions_that_count(assignment: Assignment, release: Release) -> Sequence[Submission]:
    counting = Submission.objects.filter(grade_of__assignment=assignment).exclude(autograding__release=release)
    tried_already = _of(assignment).filter(release=release, state=State.DONE).values("submission")
    rows = counting.exclude(pk__in=tried_already).exclude(bundle=NO_FILES)
    rows = rows.select_related("assignment", "membership")
    return list(rows.order_by("submitted_at", "pk"))


def _of(assignment: Assignment) -> AutogradingQuerySet:
    return Autograding.objects.filter(submission__assignment=assignment, is_trial=True)


def _trials(assignment: Assignment) -> Iterator[_Trial]:
    """Those of the present release, the latest last."""
    trials = _of(assignment).filter(release=assignment.release_id).order_by("asked_at", "pk")
    return map(_Trial._make, trials.values_list("pk", "submission", *_Trial._fields[2:]))


def _grades(assignment: Assignment) -> Iterator[_Grade]:
    grades = Grade.objects.filter(assignment=assignment, submission__isnull=False).order_by()
    person = ("membership__person__username", "membership__person__display_name")
    submission = ("submission", "submission__submitted_at", "submission__autograding")
    return map(_Grade._make, grades.values_list("pk", "points", "max_points", "membership", *person, *submission))


def _done(trial: _Trial, grade: _Grade) -> gradebook.Trial:
    return gradebook.Trial(trial.pk, trial.submission_id, grade.membership_id, grade.submitted_at, trial.scores)


def _tried(grade: _Grade, trial: _Trial | None, points: SubmissionPoints | None) -> Tried:
    has = (grade.pk, grade.username, grade.display_name or grade.username, grade.points, grade.max_points)
    if trial is None:
        return Tried(*has)
    return Tried(
        *has,
        trial_id=trial.pk,
        state=trial.state,
        points=points.total if points is not None else None,
        max_points=points.max_points if points is not None else None,
        is_taken_over=points is not None and grade.autograding_id == trial.pk,
        failure_code=trial.failure_code,
        failure_facts=trial.failure_facts,
    )
