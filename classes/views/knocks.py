"""A teacher's way into a student's server: the button that asks, and the answers to it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from classes.context import CourseRequest, course_view
from classes.knocking import agree, knock
from classes.models import Knock, Role
from classes.querysets import KnockQuerySet
from classes.views.going_back import go_back, say_why_not
from classes.visiting import end
from environments.errors import EnvironmentsError


@course_view(Role.TEACHER, Role.GRADER)
@require_POST
def knock_make(request: CourseRequest, member_id: UUID) -> HttpResponse:
    """Ask a student to be let in."""
    members = request.course.memberships.present().select_related("course", "person")
    student = get_object_or_404(members, pk=member_id)
    try:
        knock(student, by=request.user, now=timezone.now())
    except EnvironmentsError as error:
        say_why_not(request, error)
    else:
        words = _("%(name)s is asked, and sees it on the next page of Carrel they open.")
        messages.success(request, words % {"name": student.person.get_full_name()})
    return go_back(request, otherwise="classes:live", slug=request.course.slug)


@course_view()
@require_POST
def knock_agree(request: CourseRequest, knock_id: UUID) -> HttpResponse:
    """Let the teacher in. Only the student who was asked can."""
    asked = get_object_or_404(_knocks(request), pk=knock_id, membership__person=request.user)
    try:
        agree(asked, now=timezone.now())
    except EnvironmentsError as error:
        say_why_not(request, error)
    return go_back(request, otherwise="classes:course-detail", slug=request.course.slug)


@course_view()
@require_POST
def knock_end(request: CourseRequest, knock_id: UUID) -> HttpResponse:
    """Decline it, withdraw it, or end the visit. Either of the two can."""
    either = Q(membership__person=request.user) | Q(by=request.user)
    end(get_object_or_404(_knocks(request).filter(either), pk=knock_id), now=timezone.now())
    return go_back(request, otherwise="classes:course-detail", slug=request.course.slug)


def _knocks(request: CourseRequest) -> KnockQuerySet:
    rows = Knock.objects.filter(membership__course=request.course)
    return rows.select_related("membership__course", "membership__person", "by")
