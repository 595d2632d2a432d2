"""What is repaired in a notebook that was handed in, and what its author is told."""

from __future__ import annotations

import copy
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignments.errors import REASONS, AssignmentError
from assignments.files import Bundle, Limits, from_files
from assignments.notebooks import cells as notebook_cells
from assignments.notebooks.cells import grade_id_of
from assignments.notebooks.doctoring import REPAIR_WORDS, Doctored, DoctoredFiles, Repair, doctor, doctor_files
from environments.errors import explain
from tests.assignments.notebook_cells import (
    Cell,
    Notebook,
    answer,
    cell,
    checks,
    manual,
    marked,
    notebook,
    raw,
    read_only,
    text,
)

INTRO, A, TA, B, TB, M = read_only("intro"), answer("a"), checks("ta"), answer("b"), checks("tb"), manual("m")
RELEASE = notebook(INTRO, A, TA, B, TB, M)
DONE_A, DONE_B = answer("a", "a = 1"), answer("b", "b = 1")


def treat(*given_cells: Cell, release: Notebook = RELEASE, **kwargs: Any) -> Doctored:
    return doctor(notebook(*given_cells, **kwargs), release=release, name="p1")


def ids(doctored: Doctored) -> list[str]:
    return [grade_id_of(one) or one["source"] for one in doctored.notebook["cells"]]


def told(doctored: Doctored | DoctoredFiles) -> list[tuple[str, str]]:
    return [(repair.code, repair.grade_id) for repair in doctored.repairs]


def source_of(doctored: Doctored, grade_id: str) -> str:
    return next(str(one["source"]) for one in doctored.notebook["cells"] if grade_id_of(one) == grade_id)


def retagged(one: Cell, **flags: Any) -> Cell:
    changed = copy.deepcopy(one)
    changed["metadata"]["nbgrader"].update(flags)
    return changed


def unmarked(one: Cell) -> Cell:
    return notebook_cells.plain(one)


# --- Cells -------------------------------------------------------------------------------------------------


def test_an_honest_notebook_is_left_as_it_is() -> None:
    mine = notebook(INTRO, DONE_A, cell("print(a)"), TA, B, TB, M)

    doctored = doctor(mine, release=RELEASE, name="p1")

    assert doctored.notebook == mine
    assert doctored.repairs == ()


def test_a_checksum_that_differs_is_nothing_to_tell() -> None:
    assert treat(INTRO, A, retagged(TA, checksum="0" * 32), B, TB, M).repairs == ()


def test_of_copied_cells_the_one_with_the_answer_counts() -> None:
    doctored = treat(INTRO, DONE_A, A, TA, B, TB, M)

    assert source_of(doctored, "a") == "a = 1"
    assert told(doctored) == [("cell_copied", "a")]
    assert ids(doctored) == ["intro", "a", "raise NotImplementedError", "ta", "b", "tb", "m"]


def test_of_two_answers_the_last_counts_and_the_other_stays() -> None:
    doctored = treat(INTRO, DONE_A, answer("a", "a = 2"), answer("a", "  "), TA, B, TB, M)

    assert source_of(doctored, "a") == "a = 2"
    assert "a = 1" in ids(doctored)


def test_of_copied_tests_the_one_that_was_given_out_counts() -> None:
    doctored = treat(INTRO, DONE_A, TA, checks("ta", "pass"), B, TB, M)

    assert source_of(doctored, "ta") == TA["source"]
    assert "pass" in ids(doctored)


def test_copies_carry_no_mark_of_nbgrader_at_all() -> None:
    doctored = treat(INTRO, DONE_A, A, TA, TA, B, TB, M)

    empty = [one for one in doctored.notebook["cells"] if not grade_id_of(one) and "nbgrader" in one["metadata"]]
    assert empty == []


