"""What courses of learning platforms a class is, for its teachers; and where one link leads, for whoever follows it."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from classes.context import CourseRequest, course_view
from classes.models import Role
from classes.policies import standing_of
from environments.views.requests import PageRequest
from lti.connections import connections_of, disconnect
from lti.course_page import HERE
from lti.linking.leading import Found, destination
from lti.models import Context, ResourceLink
from lti.targets import Kind, Target


@login_required
@require_safe
def link(request: HttpRequest, link_id: int) -> HttpResponse:
    """Where a link leads; if the class has nothing of the kind, that, and what to do about it."""
    user, now = cast("PageRequest", request).user, timezone.now()
    rows = ResourceLink.objects.select_related("context__course", "context__deployment__platform")
    row = get_object_or_404(rows, pk=link_id)
    course, target = row.context.course, Target.read(row.parameters)
    standing = standing_of(user, course) if course is not None and course.deleted_at is None else None
    if standing is None:
        raise Http404
    leads_to = destination(target, standing, now=now)
    if leads_to.found == Found.LOST and target is not None:
        facts = {"link": row, "course": standing.course, "standing": standing, "target": target, "kinds": Kind}
        return render(request, "lti/link_lost.html", facts)
    if leads_to.found == Found.CLOSED:
        messages.info(request, _("What this link leads to is not open to you yet. Here is the page of the class."))
    return redirect(leads_to.url)


@course_view(Role.TEACHER)
@require_safe
def course_links(request: CourseRequest) -> HttpResponse:
    """The courses, the links known in each, and what they lead to."""
    now = timezone.now()
    facts = {
        "course": request.course,
        "standing": request.standing,
        "here": HERE,
        "connections": connections_of(request.standing, now=now),
        "now": now,
    }
    return render(request, "lti/course_links.html", facts)


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def context_disconnect(request: CourseRequest, context_id: UUID) -> HttpResponse:
    """Ask, and have a course be this class no more."""
    rows = Context.objects.select_related("deployment__platform").filter(course=request.course)
    context = get_object_or_404(rows, pk=context_id)
    if request.method == "POST":
        disconnect(context, request.course, by=request.user, now=timezone.now())
        words = _("“{name}” is not connected any more.").format(name=context)
        messages.success(request, words)
        return redirect("lti:course-links", request.course.slug)
    facts = {"course": request.course, "standing": request.standing, "here": HERE, "context": context}
    return render(request, "lti/context_disconnect.html", facts)
