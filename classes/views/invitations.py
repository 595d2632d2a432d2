"""Invitations to a class: for its teachers, who make and withdraw them, and for those who come by them."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classes.context import CourseRequest, course_view
from classes.errors import CourseError
from classes.invitations import (
    accept_invitation,
    address_of,
    find_invitation,
    is_in,
    join_address,
    make_invitation,
    readable,
    revoke_invitation,
)
from classes.models import Invitation, Role
from classes.people_forms import CodeForm, InvitationForm
from classes.views.pages import posted, render_page
from environments.views.requests import PageRequest

UNPROCESSABLE = 422


# --- A teacher's -------------------------------------------------------------------------------------------


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_list(request: CourseRequest) -> HttpResponse:
    """Those that are open, and a form for one more."""
    now = timezone.now()
    form = InvitationForm(posted(request), course=request.course)
    if request.method == "POST" and form.is_valid():
        try:
            made = make_invitation(request.course, by=request.user, now=now, **form.wish)
        except CourseError as error:
            form.add_error(None, error.explain().lines)
        else:
            return redirect("classes:invitation-detail", request.course.slug, made.pk)
    rows = request.course.invitations.open(now).select_related("section", "made_by")
    context = {"form": form, "invitations": [(row, readable(row.code)) for row in rows]}
    return render_page(request, "invitation_list", context, status=UNPROCESSABLE if form.errors else 200)


@course_view(Role.TEACHER)
@require_safe
def invitation_detail(request: CourseRequest, invitation_id: UUID) -> HttpResponse:
    """One, to be shown to a room or copied."""
    invitation = _invitation(request, invitation_id)
    is_open = request.course.invitations.open(timezone.now()).filter(pk=invitation.pk).exists()
    context = {
        "invitation": invitation,
        "code": readable(invitation.code),
        "address": address_of(invitation),
        "join_address": join_address().partition("://")[2],
        "is_open": is_open and not request.course.is_over,
    }
    return render_page(request, "invitation_detail", context)


@course_view(Role.TEACHER)
@require_POST
def invitation_revoke(request: CourseRequest, invitation_id: UUID) -> HttpResponse:
    """Withdraw one."""
    revoke_invitation(_invitation(request, invitation_id), now=timezone.now())
    messages.success(request, _("Nobody can come by that invitation any more. Who has come stays."))
    return redirect("classes:invitation-list", request.course.slug)


# --- A guest's ---------------------------------------------------------------------------------------------


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def course_join(request: HttpRequest) -> HttpResponse:
    """Where a code is typed."""
    form = CodeForm(posted(request))
    if request.method == "POST" and form.is_valid():
        person = cast("PageRequest", request).user
        try:
            invitation = find_invitation(form.cleaned_data["code"], person=person, now=timezone.now())
        except CourseError as error:
            form.add_error("code", error.explain().lines)
        else:
            return redirect("classes:invitation-join", readable(invitation.code))
    return render(request, "classes/course_join.html", {"form": form}, status=UNPROCESSABLE if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def invitation_join(request: HttpRequest, code: str) -> HttpResponse:
    """Say which class it is, and let in whoever presses the button. Somebody who is in goes to the class."""
    person, now = cast("PageRequest", request).user, timezone.now()
    try:
        if request.method == "POST":
            membership = accept_invitation(code, person=person, now=now)
            return redirect("classes:course-detail", membership.course.slug)
        invitation = find_invitation(code, person=person, now=now)
    except CourseError as error:
        context: dict[str, Any] = {"reason": error.explain()}
        return render(request, "classes/invitation_refused.html", context, status=error.status)
    if is_in(invitation.course, person):
        return redirect("classes:course-detail", invitation.course.slug)
    teachers = invitation.course.memberships.present().filter(role=Role.TEACHER).select_related("person")
    context = {
        "invitation": invitation,
        "course": invitation.course,
        "teachers": [str(each.person) for each in teachers] or [str(invitation.course.owner)],
    }
    return render(request, "classes/invitation_join.html", context)


def _invitation(request: CourseRequest, invitation_id: UUID) -> Invitation:
    return get_object_or_404(request.course.invitations.select_related("section", "made_by"), pk=invitation_id)