@pytest.mark.parametrize("gone", range(6))
def test_deleted_cells_are_put_back_in_their_places(gone: int) -> None:
    rest = [one for place, one in enumerate(RELEASE["cells"]) if place != gone]

    doctored = treat(*rest)

    assert doctored.notebook == RELEASE
    assert told(doctored) == [("cell_put_back", grade_id_of(RELEASE["cells"][gone]))]


def test_a_deleted_test_is_put_behind_all_that_belongs_to_its_answer() -> None:
    doctored = treat(INTRO, DONE_A, cell("def helper(): ..."), B, TB, M)

    assert ids(doctored) == ["intro", "a", "def helper(): ...", "ta", "b", "tb", "m"]


def test_a_deleted_answer_is_put_before_what_was_written_instead() -> None:
    doctored = treat(INTRO, cell("x = 1"), cell("a = x"), TA, B, TB, M)

    assert ids(doctored) == ["intro", "a", "x = 1", "a = x", "ta", "b", "tb", "m"]


def test_an_answer_that_has_lost_its_marks_is_found_where_it_should_be() -> None:
    doctored = treat(INTRO, cell("a = 1"), TA, B, TB, M)

    assert source_of(doctored, "a") == "a = 1"
    assert told(doctored) == [("cell_found", "a")]


def test_a_cell_is_found_again_by_its_identity() -> None:
    given_out = notebook(*({**one, "id": f"id-{place}"} for place, one in enumerate(RELEASE["cells"])), minor=5)
    mine = copy.deepcopy(given_out)
    mine["cells"][1] = unmarked({**mine["cells"][1], "source": "a = 1"})
    mine["cells"].insert(1, {**cell("scratch"), "id": "mine"})

    doctored = doctor(mine, release=given_out, name="p1")

    assert source_of(doctored, "a") == "a = 1"


def test_a_notebook_without_any_marks_gets_them_back() -> None:
    doctored = treat(*map(unmarked, (INTRO, DONE_A, TA, DONE_B, TB, manual("m", "Because."))))

    assert ids(doctored) == ["intro", "a", "ta", "b", "tb", "m"]
    assert source_of(doctored, "b") == "b = 1"
    assert told(doctored)[0] == ("metadata_missing", "")


def test_locked_cells_that_were_edited_are_told() -> None:
    doctored = treat(read_only("intro", "mine"), A, checks("ta", "pass"), B, TB, M)

    assert told(doctored) == [("locked_edited", "intro"), ("locked_edited", "ta")]


@pytest.mark.parametrize(
    "flags", [{"grade": False}, {"solution": True}, {"locked": False}, {"points": 1000}, {"points": "x"}, {"task": 1}]
)
def test_flipped_flags_are_put_right(flags: dict[str, Any]) -> None:
    doctored = treat(INTRO, A, retagged(TA, **flags), B, TB, M)

    assert doctored.notebook == RELEASE
    assert told(doctored) == [("flags_restored", "ta")]


def test_a_renamed_cell_is_found_by_what_is_in_it() -> None:
    doctored = treat(INTRO, A, retagged(TA, grade_id="bad id!"), B, TB, M)

    assert doctored.notebook == RELEASE
    assert told(doctored) == [("cell_unknown", "bad id!"), ("cell_found", "ta")]


def test_a_cell_of_another_type_is_put_right_with_what_is_in_it() -> None:
    doctored = treat(INTRO, marked("a", "a = 1", cell_type="markdown", solution=True), TA, B, TB, M)

    found = doctored.notebook["cells"][1]
    assert (found["cell_type"], found["source"], found["outputs"]) == ("code", "a = 1", [])
    assert told(doctored) == [("type_restored", "a")]


def test_cells_of_another_assignment_stay_without_marks() -> None:
    doctored = treat(INTRO, A, TA, B, TB, M, answer("other", "work"))

    assert ids(doctored)[-1] == "work"
    assert told(doctored) == [("cell_unknown", "other")]


def test_a_test_before_its_answer_is_put_behind_it() -> None:
    doctored = treat(INTRO, TA, DONE_A, B, TB, M)

    assert ids(doctored) == ["intro", "a", "ta", "b", "tb", "m"]
    assert told(doctored) == [("cells_reordered", ""), ("test_moved", "ta")]


