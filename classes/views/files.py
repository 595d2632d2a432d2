"""The shared files of a class, and handing in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from classes.context import CourseRequest, course_view
from classes.files import Area, folder_of, make_area, remove_area, volume_of
from classes.handing_in import MAX_BYTES, MAX_FILES, USUAL_PATH, ask_hand_in, hand_ins_for, read_received
from classes.models import Course, HandIn, Role
from classes.views.answers import download
from environments.errors import EnvironmentsError
from environments.mounts import grace_period

PAGE_SIZE = 50
REFRESH_SECONDS = 2


@course_view()
@require_safe
def file_list(request: CourseRequest) -> HttpResponse:
    """The areas of the class, and what was handed in: to teachers by all, to a student by them."""
    context = _context(request) | {
        "areas": {str(area): _area(request.course, area) for area in Area},
        "page": Paginator(hand_ins_for(request.standing), PAGE_SIZE).get_page(request.GET.get("page")),
        "usual_path": USUAL_PATH,
        "most_mb": MAX_BYTES // 1024**2,
        "most_files": MAX_FILES,
        "days": grace_period().days,
    }
    return render(request, "classes/files.html", context)


@course_view(Role.TEACHER)
@require_POST
def file_area(request: CourseRequest) -> HttpResponse:
    """Have the class have an area, or do without it."""
    try:
        area = Area(request.POST.get("area", ""))
    except ValueError as error:
        raise BadRequest from error
    change = make_area if request.POST.get("wanted") == "1" else remove_area
    try:
        change(request.course, area, now=timezone.now())
    except EnvironmentsError as error:
        _say(request, error)
    else:
        messages.success(request, _("Your changes are saved. Servers get them when they are opened next."))
    return redirect("classes:file-list", request.course.slug)


@course_view()
@require_POST
def hand_in(request: CourseRequest) -> HttpResponse:
    """Hand something in, and lead to its receipt."""
    try:
        asked = ask_hand_in(request.standing, path=request.POST.get("path", ""), now=timezone.now())
    except EnvironmentsError as error:
        _say(request, error)
        return redirect("classes:file-list", request.course.slug)
    return redirect("classes:hand-in-detail", request.course.slug, asked.pk)


@course_view()
@require_safe
def hand_in_detail(request: CourseRequest, hand_in: UUID) -> HttpResponse:
    """The receipt, for whoever handed in and for their teachers and graders; only its state when htmx asks."""
    found = _receipt(request, hand_in)
    is_waiting = found.state == HandIn.State.WAITING
    context = _context(request) | {"hand_in": found, "refresh_seconds": REFRESH_SECONDS if is_waiting else 0}
    template = "classes/hand_in.html#state" if request.htmx else "classes/hand_in.html"
    return render(request, template, context)


@course_view()
@require_safe
@never_cache
def hand_in_file(request: CourseRequest, hand_in: UUID) -> HttpResponse:
    """One of the files that were received, to be kept; for those who see the receipt."""
    found, name = _receipt(request, hand_in), request.GET.get("name", "")
    try:
        return download(read_received(found, name), name)
    except EnvironmentsError as error:
        context = _context(request) | {"hand_in": found, "reason": error.explain()}
        return render(request, "classes/hand_in.html", context, status=error.status)


def _receipt(request: CourseRequest, key: UUID) -> HandIn:
    standing = request.standing
    known = HandIn.objects.filter(membership__course=request.course)
    found = get_object_or_404(known.select_related("membership__person", "membership__course"), pk=key)
    if not standing.is_staff and found.membership != standing.membership:
        raise PermissionDenied
    return found


def _area(course: Course, area: Area) -> dict[str, Any]:
    return {"folder": f"~/{folder_of(course, area)}", "volume": volume_of(course, area)}


def _say(request: CourseRequest, error: EnvironmentsError) -> None:
    words = error.explain()
    messages.error(request, f"{words.sentence} {words.next_step}")


def _context(request: CourseRequest) -> dict[str, Any]:
    return {"course": request.course, "standing": request.standing, "here": "files"}
