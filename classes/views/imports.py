"""A class made from an archive: brought, looked at, made."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from classes.context import CourseRequest, course_view
from classes.importing import bring, give_up, make_from, preview
from classes.keeping_forms import BringForm, ImportForm
from classes.models import CourseImport, Role
from classes.policies import can_make_course
from classes.unpacking import try_again
from environments.errors import EnvironmentsError
from environments.git_credentials import resolve_for
from environments.references import title_of
from environments.views.requests import PageRequest

UNPROCESSABLE = 422


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def course_import(request: HttpRequest) -> HttpResponse:
    """Bring an archive."""
    person = cast("PageRequest", request).user
    if not can_make_course(person):
        raise PermissionDenied
    form = BringForm(request.POST, request.FILES) if request.method == "POST" else BringForm()
    if form.is_bound and form.is_valid():
        try:
            brought = bring(person, form.cleaned_data["archive"].chunks(), now=timezone.now())
        except EnvironmentsError as error:
            form.add_error("archive", error.explain().lines)
        else:
            return redirect("classes:course-import-preview", brought.pk)
    context = {"form": form, "megabytes": settings.CLASS_ARCHIVE_MB}
    return render(request, "classes/course_import.html", context, status=UNPROCESSABLE if form.is_bound else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def course_import_preview(request: HttpRequest, archive_id: UUID) -> HttpResponse:
    """What would be made of it; POST makes it, or gives it up."""
    person = cast("PageRequest", request).user
    if not can_make_course(person):
        raise PermissionDenied
    brought = get_object_or_404(person.brought_archives, pk=archive_id)
    if request.method == "POST" and "cancel" in request.POST:
        give_up(brought)
        return redirect("classes:course-list")
    try:
        found = preview(brought)
    except EnvironmentsError as error:  # What was right when it was brought need not be so now.
        give_up(brought)
        messages.error(request, " ".join(error.explain().lines))
        return redirect("classes:course-import")
    form = ImportForm(request.POST if request.method == "POST" else None)
    if not form.is_bound or not form.is_valid():
        context = {"brought": brought, "found": found, "form": form, "repository": title_of(found.reference)}
        return render(request, "classes/course_import_preview.html", context)
    now = timezone.now()
    try:
        resolved = resolve_for(person, found.reference, now=now)
    except EnvironmentsError as error:
        resolved = None
        messages.warning(request, " ".join(error.explain().lines))
    try:
        course = make_from(brought, with_people=form.cleaned_data["with_people"], resolved=resolved, now=now)
    except EnvironmentsError as error:
        messages.error(request, " ".join(error.explain().lines))
        return redirect("classes:course-import")
    messages.success(request, _("“%(title)s” is made.") % {"title": course.title})
    return redirect("classes:course-detail", course.slug)


@course_view(Role.TEACHER)
@require_POST
def course_import_again(request: CourseRequest) -> HttpResponse:
    """Have the files brought in that are still missing."""
    try_again(get_object_or_404(CourseImport, course=request.course))
    return redirect("classes:course-keeping", request.course.slug)
