"""Grades as tables for spreadsheets: of an assignment, one line for each student."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from assignments.models import Assignment, CellGrade, Grade
from environments.usage_tables import defused

POINTS_COLUMNS = (
    *("username", "email", "name", "attempt", "submitted_at"),
    *("points", "penalty", "max_points", "published"),
)


def points_csv(assignment: Assignment) -> str:
    """What everybody has for it."""
    return _csv(POINTS_COLUMNS, ([*_who(row), *_points(row)] for row in _rows(assignment)))


def questions_csv(assignment: Assignment) -> str:
    """What everybody has for each of its cells, extra credit included; nothing where it waits for a person."""
    cells = assignment.release.cells.filter(kind__in=("tests", "manual", "task")) if assignment.release else []
    keys = [(cell.notebook, cell.grade_id) for cell in cells]
    counting = CellGrade.objects.filter(submission__grade_of__assignment=assignment)
    columns = counting.values_list("submission__grade_of", "notebook", "grade_id", "needs_manual", "points")
    found = {
        (grade, notebook, grade_id): "" if needs_manual else _number(points)
        for grade, notebook, grade_id, needs_manual, points in columns.iterator()
    }
    titles = ("username", "email", "name", *(f"{notebook}/{grade_id}" for notebook, grade_id in keys))
    return _csv(titles, ([*_who(row), *(found.get((row.pk, *key), "") for key in keys)] for row in _rows(assignment)))


class _Row(NamedTuple):
    """A grade: of a thousand, the rows of four tables would take longer than all the rest."""

    pk: int
    username: str
    email: str
    display_name: str
    attempt: int | None
    submitted_at: datetime | None
    points: Decimal | None
    penalty: Decimal
    max_points: Decimal | None
    published_points: Decimal | None


def _rows(assignment: Assignment) -> Iterator[_Row]:
    grades = Grade.objects.filter(assignment=assignment).order_by("membership__person__username")
    person = (f"membership__person__{name}" for name in ("username", "email", "display_name"))
    submission = ("submission__attempt", "submission__submitted_at")
    return map(_Row._make, grades.values_list("pk", *person, *submission, *_Row._fields[6:]))


def _who(row: _Row) -> list[str]:
    return [row.username, row.email, row.display_name or row.username]


def _points(row: _Row) -> list[str]:
    attempt = "" if row.attempt is None else str(row.attempt)
    at = "" if row.submitted_at is None else row.submitted_at.isoformat()
    numbers = (row.points, row.penalty, row.max_points, row.published_points)
    return [attempt, at, *map(_number, numbers)]


@lru_cache(maxsize=1000)
def _number(points: Decimal | None) -> str:
    return "" if points is None else f"{points.normalize():f}"


def _csv(columns: Iterable[str], rows: Iterable[list[str]]) -> str:
    """With the mark by which spreadsheets know UTF-8, and nothing in it that they would take for a formula."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([defused(column) for column in columns])
    writer.writerows([defused(field) for field in row] for row in rows)
    return f"\ufeff{file.getvalue()}"
