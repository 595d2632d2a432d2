"""The assignments of a class."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from assignments.models import Assignment
from classes.context import CourseRequest, course_view


@course_view()
@require_safe
def assignment_list(request: CourseRequest) -> HttpResponse:
    """All of them for those who teach; for students those that are open."""
    assignments = Assignment.objects.filter(course=request.course).select_related("release")
    now = timezone.now()
    mine = assignments.present() if request.standing.is_staff else assignments.open_to_students(now)
    return render(
        request,
        "assignments/list.html",
        {"course": request.course, "standing": request.standing, "here": "work", "assignments": mine, "now": now},
    )
