"""Runs of tests by their rows: nothing was run."""

from __future__ import annotations

from assignments.models import Autograding, Release, Submission

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
