"""The dates and rules of an assignment, for all and for single people. What is moved moves the grades given before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import User
from assignments.deadlines import Allowance
from assignments.grading import gradebook
from assignments.models import Assignment, Extension, Grade
from classes.errors import CourseError
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


def version_of(assignment: Assignment) -> str:
    """The same as long as nobody has set any of its `EDITABLE` fields otherwise."""
    facts = {name: getattr(assignment, "lesson_id" if name == "lesson" else name) for name in EDITABLE}
    return sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:32]


@transaction.atomic
def edit_assignment(assignment: Assignment, changes: Mapping[str, Any], *, seen: str | None = None) -> None:
    """Set these of its `EDITABLE` fields. Grades follow from the new dates and rules, in a while.

    `seen` is the `version_of` it that whoever changes it has looked at. Raises CourseError `course_over` and
    `changed_meanwhile`, and AssignmentError `dates_out_of_order` and `late_rule_invalid`.
    """
    check_going_on(assignment.course)
    kept = Assignment.objects.select_for_update().get(pk=assignment.pk)
    if seen is not None and seen != version_of(kept):
        raise CourseError("changed_meanwhile")
    before = kept.schedule
    for name in EDITABLE:
        setattr(assignment, name, changes[name] if name in changes else getattr(kept, name))
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
