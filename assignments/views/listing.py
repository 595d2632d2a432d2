"""The assignments of a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from assignments.deadlines import NOTHING_EXTRA, dates_for
from assignments.models import Assignment, Extension, Grade, Submission
from classes.context import CourseRequest, course_view
from classes.policies import Standing


@dataclass(frozen=True, slots=True)
class Row:
    """One assignment, and how somebody stands with it."""

    assignment: Assignment
    due_at: datetime | None
    """For them."""
    is_submitted: bool = False
    grade: Grade | None = None
    """What they were told they have."""


@course_view()
@require_safe
def assignment_list(request: CourseRequest) -> HttpResponse:
    """All of them for those who teach; for students those that are open."""
    assignments = Assignment.objects.filter(course=request.course).select_related("release")
    now = timezone.now()
    mine = assignments.present() if request.standing.is_staff else assignments.open_to_students(now)
    rows = _rows(request.standing, list(mine))
    facts = {"course": request.course, "standing": request.standing, "here": "work"}
    return render(request, "assignments/list.html", {**facts, "rows": rows, "now": now})


def _rows(standing: Standing, assignments: Sequence[Assignment]) -> list[Row]:
    """As they stand for this person. Three questions, however many there are."""
    membership = standing.membership
    if membership is None:
        return [Row(one, one.due_at) for one in assignments]
    grades = Grade.objects.filter(membership=membership, published_at__isnull=False)
    back = {grade.assignment_id: grade for grade in grades}
    submitted = set(Submission.objects.filter(membership=membership).values_list("assignment_id", flat=True))
    extensions = Extension.objects.filter(membership=membership, assignment__in=assignments)
    allowances = {extension.assignment_id: extension.allowance for extension in extensions}
    return [
        Row(
            one,
            dates_for(one.schedule, allowances.get(one.pk, NOTHING_EXTRA)).due_at,
            is_submitted=one.pk in submitted,
            grade=back.get(one.pk),
        )
        for one in assignments
    ]
