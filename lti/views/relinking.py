"""Having a link of a learning platform lead to something else: chosen, looked at with what it does to grades, done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from classes.context import CourseRequest, course_view
from classes.models import Role
from lti import contexts
from lti.course_page import HERE
from lti.errors import LtiError
from lti.linking.leading import destination
from lti.linking.offers import MAX_WORDS, SEARCHED_FROM, Offer, offers_of, on_shelves
from lti.models import ResourceLink
from lti.relinking import effects_of, lead
from lti.targets import Target

UNPROCESSABLE = 422


@course_view(Role.TEACHER)
@require_safe
def link_choose(request: CourseRequest, link_id: int) -> HttpResponse:
    """All that a link could lead to, found by words; on to what choosing one does."""
    link, now = _link(request, link_id), timezone.now()
    offers = _offers(request, link)
    key, words = request.GET.get("item", ""), request.GET.get("words", "")[:MAX_WORDS]
    problem = ""
    if request.GET.get("do") == "choose":
        if any(offer.key == key for offer in offers):
            address = reverse("lti:link-lead", args=[request.course.slug, link.pk])
            return redirect(f"{address}?{urlencode({'to': key})}")
        problem = _("Something you chose is not in the class any more.") if key else _("Choose something first.")
    facts = {
        "leads_to": destination(Target.read(link.parameters), request.standing, now=now),
        "shelves": on_shelves(offers, words=words, chosen=[key]),
        "is_searched": len(offers) >= SEARCHED_FROM,
        "words": words,
        "problem": problem,
        "now": now,
    }
    return _page(request, link, "lti/link_choose.html", facts, status=UNPROCESSABLE if problem else 200)


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def link_lead(request: CourseRequest, link_id: int) -> HttpResponse:
    """What it does to have a link lead there, to grades above all; POST does it."""
    link = _link(request, link_id)
    key = request.GET.get("to", "")
    offer = next((one for one in _offers(request, link) if one.key == key), None)
    if offer is None:
        messages.error(request, _("Something you chose is not in the class any more."))
        return redirect("lti:link-choose", request.course.slug, link.pk)
    refusal = None
    if request.method == "POST":
        seen, now = request.POST.get("seen", ""), timezone.now()
        try:
            lead(link, offer, course=request.course, seen=seen, by=request.user, now=now)
        except LtiError as error:
            refusal = error
        else:
            messages.success(request, _("“{link}” leads to “{title}” now.").format(link=link, title=offer.title))
            return redirect("lti:course-links", request.course.slug)
    facts = {
        "offer": offer,
        "effects": effects_of(link, offer),
        "refusal": refusal.explain() if refusal else None,
    }
    return _page(request, link, "lti/link_lead.html", facts, status=refusal.status if refusal else 200)


def _link(request: CourseRequest, link_id: int) -> ResourceLink:
    """One of a course that is this class. A class that is over is not changed any more."""
    if not request.standing.can_change:
        raise PermissionDenied
    rows = ResourceLink.objects.select_related("context__deployment__platform")
    return get_object_or_404(rows, pk=link_id, context__course=request.course)


def _offers(request: CourseRequest, link: ResourceLink) -> Sequence[Offer]:
    linked = contexts.linked_keys(link.context)
    return offers_of(request.course, request.user, linked=linked, now=timezone.now())


def _page(
    request: CourseRequest, link: ResourceLink, template: str, facts: dict[str, Any], *, status: int
) -> HttpResponse:
    around = {
        "course": request.course,
        "standing": request.standing,
        "here": HERE,
        "link": link,
        "platform": link.context.deployment.platform,
    }
    return render(request, template, around | facts, status=status)
