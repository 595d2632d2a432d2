"""Grading anew with a corrected release: tried first, shown beside what counts, and taken over where a teacher says so.

A trial changes no grade. What people have given by hand stays whatever is taken over: `points.fold` says how.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from accounts.models import User
from assignments.errors import AssignmentError
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
    """What one student has, and what they would have."""

    grade: Grade
    trial: Autograding | None
    """None where none was asked for with this release."""
    points: Decimal | None
    """What they would have after lateness; None before the trial is done."""
    max_points: Decimal | None
    is_taken_over: bool
    """Whether it counts already."""

    @property
    def is_under_way(self) -> bool:
        """Whether a worker has it, or will."""
        return self.trial is not None and self.trial.state in (State.WAITING, State.RUNNING)

    @property
    def is_ready(self) -> bool:
        """Whether it can be taken over."""
        return self.trial is not None and self.trial.state == State.DONE and not self.is_taken_over

    @property
    def is_other(self) -> bool:
        """Whether taking it over would change what the student has."""
        return self.is_ready and (self.points, self.max_points) != (self.grade.points, self.grade.max_points)

    @property
    def failure(self) -> Explanation | None:
        """Why there is nothing to be taken over, in words."""
        return self.trial.failure if self.trial is not None else None


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
    grades = [(grade, latest.get(grade.submission.pk) if grade.submission else None) for grade in _grades(assignment)]
    done = [trial for grade, trial in grades if trial is not None and _has_points(trial, grade, assignment)]
    points = gradebook.points_if_taken_over(assignment, done)
    rows = [_tried(grade, trial, points.get(trial.pk) if trial is not None else None) for grade, trial in grades]
    return sorted(rows, key=lambda row: (not row.is_other, row.grade.membership.person.get_full_name().casefold()))


def take_over(assignment: Assignment, chosen: Collection[UUID] | None, *, now: datetime) -> int:
    """Let these trials count, or all that are done; returns how many did. Published grades stay until published anew.

    Raises CourseError `course_over` and AssignmentError `assignment_not_released`.
    """
    check_going_on(assignment.course)
    _release(assignment)
    ready = [row.trial for row in tried(assignment) if row.is_ready and row.trial is not None]
    wanted = [trial for trial in ready if chosen is None or trial.pk in chosen]
    for trial in wanted:
        gradebook.take_over(trial, now=now)
    return len(wanted)


# --- Steps -------------------------------------------------------------------------------------------------


_OF_GRADES = (
    *("points", "max_points", "membership__person__display_name", "membership__person__username"),
    *("submission__assignment", "submission__membership", "submission__release"),
    *("submission__autograding", "submission__submitted_at"),
)
_OF_TRIALS = ("submission", "release", "is_trial", "state", "scores", "failure_code", "failure_facts")
"""What is read of each: of a thousand, the rest would take longer than the points."""


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


def _trials(assignment: Assignment) -> Sequence[Autograding]:
    """Those of the present release, the latest last."""
    trials = _of(assignment).filter(release=assignment.release_id).order_by("asked_at", "pk")
    return list(trials.only(*_OF_TRIALS))


def _grades(assignment: Assignment) -> Sequence[Grade]:
    grades = Grade.objects.filter(assignment=assignment, submission__isnull=False)
    return list(grades.select_related("membership__person", "submission").only(*_OF_GRADES))


def _has_points(trial: Autograding, grade: Grade, assignment: Assignment) -> bool:
    """Whether it has points. It is given its submission as the grade has it, so that nobody asks for it again."""
    if trial.state != State.DONE or grade.submission is None:
        return False
    grade.submission.assignment = assignment
    trial.submission = grade.submission
    return True


def _tried(grade: Grade, trial: Autograding | None, points: SubmissionPoints | None) -> Tried:
    if trial is None or points is None or grade.submission is None:
        return Tried(grade, trial, None, None, is_taken_over=False)
    return Tried(grade, trial, points.total, points.max_points, grade.submission.autograding_id == trial.pk)
