"""A student's copy stays theirs: what is missing comes back, what is there is kept, and corrections are told."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import PurePosixPath

import pytest

from assignments import artefacts
from assignments.files import Bundle, File
from assignments.models import Assignment, Fetch
from assignments.submitting.fetching import ask_fetch, carry_out_fetch, copy_of, folder_of, home_of
from assignments.submitting.merge_words import words_of
from classes.models import Membership
from environments.backends import volume_store
from environments.volumes.fake import FakeVolumeStore
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, member, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]


def notebook(*, answer: str = "", test: str = "assert f(1)") -> bytes:
    """One with an answer and a test of it."""
    cells = [_cell("answer", answer, solution=True), _cell("test", test, solution=False)]
    return json.dumps(json.loads(EMPTY_NOTEBOOK) | {"cells": cells}).encode()


@pytest.fixture
def assignment() -> Assignment:
    """One with a notebook, and data beside it."""
    assignment = AssignmentFactory.create(name="given")
    _release(assignment, notebook(), b"1")
    return assignment


@pytest.fixture
def ada(assignment: Assignment, now: datetime) -> Membership:
    """A student who has a copy."""
    ada = member(assignment.course, "ada")
    _fetched(assignment, ada, now)
    return ada


def test_what_was_deleted_comes_back_and_the_rest_stays(assignment: Assignment, ada: Membership, now: datetime) -> None:
    mine = notebook(answer="f = bool")
    _write(assignment, ada, "problem1.ipynb", mine)
    _write(assignment, ada, "data.csv", None)

    _fetched(assignment, ada, now)

    copy = copy_of(assignment, ada)
    assert (copy.read("data.csv"), copy.read("problem1.ipynb")) == (b"1", mine)


def test_what_was_renamed_stays_under_its_name(assignment: Assignment, ada: Membership, now: datetime) -> None:
    mine = notebook(answer="f = bool")
    _write(assignment, ada, "problem1.ipynb", None)
    _write(assignment, ada, "mine.ipynb", mine)

    _fetched(assignment, ada, now)

    copy = copy_of(assignment, ada)
    assert (copy.read("mine.ipynb"), copy.read("problem1.ipynb")) == (mine, notebook())


def test_work_is_not_overwritten_for_a_name_that_differs_in_case(
    assignment: Assignment, ada: Membership, now: datetime
) -> None:
    mine = notebook(answer="f = bool")
    _write(assignment, ada, "problem1.ipynb", mine)
    _write(assignment, ada, "Problem1.ipynb", b"an older copy")

    _fetched(assignment, ada, now)

    assert _volume(ada)[PurePosixPath(folder_of(assignment), "problem1.ipynb")] == mine
    assert copy_of(assignment, ada).read("problem1.ipynb") == mine


def test_correction_is_merged_and_told(assignment: Assignment, ada: Membership, now: datetime) -> None:
    _write(assignment, ada, "problem1.ipynb", notebook(answer="f = bool"))
    _release(assignment, notebook(test="assert f(2)"), b"2")

    fetch = _fetched(assignment, ada, now)

    copy = copy_of(assignment, ada)
    sources = [cell["source"] for cell in json.loads(copy.notebook("problem1"))["cells"]]
    assert sources == ["f = bool", "assert f(2)"]
    assert copy.read("data.csv") == b"2"
    assert words_of(fetch.news) == ["problem1: 1 cell was corrected."]


def test_correction_of_what_cannot_be_merged_leaves_it_and_says_so(
    assignment: Assignment, ada: Membership, now: datetime
) -> None:
    _write(assignment, ada, "problem1.ipynb", b"damaged")
    _write(assignment, ada, "data.csv", b"mine")
    _release(assignment, notebook(test="assert f(2)"), b"2")

    fetch = _fetched(assignment, ada, now)

    copy = copy_of(assignment, ada)
    assert (copy.read("problem1.ipynb"), copy.read("data.csv")) == (b"damaged", b"mine")
    assert [words.split(":")[0] for words in words_of(fetch.news)] == ["data.csv", "problem1"]


def test_correction_taken_twice_is_told_once(assignment: Assignment, ada: Membership, now: datetime) -> None:
    _write(assignment, ada, "problem1.ipynb", notebook(answer="f = bool"))
    _release(assignment, notebook(test="assert f(2)"), b"1")
    _fetched(assignment, ada, now)
    once = copy_of(assignment, ada)

    again = _fetched(assignment, ada, now)

    assert copy_of(assignment, ada) == once
    assert again.news == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"added": ["a", "b"]}, "problem1: 2 cells are new."),
        ({"removed": ["a"]}, "problem1: 1 cell is gone."),
        ({"set_aside": ["a", "b"]}, "problem1: what you had written in a, b is kept in a cell of its own below."),
    ],
)
def test_words_of_says_what_became_of_cells(changes: dict[str, list[str]], words: str) -> None:
    news: dict[str, object] = {"notebook": "problem1", "added": [], "updated": [], "removed": [], "set_aside": []}

    assert words_of([news | changes]) == [words]


def _release(assignment: Assignment, content: bytes, data: bytes) -> None:
    release = released(assignment, problem1=content)
    bundle = Bundle((File("data.csv", data), File("problem1.ipynb", content)))
    release.bundle = artefacts.keep(bundle.tar)
    release.save()


def _fetched(assignment: Assignment, membership: Membership, now: datetime) -> Fetch:
    fetch = ask_fetch(assignment, membership, now=now)
    carry_out_fetch(fetch, now=now)
    assert fetch.state == Fetch.State.THERE
    return fetch


def _volume(membership: Membership) -> dict[PurePosixPath, bytes | None]:
    home, store = home_of(membership.person), volume_store()
    assert home is not None
    assert isinstance(store, FakeVolumeStore)
    return store.volumes[home.key]


def _write(assignment: Assignment, membership: Membership, name: str, content: bytes | None) -> None:
    volume, path = _volume(membership), PurePosixPath(folder_of(assignment), name)
    if content is None:
        del volume[path]
    else:
        volume[path] = content


def _cell(grade_id: str, source: str, *, solution: bool) -> dict[str, object]:
    grading = {"grade_id": grade_id, "grade": not solution, "solution": solution, "locked": not solution}
    return {
        "cell_type": "code",
        "id": grade_id,
        "metadata": {"nbgrader": grading | {"schema_version": 3}},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
