"""The page on which teachers say how much the servers of their class may use."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from classes.context import CourseRequest, course_view
from classes.limits import limits_of, most_running, running_now, set_limits
from classes.limits_forms import LimitsForm
from classes.models import Role
from environments.errors import EnvironmentsError

UNPROCESSABLE = 422


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def limits(request: CourseRequest) -> HttpResponse:
    """What there is, and changing it."""
    course = request.course
    if request.method != "POST":
        return _page(request, LimitsForm(initial=LimitsForm.initial_of(limits_of(course))))
    form = LimitsForm(request.POST)
    if form.is_valid():
        try:
            set_limits(course, form.limits, by=request.user)
        except EnvironmentsError as error:
            form.add_limits_error(error)
        else:
            messages.success(request, _("Your changes are saved. A server gets them when it is opened next."))
            return redirect("classes:limits", course.slug)
    return _page(request, form, status=UNPROCESSABLE)


def _page(request: CourseRequest, form: LimitsForm, *, status: int = 200) -> HttpResponse:
    context = {
        "course": request.course,
        "standing": request.standing,
        "here": "environment",
        "form": form,
        "running": running_now(request.course),
        "most": most_running(request.course),
    }
    return render(request, "classes/limits.html", context, status=status)
