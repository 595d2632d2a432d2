"""Submissions whose tests were run and that wait for a person, by their rows alone."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from assignments import artefacts
from assignments.files import Bundle, File
from assignments.grading.gradebook import take_over
from assignments.grading.points import CellKey
from assignments.models import Assignment, Autograding, Submission, Way
from classes.models import Membership
from tests.factories import AssignmentFactory, released

CELLS = (
    ("problem1", "essay", "manual", 4),
    ("problem1", "proof", "manual", 6),
    ("problem1", "test-sum", "tests", 2),
)
ESSAY, PROOF, TEST = (CellKey(notebook, grade_id) for notebook, grade_id, _, _ in CELLS)


def to_be_graded(**fields: Any) -> Assignment:
    """An assignment with two cells that a person grades and one that its tests do."""
    assignment = AssignmentFactory.create(**fields)
    released(assignment, cells=CELLS)
    return assignment


def notebook(*, hostile: str = "", essay: str = "Because water is wet.") -> bytes:
    """As it was executed: an answer with its output, another, and a test."""
    cells = [
        {"cell_type": "markdown", "id": "intro", "metadata": {}, "source": "# Problem 1"},
        _answer("essay", f"{essay} {hostile}".strip()),
        _answer("proof", "By induction."),
        {
            "cell_type": "code",
            "id": "t",
            "execution_count": 1,
            "metadata": {"nbgrader": {"grade_id": "test-sum", "grade": True, "solution": False}},
            "source": "assert total == 3",
            "outputs": [{"output_type": "stream", "name": "stdout", "text": f"three {hostile}"}],
        },
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


def _answer(grade_id: str, text: str) -> dict[str, Any]:
    grading = {"grade_id": grade_id, "grade": True, "solution": True}
    return {"cell_type": "markdown", "id": grade_id, "metadata": {"nbgrader": grading}, "source": text}


def graded(
    assignment: Assignment,
    membership: Membership,
    *,
    now: datetime,
    hostile: str = "",
    essay: str = "Because water is wet.",
    flags: Any = (),
    **fields: Any,
) -> Submission:
    """A submission of this member whose tests were passed."""
    assert assignment.release is not None
    bundle = artefacts.keep(Bundle((File("problem1.ipynb", notebook(hostile=hostile, essay=essay)),)).tar)
    submission = Submission.objects.create(
        assignment=assignment,
        membership=membership,
        release=assignment.release,
        attempt=assignment.submissions.filter(membership=membership).count() + 1,
        submitted_at=now,
        way=Way.LAB,
        bundle=bundle,
        bytes=1,
        **fields,
    )
    scores = [
        {"notebook": key.notebook, "grade_id": key.grade_id, "auto_points": points}
        for key, points in ((ESSAY, None), (PROOF, None), (TEST, 2))
    ]
    run = Autograding.objects.create(
        submission=submission,
        release=assignment.release,
        state=Autograding.State.DONE,
        bundle=bundle,
        scores=scores,
        flags=list(flags),
    )
    take_over(run, now=now)
    submission.refresh_from_db()
    return submission
