"""The way from a class, and from a lesson, into a person's own server. Nothing starts by GET: that shows a button."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from classes.context import CourseRequest, course_view
from classes.errors import CourseError
from classes.launching import check_may_open, lesson_urlpath, open_server, place_of, update_now
from classes.models import Lesson, Membership
from environments.errors import EnvironmentsError
from environments.views.links import to_server
from environments.views.requests import PageRequest

UNPROCESSABLE = 422

View = Callable[..., HttpResponseBase]


def told_when_gone(view: View) -> View:
    """Tells those who left the class, or were removed, that they are no longer in it; to strangers it is not there."""

    @wraps(view)
    def answer(request: HttpRequest, slug: str, **arguments: Any) -> HttpResponseBase:
        try:
            return view(request, slug, **arguments)
        except Http404:
            user = cast("PageRequest", request).user
            left = Membership.objects.exclude(left_at=None).filter(person=user.pk, course__slug=slug)
            gone = left.filter(course__deleted_at=None).select_related("course").first()
            if gone is None:
                raise
            error = CourseError("membership_ended", course=gone.course.title)
            return render(request, "classes/gone.html", {"reason": error.explain()}, status=error.status)

    return answer


@told_when_gone
@course_view()
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def lesson_open(request: CourseRequest, lesson: UUID) -> HttpResponse:
    """Into the member's server of the class, at the notebook of this lesson."""
    return _open(request, get_object_or_404(request.course.lessons, pk=lesson))


@told_when_gone
@course_view()
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def server_open(request: CourseRequest) -> HttpResponse:
    """Into the member's server of the class."""
    return _open(request, None)


@told_when_gone
@course_view()
@require_POST
def server_update(request: CourseRequest) -> HttpResponse:
    """Bring a server that runs up to the version the class uses, by its owner's own click."""
    try:
        server = update_now(request.standing, now=timezone.now())
    except EnvironmentsError as error:
        return _refused(request, error)
    return to_server(server, "")


def _open(request: CourseRequest, lesson: Lesson | None) -> HttpResponse:
    now = timezone.now()
    try:
        if request.method != "POST":
            check_may_open(request.standing, lesson, now=now)
            return _page(request, lesson)
        server = open_server(request.standing, lesson=lesson, now=now)
    except EnvironmentsError as error:
        return _refused(request, error)
    return to_server(server, lesson_urlpath(lesson))


def _page(request: CourseRequest, lesson: Lesson | None) -> HttpResponse:
    context = _context(request) | {"lesson": lesson, "place": place_of(request.standing)}
    return render(request, "classes/server_open.html", context)


def _refused(request: CourseRequest, error: EnvironmentsError) -> HttpResponse:
    """Why nothing was opened, and what to do. A git host's fault is not said by a status of ours above 500."""
    status = error.status if error.status < 500 else UNPROCESSABLE
    return render(
        request, "classes/server_refused.html", _context(request) | {"reason": error.explain()}, status=status
    )


def _context(request: CourseRequest) -> dict[str, Any]:
    return {"course": request.course, "standing": request.standing}
