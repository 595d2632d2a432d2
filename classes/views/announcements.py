"""Announcements: all of them, and for teachers a form."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from classes.announcement_forms import AnnouncementForm, initial_of_announcement
from classes.announcements import announce, delete_announcement, edit_announcement, notice_of
from classes.context import CourseRequest, course_view
from classes.errors import CourseError
from classes.models import Announcement, Role
from classes.overview import announcements_for
from classes.stamps import stamp
from classes.views.answers import UNPROCESSABLE, back, refused

PAGE_SIZE = 20


@course_view()
@require_safe
def announcement_list(request: CourseRequest) -> HttpResponse:
    """What the class was told, newest first."""
    now = timezone.now()
    pages = Paginator(announcements_for(request.standing, now=now), PAGE_SIZE)
    page = pages.get_page(request.GET.get("page"))
    return render(request, "classes/announcement_list.html", _facts(request) | {"page": page, "now": now})


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def announcement_add(request: CourseRequest) -> HttpResponse:
    """Tell the class something."""
    if request.method != "POST":
        return _form_page(request, AnnouncementForm())
    form, now = AnnouncementForm(request.POST), timezone.now()
    if not form.is_valid():
        return _form_page(request, form, status=UNPROCESSABLE)
    try:
        announcement = announce(request.course, form.notice(now=now), author=request.user, now=now)
    except CourseError as error:
        form.add_course_error(error)
        return _form_page(request, form, status=error.status)
    is_out = announcement.is_published(now)
    messages.success(request, _("The class can read it now.") if is_out else _("The class can read it from then on."))
    return back(request, "course-detail")


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def announcement_edit(request: CourseRequest, announcement_id: UUID) -> HttpResponse:
    """Change what it says. What somebody else has saved meanwhile is shown, not lost."""
    announcement, now = _announcement_or_404(request, announcement_id), timezone.now()
    notice = notice_of(announcement)
    initial, seen = initial_of_announcement(notice, now=now), stamp(notice)
    if request.method != "POST":
        return _form_page(request, AnnouncementForm(initial=initial | {"seen": seen}), announcement)
    form = AnnouncementForm(request.POST)
    if not form.is_valid():
        return _form_page(request, form, announcement, status=UNPROCESSABLE)
    try:
        edit_announcement(announcement, form.notice(now=now, before=notice), seen=form.cleaned_data["seen"])
    except CourseError as error:
        if error.code == "announcement_gone":
            return refused(request, error, "announcement-list")
        form.add_refusal(error, saved=initial, seen=seen)
        return _form_page(request, form, announcement, status=error.status)
    messages.success(request, _("Your changes are saved."))
    return back(request, "course-detail")


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def announcement_delete(request: CourseRequest, announcement_id: UUID) -> HttpResponse:
    """Ask first; POST deletes."""
    announcement = _announcement_or_404(request, announcement_id)
    if request.method != "POST":
        context = _facts(request) | {"announcement": announcement}
        return render(request, "classes/announcement_delete.html", context)
    try:
        delete_announcement(announcement)
    except CourseError as error:
        return refused(request, error, "course-detail")
    messages.success(request, _("“%(title)s” is deleted.") % {"title": announcement.title})
    return back(request, "course-detail")


def _announcement_or_404(request: CourseRequest, announcement_id: UUID) -> Announcement:
    announcement: Announcement = get_object_or_404(request.course.announcements.all(), pk=announcement_id)
    return announcement


def _form_page(
    request: CourseRequest, form: AnnouncementForm, announcement: Announcement | None = None, *, status: int = 200
) -> HttpResponse:
    context = _facts(request) | {"form": form, "announcement": announcement}
    return render(request, "classes/announcement_form.html", context, status=status)


def _facts(request: CourseRequest) -> dict[str, Any]:
    return {"course": request.course, "standing": request.standing, "here": "course"}
