"""The assignments of a class."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from assignments.models import Assignment, Grade
from classes.context import CourseRequest, course_view
from classes.policies import Standing


@course_view()
@require_safe
def assignment_list(request: CourseRequest) -> HttpResponse:
    """All of them for those who teach; for students those that are open."""
    assignments = Assignment.objects.filter(course=request.course).select_related("release")
    now = timezone.now()
    mine = assignments.present() if request.standing.is_staff else assignments.open_to_students(now)
    back = _came_back(request.standing)
    rows = [(assignment, back.get(assignment.pk)) for assignment in mine]
    facts = {"course": request.course, "standing": request.standing, "here": "work"}
    return render(request, "assignments/list.html", {**facts, "rows": rows, "now": now})


def _came_back(standing: Standing) -> dict[UUID, Grade]:
    """What this person was told they have, by the assignment."""
    if standing.membership is None:
        return {}
    grades = Grade.objects.filter(membership=standing.membership, published_at__isnull=False)
    return {grade.assignment_id: grade for grade in grades}
