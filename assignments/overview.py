"""The assignments of a class in a list: where each stands, for whoever looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Count, QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from assignments.deadlines import NOTHING_EXTRA, Dates, dates_for
from assignments.models import Assignment, Extension, Grade, Submission
from classes.models import Membership, Role
from classes.policies import Standing


class Phase(models.TextChoices):
    """How far an assignment is, by its dates."""

    DRAFT = "draft", _("Not released")
    COMING = "coming", _("Not open yet")
    OPEN = "open", pgettext_lazy("assignment", "Open")
    LATE = "late", _("Past its due date")
    CLOSED = "closed", _("Closed")


@dataclass(frozen=True, slots=True)
class Row:
    """One assignment of the list."""

    assignment: Assignment
    dates: Dates
    """As they are for whoever looks at it."""
    phase: Phase
    grade: Grade | None = None
    """What they were told they have."""
    has_submitted: bool = False
    submitted: int = 0
    """How many students have, for those who teach."""
    to_grade: int = 0
    """How many of those wait for a person."""


def rows_of(standing: Standing, *, now: datetime) -> list[Row]:
    """All of them for those who teach, for students those that are open. A few questions, however many there are."""
    assignments = Assignment.objects.filter(course=standing.course).select_related("release")
    if standing.is_staff:
        return _for_staff(list(assignments.present()), now=now)
    return _for_student(list(assignments.open_to_students(now)), standing.membership, now=now)


def students_of(standing: Standing) -> int:
    """How many students there are in the class now."""
    return standing.course.memberships.present().filter(role=Role.STUDENT).count()


def phase_of(assignment: Assignment, dates: Dates, *, now: datetime) -> Phase:
    """How far it is by these dates."""
    if assignment.release_id is None:
        return Phase.DRAFT
    if dates.opens_at is not None and now < dates.opens_at:
        return Phase.COMING
    if dates.closes_at is not None and now > dates.closes_at:
        return Phase.CLOSED
    return Phase.LATE if dates.due_at is not None and now > dates.due_at else Phase.OPEN


def _for_staff(assignments: list[Assignment], *, now: datetime) -> list[Row]:
    submissions = Submission.objects.filter(assignment__in=assignments, membership__role=Role.STUDENT)
    submitted = _counted(submissions, Count("membership", distinct=True))
    waiting = Grade.objects.filter(assignment__in=assignments, needs_manual__gt=0, submission__isnull=False)
    to_grade = _counted(waiting, Count("pk"))
    rows = []
    for one in assignments:
        dates = dates_for(one.schedule)
        phase = phase_of(one, dates, now=now)
        rows.append(Row(one, dates, phase, submitted=submitted.get(one.pk, 0), to_grade=to_grade.get(one.pk, 0)))
    return rows


def _for_student(assignments: list[Assignment], membership: Membership | None, *, now: datetime) -> list[Row]:
    own = {"membership": membership, "assignment__in": assignments}
    allowances = {one.assignment_id: one.allowance for one in Extension.objects.filter(**own)}
    grades = {one.assignment_id: one for one in Grade.objects.filter(published_at__isnull=False, **own)}
    submitted = set(Submission.objects.filter(**own).values_list("assignment", flat=True))
    rows = []
    for one in assignments:
        dates = dates_for(one.schedule, allowances.get(one.pk, NOTHING_EXTRA))
        phase = phase_of(one, dates, now=now)
        rows.append(Row(one, dates, phase, grade=grades.get(one.pk), has_submitted=one.pk in submitted))
    return rows


def _counted(rows: QuerySet[Any], count: Count) -> Mapping[UUID, int]:
    """So many of them, by the assignment."""
    return dict(rows.order_by().values_list("assignment").annotate(count=count))
