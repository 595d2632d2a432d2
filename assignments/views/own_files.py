"""A teacher chooses notebooks among their own files."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from assignments.context import AssignmentRequest, assignment_view
from assignments.releasing import gate
from assignments.releasing.own_files import bring_own, list_own
from assignments.views.answers import back
from classes.models import Role
from environments.errors import EnvironmentsError, Explanation


@assignment_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def own_files(request: AssignmentRequest) -> HttpResponse:
    """What is in a folder of theirs; POST takes what they have chosen there, and has it checked."""
    if request.method != "POST":
        return _page(request, request.GET.get("path", ""))
    path, now = request.POST.get("path", ""), timezone.now()
    try:
        source = bring_own(
            request.assignment, request.standing, path, request.POST.getlist("take"), by=request.user, now=now
        )
        gate.ask_gate_run(source, by=request.user, now=now)
    except EnvironmentsError as error:
        return _page(request, path, reason=error.explain(), status=error.status)
    return back(request, "assignment-notebooks")


def _page(
    request: AssignmentRequest, path: str, *, reason: Explanation | None = None, status: int = 200
) -> HttpResponse:
    folder = None
    try:
        folder = list_own(request.standing, path, by=request.user)
    except EnvironmentsError as error:
        reason, status = error.explain(), error.status
    context = {
        "course": request.course,
        "standing": request.standing,
        "assignment": request.assignment,
        "here": "work",
        "folder": folder,
        "reason": reason,
    }
    return render(request, "assignments/own_files.html", context, status=status)
