"""A correction brought into a student's copy of an assignment."""

from __future__ import annotations

import copy
from typing import Any

import nbformat
from hypothesis import given
from hypothesis import strategies as st

from assignments.notebooks.cells import grade_id_of
from assignments.notebooks.doctoring import doctor
from assignments.notebooks.merging import Merged, merge
from tests.assignments.notebook_cells import Cell, answer, cell, checks, manual, notebook, read_only, text

OLD = [text("welcome"), read_only("intro"), answer("a"), checks("ta", "assert a == 1"), manual("m")]
NEW = [
    text("welcome back"),
    read_only("intro", "# clearer"),
    answer("a", "a = ..."),
    checks("ta", "assert a == 2"),
    manual("m"),
]
MINE = [*OLD[:2], answer("a", "a = 1"), cell("print(a)"), *OLD[3:4], manual("m", "Because."), text("my notes")]


def merged(mine: list[Cell], *, old: list[Cell] = OLD, new: list[Cell] = NEW, **kwargs: Any) -> Merged:
    return merge(notebook(*mine, **kwargs), old=notebook(*old), new=notebook(*new))


def sources(result: Merged) -> list[str]:
    return [one["source"] for one in result.notebook["cells"]]


def test_answers_stay_and_all_else_is_the_new_release_s() -> None:
    result = merged(MINE)

    assert sources(result) == [
        *("welcome back", "# clearer", "a = 1", "print(a)", "assert a == 2", "Because.", "my notes"),
    ]
    assert (result.added, result.updated, result.removed, result.set_aside) == ((), ("intro", "a", "ta"), (), ())


def test_an_answer_nobody_has_written_is_given_out_anew() -> None:
    assert sources(merged(OLD)) == [one["source"] for one in NEW]


def test_nothing_changes_where_the_release_has_not() -> None:
    result = merged(MINE, new=OLD)

    assert result == Merged(notebook(*MINE))


def test_new_cells_are_placed_where_they_belong() -> None:
    new = [*NEW[:2], answer("first"), *NEW[2:], checks("last")]

    result = merged(MINE, new=new)

    assert [grade_id_of(one) for one in result.notebook["cells"]] == [
        *("", "intro", "first", "a", "", "ta", "m", "", "last"),
    ]
    assert result.added == ("first", "last")


def test_work_in_a_removed_cell_stays_as_a_plain_cell() -> None:
    result = merged(MINE, new=[*NEW[:2], NEW[4]])

    assert sources(result) == ["welcome back", "# clearer", "a = 1", "print(a)", "Because.", "my notes"]
    assert all("nbgrader" not in one["metadata"] for one in result.notebook["cells"] if one["source"] == "a = 1")
    assert (result.removed, result.set_aside) == (("a", "ta"), ("a",))


def test_a_removed_cell_without_work_goes() -> None:
    assert sources(merged(OLD, new=[*NEW[:2], NEW[4]])) == ["welcome back", "# clearer", "YOUR ANSWER HERE"]


def test_what_was_written_into_a_cell_that_is_locked_is_set_aside() -> None:
    result = merged([*OLD[:3], checks("ta", "my answer"), OLD[4]])

    assert sources(result)[3:5] == ["assert a == 2", "my answer"]
    assert result.set_aside == ("ta",)


def test_an_answer_that_becomes_a_locked_cell_is_set_aside() -> None:
    result = merged(MINE, new=[*NEW[:2], read_only("a", "The answer is 1."), *NEW[3:]])

    assert sources(result)[2:5] == ["The answer is 1.", "a = 1", "print(a)"]


def test_of_several_copies_of_an_answer_none_is_lost() -> None:
    result = merged([*OLD[:2], answer("a", "a = 1"), answer("a", "a = 2"), *OLD[3:]])

    assert sources(result)[1:5] == ["# clearer", "a = 1", "a = 2", "assert a == 2"]
    assert [grade_id_of(one) for one in result.notebook["cells"]][1:5] == ["intro", "", "a", "ta"]


