"""nbgrader's points become changes here and come to the same, and back."""

from __future__ import annotations

from decimal import Decimal
from itertools import count

import pytest

from assignments.course_directories.stored_grades import Present, changes_of, is_graded, mark_of
from assignments.grading.points import CellKey, CellKind, CellPoints, CellWorth, Change, Origin, fold
from assignments.running.engine_values import StoredMark

KEY = CellKey("problem1", "cell")
MOST = Decimal(4)


def _folded(mark: StoredMark, kind: CellKind = CellKind.MANUAL) -> CellPoints:
    numbers = count(1)
    changes = [
        Change(next(numbers), each.kind, KEY, each.points, by="somebody") for each in changes_of(mark, max_points=MOST)
    ]
    [cell] = fold(changes, cells=[CellWorth(KEY, kind, MOST)], items={}).cells
    return cell


def _mark(auto: float | None, manual: float | None, extra: float | None, *, needs_manual: bool = False) -> StoredMark:
    return StoredMark("problem1", "cell", auto, manual, extra, needs_manual)


@pytest.mark.parametrize(
    ("auto", "manual", "extra", "points"),
    [
        (3, None, None, "3"),
        (None, 2.5, None, "2.5"),
        (4, 1, None, "1"),
        (0, 0, None, "0"),
        (4, None, 1.5, "5.5"),
        (None, 2, 0.25, "2.25"),
        pytest.param(None, 7, None, "7", id="more than it is worth"),
        pytest.param(6, None, None, "6", id="worth less since it was run"),
        pytest.param(None, 3, -1, "2", id="taken off"),
        pytest.param(4, None, -0.5, "3.5", id="taken off what a run gave"),
        pytest.param(None, 5, -2, "3", id="taken off what is more than it is worth"),
        pytest.param(None, 1, -3, "0", id="never below nothing"),
    ],
)
def test_cell_comes_to_what_nbgrader_says(
    auto: float | None, manual: float | None, extra: float | None, points: str
) -> None:
    assert _folded(_mark(auto, manual, extra)).points == Decimal(points)


@pytest.mark.parametrize("manual", [None, 2])
@pytest.mark.parametrize("needs_manual", [True, False])
def test_cell_waits_for_a_person_where_it_does_in_nbgrader(manual: float | None, needs_manual: bool) -> None:
    auto = None if needs_manual else 1

    assert _folded(_mark(auto, manual, None, needs_manual=needs_manual)).needs_manual == needs_manual


def test_what_was_never_graded_is_told_from_nothing() -> None:
    assert not is_graded(_mark(None, None, None))
    assert is_graded(_mark(0, None, None))
    assert is_graded(_mark(None, None, None, needs_manual=True))


@pytest.mark.parametrize(
    ("origin", "automatic", "points", "extra"),
    [
        (Origin.AUTOMATIC, "3", "3", "0"),
        (Origin.AUTOMATIC, "3", "3.5", "0.5"),
        (Origin.MANUAL, None, "2", "0"),
        (Origin.RUBRIC, "0", "3", "1"),
        (Origin.NOBODY, None, "0", "0"),
    ],
)
def test_cell_goes_to_nbgrader_and_back_unchanged(
    origin: Origin, automatic: str | None, points: str, extra: str
) -> None:
    run = None if automatic is None else Decimal(automatic)
    present = Present(Decimal(points), origin, run, Decimal(extra), needs_manual=origin == Origin.NOBODY)

    back = _folded(mark_of("problem1", "cell", present))

    assert (back.points, back.extra, back.automatic) == (present.points, present.extra, present.automatic)
    assert back.needs_manual == present.needs_manual
