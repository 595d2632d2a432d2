"""What every page of a class begins with: which class it is, and what the person is in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from accounts.models import User
from classes.models import Course, Role
from classes.policies import Standing, standing_of
from classes.presence import note_seen

AS_STUDENT = "courses_as_student"
"""Where the session keeps the classes at which a teacher looks as a student."""


class CourseRequest(HttpRequest):
    """Of a member of a class, or of whoever runs this Carrel."""

    user: User
    htmx: HtmxDetails
    course: Course
    standing: Standing


def course_view(
    *roles: Role,
) -> Callable[[Callable[..., HttpResponseBase]], Callable[Concatenate[HttpRequest, str, ...], HttpResponseBase]]:
    """Loads the class whose slug is in the address, for these roles; for all members if none are named.

    A stranger gets 404 and a member of another role 403. The view finds `course` and `standing` at its request.
    """
    allowed = roles or tuple(Role)

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @login_required
        @wraps(view)
        def load(request: HttpRequest, slug: str, **arguments: Any) -> HttpResponseBase:
            known = cast("CourseRequest", request)
            known.course = get_object_or_404(_courses(known.user), slug=slug)
            as_student = str(known.course.pk) in request.session.get(AS_STUDENT, [])
            standing = standing_of(known.user, known.course, is_as_student=as_student)
            if standing is None or standing.role not in allowed:
                raise PermissionDenied
            known.standing = standing
            if standing.membership is not None:
                note_seen(standing.membership, now=timezone.now())
            return view(known, **arguments)

        return load

    return decorate


def _courses(user: User) -> Any:
    return Course.objects.visible_to(user).select_related("owner", "environment", "teacher_environment")
