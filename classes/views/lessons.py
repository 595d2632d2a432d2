"""Lessons: the page of each, and for teachers the list of them, their order, and a form."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classes.context import CourseRequest, course_view
from classes.errors import CourseError
from classes.extensions import extensions
from classes.lesson_forms import LessonForm, initial_of_lesson
from classes.lessons import add_lesson, delete_lesson, edit_lesson, move_lesson, outline_of, publish_lesson
from classes.models import Lesson, Role
from classes.overview import lesson_rows
from classes.readiness import shortfalls_of
from classes.stamps import stamp, stamp_of_order
from classes.views.answers import UNPROCESSABLE, back, refused


@course_view(Role.TEACHER)
@require_safe
def lesson_list(request: CourseRequest) -> HttpResponse:
    """All lessons, to be put in order; only the list when htmx asks."""
    lessons, now = list(request.course.lessons.all()), timezone.now()
    context = _facts(request) | {
        "places": _places(lessons),
        "order": stamp_of_order(lesson.pk for lesson in lessons),
        "published": {lesson.pk for lesson in lessons if lesson.is_published(now)},
        "now": now,
    }
    if request.htmx:
        return render(request, "classes/lesson_list.html#lessons", context | {"out_of_band": True})
    return render(request, "classes/lesson_list.html", context)


@course_view()
@require_safe
def lesson_detail(request: CourseRequest, lesson_id: UUID) -> HttpResponse:
    """What a lesson is about, when it is, and the way into it. Students find those they may see."""
    now = timezone.now()
    rows = lesson_rows(request.standing, now=now)
    place = next((n for n, row in enumerate(rows) if row.lesson.pk == lesson_id), None)
    if place is None:
        raise Http404
    context = _facts(request) | {
        "row": rows[place],
        "lesson": rows[place].lesson,
        "number": place + 1,
        "previous": rows[place - 1].lesson if place else None,
        "sections": [
            section
            for extension in extensions()
            for section in extension.lesson_sections(request.standing, rows[place].lesson, now=now)
        ],
        "following": rows[place + 1].lesson if place + 1 < len(rows) else None,
        "now": now,
    }
    if request.standing.is_staff:
        context["shortfalls"] = shortfalls_of(request.course, [rows[place].lesson], now=now)
    return render(request, "classes/lesson.html", context)


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def lesson_add(request: CourseRequest) -> HttpResponse:
    """Make a lesson."""
    if request.method != "POST":
        return _form_page(request, LessonForm())
    form = LessonForm(request.POST)
    if not form.is_valid():
        return _form_page(request, form, status=UNPROCESSABLE)
    try:
        lesson = add_lesson(request.course, form.outline(now=timezone.now()))
    except CourseError as error:
        form.add_course_error(error)
        return _form_page(request, form, status=error.status)
    messages.success(request, _("“%(title)s” is the last lesson now.") % {"title": lesson.title})
    return back(request, "lesson-list")


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def lesson_edit(request: CourseRequest, lesson_id: UUID) -> HttpResponse:
    """Change what is said of a lesson. What somebody else has saved meanwhile is shown, not lost."""
    lesson, now = _lesson_or_404(request, lesson_id), timezone.now()
    outline = outline_of(lesson)
    initial, seen = initial_of_lesson(outline, now=now), stamp(outline)
    if request.method != "POST":
        return _form_page(request, LessonForm(initial=initial | {"seen": seen}), lesson)
    form = LessonForm(request.POST)
    if not form.is_valid():
        return _form_page(request, form, lesson, status=UNPROCESSABLE)
    try:
        edit_lesson(lesson, form.outline(now=now, before=outline), seen=form.cleaned_data["seen"])
    except CourseError as error:
        if error.code == "lesson_gone":
            return refused(request, error, "lesson-list")
        form.add_refusal(error, saved=initial, seen=seen)
        return _form_page(request, form, lesson, status=error.status)
    messages.success(request, _("Your changes are saved."))
    return back(request, "lesson-list")


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def lesson_delete(request: CourseRequest, lesson_id: UUID) -> HttpResponse:
    """Ask first, saying what goes and what stays; POST deletes."""
    lesson = _lesson_or_404(request, lesson_id)
    if request.method != "POST":
        return render(request, "classes/lesson_delete.html", _facts(request) | {"lesson": lesson})
    try:
        delete_lesson(lesson)
    except CourseError as error:
        return refused(request, error, "lesson-list")
    messages.success(request, _("“%(title)s” is deleted.") % {"title": lesson.title})
    return back(request, "lesson-list")


@course_view(Role.TEACHER)
@require_POST
def lesson_publish(request: CourseRequest, lesson_id: UUID) -> HttpResponse:
    """Show it to students now, or take it back."""
    lesson = _lesson_or_404(request, lesson_id)
    at = timezone.now() if request.POST.get("publish") == "now" else None
    try:
        publish_lesson(lesson, at=at)
    except CourseError as error:
        return refused(request, error, "lesson-list")
    words = _("Students see “%(title)s” now.") if at else _("“%(title)s” is a draft now: students do not see it.")
    messages.success(request, words % {"title": lesson.title})
    return back(request, "lesson-list")


@course_view(Role.TEACHER)
@require_POST
def lesson_move(request: CourseRequest, lesson_id: UUID) -> HttpResponse:
    """Put it in front of another, or last; and say so where somebody else was at it meanwhile."""
    lesson = request.course.lessons.filter(pk=lesson_id).first() or Lesson(pk=lesson_id, course=request.course)
    try:
        before = UUID(request.POST["before"]) if request.POST.get("before") else None
    except ValueError as error:
        raise BadRequest from error
    try:
        was_seen = move_lesson(lesson, before=before, seen=request.POST.get("seen", ""))
    except CourseError as error:
        return refused(request, error, "lesson-list")
    if not was_seen:
        words = _(
            "Somebody else has changed the lessons meanwhile. “%(title)s” was moved all the same, and theirs are where "
            "they put them: this is how it is now."
        )
        messages.warning(request, words % {"title": lesson.title})
    return back(request, "lesson-list")


def _lesson_or_404(request: CourseRequest, lesson_id: UUID) -> Lesson:
    return get_object_or_404(request.course.lessons.all(), pk=lesson_id)


def _form_page(
    request: CourseRequest, form: LessonForm, lesson: Lesson | None = None, *, status: int = 200
) -> HttpResponse:
    return render(
        request, "classes/lesson_form.html", _facts(request) | {"form": form, "lesson": lesson}, status=status
    )


def _facts(request: CourseRequest) -> dict[str, Any]:
    return {"course": request.course, "standing": request.standing, "here": "lessons"}


def _places(lessons: list[Lesson]) -> list[dict[str, Any]]:
    """Each lesson with what it would stand in front of, moved up or down by one; None is the end of the list."""
    keys: list[UUID | None] = [lesson.pk for lesson in lessons]
    after = [*keys, None, None]
    return [
        {
            "lesson": lesson,
            "number": n + 1,
            "up": keys[n - 1] if n else None,
            "is_first": n == 0,
            "down": after[n + 2],
            "is_last": n == len(lessons) - 1,
        }
        for n, lesson in enumerate(lessons)
    ]
