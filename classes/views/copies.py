"""A class given again, for other students."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from classes.context import CourseRequest, course_view
from classes.copying import copies_for, copy_course, luggage_of
from classes.forms import CopyForm
from classes.models import Role
from classes.policies import can_make_course
from environments.errors import EnvironmentsError
from environments.git_credentials import resolve_for

UNPROCESSABLE = 422
MAX_COPIES = 5


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def course_copy(request: CourseRequest) -> HttpResponse:
    """What would come along, and what the new class is called; POST makes it."""
    former, person = request.course, request.user
    if not can_make_course(person):
        raise PermissionDenied
    if request.method != "POST":
        return _page(request, CopyForm(initial=CopyForm.initial_like(former) | {"key": uuid.uuid4()}))
    form, now = CopyForm(request.POST), timezone.now()
    if form.is_valid():
        try:
            plan = form.plan
            resolved = resolve_for(person, plan.reference, now=now)
            course = copy_course(former, person, plan, resolved=resolved, key=form.cleaned_data["key"], now=now)
        except EnvironmentsError as error:
            form.add_launch_error(error)
        else:
            words = _("“%(title)s” is made. Students see none of its lessons and assignments yet.")
            messages.success(request, words % {"title": course.title})
            return redirect("classes:course-detail", course.slug)
    return _page(request, form, status=UNPROCESSABLE)


def _page(request: CourseRequest, form: CopyForm, *, status: int = 200) -> HttpResponse:
    context = {
        "course": request.course,
        "standing": request.standing,
        "here": "keeping",
        "form": form,
        "luggage": luggage_of(request.course),
        "copies": copies_for(request.course, request.user)[:MAX_COPIES],
    }
    return render(request, "classes/course_copy.html", context, status=status)
