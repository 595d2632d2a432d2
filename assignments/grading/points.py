"""What the points of a submission are, folded from every change there ever was of them. Pure.

Changes are only ever added, and the order is their numbers', not that in which they are given. Of each cell:

- what running it gave is its *automatic* points, between 0 and what it is worth; the latest run counts;
- what a person has said wins over that: the later of a number of theirs and of their choosing rubric items. A number
  that is withdrawn uncovers the items, and without any of these the automatic points again;
- rubric items are summed from nothing, or from full points where items take away, and kept between 0 and what the
  cell is worth. What an item is worth is asked when folding, so that changing it changes every cell it was chosen for;
- extra credit comes on top, and may lead above what the cell is worth.

Lateness is taken from the sum, extra credit included, and never leads below 0; a person may set what it costs instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from assignments.deadlines import penalty

NOTHING = Decimal(0)


class CellKind(StrEnum):
    """What a cell is to who grades it."""

    ANSWER = "answer"
    TESTS = "tests"
    MANUAL = "manual"
    TASK = "task"
    READ_ONLY = "read-only"


class ChangeKind(StrEnum):
    """What a change changes."""

    AUTOMATIC = "automatic"
    """What running the cell gave; None where that says nothing, and somebody has to look."""
    MANUAL = "manual"
    """A number somebody has given; None withdraws it."""
    RUBRIC = "rubric"
    """An item that is chosen, or no longer."""
    EXTRA = "extra"
    """All the extra credit of the cell; None for none."""
    PENALTY = "penalty"
    """What lateness costs the whole submission; None for what the rules say."""


class Origin(StrEnum):
    """Where the points of a cell come from."""

    NOBODY = "nobody"
    AUTOMATIC = "automatic"
    MANUAL = "manual"
    RUBRIC = "rubric"


@dataclass(frozen=True, slots=True, order=True)
class CellKey:
    """A cell of an assignment."""

    notebook: str
    grade_id: str


@dataclass(frozen=True, slots=True)
class CellWorth:
    """What a cell can give."""

    key: CellKey
    kind: CellKind
    max_points: Decimal = NOTHING
    takes_away: bool = False
    """Whether its rubric begins with full points."""

    @property
    def is_graded(self) -> bool:
        """Whether it can give points at all."""
        return self.kind in (CellKind.TESTS, CellKind.MANUAL, CellKind.TASK)


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the history."""

    number: int
    kind: ChangeKind
    cell: CellKey | None = None
    """None for the whole submission."""
    points: Decimal | None = None
    item: str = ""
    """The rubric item, by its id."""
    is_chosen: bool = True
    by: str = ""
    """Who; empty for Carrel itself."""


@dataclass(frozen=True, slots=True)
class CellPoints:
    """What a cell has given."""

    key: CellKey
    max_points: Decimal
    points: Decimal
    """Extra credit included."""
    origin: Origin
    automatic: Decimal | None
    extra: Decimal
    items: tuple[str, ...]
    """The rubric items that are chosen."""
    needs_manual: bool
    by: str = ""
    """Who has given them; empty for Carrel itself."""


@dataclass(frozen=True, slots=True)
class SubmissionPoints:
    """What a submission has given."""

    cells: tuple[CellPoints, ...]
    """As they were asked for."""
    points: Decimal
    """Before lateness."""
    max_points: Decimal
    penalty: Decimal
    is_penalty_set: bool
    """Whether a person has set it."""

    @property
    def total(self) -> Decimal:
        """What counts in the end."""
        return max(NOTHING, self.points - self.penalty)

    @property
    def needs_manual(self) -> bool:
        """Whether somebody still has to look at it."""
        return any(cell.needs_manual for cell in self.cells)


def fold(
    changes: Iterable[Change],
    *,
    cells: Iterable[CellWorth],
    items: Mapping[str, Decimal],
    percent_kept: int = 100,
) -> SubmissionPoints:
    """The points of one submission. `items` says what each rubric item is worth now; one that is deleted is worth 0.

    `percent_kept` is what lateness leaves (`deadlines.standing`). Changes of cells that are not asked for do not count.
    """
    history: dict[CellKey | None, list[Change]] = {}
    for change in sorted(changes, key=lambda change: change.number):
        history.setdefault(change.cell, []).append(change)
    folded = tuple(_cell_points(cell, history.get(cell.key, ()), items) for cell in cells if cell.is_graded)
    points = sum((cell.points for cell in folded), NOTHING)
    costs = [change.points for change in history.get(None, ()) if change.kind == ChangeKind.PENALTY]
    cost = costs[-1] if costs else None
    return SubmissionPoints(
        cells=folded,
        points=points,
        max_points=sum((cell.max_points for cell in folded), NOTHING),
        penalty=penalty(points, percent_kept) if cost is None else _between(cost, points),
        is_penalty_set=cost is not None,
    )


def _cell_points(cell: CellWorth, history: Iterable[Change], items: Mapping[str, Decimal]) -> CellPoints:
    history = list(history)
    latest = {change.kind: change for change in history}
    run, number = latest.get(ChangeKind.AUTOMATIC), latest.get(ChangeKind.MANUAL)
    extra, choice = latest.get(ChangeKind.EXTRA), latest.get(ChangeKind.RUBRIC)
    automatic = None if run is None or run.points is None else _between(run.points, cell.max_points)
    chosen = _chosen(history) if choice else ()
    more = max(NOTHING, extra.points) if extra and extra.points is not None else NOTHING
    hand = _later_hand(number, choice if chosen else None)
    if hand is None:
        origin, points = (Origin.NOBODY, NOTHING) if automatic is None else (Origin.AUTOMATIC, automatic)
    elif hand.kind == ChangeKind.MANUAL:
        origin, points = Origin.MANUAL, hand.points or NOTHING
    else:
        start = cell.max_points if cell.takes_away else NOTHING
        origin, points = Origin.RUBRIC, start + sum((items.get(item, NOTHING) for item in chosen), NOTHING)
    return CellPoints(
        key=cell.key,
        max_points=cell.max_points,
        points=_between(points, cell.max_points) + more,
        origin=origin,
        automatic=automatic,
        extra=more,
        items=chosen,
        needs_manual=_needs_manual(cell, history, hand),
        by=hand.by if hand else "",
    )


def _later_hand(number: Change | None, choice: Change | None) -> Change | None:
    """The change by which a person has graded the cell last; None where nobody has."""
    if number is None or number.points is None:
        return choice
    return number if choice is None or choice.number < number.number else choice


def _needs_manual(cell: CellWorth, history: Iterable[Change], hand: Change | None) -> bool:
    """Until somebody has graded it what cannot be graded by running it, and again once running it has since found
    something else than it had when they did. An answer as it was given out has got its 0 by running; tasks are not run.

    nbgrader asks again after any run. Its runs may be of other work; here a submission never changes, and a correction
    of one test would have every essay of a class read once more.
    """
    runs = [change for change in history if change.kind == ChangeKind.AUTOMATIC]
    found = runs[-1].points if runs else None
    if hand is None:
        return cell.kind == CellKind.TASK or found is None
    seen = next((run.points for run in reversed(runs) if run.number < hand.number), None)
    return cell.kind != CellKind.TASK and bool(runs) and found != seen


def _chosen(history: Iterable[Change]) -> tuple[str, ...]:
    chosen: dict[str, None] = {}
    for change in history:
        if change.kind == ChangeKind.RUBRIC:
            chosen.pop(change.item, None)
            if change.is_chosen:
                chosen[change.item] = None
    return tuple(chosen)


def _between(points: Decimal, most: Decimal) -> Decimal:
    return max(NOTHING, min(points, most))
