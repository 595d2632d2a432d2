"""Courses of nbgrader: brought to a class, looked at and imported, and the class's own made to be downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assignments.course_directories import exporting, importing
from assignments.course_directories.importing import Found
from assignments.course_directories.taking import made_of
from assignments.models import Assignment, CourseDirectory, CourseDirectoryExport
from assignments.models.course_directory import WorkState
from classes.context import CourseRequest, course_view
from classes.models import Membership, Role
from classes.views.answers import UNPROCESSABLE, pieces_of
from environments.errors import EnvironmentsError

REFRESH_SECONDS = 2
PEOPLE_SHOWN = 500
"""So many who are not known are on one page at most."""
CHOICES_SHOWN = 20_000
"""Each can be said to be any student who is nobody yet, and these are so many choices at most, but of a few people."""
FEW = 20


class BringForm(forms.Form):
    """A course of nbgrader."""

    course = forms.FileField(
        label=gettext_lazy("The course's folder, compressed"),
        help_text=gettext_lazy("A .zip, .tar or .tar.gz of the folder with “source” and “gradebook.db” in it."),
        max_length=300,
        widget=forms.FileInput(attrs={"accept": ".zip,.tar,.gz,.tgz"}),
    )


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def course_directory_list(request: CourseRequest) -> HttpResponse:
    """What was brought and made; POST brings another. Only the lists when htmx asks."""
    if request.htmx and request.method != "POST":
        return render(request, "assignments/course_directories.html#lists", _lists(request))
    form = BringForm(request.POST, request.FILES) if request.method == "POST" else BringForm()
    status = 200
    if form.is_bound:
        status = UNPROCESSABLE
        if form.is_valid():
            file = form.cleaned_data["course"]
            try:
                brought = importing.bring(
                    request.course, file.chunks(), name=file.name, by=request.user, now=timezone.now()
                )
                return _back(request, brought)
            except EnvironmentsError as error:
                form.add_error("course", error.explain().lines)
                status = error.status
    context = _lists(request) | {"form": form, "megabytes": settings.CLASS_ARCHIVE_MB}
    return render(request, "assignments/course_directories.html", context, status=status)


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def course_directory_detail(request: CourseRequest, directory_id: UUID) -> HttpResponse:
    """What is in one, and what came of it; POST imports it, with who somebody is."""
    directory = _directory(request, directory_id)
    if request.method == "POST":
        matches = _matches(directory, request.POST)
        try:
            importing.ask_import(directory, matches=matches, by=request.user, now=timezone.now())
        except EnvironmentsError as error:
            messages.error(request, " ".join(error.explain().lines))
        return _back(request, directory)
    context = _facts(request) | _preview(directory, page=request.GET.get("page"))
    template = "assignments/course_directory.html"
    return render(request, f"{template}#found" if request.htmx else template, context)


@course_view(Role.TEACHER)
@require_POST
def course_directory_again(request: CourseRequest, directory_id: UUID) -> HttpResponse:
    """Have done once more what has failed."""
    directory = _directory(request, directory_id)
    importing.ask_again(directory, now=timezone.now())
    return _back(request, directory)


@course_view(Role.TEACHER)
@require_POST
def course_directory_remove(request: CourseRequest, directory_id: UUID) -> HttpResponse:
    """Remove what was kept of it."""
    importing.remove(_directory(request, directory_id))
    messages.success(request, _("The file is removed. What was imported of it stays."))
    return redirect("assignments:course-directory-list", request.course.slug)


@course_view(Role.TEACHER)
@require_POST
def course_directory_export(request: CourseRequest) -> HttpResponse:
    """Have one made of the class; its page says when it is there."""
    exporting.ask_export(request.course, by=request.user, now=timezone.now())
    return redirect("assignments:course-directory-list", request.course.slug)


@course_view(Role.TEACHER)
@require_safe
def course_directory_download(request: CourseRequest, export_id: UUID) -> StreamingHttpResponse:
    """The file."""
    path = exporting.file_of(_export(request, export_id, state=WorkState.DONE))
    if not path.is_file():
        raise Http404
    headers = {
        "Content-Disposition": f'attachment; filename="{request.course.slug}-nbgrader.zip"',
        "Content-Length": str(path.stat().st_size),
        "Cache-Control": "no-store",
    }
    return StreamingHttpResponse(pieces_of(path), content_type="application/zip", headers=headers)


@course_view(Role.TEACHER)
@require_POST
def course_directory_export_remove(request: CourseRequest, export_id: UUID) -> HttpResponse:
    """Remove one."""
    exporting.delete_export(_export(request, export_id))
    return redirect("assignments:course-directory-list", request.course.slug)


# --- Answers -----------------------------------------------------------------------------------------------


def _directory(request: CourseRequest, directory_id: UUID) -> CourseDirectory:
    directory = get_object_or_404(request.course.course_directories.select_related("asked_by"), pk=directory_id)
    directory.course = request.course
    return directory


def _export(request: CourseRequest, export_id: UUID, **state: WorkState) -> CourseDirectoryExport:
    return get_object_or_404(request.course.course_directory_exports, pk=export_id, **state)


def _back(request: CourseRequest, directory: CourseDirectory) -> HttpResponseRedirect:
    return redirect("assignments:course-directory-detail", request.course.slug, directory.pk)


def _matches(directory: CourseDirectory, posted: Mapping[str, Any]) -> dict[str, str]:
    """Whom the teacher has named, by their place on the page: ids of nbgrader's may be anything."""
    people = Found.of(directory).people
    said = {each.id: str(posted.get(f"who-{place}", "")) for place, each in enumerate(people)}
    return {**directory.matches, **{who: key for who, key in said.items() if key}}


