"""Grading anew with a corrected release, for teachers."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from assignments.context import AssignmentRequest, assignment_view
from assignments.grading.regrading import ask_trials, take_over, tried
from assignments.views.answers import back, facts_of, refused
from classes.models import Role
from environments.errors import EnvironmentsError

REFRESH_SECONDS = 3
STUDENTS_ON_A_PAGE = 100
PAGE = "regrading-detail"


@assignment_view(Role.TEACHER)
@require_safe
def regrading_detail(request: AssignmentRequest) -> HttpResponse:
    """What each student has, and what they would have; only the table when htmx asks."""
    rows = tried(request.assignment)
    page = Paginator(rows, STUDENTS_ON_A_PAGE).get_page(request.GET.get("page"))
    facts = facts_of(request) | {
        "rows": page.object_list,
        "page": page,
        "others": sum(row.is_other for row in rows),
        "is_tried": any(row.trial_id for row in rows),
        "can_take_over": request.standing.can_change and any(row.is_ready for row in rows),
        "refresh_seconds": REFRESH_SECONDS if any(row.is_under_way for row in rows) else None,
    }
    template = "assignments/regrading.html"
    return render(request, f"{template}#trials" if request.htmx else template, facts)


@assignment_view(Role.TEACHER)
@require_POST
def regrading_try(request: AssignmentRequest) -> HttpResponse:
    """Have everything that counts tried with the present release."""
    try:
        asked = ask_trials(request.assignment, by=request.user, now=timezone.now())
    except EnvironmentsError as error:
        return refused(request, error)
    if not asked:
        messages.info(request, _("There is nothing new to try with this release."))
    return back(request, PAGE)


@assignment_view(Role.TEACHER)
@require_POST
def regrading_take_over(request: AssignmentRequest) -> HttpResponse:
    """Let the chosen trials count, or all of them."""
    chosen = None if "all" in request.POST else set(filter(None, map(_key, request.POST.getlist("trial"))))
    try:
        taken = take_over(request.assignment, chosen, now=timezone.now())
    except EnvironmentsError as error:
        return refused(request, error)
    words = ngettext("%(count)d grade was worked out anew.", "%(count)d grades were worked out anew.", taken)
    messages.success(request, words % {"count": taken})
    return back(request, PAGE)


def _key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
