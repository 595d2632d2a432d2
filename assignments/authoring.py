"""Drawing up assignments: making one, and bringing the notebooks that its next release is to be made from."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.text import slugify

from accounts.models import User
from assignments import artefacts
from assignments.errors import AssignmentError
from assignments.files import Bundle
from assignments.models import Assignment, Origin, Source
from assignments.models.assignment import MAX_NAME
from classes.members import check_going_on
from classes.models import Course

RESERVED = frozenset({"new"})
"""Names that are places of their own among the pages of a class's assignments."""


def name_from(title: str, course: Course) -> str:
    """A short name for an assignment of this title that no other in the class has."""
    plain = slugify(unicodedata.normalize("NFKD", title))[: MAX_NAME - 3].strip("-") or "assignment"
    taken = RESERVED | set(
        Assignment.objects.filter(course=course, name__startswith=plain).values_list("name", flat=True)
    )
    numbered = (f"{plain}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (plain, *numbered) if name not in taken)


def add_assignment(course: Course, *, title: str, name: str = "", **details: Any) -> Assignment:
    """Make an assignment, the last of its class. Students see nothing of it before it is released.

    Raises CourseError `course_over`, and AssignmentError `assignment_name_taken`.
    """
    check_going_on(course)
    last = Assignment.objects.filter(course=course).aggregate(last=Max("position"))["last"]
    name = name or name_from(title, course)
    if name in RESERVED:
        raise AssignmentError("assignment_name_taken", name=name)
    try:
        with transaction.atomic():
            return Assignment.objects.create(
                course=course, title=title, name=name, position=0 if last is None else last + 1, **details
            )
    except IntegrityError as error:
        raise AssignmentError("assignment_name_taken", name=name) from error


def bring_source(
    assignment: Assignment, bundle: Bundle, *, origin: Origin, detail: str = "", by: User, now: datetime
) -> Source:
    """Keep these files as what the next release is to be made from. The same files again are the same source.

    Raises CourseError `course_over`, and AssignmentError `source_without_notebooks`.
    """
    check_going_on(assignment.course)
    if not bundle.notebooks:
        raise AssignmentError("source_without_notebooks")
    kept = artefacts.keep(bundle.tar)
    newest = assignment.sources.first()
    if newest is not None and newest.bundle == kept:
        return newest
    return Source.objects.create(
        assignment=assignment,
        origin=origin,
        origin_detail=detail[:500],
        bundle=kept,
        bytes=len(bundle.tar),
        notebooks=list(bundle.notebooks),
        brought_by=by,
        brought_at=now,
    )


def delete_assignment(assignment: Assignment, *, now: datetime) -> None:
    """Take an assignment away. What was submitted and graded stays in the tables."""
    check_going_on(assignment.course)
    Assignment.objects.filter(pk=assignment.pk, deleted_at=None).update(deleted_at=now)
