"""What every page of an assignment begins with: the class, the person's standing in it, and the assignment."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, cast

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone

from assignments.models import Assignment
from assignments.policies import can_see
from classes.context import CourseRequest, course_view
from classes.models import Role


class AssignmentRequest(CourseRequest):
    """Of a member of a class, at one of its assignments."""

    assignment: Assignment


def assignment_view(
    *roles: Role,
) -> Callable[[Callable[..., HttpResponseBase]], Callable[Concatenate[HttpRequest, str, ...], HttpResponseBase]]:
    """Loads the assignment whose name is in the address, for these roles; for all members if none are named.

    As `course_view`, and 404 for an assignment that is not there, or not yet there for students.
    """

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @course_view(*roles)
        @wraps(view)
        def load(request: CourseRequest, *, name: str, **arguments: Any) -> HttpResponseBase:
            known = cast("AssignmentRequest", request)
            if "\0" in name:  # Which no database can be asked for.
                raise Http404
            assignments = known.course.assignments.present().select_related("release", "lesson")
            known.assignment = get_object_or_404(assignments, name=name)
            known.assignment.course = known.course
            if not can_see(known.standing, known.assignment, now=timezone.now()):
                raise Http404
            return view(known, **arguments)

        return load

    return decorate
