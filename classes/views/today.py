"""The page of a class: what is next, what is new, and for those who teach it how it goes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from classes.context import CourseRequest, course_view
from classes.extensions import extensions
from classes.models import ArchiveState, Course, CourseImport, Lesson
from classes.overview import (
    SERVERS_NAMED,
    announcements_for,
    crowd_of,
    failed_servers,
    lesson_rows,
    next_lesson,
)
from classes.readiness import shortfalls_of
from classes.unpacking import can_be_tried_again
from environments.rebuilding import freshness_of

ANNOUNCEMENTS_SHOWN = 3


@course_view()
@require_safe
def course_detail(request: CourseRequest) -> HttpResponse:
    """What is next in the class."""
    course, standing, now = request.course, request.standing, timezone.now()
    rows = lesson_rows(standing, now=now)
    announcements = list(announcements_for(standing, now=now)[: ANNOUNCEMENTS_SHOWN + 1])
    context = {
        "course": course,
        "standing": standing,
        "here": "course",
        "rows": rows,
        "next": next_lesson(rows, now=now, is_staff=standing.is_staff),
        "announcements": announcements[:ANNOUNCEMENTS_SHOWN],
        "has_older": len(announcements) > ANNOUNCEMENTS_SHOWN,
        "sections": [one for extension in extensions() for one in extension.sections(standing, now=now)],
        "now": now,
    }
    if standing.is_staff:
        context |= _state_of(course, [row.lesson for row in rows], now=now)
    return render(request, "classes/course.html", context)


def _state_of(course: Course, lessons: list[Lesson], *, now: datetime) -> dict[str, Any]:
    """How the class is: who is here, what is broken, and what a new one still lacks."""
    crowd, failed, environment = crowd_of(course, now=now), failed_servers(course), course.environment
    freshness = freshness_of(environment) if environment else ""
    is_complete = freshness == "ready" and bool(lessons) and crowd.students > 0
    brought = CourseImport.objects.filter(course=course).exclude(state=ArchiveState.DONE).first()
    is_told = brought is not None and (brought.is_under_way or can_be_tried_again(brought))
    return {
        "brought": brought if is_told else None,
        "crowd": crowd,
        "shortfalls": shortfalls_of(course, lessons, now=now),
        "failed": failed[:SERVERS_NAMED],
        "has_more_failed": len(failed) > SERVERS_NAMED,
        "freshness": freshness,
        "has_lessons": bool(lessons),
        "is_complete": is_complete or course.is_over,
    }
