"""Where the grades of an assignment go beside Carrel, and how far they are. Nothing here knows any of these places.

`GRADE_DESTINATIONS` names those who know, by dotted path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from assignments.models import Assignment, Grade


@dataclass(frozen=True, slots=True)
class Destination:
    """A place that the grades of an assignment go to, and the page that says how far they are."""

    name: str
    url: str
    has_trouble: bool = False
    """Whether somebody has to do something, or grades stay behind."""


class Stage(StrEnum):
    """How far one grade is."""

    THERE = "there"
    ON_ITS_WAY = "on_its_way"
    UNDELIVERED = "undelivered"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One student's grade at one place."""

    name: str
    stage: Stage
    at: datetime | None = None
    """Since when it is there."""


class GradeDestination(Protocol):
    """Says where grades go. What it answers may not grow in queries with the class."""

    def destinations(self, assignment: Assignment) -> Sequence[Destination]:
        """For those who teach."""

    def deliveries(self, grades: Sequence[Grade]) -> Mapping[int, Sequence[Delivery]]:
        """For the students whose grades these are, by the grade's key; what goes nowhere is left out."""


def destinations_of(assignment: Assignment) -> Sequence[Destination]:
    """Every place that its grades go to."""
    return [place for each in _known() for place in each.destinations(assignment)]


def deliveries_of(grade: Grade) -> Sequence[Delivery]:
    """How far a grade is on its way to each."""
    return deliveries_by_grade([grade]).get(grade.pk, [])


def deliveries_by_grade(grades: Sequence[Grade]) -> Mapping[int, Sequence[Delivery]]:
    """The same of many, by the grade's key; what goes nowhere is left out."""
    found: dict[int, list[Delivery]] = {}
    for each in _known():
        for key, deliveries in each.deliveries(grades).items():
            found.setdefault(key, []).extend(deliveries)
    return found


@cache
def _known() -> Sequence[GradeDestination]:
    return [import_string(path)() for path in settings.GRADE_DESTINATIONS]