def test_text_that_the_student_has_changed_stays_beside_the_new() -> None:
    result = merged([text("welcome, I was here"), *MINE[1:]])

    assert sources(result)[:2] == ["welcome, I was here", "welcome back"]


def test_the_outputs_of_an_answer_stay() -> None:
    mine = copy.deepcopy(MINE)
    mine[2] |= {"outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}], "execution_count": 3}

    kept = merged(mine).notebook["cells"][2]

    assert (kept["execution_count"], len(kept["outputs"])) == (3, 1)


def test_the_kernel_is_the_new_release_s_and_other_metadata_the_student_s() -> None:
    mine = notebook(*MINE, kernel="ir")
    mine["metadata"]["theirs"] = 1

    found = merge(mine, old=notebook(*OLD), new=notebook(*NEW)).notebook["metadata"]

    assert (found["kernelspec"]["name"], found["theirs"]) == ("python3", 1)


def test_what_is_merged_has_an_identity_for_every_cell() -> None:
    new = notebook(
        *({**one, "id": "same"} for one in NEW[:1]), *({**one, "id": f"x{i}"} for i, one in enumerate(NEW[1:])), minor=5
    )

    result = merge(notebook(*MINE), old=notebook(*OLD), new=new)

    nbformat.validate(nbformat.from_dict(result.notebook))
    assert merge(result.notebook, old=notebook(*OLD), new=new).notebook == result.notebook


# --- Whatever the copies are like --------------------------------------------------------------------------


def release_cells(prefix: str) -> st.SearchStrategy[list[Cell]]:
    """Cells of a release: what is in them is never what a student writes."""

    def made(grade_id: str, kind: int, version: int) -> Cell:
        source = f"{prefix}{grade_id}{version}"
        kinds = (answer, checks, manual, read_only)
        return kinds[kind](grade_id, source) if kind < len(kinds) else text(source)

    one = st.builds(made, st.sampled_from("abcdef"), st.integers(0, 4), st.integers(0, 1))
    return st.lists(
        one, max_size=6, unique_by=lambda cell: (grade_id_of(cell), not grade_id_of(cell) and cell["source"])
    )


@st.composite
def copies(draw: st.DrawFn) -> tuple[list[Cell], list[Cell], list[Cell]]:
    """What a student has made of a release, that release, and the next."""
    old, new = draw(release_cells("r")), draw(release_cells(draw(st.sampled_from("rn"))))
    mine = []
    for number, one in enumerate(draw(st.lists(st.sampled_from(old), max_size=8)) if old else []):
        written = draw(st.sampled_from([one["source"], f"s{number}"]))
        mine.append({**one, "source": written})
        mine += draw(st.lists(st.builds(cell, st.sampled_from(["s", "s+", f"s{number}"])), max_size=1))
    return mine, old, new


@given(copies())
def test_no_answer_is_ever_lost(case: tuple[list[Cell], list[Cell], list[Cell]]) -> None:
    mine, old, new = case

    kept = sources(merged(mine, old=old, new=new))

    for one in mine:
        if one["source"].startswith("s"):
            kept.remove(one["source"])


@given(copies())
def test_every_cell_of_the_new_release_is_there_once_and_in_order(
    case: tuple[list[Cell], list[Cell], list[Cell]],
) -> None:
    mine, old, new = case

    found = [grade_id_of(one) for one in merged(mine, old=old, new=new).notebook["cells"]]

    assert [one for one in found if one] == [grade_id_of(one) for one in new if grade_id_of(one)]


@given(copies())
def test_doing_it_again_changes_nothing(case: tuple[list[Cell], list[Cell], list[Cell]]) -> None:
    mine, old, new = case
    once = merged(mine, old=old, new=new).notebook

    assert merge(once, old=notebook(*old), new=notebook(*new)).notebook == once
    assert merge(once, old=notebook(*new), new=notebook(*new)).notebook == once


@given(copies())
def test_what_is_merged_needs_no_doctor(case: tuple[list[Cell], list[Cell], list[Cell]]) -> None:
    mine, old, new = case
    result = merged(mine, old=old, new=new).notebook

    assert doctor(result, release=notebook(*new), name="p1").repairs == ()
