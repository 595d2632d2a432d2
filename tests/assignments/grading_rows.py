"""Runs of tests by their rows: nothing was run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from accounts.models import User
from assignments.models import Assignment, Autograding, Grade, Release, Submission, Way
from classes.models import Membership

CELLS = [("problem1", "answer", "manual", 3), ("problem1", "tests", "tests", 2)]
"""One that a person grades, and tests."""


def graded_by(
    submission: Submission, points: int, *, release: Release | None = None, is_kept: bool = True
) -> Autograding:
    """A run in which the tests gave these points, and which nobody has taken over yet."""
    autograding = Autograding(
        submission=submission,
        release=release or submission.release,
        state=Autograding.State.DONE,
        scores=[
            {"notebook": "problem1", "grade_id": "tests", "auto_points": points},
            {"notebook": "problem1", "grade_id": "answer", "auto_points": None},
        ],
    )
    if is_kept:
        autograding.save()
    return autograding


def submitted_by_many(
    assignment: Assignment, count: int, *, now: datetime, points: int | None = None
) -> Sequence[Submission]:
    """Submissions of as many new students, and what they have for it where that is said."""
    assert assignment.release is not None
    begin = Membership.objects.count()
    names = [f"{assignment.name}-{begin + number}" for number in range(count)]
    people = User.objects.bulk_create(User(username=name, display_name=name.title()) for name in names)
    memberships = Membership.objects.bulk_create(Membership(course=assignment.course, person=one) for one in people)
    submissions = Submission.objects.bulk_create(
        Submission(
            assignment=assignment,
            membership=membership,
            release=assignment.release,
            attempt=1,
            submitted_at=now,
            way=Way.PAGE,
            bundle="0" * 64,
            bytes=1,
        )
        for membership in memberships
    )
    if points is not None:
        _given(submissions, Decimal(points), now=now)
    return submissions


def _given(submissions: Sequence[Submission], points: Decimal, *, now: datetime) -> None:
    runs = Autograding.objects.bulk_create(graded_by(one, int(points), is_kept=False) for one in submissions)
    for submission, run in zip(submissions, runs, strict=True):
        submission.autograding, submission.state = run, Submission.State.GRADED
        submission.points, submission.max_points = points, Decimal(5)
    Submission.objects.bulk_update(submissions, ["autograding", "state", "points", "max_points"], batch_size=200)
    Grade.objects.bulk_create(
        Grade(
            assignment=one.assignment,
            membership=one.membership,
            submission=one,
            points=points,
            max_points=5,
            changed_at=now,
        )
        for one in submissions
    )
