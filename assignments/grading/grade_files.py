"""Grades as tables for spreadsheets: of an assignment, one line for each student."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from decimal import Decimal

from assignments.models import Assignment, CellGrade, Grade
from environments.usage_tables import defused

POINTS_COLUMNS = (
    *("username", "email", "name", "attempt", "submitted_at"),
    *("points", "penalty", "max_points", "published"),
)


def points_csv(assignment: Assignment) -> str:
    """What everybody has for it."""
    rows = [[*_who(grade), *_points(grade)] for grade in _grades(assignment)]
    return _csv(POINTS_COLUMNS, rows)


def questions_csv(assignment: Assignment) -> str:
    """What everybody has for each of its cells, extra credit included; nothing where it waits for a person."""
    cells = assignment.release.cells.filter(kind__in=("tests", "manual", "task")) if assignment.release else []
    keys = [(cell.notebook, cell.grade_id) for cell in cells]
    found: dict[tuple[object, str, str], str] = {}
    counting = CellGrade.objects.filter(submission__assignment=assignment, submission__grade_of__isnull=False)
    rows_of_cells = counting.values_list("submission", "notebook", "grade_id", "needs_manual", "points")
    for submission, notebook, grade_id, needs_manual, points in rows_of_cells.iterator():
        found[submission, notebook, grade_id] = "" if needs_manual else _number(points)
    columns = ("username", "email", "name", *(f"{notebook}/{grade_id}" for notebook, grade_id in keys))
    rows = [
        [*_who(grade), *(found.get((grade.submission_id, *key), "") for key in keys)] for grade in _grades(assignment)
    ]
    return _csv(columns, rows)


def _grades(assignment: Assignment) -> Iterable[Grade]:
    grades = Grade.objects.filter(assignment=assignment).select_related("membership__person", "submission")
    grades = grades.only(
        *("points", "penalty", "max_points", "published_points", "submission__attempt", "submission__submitted_at"),
        *(f"membership__person__{name}" for name in ("username", "email", "display_name")),
    )
    return grades.order_by("membership__person__username")


def _who(grade: Grade) -> list[str]:
    person = grade.membership.person
    return [person.username, person.email, person.get_full_name()]


def _points(grade: Grade) -> list[str]:
    submission = grade.submission
    attempt, at = (submission.attempt, submission.submitted_at.isoformat()) if submission else ("", "")
    numbers = [_number(grade.points), _number(grade.penalty), _number(grade.max_points)]
    return [str(attempt), at, *numbers, _number(grade.published_points)]


def _number(points: Decimal | None) -> str:
    return "" if points is None else f"{points.normalize():f}"


def _csv(columns: Iterable[str], rows: Iterable[list[str]]) -> str:
    """With the mark by which spreadsheets know UTF-8, and nothing in it that they would take for a formula."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([defused(column) for column in columns])
    writer.writerows([defused(field) for field in row] for row in rows)
    return f"\ufeff{file.getvalue()}"
