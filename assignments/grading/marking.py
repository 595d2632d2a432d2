"""Grading by hand: whose answer is next, who has it, and what they give for it.

Nobody reserves anything by asking. A grader who looks at an answer has a lease on it, which runs out unless it is
renewed; a lease is one row that is only ever taken by a conditional update, so two graders can never both have it. Who
comes back to an answer that somebody else has graded in the meantime is told so, and overwrites nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Sum

from accounts.models import User
from assignments.errors import AssignmentError
from assignments.grading import rubrics
from assignments.grading.gradebook import change_points
from assignments.grading.points import CellKey, ChangeKind, Origin
from assignments.models import (
    Assignment,
    Cell,
    CellComment,
    CellGrade,
    CellLease,
    Grade,
    GradeChange,
    RubricItem,
    Submission,
)

LEASE = timedelta(minutes=3)
MAX_EXTRA = 10_000
_HANDS = (ChangeKind.MANUAL, ChangeKind.RUBRIC, ChangeKind.EXTRA)


class Walk(StrEnum):
    """In which order answers come."""

    PROBLEM = "problem"
    """Everybody's answer to one cell, then the next cell."""
    STUDENT = "student"
    """Everything of one student, then the next student."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cell of a submission."""

    submission_id: UUID
    key: CellKey


@dataclass(frozen=True, slots=True)
class Problem:
    """A cell of an assignment, and how far it is graded. Of the submissions that count."""

    key: CellKey
    kind: str
    max_points: Decimal
    all: int
    to_do: int
    mean: Decimal | None
    """Of those that are done."""

    @property
    def done(self) -> int:
        """How many need nobody any more."""
        return self.all - self.to_do

    @property
    def percent(self) -> int:
        """The same, of a hundred."""
        return 100 * self.done // self.all if self.all else 0


# --- What there is to do -----------------------------------------------------------------------------------


def problems(assignment: Assignment) -> list[Problem]:
    """The cells that give points, in their order."""
    rows, waits = _counting(assignment).values("notebook", "grade_id"), Q(needs_manual=True)
    found = {
        CellKey(row["notebook"], row["grade_id"]): row
        for row in rows.annotate(n=Count("pk"), to_do=Count("pk", filter=waits), sum=Sum("points", filter=~waits))
    }
    known = [cell for cell in _cells(assignment) if cell.kind in ("tests", "manual", "task")]
    made = []
    for cell in known:
        key = CellKey(cell.notebook, cell.grade_id)
        row = found.get(key)
        n, to_do, total = (row["n"], row["to_do"], row["sum"]) if row else (0, 0, None)
        mean = Decimal(total) / (n - to_do) if n > to_do and total is not None else None
        made.append(Problem(key, cell.kind, cell.points, n, to_do, mean))
    return made


def progress_of(assignment: Assignment, key: CellKey) -> tuple[int, int]:
    """How many answers to a cell need nobody any more, and how many there are."""
    rows = _counting(assignment).filter(notebook=key.notebook, grade_id=key.grade_id)
    found = rows.aggregate(all=Count("pk"), to_do=Count("pk", filter=Q(needs_manual=True)))
    return found["all"] - found["to_do"], found["all"]


def submissions_of(assignment: Assignment) -> QuerySet[Grade]:
    """Whose submission counts, by name; where names are hidden, in an order that says nothing."""
    grades = Grade.objects.filter(assignment=assignment, submission__isnull=False)
    if assignment.is_anonymous:
        return grades.select_related("submission").order_by("submission_id")
    people = grades.select_related("submission__membership__person")
    return people.order_by("membership__person__display_name", "membership__person__username")


def pseudonym(submission: Submission) -> str:
    """What a submission is called where names are hidden."""
    return str(submission.pk).replace("-", "")[:6].upper()


def next_place(
    assignment: Assignment,
    after: Place | None,
    *,
    by: User,
    now: datetime,
    walk: Walk = Walk.PROBLEM,
    is_back: bool = False,
    is_any: bool = False,
) -> Place | None:
    """The next answer that waits for a person and that nobody else has; the walk begins anew at its end.

    With `is_any` the next of all answers, whoever has graded or holds them. `after` itself is never the next one. None
    where nothing is left to do.
    """
    to_do = _counting(assignment)
    if not is_any:
        to_do = _free(to_do.filter(needs_manual=True), by=by, now=now)
    if after is not None:
        to_do = to_do.exclude(submission=after.submission_id, notebook=after.key.notebook, grade_id=after.key.grade_id)
    if walk == Walk.STUDENT:
        return _in_turn(to_do, after, _ranks(assignment), is_back=is_back)
    return _of_problem(to_do, after, _ranks(assignment), is_back=is_back)


