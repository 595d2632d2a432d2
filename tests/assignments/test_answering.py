"""What is taken for the answer to a cell."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from assignments import artefacts
from assignments.grading.answering import NONE, Answer, answer_in, answers_of
from tests.assignments.marked import ESSAY, graded, to_be_graded
from tests.factories import member


def _cell(source: str, kind: str = "code", **grading: Any) -> dict[str, Any]:
    metadata = {"nbgrader": grading} if grading else {}
    return {"cell_type": kind, "metadata": metadata, "source": source}


def _answer(grade_id: str, source: str, **grading: Any) -> dict[str, Any]:
    return _cell(source, grade_id=grade_id, solution=True, grade=False, **grading)


NOTEBOOK = {
    "cells": [
        _answer("first", "x = 1"),
        _answer("second", "y = 2"),
        _cell("y"),
        _cell("assert y == 2", grade_id="tests", grade=True, solution=False),
        _cell("assert y > 1", grade_id="more-tests", grade=True, solution=False),
        _cell("In words.", "markdown", grade_id="essay", grade=True, solution=True),
        _cell("Do this.", "markdown", grade_id="task", task=True, grade=False, solution=False),
        _cell("So I did.", "markdown"),
        _cell("print(3)"),
        _cell("The end.", "markdown", grade_id="end", grade=False, solution=False, locked=True),
        _cell("and more"),
    ]
}


@pytest.mark.parametrize(
    ("grade_id", "answer"),
    [
        ("tests", Answer("y = 2", is_code=True)),
        ("more-tests", Answer("y = 2", is_code=True)),
        ("essay", Answer("In words.", is_code=False)),
        ("task", Answer("So I did.\n\nprint(3)", is_code=True)),
        ("nowhere", NONE),
    ],
)
def test_answer_is_what_a_person_would_look_at(grade_id: str, answer: Answer) -> None:
    assert answer_in(NOTEBOOK, grade_id) == answer


@pytest.mark.django_db
def test_answers_are_read_once_and_what_cannot_be_read_is_empty(now: datetime, settings: Any) -> None:
    assignment = to_be_graded(name="homework")
    one, other = (
        graded(assignment, member(assignment.course, name), now=now, essay=name) for name in ("ada", "charles")
    )
    first = answers_of([one], ESSAY)
    artefacts.sweep([], now=now.replace(year=now.year + 10))

    assert first == {one.pk: Answer("ada", is_code=False)}
    assert answers_of([one, other], ESSAY) == {**first, other.pk: NONE}
