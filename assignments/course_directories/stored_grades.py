"""What nbgrader's gradebook says of a cell, as changes of grades here, and what they come to here, as nbgrader has it.

Both ways a cell gets exactly as many points as it had. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from assignments.grading.points import NOTHING, ChangeKind, Origin
from assignments.running.engine_values import StoredMark

NO_RESPONSE = "No response."
"""What nbgrader itself says of an answer that was left as it was given out."""
_PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class StoredChange:
    """A change of a cell's points."""

    kind: ChangeKind
    points: Decimal | None


@dataclass(frozen=True, slots=True)
class Present:
    """What a cell has here."""

    points: Decimal
    """Extra credit included."""
    origin: Origin
    automatic: Decimal | None
    extra: Decimal
    needs_manual: bool


def is_graded(mark: StoredMark) -> bool:
    """Whether anything has happened to it: what was never graded has a row in nbgrader's gradebook all the same."""
    return mark.needs_manual or any(each is not None for each in (mark.auto_points, mark.manual_points, mark.extra))


def changes_of(mark: StoredMark, *, max_points: Decimal) -> tuple[StoredChange, ...]:
    """In the order in which they are to be written down.

    nbgrader lets a person give more than a cell is worth, and takes points off as negative extra credit; what goes
    beyond is extra credit here, and what is taken off is taken of the points. A cell that was run anew after somebody
    graded it waits for them again, and so it does here.
    """
    automatic, manual, extra = map(_exact, (mark.auto_points, mark.manual_points, mark.extra))
    given = manual if manual is not None else automatic or NOTHING
    total = max(NOTHING, given + (extra or NOTHING))
    by_run = StoredChange(ChangeKind.AUTOMATIC, automatic)
    fits = NOTHING <= given <= max_points and (extra or NOTHING) >= 0
    if fits and manual is None:
        by_hand = []
    else:
        within = given if fits else min(total, max_points)
        by_hand = [StoredChange(ChangeKind.MANUAL, within)]
    more = (extra or NOTHING) if fits else max(NOTHING, total - max_points)
    extras = [StoredChange(ChangeKind.EXTRA, more)] if more else []
    if by_hand and mark.needs_manual:
        before = StoredChange(ChangeKind.AUTOMATIC, NOTHING if automatic is None else None)  # Not known, but another.
        return (before, *by_hand, by_run, *extras)
    return (by_run, *by_hand, *extras)


def mark_of(notebook: str, grade_id: str, present: Present, *, comment: str = "") -> StoredMark:
    """As nbgrader keeps it. Points of a rubric are points of a person there."""
    by_person = present.origin in (Origin.MANUAL, Origin.RUBRIC)
    return StoredMark(
        notebook,
        grade_id,
        auto_points=None if present.automatic is None else float(present.automatic),
        manual_points=float(present.points - present.extra) if by_person else None,
        extra=float(present.extra) if present.extra else None,
        needs_manual=present.needs_manual,
        comment=comment,
    )


def _exact(points: float | None) -> Decimal | None:
    return None if points is None else Decimal(str(points)).quantize(_PLACES)