def _of_problem(to_do: Any, after: Place | None, ranks: dict[CellKey, int], *, is_back: bool) -> Place | None:
    order = "-submission_id" if is_back else "submission_id"
    if after is not None:
        same = to_do.filter(notebook=after.key.notebook, grade_id=after.key.grade_id).order_by(order)
        further = {"submission_id__lt" if is_back else "submission_id__gt": after.submission_id}
        found = same.filter(**further).first() or same.first()
        if found is not None:
            return _place(found)
    key = _following(_keys(to_do), after.key if after is not None else None, ranks, is_back=is_back)
    if key is None:
        return None
    found = to_do.filter(notebook=key.notebook, grade_id=key.grade_id).order_by(order).first()
    return _place(found) if found is not None else None


def _in_turn(to_do: Any, after: Place | None, ranks: dict[CellKey, int], *, is_back: bool) -> Place | None:
    order = "-submission_id" if is_back else "submission_id"
    if after is not None:
        own = {
            CellKey(*row) for row in to_do.filter(submission=after.submission_id).values_list("notebook", "grade_id")
        }
        at = ranks.get(after.key, -1)
        ahead = {key for key in own if (ranks.get(key, 0) < at if is_back else ranks.get(key, 0) > at)}
        key = _following(ahead, after.key, ranks, is_back=is_back)
        if key is not None:
            return Place(after.submission_id, key)
        further = {"submission_id__lt" if is_back else "submission_id__gt": after.submission_id}
        found = to_do.filter(**further).order_by(order).first() or to_do.order_by(order).first()
    else:
        found = to_do.order_by(order).first()
    if found is None:
        return None
    key = _following(_keys(to_do.filter(submission=found.submission_id)), None, ranks, is_back=is_back)
    return Place(found.submission_id, key) if key is not None else None


def _following(
    keys: set[CellKey], after: CellKey | None, ranks: dict[CellKey, int], *, is_back: bool
) -> CellKey | None:
    """The nearest of these behind a cell, from the beginning again where there is none."""
    ordered = sorted(keys, key=lambda key: (ranks.get(key, len(ranks)), key), reverse=is_back)
    if after is None or not ordered:
        return ordered[0] if ordered else None
    at = ranks.get(after, -1)
    ahead = [key for key in ordered if (ranks.get(key, 0) < at if is_back else ranks.get(key, 0) > at)]
    return (ahead or ordered)[0]


def _keys(rows: QuerySet[CellGrade]) -> set[CellKey]:
    return {CellKey(*row) for row in rows.order_by().values_list("notebook", "grade_id").distinct()}


def _place(row: CellGrade) -> Place:
    return Place(row.submission_id, CellKey(row.notebook, row.grade_id))


def _ranks(assignment: Assignment) -> dict[CellKey, int]:
    return {CellKey(cell.notebook, cell.grade_id): cell.position for cell in _cells(assignment)}


def _cells(assignment: Assignment) -> Sequence[Cell]:
    return list(Cell.objects.filter(release=assignment.release_id)) if assignment.release_id else []


def _counting(assignment: Assignment) -> QuerySet[CellGrade]:
    return CellGrade.objects.filter(submission__assignment=assignment, submission__grade_of__isnull=False)


def _free(rows: QuerySet[CellGrade], *, by: User, now: datetime) -> QuerySet[CellGrade]:
    held = CellLease.objects.filter(
        submission=OuterRef("submission"),
        notebook=OuterRef("notebook"),
        grade_id=OuterRef("grade_id"),
        until__gt=now,
    ).exclude(holder=by)
    return rows.filter(~Exists(held))


# --- Leases ------------------------------------------------------------------------------------------------


def take_lease(place: Place, *, by: User, now: datetime) -> None:
    """Have this answer for a while, or for a while longer. Raises AssignmentError `cell_held`."""
    rows = _leases(place)
    until = now + LEASE
    if rows.filter(Q(holder=by) | Q(until__lte=now)).update(holder=by, until=until):
        return
    try:
        with transaction.atomic():
            key = place.key
            CellLease.objects.create(
                submission_id=place.submission_id, notebook=key.notebook, grade_id=key.grade_id, holder=by, until=until
            )
    except IntegrityError as error:
        held = rows.select_related("holder").first()
        if held is not None and held.holder_id == by.pk:
            return  # From another window of theirs, just now.
        who = held.holder.get_full_name() or held.holder.username if held is not None else "…"
        raise AssignmentError("cell_held", who=who) from error


def drop_lease(place: Place, *, by: User) -> None:
    """Let others have it. Nothing happens where it is somebody else's by now."""
    _leases(place).filter(holder=by).delete()


