"""A student's work on an assignment: getting a copy, opening it, and submitting it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from assignments.context import AssignmentRequest, assignment_view
from assignments.grading import autograding
from assignments.submitting.fetching import ask_fetch, urlpath_of
from assignments.submitting.submissions import ask_collection
from assignments.submitting.working import work_of
from assignments.views.answers import back, facts_of, refused
from assignments.views.staff import staff_page
from classes.launching import open_server
from environments.errors import EnvironmentsError
from environments.views.links import to_server

REFRESH_SECONDS = 1


@assignment_view()
@require_safe
def assignment_detail(request: AssignmentRequest) -> HttpResponse:
    """What is to be done, until when, and how far this person is; only the state when htmx asks.

    To those who teach, how far the class is.
    """
    if request.standing.is_staff:
        return staff_page(request)
    context = _facts(request)
    template = "assignments/assignment.html"
    return render(request, f"{template}#work" if request.htmx else template, context)


@assignment_view()
@require_POST
def copy_fetch(request: AssignmentRequest) -> HttpResponse:
    """Have a copy put among this person's files, or a later release merged into theirs."""
    if request.standing.membership is None:
        raise Http404
    try:
        ask_fetch(request.assignment, request.standing.membership, now=timezone.now())
    except EnvironmentsError as error:
        return refused(request, error)
    return back(request)


@assignment_view()
@require_POST
def copy_open(request: AssignmentRequest) -> HttpResponse:
    """Into this person's server of the class, at their copy."""
    release = request.assignment.release
    notebooks = release.source.notebooks if release is not None else []
    try:
        server = open_server(request.standing, now=timezone.now())
    except EnvironmentsError as error:
        return refused(request, error)
    return to_server(server, urlpath_of(request.assignment, notebooks[0] if len(notebooks) == 1 else ""))


@assignment_view()
@require_POST
def copy_submit(request: AssignmentRequest) -> HttpResponse:
    """Have this person's copy taken as their submission, as it is saved now."""
    if request.standing.membership is None:
        raise Http404
    try:
        ask_collection(request.assignment, request.standing.membership, by=request.user, now=timezone.now())
    except EnvironmentsError as error:
        return refused(request, error)
    return back(request)


def _facts(request: AssignmentRequest) -> dict[str, Any]:
    now = timezone.now()
    membership = request.standing.membership
    work = work_of(request.assignment, membership, now=now) if membership is not None else None
    is_under_way = work is not None and work.is_under_way
    queue = autograding.waiting_of(request.assignment, membership) if membership is not None and is_under_way else {}
    return facts_of(request) | {
        "work": work,
        "queue": queue,
        "refresh_seconds": REFRESH_SECONDS if is_under_way else None,
    }
