"""What answers to a cell have or lack, and what that is worth: for everybody, also for who was graded before.

Whoever changes an item and whoever chooses one take the same lock, the items of the cell, so that no submission is
left with points of before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts.models import User
from assignments.errors import AssignmentError
from assignments.grading.gradebook import change_points, refold_all, totals_with_rubric
from assignments.grading.points import CellKey, ChangeKind
from assignments.models import Assignment, Cell, Grade, GradeChange, RubricItem, SavedComment, Submission
from classes.models import Course

MAX_LABEL = 300
MAX_POINTS = 10_000
MAX_COMMENT = 10_000


def items_of(assignment: Assignment, key: CellKey) -> list[RubricItem]:
    """Those that are offered for a cell, in their order."""
    return list(_items(assignment, key).filter(retired_at=None))


@transaction.atomic
def add_item(assignment: Assignment, key: CellKey, *, label: str, points: Decimal, now: datetime) -> RubricItem:
    """Offer one more thing. Raises AssignmentError `rubric_item_invalid`."""
    label = _checked(label, points)
    last = max((item.position for item in _locked(assignment, key)), default=-1)
    item = RubricItem.objects.create(
        assignment=assignment,
        notebook=key.notebook,
        grade_id=key.grade_id,
        label=label,
        points=points,
        position=last + 1,
    )
    _refold(assignment, key, now=now)  # What only took away until now may begin from nothing.
    return item


@transaction.atomic
def change_item(item: RubricItem, *, label: str, points: Decimal, now: datetime) -> RubricItem:
    """Have it say or be worth something else, wherever it was chosen. Raises AssignmentError `rubric_item_invalid`."""
    label = _checked(label, points)
    key = CellKey(item.notebook, item.grade_id)
    _locked(item.assignment, key)
    item.label, item.points, item.changed_at = label, points, now
    item.save(update_fields=["label", "points", "changed_at"])
    _refold(item.assignment, key, now=now)
    return item


@transaction.atomic
def retire_item(item: RubricItem, *, now: datetime) -> None:
    """Offer it no more. Where it was chosen it still counts."""
    key = CellKey(item.notebook, item.grade_id)
    _locked(item.assignment, key)
    item.retired_at = item.retired_at or now
    item.save(update_fields=["retired_at"])
    _refold(item.assignment, key, now=now)


@transaction.atomic
def choose(submission: Submission, item: RubricItem, *, is_chosen: bool, by: User, now: datetime) -> GradeChange | None:
    """Give a submission this item, or take it back; None where that is so already.

    Raises AssignmentError `rubric_item_retired` and `cell_unknown`.
    """
    if item.assignment_id != submission.assignment_id:
        raise AssignmentError("cell_unknown")
    key = CellKey(item.notebook, item.grade_id)
    present = next((one for one in _locked(submission.assignment, key) if one.pk == item.pk), None)
    if present is None or (is_chosen and present.retired_at is not None):
        raise AssignmentError("rubric_item_retired")
    if (item.pk in chosen_of(submission, key)) == is_chosen:
        return None
    return change_points(
        submission, kind=ChangeKind.RUBRIC, points=None, by=by, now=now, cell=key, item=item, is_chosen=is_chosen
    )


def chosen_of(submission: Submission, key: CellKey) -> set[Any]:
    """The items a submission has for a cell, by their keys."""
    chosen: dict[Any, bool] = {}
    rows = GradeChange.objects.filter(
        submission=submission, notebook=key.notebook, grade_id=key.grade_id, kind=ChangeKind.RUBRIC
    )
    for item, is_chosen in rows.order_by("pk").values_list("rubric_item_id", "is_chosen"):
        chosen[item] = is_chosen
    return {item for item, is_chosen in chosen.items() if is_chosen and item is not None}


def chosen_by_cell(submission: Submission) -> dict[CellKey, list[Any]]:
    """The same of every cell that has any, in the order in which they were chosen."""
    chosen: dict[CellKey, list[Any]] = {}
    rows = submission.changes.filter(kind=ChangeKind.RUBRIC, rubric_item__isnull=False).order_by("pk")
    for notebook, grade_id, item, is_chosen in rows.values_list("notebook", "grade_id", "rubric_item", "is_chosen"):
        there = chosen.setdefault(CellKey(notebook, grade_id), [])
        if item in there:
            there.remove(item)
        if is_chosen:
            there.append(item)
    return chosen


def check_cell(assignment: Assignment, key: CellKey) -> None:
    """Raises AssignmentError `cell_unknown` where none of its releases has this cell, or the cell gives no points."""
    cells = Cell.objects.filter(release__assignment=assignment, notebook=key.notebook, grade_id=key.grade_id)
    if not cells.filter(kind__in=("tests", "manual", "task")).exists():
        raise AssignmentError("cell_unknown")


# --- What a change would do --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change of the rubric does to the grade of one student."""

    grade: Grade
    points: Decimal
    """What it would be."""

    @property
    def by(self) -> Decimal:
        """How much it gains; below zero how much it loses."""
        return self.points - (self.grade.points or Decimal(0))

    @property
    def is_published(self) -> bool:
        """Whether its student has been told what it is now."""
        return self.grade.published_at is not None