def test_questions_in_another_order_stay_in_it() -> None:
    doctored = treat(INTRO, DONE_B, TB, DONE_A, TA, M)

    assert ids(doctored) == ["intro", "b", "tb", "a", "ta", "m"]
    assert told(doctored) == [("cells_reordered", "")]


@pytest.mark.parametrize("version", [None, 0, 1, 2, 4, 99, "3"])
def test_marks_of_another_schema_are_put_right(version: Any) -> None:
    mine = [retagged(one, schema_version=version) for one in RELEASE["cells"]]
    if version is None:
        for one in mine:
            del one["metadata"]["nbgrader"]["schema_version"]

    doctored = treat(*mine)

    assert doctored.notebook == RELEASE
    assert told(doctored) == [("schema_other", "")]


def test_the_wrong_kernel_is_put_right() -> None:
    doctored = treat(*RELEASE["cells"], kernel="ir")

    assert doctored.notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert [str(repair) for repair in doctored.repairs] == [
        "p1: it was set to run with “ir”. It is graded with “python3”, as given out."
    ]


def test_cells_of_one_identity_get_their_own() -> None:
    given_out = notebook(*({**one, "id": f"id-{place}"} for place, one in enumerate(RELEASE["cells"])), minor=5)
    mine = copy.deepcopy(given_out)
    mine["cells"][3]["id"] = "id-1"

    doctored = doctor(mine, release=given_out, name="p1")

    assert len({one["id"] for one in doctored.notebook["cells"]}) == 6
    assert told(doctored) == [("ids_renewed", "")]
    nbformat.validate(nbformat.from_dict(doctored.notebook))


# --- Whatever is handed in ---------------------------------------------------------------------------------

pieces = st.sampled_from([*RELEASE["cells"], DONE_A, DONE_B, answer("zz", "s9")]) | st.integers(0, 9).flatmap(
    lambda n: st.sampled_from(
        [
            answer("a", f"s{n}"),
            answer("b", f"s{n}"),
            manual("m", f"s{n}"),
            cell(f"s{n}"),
            text(f"s{n}"),
            checks("ta", f"s{n}"),
        ]
    )
)
shuffled = st.lists(pieces | pieces.map(unmarked), max_size=12)


@given(shuffled)
def test_every_cell_of_the_release_is_there_once_and_no_text_is_lost(mine: list[Cell]) -> None:
    doctored = treat(*mine)

    found = [grade_id_of(one) for one in doctored.notebook["cells"] if grade_id_of(one)]
    assert sorted(found) == ["a", "b", "intro", "m", "ta", "tb"]
    kept = [one["source"] for one in doctored.notebook["cells"]]
    for one in mine:
        kept.remove(one["source"])
    for one in doctored.notebook["cells"]:
        assert one["metadata"].get("nbgrader", {"schema_version": 3})["schema_version"] == 3


@given(shuffled)
def test_nothing_is_left_to_repair(mine: list[Cell]) -> None:
    once = treat(*mine)

    again = doctor(once.notebook, release=RELEASE, name="p1")

    assert again.notebook == once.notebook
    assert {repair.code for repair in again.repairs} <= {"locked_edited", "cells_reordered"}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
grading = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("schema_version", "grade", "solution", "locked", "points", "task", "checksum"), anything)
    | {"grade_id": st.sampled_from(["a", "ta", "m", ""]) | anything},
)
hostile = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown"]) | anything,
        "source": st.text() | st.lists(st.text()) | anything,
        "metadata": st.fixed_dictionaries({"nbgrader": grading | anything}) | anything,
        "outputs": anything,
        "id": st.sampled_from(["x", "y"]) | anything,
    },
)


