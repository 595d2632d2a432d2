"""The sections of a class: made, renamed, deleted."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from classes.context import CourseRequest, course_view
from classes.errors import CourseError
from classes.models import Role, Section
from classes.people import delete_section, make_section, rename_section
from classes.people_forms import SectionForm
from classes.views.pages import posted, render_page

UNPROCESSABLE = 422


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def section_list(request: CourseRequest) -> HttpResponse:
    """Those there are, and a form for one more."""
    form = SectionForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            section = make_section(request.course, form.cleaned_data["name"])
        except CourseError as error:
            form.add_refusal(error)
        else:
            messages.success(request, _("The section “%(name)s” is made.") % {"name": section.name})
            return redirect("classes:section-list", request.course.slug)
    members = Count("memberships", filter=Q(memberships__left_at=None))
    context = {"form": form, "sections": request.course.sections.annotate(member_count=members)}
    return render_page(request, "section_list", context, status=UNPROCESSABLE if form.errors else 200)


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def section_rename(request: CourseRequest, section_id: UUID) -> HttpResponse:
    """Call one something else."""
    section = _section(request, section_id)
    form = SectionForm(posted(request), initial={"name": section.name})
    if request.method == "POST" and form.is_valid():
        try:
            rename_section(section, form.cleaned_data["name"])
        except CourseError as error:
            form.add_refusal(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("classes:section-list", request.course.slug)
    status = UNPROCESSABLE if form.errors else 200
    return render_page(request, "section_rename", {"form": form, "section": section}, status=status)


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def section_delete(request: CourseRequest, section_id: UUID) -> HttpResponse:
    """Ask, saying what becomes of its members; POST deletes."""
    section = _section(request, section_id)
    if request.method != "POST":
        count = section.memberships.present().count()
        return render_page(request, "section_delete", {"section": section, "member_count": count})
    try:
        delete_section(section)
    except CourseError as error:
        words = error.explain()
        messages.error(request, f"{words.sentence} {words.next_step}")
    else:
        messages.success(request, _("The section “%(name)s” is deleted.") % {"name": section.name})
    return redirect("classes:section-list", request.course.slug)


def _section(request: CourseRequest, section_id: UUID) -> Section:
    return get_object_or_404(request.course.sections.select_related("course"), pk=section_id)
