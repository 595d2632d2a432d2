"""Saying which class a course of a learning platform is."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from classes.forms import CourseForm
from classes.models.course import MAX_TITLE
from environments.errors import EnvironmentsError
from environments.git_credentials import resolve_for
from environments.views.requests import PageRequest
from lti import contexts, rosters
from lti.models import Context
from lti.policies import can_connect, can_make_course_for
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
    if request.method != "POST":
        initial = {"title": context.title[:MAX_TITLE], "code": context.label[:40]}
        return _page(request, context, CourseForm(initial=initial))
    if not can_make_course_for(user, context):
        raise PermissionDenied
    form, now = CourseForm(request.POST), timezone.now()
    if form.is_valid():
        try:
            plan = form.plan
            resolved = resolve_for(user, plan.reference, now=now)
            course = contexts.make_class(context, user, plan, resolved=resolved, now=now)
        except EnvironmentsError as error:
            if error.code == "context_connected":
                return refusal(request, error)
            form.add_launch_error(error)
        else:
            rosters.wish(context, now=now)
            return redirect("classes:course-detail", course.slug)
    return _page(request, context, form, status=UNPROCESSABLE)


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
    rosters.wish(context, now=now)
    return redirect("classes:course-detail", course.slug)


def _context(user: User, context_id: UUID) -> Context:
    context = get_object_or_404(Context.objects.select_related("deployment__platform", "course"), pk=context_id)
    if not can_connect(user, context):
        raise Http404
    return context


def _page(request: HttpRequest, context: Context, form: CourseForm, *, status: int = 200) -> HttpResponse:
    user = cast("PageRequest", request).user
    facts = {
        "context": context,
        "form": form,
        "can_make": can_make_course_for(user, context),
        "courses": contexts.classes_to_connect(user),
    }
    return render(request, "lti/context_connect.html", facts, status=status)
