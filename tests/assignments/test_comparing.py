"""What has changed from one answer to another, for people to read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignments.grading.comparing import AROUND, MAX_LINES, Became, Piece, compared

TEXTS = st.lists(st.sampled_from(["a = 1", "b = 2", "c(a, b)", "", "    return c"]), max_size=12).map("\n".join)


def _shown(before: str, after: str) -> list[tuple[str, str]]:
    return [(line.became.value, line.text) for line in compared(before, after)]


@pytest.mark.parametrize(("before", "after"), [("", ""), ("x = 1", "x = 1"), ("x = 1\n", "x = 1  ")])
def test_same_answer_has_nothing_to_show(before: str, after: str) -> None:
    assert compared(before, after) == []


def test_line_that_came_and_line_that_went_are_shown_in_their_place() -> None:
    assert _shown("a\nb\nc", "a\nc\nd") == [("same", "a"), ("gone", "b"), ("same", "c"), ("new", "d")]


def test_words_that_changed_in_a_line_are_marked() -> None:
    gone, come = compared("return x + 1", "return y + 1")

    assert [piece for piece in gone.pieces if piece.is_changed] == [Piece("x", True)]
    assert [piece for piece in come.pieces if piece.is_changed] == [Piece("y", True)]


def test_lines_with_nothing_in_common_are_not_marked_word_by_word() -> None:
    lines = compared("import numpy", "def f(x): return 2")

    assert not any(piece.is_changed for line in lines for piece in line.pieces)


def test_lines_far_from_a_change_are_left_out() -> None:
    many = [f"line {number}" for number in range(30)]

    lines = compared("\n".join(many), "\n".join([*many, "the end"]))

    assert lines[0].became == Became.LEFT_OUT
    assert lines[0].count == 30 - AROUND
    assert [line.text for line in lines[1:]] == [*many[-AROUND:], "the end"]


def test_only_so_much_is_compared() -> None:
    lines = compared("\n".join(map(str, range(5_000))), "\n".join(map(str, range(5_000, 10_000))))

    assert len(lines) == 2 * MAX_LINES


@given(TEXTS, TEXTS)
def test_what_is_shown_leads_from_one_to_the_other(before: str, after: str) -> None:
    lines = compared(before, after)

    kept = [line for line in lines if line.became != Became.LEFT_OUT]
    old = [line.text for line in kept if line.became != Became.NEW]
    new = [line.text for line in kept if line.became != Became.GONE]
    left_out = sum(line.count for line in lines if line.became == Became.LEFT_OUT)
    if lines:
        assert len(old) + left_out == len(before.strip("\n").splitlines())
        assert len(new) + left_out == len(after.strip("\n").splitlines())
