"""An assignment as those who teach it see it, and having its tests run."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from assignments.context import AssignmentRequest, assignment_view
from assignments.grading.autograding import Which, ask_all
from assignments.grading.destinations import destinations_of
from assignments.grading.progress import GradingProgress, names_of, progress_of
from assignments.grading.statistics import spreads, statistics_of
from assignments.policies import can_grade, can_grade_everything_again, can_publish
from assignments.returning.requests import requests_in
from assignments.turnout import turnout_of
from assignments.views.answers import back, refused
from classes.models import Role
from environments.errors import EnvironmentsError

NAMED = 8
"""How many submissions that could not be graded are named for each reason."""
SECONDS_UNDER_WAY, SECONDS_AT_REST = 2, 20
TEMPLATE = "assignments/assignment_staff.html"


def staff_page(request: AssignmentRequest) -> HttpResponse:
    """How far the class is, and where one goes from here; only what changes by itself when htmx asks."""
    tests = progress_of(request.assignment)
    facts = {
        "course": request.course,
        "standing": request.standing,
        "assignment": request.assignment,
        "here": "work",
        "now": timezone.now(),
        "turnout": turnout_of(request.assignment),
        "tests": tests,
        "failures": _named(request, tests),
        "asked": requests_in(request.course, assignment=request.assignment).order_by().count(),
        "can_grade": can_grade(request.standing),
        "can_publish": can_publish(request.standing),
        "can_grade_again": can_grade_everything_again(request.standing),
        "destinations": [] if request.htmx or not request.standing.is_teacher else destinations_of(request.assignment),
        "refresh_seconds": SECONDS_UNDER_WAY if tests.is_under_way else SECONDS_AT_REST,
    }
    if request.htmx:
        return render(request, f"{TEMPLATE}#progress", facts)
    return render(request, TEMPLATE, facts | {"spread": spreads([request.assignment])[request.assignment.pk]})


@assignment_view(Role.TEACHER, Role.GRADER)
@require_safe
@never_cache
def assignment_statistics(request: AssignmentRequest) -> HttpResponse:
    """How points are spread, and how far people are with grading."""
    facts = {
        "course": request.course,
        "standing": request.standing,
        "assignment": request.assignment,
        "here": "work",
        "statistics": statistics_of(request.assignment),
        "can_grade": can_grade(request.standing),
    }
    return render(request, "assignments/statistics.html", facts)


@assignment_view(Role.TEACHER, Role.GRADER)
@require_POST
def tests_ask(request: AssignmentRequest) -> HttpResponse:
    """Have what is new, what failed, or everything graded by its tests; the last only by those who change the class."""
    wanted = request.POST.get("which", "")
    if wanted not in set(Which):
        raise Http404
    which = Which(wanted)
    if which == Which.ALL and not can_grade_everything_again(request.standing):
        raise PermissionDenied
    try:
        asked = ask_all(request.assignment, which, by=request.user, now=timezone.now())
    except EnvironmentsError as error:
        return refused(request, error)
    if asked:
        words = ngettext("%(count)d submission is being graded.", "%(count)d submissions are being graded.", asked)
        messages.success(request, words % {"count": asked})
    else:
        messages.info(request, _("There is nothing to grade that is not being graded already."))
    return back(request)


def _named(request: AssignmentRequest, tests: GradingProgress) -> list[dict[str, Any]]:
    """The reasons, with what the first of the submissions are called here."""
    shown = [key for failure in tests.failures for key in failure.submissions[:NAMED]]
    is_named = request.standing.is_teacher or not request.assignment.is_anonymous
    names = names_of(shown, is_named=is_named) if shown else {}
    return [
        {
            "words": failure.words,
            "count": len(failure.submissions),
            "first": [(key, names[key]) for key in failure.submissions[:NAMED] if key in names],
            "further": max(0, len(failure.submissions) - NAMED),
        }
        for failure in tests.failures
    ]