def check_free(place: Place, *, by: User, now: datetime) -> None:
    """Raises AssignmentError `cell_held` where somebody else grades this answer at the moment."""
    held = _leases(place).filter(until__gt=now).exclude(holder=by).select_related("holder").first()
    if held is not None:
        raise AssignmentError("cell_held", who=held.holder.get_full_name())


def _leases(place: Place) -> QuerySet[CellLease]:
    return CellLease.objects.filter(
        submission=place.submission_id, notebook=place.key.notebook, grade_id=place.key.grade_id
    )


# --- Points ------------------------------------------------------------------------------------------------


def latest_change(submission: Submission, key: CellKey) -> int:
    """The number of the last thing a person did to a cell; 0 before anybody did."""
    return _by_hand(submission, key).order_by("-pk").values_list("pk", flat=True).first() or 0


def latest_changes(submission: Submission) -> dict[CellKey, int]:
    """The same for every cell that a person did something to."""
    by_hand = submission.changes.filter(kind__in=_HANDS).order_by()
    rows = by_hand.values("notebook", "grade_id").annotate(latest=Max("pk"))
    return {CellKey(row["notebook"], row["grade_id"]): row["latest"] for row in rows}


def latest_changes_at(key: CellKey, submissions: Collection[Any]) -> dict[Any, int]:
    """The same for one cell of many submissions, by their keys; those without any are left out."""
    rows = GradeChange.objects.filter(
        submission__in=submissions, notebook=key.notebook, grade_id=key.grade_id, kind__in=_HANDS
    )
    return dict(rows.order_by().values_list("submission").annotate(Max("pk")))


@transaction.atomic
def give_points(
    submission: Submission, key: CellKey, points: Decimal | None, *, by: User, now: datetime, seen: int, why: str = ""
) -> None:
    """Give a cell these points; None takes back what was given. `seen` is the `latest_change` they looked at.

    Raises AssignmentError `points_invalid`, `cell_unknown`, `cell_held` and `cell_changed`.
    """
    most = _worth(submission, key)
    if points is not None and not (points.is_finite() and 0 <= points <= most):
        raise AssignmentError("points_invalid", most=f"{most.normalize():f}")
    _begin(submission, key, by=by, now=now, seen=seen)
    change_points(submission, kind=ChangeKind.MANUAL, points=points, by=by, now=now, cell=key, why=why.strip()[:500])


@transaction.atomic
def give_extra(
    submission: Submission, key: CellKey, points: Decimal | None, *, by: User, now: datetime, seen: int, why: str = ""
) -> None:
    """Give extra credit for a cell, all that it has; None for none. Raises as `give_points`, and `extra_invalid`."""
    _worth(submission, key)
    if points is not None and not (points.is_finite() and 0 <= points <= MAX_EXTRA):
        raise AssignmentError("extra_invalid")
    _begin(submission, key, by=by, now=now, seen=seen)
    change_points(submission, kind=ChangeKind.EXTRA, points=points, by=by, now=now, cell=key, why=why.strip()[:500])


@dataclass(frozen=True, slots=True)
class Mark:
    """What a person has given for an answer, extra credit aside: a number, or rubric items."""

    points: Decimal | None
    items: tuple[RubricItem, ...] = ()


def mark_of(submission: Submission, key: CellKey) -> Mark:
    """What it was given. Raises AssignmentError `answer_not_graded` where no person has graded it yet."""
    row = CellGrade.objects.filter(submission=submission, notebook=key.notebook, grade_id=key.grade_id).first()
    if row is None or row.needs_manual or row.origin not in (Origin.MANUAL, Origin.RUBRIC):
        raise AssignmentError("answer_not_graded")
    if row.origin == Origin.MANUAL:
        return Mark(row.points - row.extra)
    return Mark(None, tuple(RubricItem.objects.filter(pk__in=rubrics.chosen_of(submission, key))))


@transaction.atomic
def give_mark(
    submission: Submission, key: CellKey, mark: Mark, *, by: User, now: datetime, seen: int, why: str = ""
) -> None:
    """Give a cell exactly this, and leave it. Raises as `give_points` and `toggle_item`."""
    _worth(submission, key)
    _begin(submission, key, by=by, now=now, seen=seen)
    wanted, chosen = {item.pk for item in mark.items}, rubrics.chosen_of(submission, key)
    if mark.items:
        for item in RubricItem.objects.filter(pk__in=wanted ^ chosen).select_related("assignment"):
            rubrics.choose(submission, item, is_chosen=item.pk in wanted, by=by, now=now)
    change_points(submission, kind=ChangeKind.MANUAL, points=mark.points, by=by, now=now, cell=key, why=why)
    drop_lease(Place(submission.pk, key), by=by)


