"""The settings of a class: what it says of itself."""

from __future__ import annotations

from dataclasses import asdict

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from classes.context import CourseRequest, course_view
from classes.errors import CourseError
from classes.models import Role
from classes.profile_forms import ProfileForm
from classes.profiles import change_profile, profile_of
from classes.stamps import stamp
from classes.views.answers import UNPROCESSABLE, back


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def course_settings(request: CourseRequest) -> HttpResponse:
    """Change them. What somebody else has saved meanwhile is shown, not lost."""
    profile = profile_of(request.course)
    initial, seen = asdict(profile), stamp(profile)
    if request.method != "POST":
        return _page(request, ProfileForm(initial=initial | {"seen": seen}))
    form = ProfileForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=UNPROCESSABLE)
    try:
        change_profile(request.course, form.profile, seen=form.cleaned_data["seen"])
    except CourseError as error:
        form.add_refusal(error, saved=initial, seen=seen)
        return _page(request, form, status=error.status)
    messages.success(request, _("Your changes are saved."))
    return back(request, "course-settings")


def _page(request: CourseRequest, form: ProfileForm, *, status: int = 200) -> HttpResponse:
    context = {"course": request.course, "standing": request.standing, "here": "settings", "form": form}
    return render(request, "classes/course_settings.html", context | {"now": timezone.now()}, status=status)
