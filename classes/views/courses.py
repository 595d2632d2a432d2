"""A person's classes, and making one."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from classes.courses import make_course
from classes.expected import welcome
from classes.forms import CourseForm
from classes.models import Course
from classes.overview import cards_of
from classes.policies import can_make_course
from environments.errors import EnvironmentsError
from environments.git_credentials import resolve_for
from environments.views.requests import PageRequest

UNPROCESSABLE = 422


@login_required
@require_safe
def course_list(request: HttpRequest) -> HttpResponse:
    """The classes this person is in; whoever runs this Carrel sees all."""
    person = cast("PageRequest", request).user
    now = timezone.now()
    welcome(person, now=now)  # For whoever was signed in when they were put on a list.
    cards = cards_of(person, list(Course.objects.visible_to(person)), now=now)
    context = {
        "going_on": [card for card in cards if not card.course.is_over],
        "over": [card for card in cards if card.course.is_over],
        "can_make": can_make_course(person),
        "now": now,
        "deleted": Course.objects.deleted_for(person).order_by("-deleted_at"),
    }
    return render(request, "classes/course_list.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def course_create(request: HttpRequest) -> HttpResponse:
    """Make a class."""
    person = cast("PageRequest", request).user
    if not can_make_course(person):
        raise PermissionDenied
    if request.method != "POST":
        return render(request, "classes/course_create.html", {"form": CourseForm()})
    form, now = CourseForm(request.POST), timezone.now()
    if form.is_valid():
        try:
            plan = form.plan
            course = make_course(person, plan, resolved=resolve_for(person, plan.reference, now=now), now=now)
        except EnvironmentsError as error:
            form.add_launch_error(error)
        else:
            return redirect("classes:course-detail", course.slug)
    return render(request, "classes/course_create.html", {"form": form}, status=UNPROCESSABLE)