@transaction.atomic
def toggle_item(submission: Submission, item: RubricItem, *, by: User, now: datetime, seen: int) -> None:
    """Choose a rubric item for its cell, or take it back. Raises as `give_points`, and `rubric_item_retired`.

    Also `rubric_item_toggled` where they did it themselves since `seen`, in another window: the opposite of what they
    see is not what they mean.
    """
    key = CellKey(item.notebook, item.grade_id)
    _worth(submission, key)
    _begin(submission, key, by=by, now=now, seen=seen)
    if _by_hand(submission, key).filter(pk__gt=seen, rubric_item=item).exists():
        raise AssignmentError("rubric_item_toggled")
    is_chosen = item.pk not in rubrics.chosen_of(submission, key)
    rubrics.choose(submission, item, is_chosen=is_chosen, by=by, now=now)


@transaction.atomic
def undo(submission: Submission, key: CellKey, *, by: User, now: datetime) -> None:
    """Take back the last thing this person did to a cell, by doing its opposite: the history stays whole.

    Raises AssignmentError `nothing_to_undo` where somebody else did something since, and `cell_held`.
    """
    _begin(submission, key, by=by, now=now, seen=None)
    history = list(_by_hand(submission, key).select_related("rubric_item").order_by("pk"))
    if not history or history[-1].by_id != by.pk:
        raise AssignmentError("nothing_to_undo")
    last, before = history[-1], history[:-1]
    ruling = _ruling_number(before)
    if last.kind == ChangeKind.EXTRA:
        extra = next((one.points for one in reversed(before) if one.kind == ChangeKind.EXTRA), None)
        change_points(submission, kind=ChangeKind.EXTRA, points=extra, by=by, now=now, cell=key)
        return
    if last.kind == ChangeKind.RUBRIC and last.rubric_item is not None:
        rubrics.choose(submission, last.rubric_item, is_chosen=not last.is_chosen, by=by, now=now)
        if ruling is None:
            return
    change_points(submission, kind=ChangeKind.MANUAL, points=ruling, by=by, now=now, cell=key)


def _ruling_number(history: Sequence[GradeChange]) -> Decimal | None:
    """The number that ruled after these changes; None where there was none, or items were chosen after it."""
    chosen: set[Any] = set()
    number: Decimal | None = None
    is_later = False
    for change in history:
        if change.kind == ChangeKind.MANUAL:
            number, is_later = change.points, True
        elif change.kind == ChangeKind.RUBRIC:
            (chosen.add if change.is_chosen else chosen.discard)(change.rubric_item_id)
            is_later = False
    return number if is_later or not chosen else None


def _begin(submission: Submission, key: CellKey, *, by: User, now: datetime, seen: int | None) -> None:
    """One at a time at a submission, whoever has the answer, and only on top of what they have seen."""
    Submission.objects.select_for_update().get(pk=submission.pk)
    take_lease(Place(submission.pk, key), by=by, now=now)
    if seen is not None and _by_hand(submission, key).filter(pk__gt=seen).exclude(by=by).exists():
        raise AssignmentError("cell_changed")


def _by_hand(submission: Submission, key: CellKey) -> QuerySet[GradeChange]:
    return GradeChange.objects.filter(
        submission=submission, notebook=key.notebook, grade_id=key.grade_id, kind__in=_HANDS
    )


def _worth(submission: Submission, key: CellKey) -> Decimal:
    release = submission.autograding.release_id if submission.autograding is not None else submission.release_id
    cell = Cell.objects.filter(release=release, notebook=key.notebook, grade_id=key.grade_id).first()
    if cell is None or cell.kind not in ("tests", "manual", "task"):
        raise AssignmentError("cell_unknown")
    return cell.points


# --- Comments ----------------------------------------------------------------------------------------------


@transaction.atomic
def comment(submission: Submission, *, notebook: str, cell: str, text: str, by: User, now: datetime) -> CellComment:
    """Say something about a cell, graded or not. Raises AssignmentError `comment_empty`."""
    text = text.strip()[: rubrics.MAX_COMMENT]
    if not text:
        raise AssignmentError("comment_empty")
    rubrics.count_use(submission.assignment.course, text)
    return CellComment.objects.create(submission=submission, notebook=notebook, cell=cell, text=text, by=by, at=now)


def change_comment(said: CellComment, *, text: str, by: User, now: datetime) -> None:
    """Say it otherwise; without a text, not at all. Raises AssignmentError `comment_of_another`."""
    if said.by_id != by.pk:
        raise AssignmentError("comment_of_another")
    text = text.strip()[: rubrics.MAX_COMMENT]
    if not text:
        said.delete()
        return
    said.text, said.changed_at = text, now
    said.save(update_fields=["text", "changed_at"])
