"""What the points of a submission are, after everything that was done to them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignments.grading.points import (
    CellKey,
    CellKind,
    CellPoints,
    CellWorth,
    Change,
    ChangeKind,
    Origin,
    SubmissionPoints,
    fold,
)

KEY, OTHER = CellKey("p1", "q1"), CellKey("p1", "q2")
TESTS = CellWorth(KEY, CellKind.TESTS, Decimal(4))
WRITTEN = CellWorth(KEY, CellKind.MANUAL, Decimal(4))
TASK = CellWorth(KEY, CellKind.TASK, Decimal(4))
STRICT = CellWorth(KEY, CellKind.MANUAL, Decimal(4), takes_away=True)
ITEMS = {"good": Decimal(3), "better": Decimal(2), "flaw": Decimal(-1)}
Step = tuple[ChangeKind, Any]


def history(*steps: Step) -> list[Change]:
    """Changes of the one cell, in their order: points, or the item chosen, or with a minus sign no longer chosen."""
    changes = []
    for number, (kind, what) in enumerate(steps):
        if kind == ChangeKind.RUBRIC:
            changes.append(Change(number, kind, KEY, item=what.lstrip("-"), is_chosen=what[0] != "-", by="ada"))
        else:
            cell = None if kind == ChangeKind.PENALTY else KEY
            points = None if what is None else Decimal(what)
            changes.append(Change(number, kind, cell, points, by="" if kind == ChangeKind.AUTOMATIC else "ada"))
    return changes


def folded(*steps: Step, cell: CellWorth = TESTS, kept: int = 100) -> SubmissionPoints:
    return fold(history(*steps), cells=[cell], items=ITEMS, percent_kept=kept)


def one(*steps: Step, cell: CellWorth = TESTS) -> CellPoints:
    return folded(*steps, cell=cell).cells[0]


RUN, HAND, ITEM, EXTRA, PENALTY = (
    ChangeKind.AUTOMATIC,
    ChangeKind.MANUAL,
    ChangeKind.RUBRIC,
    ChangeKind.EXTRA,
    ChangeKind.PENALTY,
)


@pytest.mark.parametrize(
    ("steps", "points", "origin"),
    [
        ([], 0, Origin.NOBODY),
        ([(RUN, 3)], 3, Origin.AUTOMATIC),
        ([(RUN, 3), (RUN, 1)], 1, Origin.AUTOMATIC),
        ([(RUN, 9)], 4, Origin.AUTOMATIC),
        ([(RUN, -9)], 0, Origin.AUTOMATIC),
        ([(RUN, None)], 0, Origin.NOBODY),
        ([(RUN, 3), (HAND, 2)], 2, Origin.MANUAL),
        ([(HAND, 2), (RUN, 3)], 2, Origin.MANUAL),
        ([(RUN, 3), (HAND, 0)], 0, Origin.MANUAL),
        ([(RUN, 3), (HAND, 2), (HAND, None)], 3, Origin.AUTOMATIC),
        ([(HAND, 9)], 4, Origin.MANUAL),
        ([(HAND, -9)], 0, Origin.MANUAL),
        ([(RUN, 1), (ITEM, "good")], 3, Origin.RUBRIC),
        ([(ITEM, "good"), (ITEM, "better")], 4, Origin.RUBRIC),
        ([(ITEM, "good"), (ITEM, "flaw")], 2, Origin.RUBRIC),
        ([(ITEM, "flaw")], 0, Origin.RUBRIC),
        ([(ITEM, "good"), (ITEM, "good")], 3, Origin.RUBRIC),
        ([(RUN, 1), (ITEM, "good"), (ITEM, "-good")], 1, Origin.AUTOMATIC),
        ([(ITEM, "deleted")], 0, Origin.RUBRIC),
        ([(ITEM, "good"), (HAND, 1)], 1, Origin.MANUAL),
        ([(HAND, 1), (ITEM, "good")], 3, Origin.RUBRIC),
        ([(ITEM, "good"), (HAND, 1), (HAND, None)], 3, Origin.RUBRIC),
        ([(RUN, 4), (EXTRA, 2)], 6, Origin.AUTOMATIC),
        ([(RUN, 4), (EXTRA, 2), (EXTRA, 1)], 5, Origin.AUTOMATIC),
        ([(RUN, 4), (EXTRA, 2), (EXTRA, None)], 4, Origin.AUTOMATIC),
        ([(RUN, 4), (EXTRA, -2)], 4, Origin.AUTOMATIC),
    ],
)
def test_points_of_a_cell(steps: list[Step], points: int, origin: Origin) -> None:
    found = one(*steps)

    assert (found.points, found.origin) == (Decimal(points), origin)


def test_a_rubric_may_begin_with_full_points() -> None:
    assert one((ITEM, "flaw"), cell=STRICT).points == 3
    assert one(cell=STRICT).points == 0


def test_an_item_that_is_worth_something_else_now_changes_what_it_was_chosen_for() -> None:
    changes = history((ITEM, "good"))

    assert fold(changes, cells=[WRITTEN], items={**ITEMS, "good": Decimal(1)}).points == 1


@pytest.mark.parametrize(
    ("cell", "steps", "expected"),
    [
        (TESTS, [], True),  # A test that never ran.
        (TESTS, [(RUN, 0)], False),
        (TESTS, [(RUN, None)], True),
        (WRITTEN, [(RUN, 0)], False),  # As it was given out.
        (WRITTEN, [(RUN, None)], True),
        (WRITTEN, [(RUN, None), (HAND, 0)], False),
        (WRITTEN, [(RUN, None), (HAND, 0), (HAND, None)], True),
        (WRITTEN, [(RUN, None), (ITEM, "good")], False),
        (WRITTEN, [(RUN, None), (EXTRA, 1)], True),
        (WRITTEN, [(RUN, None), (HAND, 2), (RUN, None)], False),
        (WRITTEN, [(RUN, None), (HAND, 2), (RUN, 0)], True),  # A corrected release: it is as it was given out.
        (TESTS, [(RUN, 1), (HAND, 2), (RUN, 1)], False),
        (TESTS, [(RUN, 1), (HAND, 2), (RUN, 0)], True),
        (TASK, [], True),
        (TASK, [(RUN, 0)], True),
        (TASK, [(HAND, 2)], False),
        (TASK, [(HAND, 2), (RUN, None)], False),
    ],
)
def test_needs_manual_until_a_person_has_graded_it(cell: CellWorth, steps: list[Step], expected: bool) -> None:
    assert folded(*steps, cell=cell).needs_manual is expected


@pytest.mark.parametrize(
    ("steps", "kept", "penalty", "total"),
    [
        ([(RUN, 4)], 100, 0, 4),
        ([(RUN, 4)], 75, 1, 3),
        ([(RUN, 4), (EXTRA, 4)], 75, 2, 6),
        ([(RUN, 4), (PENALTY, 0)], 75, 0, 4),
        ([(RUN, 4), (PENALTY, 3)], 75, 3, 1),
        ([(RUN, 4), (PENALTY, 3), (PENALTY, None)], 75, 1, 3),
        ([(RUN, 2), (PENALTY, 3)], 100, 2, 0),
        ([(RUN, 2), (PENALTY, -3)], 100, 0, 2),
        ([], 0, 0, 0),
    ],
)
def test_lateness(steps: list[Step], kept: int, penalty: int, total: int) -> None:
    found = folded(*steps, kept=kept)

    assert (found.penalty, found.total) == (Decimal(penalty), Decimal(total))
    assert found.is_penalty_set is bool(steps and steps[-1][0] == PENALTY and steps[-1][1] is not None)


def test_who_has_given_the_points_is_told() -> None:
    assert one((RUN, 1)).by == ""
    assert one((RUN, 1), (HAND, 2)).by == "ada"


def test_changes_of_cells_that_are_no_longer_there_do_not_count() -> None:
    changes = [*history((RUN, 3)), Change(9, RUN, OTHER, Decimal(1))]

    assert fold(changes, cells=[TESTS], items={}).points == 3


def test_cells_that_give_no_points_are_none() -> None:
    cells = [CellWorth(KEY, kind, Decimal(4)) for kind in (CellKind.ANSWER, CellKind.READ_ONLY)]

    found = fold(history((RUN, 3)), cells=cells, items={})

    assert found == SubmissionPoints((), Decimal(0), Decimal(0), Decimal(0), is_penalty_set=False)
    assert not found.needs_manual


amounts = st.none() | st.decimals(-20, 20, places=2)
anything_done = st.lists(
    st.builds(
        lambda kind, cell, points, item, is_chosen: (kind, cell, points, item, is_chosen),
        st.sampled_from(ChangeKind),
        st.sampled_from([KEY, OTHER, None]),
        amounts,
        st.sampled_from([*ITEMS, "deleted"]),
        st.booleans(),
    ),
    max_size=12,
).map(lambda done: [Change(number, *what) for number, what in enumerate(done)])
BOTH = [WRITTEN, CellWorth(OTHER, CellKind.TESTS, Decimal("2.5"))]


@given(anything_done, st.integers(0, 100), st.randoms())
def test_the_order_in_which_changes_are_read_does_not_matter(changes: list[Change], kept: int, random: Any) -> None:
    shuffled = list(changes)
    random.shuffle(shuffled)

    found = [fold(one, cells=BOTH, items=ITEMS, percent_kept=kept) for one in (changes, shuffled)]

    assert found[0] == found[1]


@given(anything_done, st.integers(0, 100))
def test_points_stay_within_what_can_be_had(changes: list[Change], kept: int) -> None:
    found = fold(changes, cells=BOTH, items=ITEMS, percent_kept=kept)

    assert 0 <= found.total <= found.points == sum(cell.points for cell in found.cells)
    assert all(0 <= cell.points - cell.extra <= cell.max_points for cell in found.cells)
    assert 0 <= found.penalty <= found.points


@given(anything_done, amounts)
def test_running_a_cell_never_changes_what_a_person_has_given(changes: list[Change], points: Decimal | None) -> None:
    before = fold(changes, cells=BOTH, items=ITEMS).cells[0]

    after = fold([*changes, Change(99, RUN, KEY, points)], cells=BOTH, items=ITEMS).cells[0]

    if before.origin in (Origin.MANUAL, Origin.RUBRIC):
        assert after.points == before.points
