"""The page on which staff see a class at work on an assignment."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from assignments.context import AssignmentRequest, assignment_view
from assignments.live import Stage, counted, places_of
from classes.models import Role

STUDENTS_ON_A_PAGE = 100
REFRESH_SECONDS = 10
WORDS = {
    Stage.NOTHING: _("No copy yet"),
    Stage.COPY: _("Has a copy"),
    Stage.SUBMITTED: _("Submitted"),
    Stage.GRADED: _("Graded"),
    Stage.TOLD: _("Published"),
}
ICONS = {
    Stage.NOTHING: "moon-stars",
    Stage.COPY: "folder2-open",
    Stage.SUBMITTED: "upload",
    Stage.GRADED: "check-lg",
    Stage.TOLD: "check-circle-fill",
}


@assignment_view(Role.TEACHER, Role.GRADER)
@require_safe
@never_cache
def assignment_live(request: AssignmentRequest) -> HttpResponse:
    """How far each student is, and who works on it now; only the part that changes when htmx asks.

    Not when they submitted, to those who grade without names: submissions say the same of themselves.
    """
    places = places_of(request.assignment, now=timezone.now())
    wanted = request.GET.get("show", "")
    shown = [place for place in places if wanted not in set(Stage) or place.stage == wanted]
    page = Paginator(shown, STUDENTS_ON_A_PAGE).get_page(request.GET.get("page"))
    facts = {
        "course": request.course,
        "standing": request.standing,
        "assignment": request.assignment,
        "here": "live",
        "now": timezone.now(),
        "wanted": wanted,
        "all": len(places),
        "working": sum(place.is_working for place in places),
        "stages": [(stage, WORDS[stage], ICONS[stage], number) for stage, number in counted(places).items()],
        "page": page,
        "rows": [(place, WORDS[place.stage], ICONS[place.stage]) for place in page],
        "has_times": request.standing.is_teacher or not request.assignment.is_anonymous,
        "refresh_seconds": REFRESH_SECONDS,
    }
    template = "assignments/live.html"
    return render(request, f"{template}#now" if request.htmx else template, facts)