def effects_of(item: RubricItem) -> list[Effect]:
    """The grades that would change if the item, new or of before, were saved as it is here; nothing is written.

    Raises AssignmentError `rubric_item_invalid`. As many questions to the tables for a thousand as for one.
    """
    _checked(item.label, item.points)
    assignment, key = item.assignment, CellKey(item.notebook, item.grade_id)
    others = RubricItem.objects.filter(assignment=assignment).exclude(pk=item.pk)
    would = totals_with_rubric(assignment, _touched(assignment, key), [*others, item])
    grades = Grade.objects.filter(assignment=assignment, membership__in=list(would), points__isnull=False)
    people = grades.select_related("submission__membership__person").order_by("submission_id")
    effects = [Effect(grade, would[grade.membership_id]) for grade in people]
    return [effect for effect in effects if effect.by]


# --- Comments that are used again --------------------------------------------------------------------------


def save_comment(course: Course, *, text: str, by: User, now: datetime) -> SavedComment:
    """Keep a comment for all graders of the class; the same twice is kept once. Raises `comment_empty`."""
    text = text.strip()[:MAX_COMMENT]
    if not text:
        raise AssignmentError("comment_empty")
    there = SavedComment.objects.filter(course=course, text=text).first()
    return there or SavedComment.objects.create(course=course, text=text, kept_by=by, kept_at=now)


@transaction.atomic
def change_saved(kept: SavedComment, *, text: str) -> None:
    """Have a kept comment read otherwise from now on; where it was given already it stays as it is.

    Raises AssignmentError `comment_empty`, and `comment_kept_already` where another of the class reads so.
    """
    text = text.strip()[:MAX_COMMENT]
    if not text:
        raise AssignmentError("comment_empty")
    Course.objects.select_for_update().get(pk=kept.course_id)
    if SavedComment.objects.filter(course=kept.course_id, text=text).exclude(pk=kept.pk).exists():
        raise AssignmentError("comment_kept_already")
    SavedComment.objects.filter(pk=kept.pk).update(text=text)
    kept.text = text


def remove_saved(kept: SavedComment) -> None:
    """Keep a comment no longer; where it was given it stays."""
    kept.delete()


def count_use(course: Course, text: str) -> None:
    """Note that a comment was used, so that those used most stand first."""
    SavedComment.objects.filter(course=course, text=text.strip()).update(uses=F("uses") + 1)


# --- Steps -------------------------------------------------------------------------------------------------


def _items(assignment: Assignment, key: CellKey) -> Any:
    return RubricItem.objects.filter(assignment=assignment, notebook=key.notebook, grade_id=key.grade_id)


def _locked(assignment: Assignment, key: CellKey) -> list[RubricItem]:
    return list(_items(assignment, key).select_for_update().order_by("pk"))


def _checked(label: str, points: Decimal) -> str:
    label = label.strip()
    if not label or len(label) > MAX_LABEL or not points.is_finite() or abs(points) > MAX_POINTS:
        raise AssignmentError("rubric_item_invalid", most=MAX_POINTS)
    return label


def _refold(assignment: Assignment, key: CellKey, *, now: datetime) -> None:
    refold_all(assignment, _touched(assignment, key), now=now)


def _touched(assignment: Assignment, key: CellKey) -> set[Any]:
    """All that ever had an item of the cell: also what is not chosen any more costs little to fold."""
    rows = GradeChange.objects.filter(
        submission__assignment=assignment, notebook=key.notebook, grade_id=key.grade_id, kind=ChangeKind.RUBRIC
    )
    return set(rows.values_list("submission_id", flat=True))
