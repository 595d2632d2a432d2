"""The button by which a student asks for help, and the one that says it was given."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from classes.context import CourseRequest, course_view
from classes.errors import CourseError
from classes.hands import raise_hand, take_hand_down
from classes.models import Role
from classes.views.going_back import go_back, say_why_not


@course_view(Role.STUDENT)
@require_POST
def hand_change(request: CourseRequest) -> HttpResponse:
    """Put one's own hand up or take it down; for htmx the button drawn again."""
    membership = request.standing.membership
    if membership is None or request.standing.is_as_student:
        raise PermissionDenied
    try:
        if request.POST.get("up") == "1":
            raise_hand(membership, now=timezone.now())
        else:
            take_hand_down(membership)
    except CourseError as error:
        say_why_not(request, error)
    if request.htmx:
        context = {"course": request.course, "standing": request.standing}
        return render(request, "classes/_raise_hand.html", context)
    return go_back(request, otherwise="classes:course-detail", slug=request.course.slug)


@course_view(Role.TEACHER, Role.GRADER)
@require_POST
def hand_helped(request: CourseRequest, member_id: UUID) -> HttpResponse:
    """Take a student's hand down."""
    take_hand_down(get_object_or_404(request.course.memberships.present().students(), pk=member_id))
    return go_back(request, otherwise="classes:live", slug=request.course.slug)
