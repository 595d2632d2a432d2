"""What a class works in: the versions it uses and could use, and from which repositories they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classes.context import CourseRequest, course_view
from classes.environment_forms import RepositoriesForm
from classes.environments import Audience, choose_repository, do_without, go_back, look_for_newer, put_in_use, view_of
from classes.models import Role
from environments.errors import EnvironmentsError

UNPROCESSABLE = 422
REFRESH_SECONDS = 3
"""How often the page is drawn again while something is being prepared."""


@course_view(Role.TEACHER)
@require_safe
def environment_detail(request: CourseRequest) -> HttpResponse:
    """What the class uses, and what it could use; only that part when htmx asks."""
    seen = [view_of(request.course, audience, reader=request.user) for audience in Audience]
    views = [view for view in seen if view is not None]
    context = _context(request) | {
        "views": views,
        "refresh_seconds": REFRESH_SECONDS if any(view.is_preparing for view in views) else 0,
    }
    template = "classes/environment.html#state" if request.htmx else "classes/environment.html"
    return render(request, template, context)


@course_view(Role.TEACHER)
@require_POST
def environment_prepare(request: CourseRequest) -> HttpResponse:
    """Have the newest version prepared, or what failed tried again."""
    return _done(request, lambda audience: look_for_newer(request.course, audience, now=timezone.now()))


@course_view(Role.TEACHER)
@require_POST
def environment_use(request: CourseRequest) -> HttpResponse:
    """Have the class use what was prepared."""

    def use(audience: Audience) -> None:
        key = request.POST.get("version", "")
        put_in_use(request.course, audience, image_key=key, by=request.user, now=timezone.now())
        messages.success(request, _("The class uses this version now. Servers get it when they are opened next."))

    return _done(request, use)


@course_view(Role.TEACHER)
@require_POST
def environment_back(request: CourseRequest) -> HttpResponse:
    """Have the class use the version before again."""

    def back(audience: Audience) -> None:
        key = request.POST.get("version", "")
        go_back(request.course, audience, image_key=key, by=request.user, now=timezone.now())
        messages.success(
            request, _("The class uses the version before again. Servers get it when they are next opened.")
        )

    return _done(request, back)


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def environment_settings(request: CourseRequest) -> HttpResponse:
    """Choose the repositories."""
    if request.method != "POST":
        form = RepositoriesForm(initial=RepositoriesForm.initial_of(request.course))
        return render(request, "classes/environment_settings.html", _context(request) | {"form": form})
    form = RepositoriesForm(request.POST)
    if form.is_valid() and _are_chosen(request, form):
        messages.success(request, _("Your changes are saved."))
        return redirect("classes:environment-detail", request.course.slug)
    return render(
        request, "classes/environment_settings.html", _context(request) | {"form": form}, status=UNPROCESSABLE
    )


def _are_chosen(request: CourseRequest, form: RepositoriesForm) -> bool:
    """Whether the class works in them from now on; what cannot be is said at its field."""
    now = timezone.now()
    for audience, reference in form.references.items():
        try:
            if reference is not None:
                choose_repository(request.course, audience, reference, by=request.user, now=now)
            elif audience is Audience.TEACHERS:
                do_without(request.course, now=now)
        except EnvironmentsError as error:
            form.add_reference_error(audience, error)
            return False
    return True


def _done(request: CourseRequest, verb: Callable[[Audience], object]) -> HttpResponse:
    """Back to the page, after the button was obeyed, or with the reason why it was not."""
    try:
        audience = Audience(request.POST.get("audience", ""))
    except ValueError as error:
        raise BadRequest from error
    try:
        verb(audience)
    except EnvironmentsError as error:
        words = error.explain()
        messages.error(request, f"{words.sentence} {words.next_step}")
    return redirect("classes:environment-detail", request.course.slug)


def _context(request: CourseRequest) -> dict[str, Any]:
    return {"course": request.course, "standing": request.standing, "here": "environment"}
