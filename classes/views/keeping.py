"""Keeping a class, and ending it: archived, opened again, deleted, brought back."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classes.context import CourseRequest, course_view
from classes.copying import copies_for
from classes.keeping import archive, delete, reopen, undelete
from classes.keeping_forms import DeleteForm, ExportForm
from classes.models import Course, CourseImport, Role
from classes.policies import can_make_course
from classes.unpacking import can_be_tried_again
from environments.views.requests import PageRequest

UNPROCESSABLE = 422
REFRESH_SECONDS = 3
MAX_COPIES = 5


@course_view(Role.TEACHER)
@require_safe
def course_keeping(request: CourseRequest) -> HttpResponse:
    """What can be done with the whole class; only its archives, and what came with one, when htmx asks."""
    exports = list(request.course.exports.all())
    brought = CourseImport.objects.filter(course=request.course).first()
    is_under_way = any(export.is_under_way for export in exports)
    is_watched = is_under_way or (brought is not None and brought.is_under_way)
    context = _context(request) | {
        "can_copy": can_make_course(request.user),
        "copies": copies_for(request.course, request.user)[:MAX_COPIES],
        "exports": exports,
        "brought": brought,
        "can_try_again": brought is not None and can_be_tried_again(brought),
        "export_form": ExportForm(),
        "is_under_way": is_under_way,
        "refresh_seconds": REFRESH_SECONDS if is_watched else 0,
    }
    return render(request, "classes/_exports.html" if request.htmx else "classes/keeping.html", context)


@course_view(Role.TEACHER)
@require_POST
def course_archive(request: CourseRequest) -> HttpResponse:
    """Let it be over."""
    archive(request.course, now=timezone.now())
    messages.success(
        request, _("“%(title)s” is over now. Everybody keeps their work.") % {"title": request.course.title}
    )
    return redirect("classes:course-keeping", request.course.slug)


@course_view(Role.TEACHER)
@require_POST
def course_reopen(request: CourseRequest) -> HttpResponse:
    """Let it go on."""
    reopen(request.course, now=timezone.now())
    messages.success(request, _("“%(title)s” goes on.") % {"title": request.course.title})
    return redirect("classes:course-keeping", request.course.slug)


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def course_delete(request: CourseRequest) -> HttpResponse:
    """Ask first, for its title, saying what happens to whom; POST deletes."""
    course = request.course
    form = DeleteForm(request.POST if request.method == "POST" else None, course=course)
    if request.method == "POST" and form.is_valid():
        delete(course, now=timezone.now())
        messages.success(request, _("“%(title)s” is deleted.") % {"title": course.title})
        return redirect("classes:course-list")
    context = _context(request) | {"form": form, "students": course.memberships.present().students().count()}
    return render(request, "classes/course_delete.html", context, status=UNPROCESSABLE if form.is_bound else 200)


@login_required
@require_POST
def course_undelete(request: HttpRequest, slug: str) -> HttpResponse:
    """Bring a deleted class back."""
    person = cast("PageRequest", request).user
    course = get_object_or_404(Course.objects.deleted_for(person), slug=slug)
    undelete(course)
    messages.success(request, _("“%(title)s” is back, with everybody in it.") % {"title": course.title})
    return redirect("classes:course-detail", course.slug)


def _context(request: CourseRequest) -> dict[str, Any]:
    """What the pages of this part of a class have in common."""
    return {
        "course": request.course,
        "standing": request.standing,
        "here": "keeping",
        "days": settings.DELETED_FILES_DAYS,
    }
