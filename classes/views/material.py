"""The page of a class's material, for teachers: what is in use, what is newer, and what that changes."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from classes import material
from classes.context import CourseRequest, course_view
from classes.material_forms import MaterialSourceForm
from classes.models import CourseMaterial, Looks, Role
from environments import references
from environments.errors import EnvironmentsError

UNPROCESSABLE = 422


@course_view(Role.TEACHER)
@require_safe
def material_detail(request: CourseRequest) -> HttpResponse:
    """What is in use, and what is newer."""
    return _page(request, MaterialSourceForm.of(material.material_of(request.course)))


@course_view(Role.TEACHER)
@require_POST
def material_look(request: CourseRequest) -> HttpResponse:
    """Ask the repository for something newer."""

    def look() -> str:
        found = material.look_for_newer(request.course, now=timezone.now())
        return "" if found.has_newer else _("There is nothing newer.")

    return _done(request, look)


@course_view(Role.TEACHER)
@require_POST
def material_use(request: CourseRequest) -> HttpResponse:
    """Put the newest in use."""

    def use() -> str:
        commit = request.POST.get("commit", "")
        material.put_in_use(request.course, commit, by=request.user, now=timezone.now())
        return _("It is in use now: everybody gets it when they next open the class.")

    return _done(request, use)


@course_view(Role.TEACHER)
@require_POST
def material_back(request: CourseRequest) -> HttpResponse:
    """Put in use what was before."""

    def go_back() -> str:
        material.go_back(request.course, request.POST.get("commit", ""), by=request.user, now=timezone.now())
        return _("What was in use before is in use again: everybody gets it when they next open the class.")

    return _done(request, go_back)


@course_view(Role.TEACHER)
@require_POST
def material_source(request: CourseRequest) -> HttpResponse:
    """Say where it comes from, and how often somebody is to look."""
    form = MaterialSourceForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=UNPROCESSABLE)

    def choose() -> str:
        material.set_source(request.course, form.reference, looks=Looks(form.cleaned_data["looks"]))
        return _("Saved.")

    return _done(request, choose)


def _done(request: CourseRequest, act: Callable[[], str]) -> HttpResponse:
    """Do it, and say what came of it on the page."""
    try:
        if words := act():
            messages.success(request, words)
    except EnvironmentsError as error:
        messages.error(request, " ".join(error.explain().lines))
    return redirect("classes:material-detail", request.course.slug)


def _page(request: CourseRequest, form: MaterialSourceForm, *, status: int = 200) -> HttpResponse:
    found = material.material_of(request.course)
    context = {
        "here": "material",
        "course": request.course,
        "standing": request.standing,
        "material": found,
        "source": _source(found),
        "changes": material.changes_since(found) if found.has_newer else None,
        "spread": material.spread_of(found),
        "form": form,
    }
    return render(request, "classes/material.html", context, status=status)


def _source(found: CourseMaterial) -> dict[str, str] | None:
    """Name, address and version of where it comes from; None if that is nowhere."""
    reference = found.reference
    if reference is None:
        return None
    return {
        "title": references.title_of(reference),
        "url": references.web_url_of(reference),
        "ref": reference.ref,
    }
