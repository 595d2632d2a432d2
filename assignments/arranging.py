"""The dates and rules of an assignment, for all and for single people. What is moved moves the grades given before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import User
from assignments import gradebook
from assignments.deadlines import Allowance
from assignments.models import Assignment, Extension, Grade
from classes.members import check_going_on
from classes.models import Membership
from environments.queueing import enqueue

TASK = "assignments.tasks.refold_grades"
EDITABLE = frozenset(
    {
        "title",
        "summary",
        "lesson",
        "opens_at",
        "due_at",
        "closes_at",
        "late",
        "attempts",
        "counts",
        "is_submitted_at_deadline",
        "is_graded_on_submit",
        "is_anonymous",
        "hidden_tests",
        "hidden_tests_from",
        "cell_seconds",
        "total_seconds",
        "memory_mb",
    }
)


@transaction.atomic
def edit_assignment(assignment: Assignment, changes: Mapping[str, Any]) -> None:
    """Set these of its `EDITABLE` fields. Grades follow from the new dates and rules, in a while.

    Raises CourseError `course_over`, and AssignmentError `dates_out_of_order` and `late_rule_invalid`.
    """
    check_going_on(assignment.course)
    before = assignment.schedule
    for name in EDITABLE & changes.keys():
        setattr(assignment, name, changes[name])
    after = assignment.schedule
    assignment.save(update_fields=sorted(EDITABLE & changes.keys()))
    if before != after:
        enqueue(TASK, assignment.pk)


@transaction.atomic
def give_extension(
    assignment: Assignment, membership: Membership, allowance: Allowance, *, note: str = "", by: User, now: datetime
) -> Extension:
    """Give one member this beyond the others, in place of what they had before. Raises CourseError `course_over`."""
    check_going_on(assignment.course)
    given = {
        "extra_minutes": allowance.extra_minutes,
        "until": allowance.until,
        "time_percent": allowance.time_percent,
        "extra_attempts": allowance.extra_attempts,
        "note": note,
        "given_by": by,
        "given_at": now,
    }
    extension, _is_new = Extension.objects.update_or_create(
        assignment=assignment, membership=membership, defaults=given
    )
    gradebook.regrade_person(assignment, membership, now=now)
    return extension


@transaction.atomic
def take_extension(assignment: Assignment, extension_id: UUID, *, now: datetime) -> None:
    """Take back what one member was given; nothing if it is gone. Raises CourseError `course_over`."""
    check_going_on(assignment.course)
    for extension in assignment.extensions.filter(pk=extension_id).select_related("membership__person"):
        extension.delete()
        gradebook.regrade_person(assignment, extension.membership, now=now)


def refold_grades(assignment: Assignment, *, now: datetime) -> None:
    """Work out anew what everybody has, after dates or rules have moved. Safe to repeat."""
    for grade in Grade.objects.filter(assignment=assignment).select_related("membership__person"):
        gradebook.regrade_person(assignment, grade.membership, now=now)