@given(st.lists(hostile | anything, max_size=5), anything, st.sampled_from([4, 5]))
def test_anything_in_the_cells_ends_as_a_notebook(mine: list[Any], metadata: Any, minor: int) -> None:
    document = {"cells": mine, "metadata": metadata, "nbformat": 4, "nbformat_minor": minor}
    files = bundle(p1=json.dumps(document).encode())

    doctored = doctor_files(files, release=bundle(p1=raw(*RELEASE["cells"])))

    cells = json.loads(doctored.bundle.notebook("p1"))["cells"]
    assert sorted(filter(None, map(grade_id_of, cells))) == ["a", "b", "intro", "m", "ta", "tb"]
    assert all(str(repair) for repair in doctored.repairs)


# --- Files -------------------------------------------------------------------------------------------------

RELEASED = RELEASE["cells"]


def bundle(**notebooks: bytes) -> Bundle:
    files = [(f"{name}.ipynb", content) for name, content in notebooks.items()]
    return from_files([*files, ("data.csv", b"1")], limits=Limits()).bundle


OTHER = raw(answer("c"), checks("tc"))
BOTH = bundle(p1=raw(*RELEASED), p2=OTHER)


def test_a_renamed_notebook_is_found() -> None:
    mine = bundle(**{"p1-final": raw(INTRO, DONE_A, TA, B, TB, M), "p2": OTHER})

    doctored = doctor_files(mine, release=BOTH)

    assert told(doctored) == [("notebook_renamed", "")]
    assert doctored.bundle.notebooks == ("p1", "p2")
    assert b"a = 1" in doctored.bundle.notebook("p1")
    assert doctored.missing == frozenset()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "notebook_missing"),
        (b"", "notebook_unreadable"),
        (b"<html>", "notebook_unreadable"),
        (b"[]", "notebook_unreadable"),
        (b"{}", "notebook_unreadable"),
        (b'{"nbformat": 4, "cells": 3}', "notebook_unreadable"),
        (b'{"nbformat": 3, "worksheets": []}', "notebook_unreadable"),
        (b"[" * 100_000, "notebook_unreadable"),
        (b"\xff\xfe", "notebook_unreadable"),
        (b'{"nbformat": 4, "cells": [' + b"{}," * 6000 + b"{}]}", "notebook_unreadable"),
    ],
)
def test_a_notebook_that_cannot_be_graded_counts_as_unanswered(content: bytes | None, code: str) -> None:
    mine = {"p2": OTHER} if content is None else {"p1": content, "p2": OTHER}

    doctored = doctor_files(bundle(**mine), release=BOTH)

    assert told(doctored) == [(code, "")]
    assert doctored.missing == {"p1"}
    assert json.loads(doctored.bundle.notebook("p1"))["cells"] == RELEASED


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b" " * 101, "notebook_too_large"),
        (b"x", "notebook_unreadable"),
        (b'{"nbformat": 5, "cells": []}', "notebook_format_unknown"),
        (b'{"nbformat": true, "cells": []}', "notebook_format_unknown"),
    ],
)
def test_read_says_what_is_wrong(content: bytes, code: str) -> None:
    with pytest.raises(AssignmentError) as caught:
        notebook_cells.read(content, name="p1", max_bytes=100)

    assert caught.value.code == code
    assert "?" not in explain(code, caught.value.facts, reasons=REASONS).sentence


def test_every_repair_has_words() -> None:
    for code in REPAIR_WORDS:
        facts = (("was", "x"), ("kernel", "y"), ("times", 2))
        assert "p1" in str(Repair(code, "p1", "a", facts))


@pytest.mark.parametrize("name", ["test-v0", "test-v1", "test-v2", "too-new", "test-no-metadata", "submitted-changed"])
def test_notebooks_of_nbgrader_s_own_tests_can_be_treated(name: str) -> None:
    spec = find_spec("nbgrader")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0], "tests", "apps", "files")
    given_out = (folder / "submitted-unchanged.ipynb").read_bytes()

    doctored = doctor_files(bundle(p1=(folder / f"{name}.ipynb").read_bytes()), release=bundle(p1=given_out))

    assert doctored.missing == frozenset()
