"""How points are spread: over an assignment, over each of its cells, and over those of a class; and who has graded.

The tables count equal points together, so a thousand students come back as a few rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet

from accounts.models import User
from assignments.grading.points import CellKey, Origin
from assignments.models import Assignment, Cell, CellGrade, Grade

MOST_SINGLE = 20
"""Up to so many points there is a bar for each; beyond there are ten, each for a tenth of the points."""
BARS = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """How many have points from `begin` to below `end`, the last bar all from there on; exactly `begin` if `end` is."""

    begin: Decimal
    end: Decimal
    count: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """Points and how many have them, in the order of the points."""

    counts: tuple[tuple[Decimal, int], ...]
    max_points: Decimal

    @property
    def count(self) -> int:
        """How many have points at all."""
        return sum(number for _points, number in self.counts)

    @property
    def mean(self) -> Decimal | None:
        """The points if all had the same; None where nobody has any."""
        return (
            sum((points * number for points, number in self.counts), Decimal(0)) / self.count if self.counts else None
        )

    @property
    def median(self) -> Decimal | None:
        """What as many have more than as have less; None where nobody has any."""
        return (self._at((self.count - 1) // 2) + self._at(self.count // 2)) / 2 if self.counts else None

    @property
    def full(self) -> int:
        """How many have all the points there are."""
        return sum(number for points, number in self.counts if points >= self.max_points)

    @property
    def none(self) -> int:
        """How many have not one."""
        return sum(number for points, number in self.counts if not points)

    @property
    def bars(self) -> Sequence[Bar]:
        """The same, for a plot."""
        is_single = 0 < self.max_points <= MOST_SINGLE and all(
            not points % 1 for points in (self.max_points, *(points for points, _number in self.counts))
        )
        number = int(self.max_points) + 1 if is_single else BARS
        width = Decimal(1) if is_single else (self.max_points or Decimal(1)) / BARS
        found = [0] * number
        for points, count in self.counts:
            found[min(int(points / width), number - 1)] += count
        return [
            Bar(width * place, width * (place if is_single else place + 1), count) for place, count in enumerate(found)
        ]

    @property
    def most(self) -> int:
        """How many the highest bar stands for."""
        return max((bar.count for bar in self.bars), default=0)

    def _at(self, place: int) -> Decimal:
        for points, number in self.counts:
            place -= number
            if place < 0:
                return points
        raise IndexError(place)


@dataclass(frozen=True, slots=True)
class Question:
    """One cell that gives points. Of the submissions that count."""

    key: CellKey
    kind: str
    points: Distribution
    """Of those that need nobody any more."""
    by_hand: int
    """How many a person has graded."""
    to_do: int
    """How many wait for a person."""

    @property
    def percent(self) -> int:
        """How much of the grading by hand is done, of a hundred."""
        return 100 * self.by_hand // (self.by_hand + self.to_do) if self.by_hand else 0


@dataclass(frozen=True, slots=True)
class Grader:
    """How many answers somebody has graded, as they count now."""

    name: str
    answers: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """All of an assignment."""

    whole: Distribution
    questions: Sequence[Question]
    graders: Sequence[Grader]
    """Who has graded most first."""

    @property
    def by_hand(self) -> int:
        """How many answers people have graded."""
        return sum(question.by_hand for question in self.questions)

    @property
    def to_do(self) -> int:
        """How many answers wait for a person."""
        return sum(question.to_do for question in self.questions)


def statistics_of(assignment: Assignment) -> Statistics:
    """Of those whose submission is graded. Five questions to the tables, for any number of students."""
    cells = [cell for cell in Cell.objects.filter(release=assignment.release_id) if cell.kind in _GRADED]
    spread, to_do = _cells(assignment)
    hands = _counting(assignment).filter(origin__in=(Origin.MANUAL, Origin.RUBRIC)).exclude(needs_manual=True)
    rows = list(hands.values_list("notebook", "grade_id", "graded_by").annotate(n=Count("pk")))
    by_hand, by_person = _tally((CellKey(*row[:2]), row[3]) for row in rows), _tally((row[2], row[3]) for row in rows)
    questions = [
        Question(
            key := CellKey(cell.notebook, cell.grade_id),
            cell.kind,
            _distribution(spread.get(key, {}), cell.points),
            by_hand=by_hand.get(key, 0),
            to_do=to_do.get(key, 0),
        )
        for cell in cells
    ]
    return Statistics(spreads([assignment])[assignment.pk], questions, _graders(by_person))


def spreads(assignments: Sequence[Assignment]) -> Mapping[UUID, Distribution]:
    """How the points of each of these are spread, before they are published. One question for all of them."""
    grades = Grade.objects.filter(assignment__in=[each.pk for each in assignments], points__isnull=False)
    rows = grades.order_by().values_list("assignment", "points", "max_points").annotate(n=Count("pk"))
    found: dict[UUID, dict[Decimal, int]] = {each.pk: {} for each in assignments}
    most: dict[UUID, Decimal] = {}
    for key, points, max_points, number in rows:
        found[key][points] = found[key].get(points, 0) + number
        most[key] = max(most.get(key, Decimal(0)), max_points or Decimal(0))
    return {key: _distribution(counts, most.get(key, Decimal(0))) for key, counts in found.items()}


# --- Steps -------------------------------------------------------------------------------------------------


_GRADED = ("tests", "manual", "task")


def _counting(assignment: Assignment) -> QuerySet[CellGrade]:
    return CellGrade.objects.filter(submission__assignment=assignment, submission__grade_of__isnull=False).order_by()


def _cells(assignment: Assignment) -> tuple[dict[CellKey, dict[Decimal, int]], dict[CellKey, int]]:
    """The points of each cell, and how many of it wait for a person."""
    spread: dict[CellKey, dict[Decimal, int]] = {}
    to_do: dict[CellKey, int] = {}
    rows = _counting(assignment).values_list("notebook", "grade_id", "needs_manual", "points").annotate(n=Count("pk"))
    for notebook, grade_id, needs_manual, points, number in rows:
        key = CellKey(notebook, grade_id)
        if needs_manual:
            to_do[key] = to_do.get(key, 0) + number
        else:
            spread.setdefault(key, {})[points] = number
    return spread, to_do


def _distribution(counts: Mapping[Decimal, int], max_points: Decimal) -> Distribution:
    return Distribution(tuple(sorted(counts.items())), max_points)


def _tally(rows: Iterable[tuple[Any, int]]) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for key, number in rows:
        found[key] = found.get(key, 0) + number
    return found


def _graders(answers: Mapping[Any, int]) -> Sequence[Grader]:
    people = User.objects.filter(pk__in=[key for key in answers if key is not None])
    named = [Grader(person.get_full_name(), answers[person.pk]) for person in people]
    return sorted(named, key=lambda grader: (-grader.answers, grader.name.casefold()))
