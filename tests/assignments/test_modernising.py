"""Notebooks of another time become notebooks of today, or are refused with words, before anything is made of them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from accounts.models import User
from assignments.errors import AssignmentError
from assignments.files import Bundle, File
from assignments.models import Origin
from assignments.releasing.authoring import bring_source
from assignments.releasing.modernising import modernised
from assignments.running.grading_runs import read_bundle
from tests.assignments.grading import notebook
from tests.assignments.notebooks import checks
from tests.assignments.notebooks import notebook as of_today
from tests.factories import AssignmentFactory

GRADING = {"grade": True, "solution": False, "locked": True, "points": 1, "grade_id": "t", "schema_version": 3}


def _bundle(content: Any, *, beside: str = "1,2") -> Bundle:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Bundle((File("data.csv", beside.encode()), File("problem1.ipynb", raw)))


def _format_3() -> dict[str, Any]:
    """As IPython notebooks were before 2015."""
    tests = {"cell_type": "code", "language": "python", "input": "assert x == 1", "outputs": [], "collapsed": False}
    cells = [
        {"cell_type": "heading", "level": 1, "source": "Loops", "metadata": {}},
        {**tests, "metadata": {"nbgrader": GRADING}},
    ]
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}


def test_notebook_of_format_3_is_one_of_format_4() -> None:
    bundle, old = modernised(_bundle(_format_3()))

    anew = json.loads(bundle.notebook("problem1"))
    assert (old, anew["nbformat"]) == (("problem1",), 4)
    assert [cell["source"] for cell in anew["cells"]] == ["# Loops", "assert x == 1"]
    assert anew["cells"][1]["metadata"]["nbgrader"] == GRADING
    assert bundle.read("data.csv") == b"1,2"


def test_the_same_old_notebook_becomes_the_same_new_one() -> None:
    first, second = (modernised(_bundle(_format_3()))[0] for _time in range(2))

    assert first.sha256 == second.sha256


@pytest.mark.parametrize("name", ["test-v0.ipynb", "test-v1.ipynb", "test-v2.ipynb"])
def test_what_an_old_nbgrader_says_of_cells_is_said_as_today(name: str) -> None:
    bundle, old = modernised(_bundle(notebook(name)))

    cells = json.loads(bundle.notebook("problem1"))["cells"]
    said = [cell["metadata"]["nbgrader"]["schema_version"] for cell in cells if "nbgrader" in cell["metadata"]]
    assert (old, set(said)) == (("problem1",), {3})


def test_notebook_of_today_stays_byte_for_byte() -> None:
    bundle = _bundle(of_today(checks("assert True")))

    assert modernised(bundle) == (bundle, ())


@pytest.mark.parametrize("content", [b"no notebook", b"[]", b"{}", b'{"nbformat": "4"}', b"[" * 100_000])
def test_what_is_no_notebook_is_left_for_the_check(content: bytes) -> None:
    bundle = _bundle(content)

    assert modernised(bundle) == (bundle, ())


def test_notebook_of_a_format_to_come_is_refused() -> None:
    with pytest.raises(AssignmentError, match="source_too_new") as refused:
        modernised(_bundle({"nbformat": 5, "nbformat_minor": 0, "metadata": {}, "cells": []}))

    assert "problem1" in refused.value.explain().sentence


def test_old_notebook_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(AssignmentError, match="notebook_invalid"):
        modernised(_bundle({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": 7}))


def test_notebook_of_more_brackets_than_memory_is_refused() -> None:
    with pytest.raises(AssignmentError, match="notebook_too_large"):
        modernised(_bundle(b"[" * 1_000_001))


@pytest.mark.django_db
def test_source_says_which_of_its_notebooks_were_old(teacher: User, now: datetime) -> None:
    source = bring_source(AssignmentFactory.create(), _bundle(_format_3()), origin=Origin.UPLOAD, by=teacher, now=now)

    kept = read_bundle(source.bundle)
    assert (source.upgraded, json.loads(kept.notebook("problem1"))["nbformat"]) == (["problem1"], 4)
