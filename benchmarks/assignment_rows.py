"""The assignments of a class with what everybody has for them, by their rows: what pages are measured on."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assignments.models import Assignment, Release, Submission
    from classes.models import Course, Membership

CELLS = [("problem1", f"question-{number}", kind, 4) for number, kind in enumerate(["tests"] * 5 + ["manual"] * 3)]
ANSWER = "answer = 42\nassert answer == 42"
ASKED = 40
"""How many ask about their points for the first assignment."""


def add_assignments(course: Course, count: int, *, now: datetime) -> None:
    """So many, each submitted by every student and graded by tests, a third of the rest by people, and published.

    The first has a correction that was tried on all of it, students who ask about their points, and as many different
    answers as students. A course of nbgrader was brought, with as many students of whom nobody is known.
    """
    from tests.factories import AssignmentFactory, released

    students = list(course.memberships.filter(role="student").select_related("person"))
    for number in range(1, count + 1):
        assignment = AssignmentFactory.create(course=course, name=f"given-{number}", title=f"Assignment {number}")
        given = released(assignment, cells=CELLS)
        submissions = _submitted(assignment, given, students, is_varied=number == 1, now=now)
        if number == 1:
            _ask(submissions[:ASKED], now=now)
            _try(submissions, released(assignment, cells=CELLS))
    _bring(course, len(students), now=now)


def _submitted(
    assignment: Assignment, given: Release, students: list[Membership], *, is_varied: bool, now: datetime
) -> list[Submission]:
    from assignments import artefacts
    from assignments.files import Bundle, File
    from assignments.models import Autograding, Fetch, Submission, Way

    answers = [_answer(place) for place, _student in enumerate(students)] if is_varied else [ANSWER] * len(students)
    kept = {answer: artefacts.keep(Bundle((File("problem1.ipynb", _notebook(answer)),)).tar) for answer in set(answers)}
    bundles = [kept[answer] for answer in answers]
    Fetch.objects.bulk_create(
        Fetch(assignment=assignment, membership=one, release=given, state=Fetch.State.THERE, asked_at=now)
        for one in students
    )
    submissions = [
        Submission(
            assignment=assignment,
            membership=one,
            release=given,
            attempt=1,
            submitted_at=now,
            way=Way.PAGE,
            bundle=bundles[place],
            bytes=1,
            state=Submission.State.GRADED,
            points=12 + place % 12,
            max_points=32,
            needs_manual=0 if place % 3 == 0 else 3,
        )
        for place, one in enumerate(students)
    ]
    Submission.objects.bulk_create(submissions, batch_size=500)
    runs = [
        Autograding(
            submission=one,
            release=given,
            state=Autograding.State.DONE,
            bundle=bundles[place],
            scores=_scores(place),
            asked_at=now,
        )
        for place, one in enumerate(submissions)
    ]
    Autograding.objects.bulk_create(runs, batch_size=500)
    for one, run in zip(submissions, runs, strict=True):
        one.autograding = run
    Submission.objects.bulk_update(submissions, ["autograding"], batch_size=200)
    _grade(submissions, now=now)
    return submissions


def _grade(submissions: list[Submission], *, now: datetime) -> None:
    from assignments.models import CellGrade, Feedback, Grade, GradeChange

    rows = [
        (one, place, cell, kind, place % 3 == 0)
        for place, one in enumerate(submissions)
        for _notebook, cell, kind, _points in CELLS
    ]
    CellGrade.objects.bulk_create(
        [
            CellGrade(
                submission=one,
                notebook="problem1",
                grade_id=cell,
                max_points=4,
                points=place % 5 if kind == "tests" or is_done else 0,
                origin="automatic" if kind == "tests" else "manual" if is_done else "nobody",
                needs_manual=kind == "manual" and not is_done,
            )
            for one, place, cell, kind, is_done in rows
        ],
        batch_size=1000,
    )
    GradeChange.objects.bulk_create(
        [
            GradeChange(
                submission=one,
                notebook="problem1",
                grade_id=cell,
                kind="automatic" if kind == "tests" else "manual",
                points=place % 5,
                at=now,
                autograding=one.autograding if kind == "tests" else None,
            )
            for one, place, cell, kind, is_done in rows
            if kind == "tests" or is_done
        ],
        batch_size=1000,
    )
    Grade.objects.bulk_create(
        [
            Grade(
                assignment=one.assignment,
                membership=one.membership,
                submission=one,
                points=one.points,
                max_points=32,
                needs_manual=one.needs_manual,
                changed_at=now,
                published_points=one.points,
                published_max_points=32,
                published_at=now,
            )
            for one in submissions
        ],
        batch_size=500,
    )
    Feedback.objects.bulk_create([Feedback(submission=one, published_at=now) for one in submissions], batch_size=500)


def _ask(submissions: list[Submission], *, now: datetime) -> None:
    from assignments.models import RegradeMessage, RegradeRequest

    asked = RegradeRequest.objects.bulk_create(
        RegradeRequest(submission=one, notebook="problem1", grade_id="question-0", opened_at=now) for one in submissions
    )
    RegradeMessage.objects.bulk_create(
        RegradeMessage(request=one, text="Why?", by=one.submission.membership.person, at=now) for one in asked
    )


def _try(submissions: list[Submission], corrected: Release) -> None:
    from assignments.models import Autograding

    Autograding.objects.bulk_create(
        [
            Autograding(
                submission=one,
                release=corrected,
                is_trial=True,
                state=Autograding.State.DONE,
                scores=_scores(place + 1),
            )
            for place, one in enumerate(submissions)
        ],
        batch_size=500,
    )


def _bring(course: Course, people: int, *, now: datetime) -> None:
    found = [
        {"id": f"old-{place}", "name": f"Name {place}", "email": "", "submissions": 20, "grades": 20}
        for place in range(people)
    ]
    course.course_directories.create(name="old.zip", asked_at=now, state="done", found={"people": found})


def _scores(place: int) -> list[dict[str, Any]]:
    return [
        {"notebook": "problem1", "grade_id": cell, "auto_points": place % 5 if kind == "tests" else None}
        for _notebook, cell, kind, _points in CELLS
    ]


def _answer(place: int) -> str:
    """A way of its own to write it: of some that differ in much, and many that differ in little."""
    steps = [f"    total += numbers[{place % 7}] * {place % 5 + step}" for step in range(place % 9 + 1)]
    return "\n".join(
        [f"# {place}", "def total_of(numbers):", "    total = 0", *steps, f"    return total - {place % 100}"]
    )


def _notebook(answer: str) -> bytes:
    cells = [
        {
            "cell_type": "code",
            "id": cell,
            "execution_count": 1,
            "metadata": {"nbgrader": {"grade_id": cell, "grade": True, "solution": kind == "manual"}},
            "source": answer,
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "forty-two\n"}],
        }
        for _notebook, cell, kind, _points in CELLS
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()