def _lists(request: CourseRequest) -> dict[str, Any]:
    directories = list(request.course.course_directories.select_related("asked_by"))
    exports = list(request.course.course_directory_exports.all())
    is_under_way = any(each.is_under_way for each in (*directories, *exports))
    return _facts(request) | {
        "directories": directories,
        "exports": exports,
        "refresh_seconds": REFRESH_SECONDS if is_under_way else None,
    }


def _preview(directory: CourseDirectory, *, page: str | None) -> dict[str, Any]:
    found, members = Found.of(directory), importing.members_of(directory)
    names = [each.name for each in found.assignments]
    here = set(
        Assignment.objects.present().filter(course=directory.course, name__in=names).values_list("name", flat=True)
    )
    unknown = [(place, each) for place, each in enumerate(found.people) if each.id not in members]
    students = _free(directory, list(members.values())) if unknown else []
    size = min(PEOPLE_SHOWN, max(FEW, CHOICES_SHOWN // max(len(students), 1)))
    return {
        "directory": directory,
        "found": found,
        "assignments": [(each, each.name in here) for each in found.assignments],
        "known": [(each, members[each.id]) for each in found.people if each.id in members],
        "page": Paginator(unknown, size).get_page(page),
        "unknown_work": any(each.submissions for _place, each in unknown),
        "choices": _choices(students),
        "made": made_of(directory),
        "refresh_seconds": REFRESH_SECONDS if directory.is_under_way else None,
    }


def _free(directory: CourseDirectory, taken: list[Membership]) -> list[Membership]:
    """Students of the class who are nobody in it yet."""
    students = directory.course.memberships.present().students().select_related("person")
    others = students.exclude(pk__in=[each.pk for each in taken])
    return list(others.order_by("person__display_name", "person__username"))


def _choices(students: list[Membership]) -> SafeString:
    """These as choices, written once for everybody who may be one of them."""
    rows = ((student.pk, student.person.get_full_name()) for student in students)
    return format_html_join("", '<option value="{}">{}</option>', rows)


def _facts(request: CourseRequest) -> dict[str, Any]:
    return {"course": request.course, "standing": request.standing, "here": "work", "now": timezone.now()}
