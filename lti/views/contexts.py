"""Saying which class a course of a learning platform is."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from classes.copying import luggage_of
from classes.forms import CourseForm
from classes.models import Course
from classes.models.course import MAX_TITLE
from environments.errors import EnvironmentsError
from environments.git_credentials import resolve_for
from environments.views.requests import PageRequest
from lti import contexts
from lti.linking import copies, deep_linking
from lti.models import Context
from lti.policies import can_connect, can_make_course_for
from lti.rosters import syncing
from lti.views.pages import refusal

UNPROCESSABLE = 422


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def context_connect(request: HttpRequest, context_id: UUID) -> HttpResponse:
    """Make the course a class, or choose one of those the teacher has."""
    user = cast("PageRequest", request).user
    context = _context(user, context_id)
    if context.course is not None:
        return redirect("classes:course-detail", context.course.slug)
    former = copies.former_class(context, user)
    if request.method != "POST":
        return _page(request, context, CourseForm(initial=_initial(context, former)), former)
    if not can_make_course_for(user, context):
        raise PermissionDenied
    form, now = CourseForm(request.POST), timezone.now()
    if form.is_valid():
        try:
            plan = form.plan
            resolved = resolve_for(user, plan.reference, now=now)
            if former is not None and request.POST.get("like_former"):
                course = copies.make_class_like(context, user, plan, former=former, resolved=resolved, now=now)
            else:
                course = contexts.make_class(context, user, plan, resolved=resolved, now=now)
        except EnvironmentsError as error:
            if error.code == "context_connected":
                return _connected_meanwhile(request, context) or refusal(request, error)
            form.add_launch_error(error)
        else:
            return _connected(request, context, course)
    return _page(request, context, form, former, status=UNPROCESSABLE)


@login_required
@require_POST
def context_connect_to(request: HttpRequest, context_id: UUID) -> HttpResponse:
    """Choose a class that this teacher has."""
    user = cast("PageRequest", request).user
    context = _context(user, context_id)
    course = get_object_or_404(contexts.classes_to_connect(user), slug=request.POST.get("course", ""))
    now = timezone.now()
    try:
        contexts.connect(context, course, by=user, now=now)
    except EnvironmentsError as error:
        return refusal(request, error)
    return _connected(request, context, course)


def _connected(request: HttpRequest, context: Context, course: Course) -> HttpResponse:
    """To the class; whoever was choosing something for the course is told to go on with that."""
    user, now = cast("PageRequest", request).user, timezone.now()
    syncing.wish(context, now=now)
    if deep_linking.has_open(context, user, now=now):
        words = _("“{name}” is this class now. Go back to your course: what to add to it is chosen there.")
        messages.success(request, words.format(name=context))
    return redirect("classes:course-detail", course.slug)


def _connected_meanwhile(request: HttpRequest, context: Context) -> HttpResponse | None:
    """To the class, if it was this person who made it by another click."""
    context.refresh_from_db(fields=["course", "connected_by"])
    if context.course is None or context.connected_by != request.user:
        return None
    return redirect("classes:course-detail", context.course.slug)


def _initial(context: Context, former: Course | None) -> dict[str, str]:
    """What a new class is called; made like a former one, it begins as that."""
    like = CourseForm.initial_like(former) if former is not None else {}
    return like | {"title": context.title[:MAX_TITLE], "code": context.label[:40]}


def _context(user: User, context_id: UUID) -> Context:
    context = get_object_or_404(
        Context.objects.select_related("deployment__platform", "course", "copied_from"), pk=context_id
    )
    if not can_connect(user, context):
        raise Http404
    return context


def _page(
    request: HttpRequest, context: Context, form: CourseForm, former: Course | None, *, status: int = 200
) -> HttpResponse:
    user = cast("PageRequest", request).user
    facts = {
        "context": context,
        "form": form,
        "can_make": can_make_course_for(user, context),
        "courses": contexts.classes_to_connect(user),
        "former": former,
        "like_former": request.method != "POST" or "like_former" in request.POST,
        "luggage": luggage_of(former) if former is not None else None,
        "made_before": copies.made_before(former, user) if former is not None else None,
    }
    return render(request, "lti/context_connect.html", facts, status=status)
