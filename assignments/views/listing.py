"""The assignments of a class."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from assignments.overview import rows_of, students_of
from classes.context import CourseRequest, course_view


@course_view()
@require_safe
def assignment_list(request: CourseRequest) -> HttpResponse:
    """All of them for those who teach; for students those that are open."""
    now, standing = timezone.now(), request.standing
    context = {
        "course": request.course,
        "standing": standing,
        "here": "work",
        "now": now,
        "rows": rows_of(standing, now=now),
        "students": students_of(standing) if standing.is_staff else None,
    }
    return render(request, "assignments/list.html", context)
