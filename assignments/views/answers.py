"""What views of an assignment answer with, also when something cannot be done."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone

from assignments.context import AssignmentRequest
from environments.errors import EnvironmentsError


def facts_of(request: AssignmentRequest) -> dict[str, Any]:
    """What every page of an assignment is made with."""
    return {
        "course": request.course,
        "standing": request.standing,
        "assignment": request.assignment,
        "here": "work",
        "now": timezone.now(),
    }


def words_in(request: HttpRequest, name: str) -> str:
    """What somebody has typed into a field, without the character that no database takes."""
    return str(request.POST.get(name, "")).replace("\0", "")


def back(request: AssignmentRequest, to: str = "assignment-detail", *arguments: Any) -> HttpResponseRedirect:
    """To this page of the assignment."""
    return redirect(f"assignments:{to}", request.course.slug, request.assignment.name, *arguments)


def refused(
    request: AssignmentRequest, error: EnvironmentsError, to: str = "assignment-detail", *arguments: Any
) -> HttpResponse:
    """Back to the assignment, or to this page of it, with the reason why nothing came of it."""
    say(request, error)
    return back(request, to, *arguments)


def say(request: AssignmentRequest, error: EnvironmentsError) -> None:
    """Have the next page say why nothing came of it."""
    words = error.explain()
    messages.error(request, f"{words.sentence} {words.next_step}")
