"""Answers like the one somebody has just graded, to be given the same together."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from assignments.context import AssignmentRequest, assignment_view
from assignments.errors import AssignmentError
from assignments.grading import marking
from assignments.grading.alike import Given, LikeGroup, answers_like, give_the_same
from assignments.grading.marking import Place
from assignments.grading.points import CellKey
from assignments.models import Submission
from assignments.policies import can_grade
from assignments.views.answers import say
from assignments.views.at_answer import (
    GRADERS,
    asked,
    called,
    facts,
    graded_cells,
    query_of,
    seen_in,
    submission_at,
    to_answer,
    uuid_in,
    walk_in,
)
from environments.errors import EnvironmentsError


@assignment_view(*GRADERS)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def cell_alike(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """Answers to one cell that are like this one; those that are ticked are given what this one has."""
    if request.method == "POST":
        return _give(request, submission_id)
    submission = submission_at(request, submission_id)
    key = CellKey(request.GET.get("notebook", ""), request.GET.get("cell", ""))
    cell = next(
        (one for one in graded_cells(submission) if (one.notebook, one.grade_id) == (key.notebook, key.grade_id)), None
    )
    if cell is None:
        raise Http404
    likes = answers_like(submission, key)
    return render(
        request,
        "assignments/cell_alike.html",
        facts(request)
        | {
            "submission": submission,
            "called": called(request, submission),
            "cell": cell,
            "walk": walk_in(request.GET.get("by", "")).value,
            "row": likes.row,
            "is_graded": _is_graded(submission, key),
            "may_grade": can_grade(request.standing),
            "likes": likes,
            "groups": [_shown(request, group) for group in likes.groups],
            "comments": submission.comments.filter(notebook=key.notebook, cell=key.grade_id).count(),
        },
    )


# --- Steps -------------------------------------------------------------------------------------------------


def _give(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    submission, place = asked(request, submission_id)
    to = {uuid_in(text): seen_in(request.POST.get(f"seen-{text}", "")) for text in request.POST.getlist("to")}
    try:
        given = give_the_same(
            submission,
            place.key,
            to,
            with_comments=bool(request.POST.get("comments")),
            by=request.user,
            now=timezone.now(),
        )
    except EnvironmentsError as error:
        say(request, error)
        return _here(request, place)
    _say_given(request, given)
    return _here(request, place) if given.held or given.changed else to_answer(request, place)


def _say_given(request: AssignmentRequest, given: Given) -> None:
    if given.given:
        words = ngettext("%(n)s answer was given the same.", "%(n)s answers were given the same.", given.given)
        messages.success(request, words % {"n": given.given})
    if given.held:
        words = ngettext(
            "%(n)s is being graded by somebody else at the moment, and was left alone.",
            "%(n)s are being graded by somebody else at the moment, and were left alone.",
            given.held,
        )
        messages.warning(request, words % {"n": given.held})
    if given.changed:
        words = ngettext(
            "%(n)s was graded by somebody else since you opened the page, and was left alone.",
            "%(n)s were graded by somebody else since you opened the page, and were left alone.",
            given.changed,
        )
        messages.warning(request, words % {"n": given.changed})
    if not (given.given or given.held or given.changed):
        messages.info(request, _("You have chosen no answer, so nothing was given."))


def _shown(request: AssignmentRequest, group: LikeGroup) -> dict[str, Any]:
    return {
        "group": group,
        "likes": [{"like": like, "called": called(request, like.submission)} for like in group.likes],
    }


def _is_graded(submission: Submission, key: CellKey) -> bool:
    try:
        marking.mark_of(submission, key)
    except AssignmentError:
        return False
    return True


def _here(request: AssignmentRequest, place: Place) -> HttpResponse:
    page = reverse("assignments:cell-alike", args=[request.course.slug, request.assignment.name, place.submission_id])
    return redirect(f"{page}?{query_of(place.key, walk_in(request.POST.get('by', '')))}")
