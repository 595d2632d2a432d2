"""Choosing what to add to a course, in the frame or window that the platform opened for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from classes.policies import Standing
from environments.errors import EnvironmentsError
from lti import contexts
from lti.errors import LtiError
from lti.linking import deep_linking, handovers
from lti.linking.offers import MAX_WORDS, SEARCHED_FROM, Offer, offers_of, on_shelves
from lti.models import Picking
from lti.views.browser import browser_of
from lti.views.pages import in_frames, refusal

WAITING_SECONDS = 20
"""How often it is looked whether the course is a class by now. A way out of the frame is good for a minute."""
UNPROCESSABLE = 422


@require_safe
def pick(request: HttpRequest) -> HttpResponse:
    """What platforms are told to ask for where something is chosen; nobody comes here without a message."""
    return refusal(request, LtiError("picker_stale", detail="no message"))


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def pick_choose(request: HttpRequest, token: str) -> HttpResponse:
    """What there is, found by words, and added. A frame brings no session: the address and the browser say who it is.

    Only pages of our own origin can post here (`config.middleware`), and only to an address that nobody guesses.
    """
    now = timezone.now()
    try:
        picking = deep_linking.find(token, browser=browser_of(request), now=now)
        with translation.override(picking.person.user.language or translation.get_language()):
            return _answer(request, picking, now=now)
    except EnvironmentsError as error:
        return refusal(request, error)


def _answer(request: HttpRequest, picking: Picking, *, now: datetime) -> HttpResponse:
    if request.POST.get("do") == "cancel":
        return _return(request, picking, [], now=now)
    standing = deep_linking.standing_in(picking, now=now)
    if standing is None:
        return _class_first(request, picking, now=now)
    if getattr(request, "htmx", None):  # Somebody waited for the class on this page.
        return HttpResponse(headers={"HX-Refresh": "true"})
    if request.method != "POST":
        deep_linking.check_open(picking)
    linked = contexts.linked_keys(picking.context)
    offers = offers_of(standing.course, picking.person.user, linked=linked, now=now)
    ticked = request.POST.getlist("item")
    if request.POST.get("do") != "add":
        return _page(request, picking, standing, offers, ticked, now=now)
    known = {offer.key: offer for offer in offers}
    chosen = [known[key] for key in dict.fromkeys(ticked) if key in known]
    if not chosen or len(chosen) != len(set(ticked)):
        words = _("Choose something first.") if not ticked else _("Something you chose is not in the class any more.")
        return _page(request, picking, standing, offers, ticked, problem=words, now=now)
    try:
        return _return(request, picking, chosen, now=now)
    except LtiError as error:
        if error.code != "picker_too_many":
            raise
        words = " ".join(error.explain().lines)
        return _page(request, picking, standing, offers, ticked, problem=words, now=now)


def _page(
    request: HttpRequest,
    picking: Picking,
    standing: Standing,
    offers: list[Offer],
    ticked: list[str],
    *,
    problem: str = "",
    now: datetime,
) -> HttpResponse:
    words = request.POST.get("words", "")[:MAX_WORDS]
    facts: dict[str, Any] = {
        "picking": picking,
        "platform": picking.person.platform,
        "course": standing.course,
        "shelves": on_shelves(offers, words=words, chosen=ticked),
        "is_searched": len(offers) >= SEARCHED_FROM,
        "words": words,
        "problem": problem,
        "now": now,
    }
    page = render(request, "lti/pick.html", facts, status=UNPROCESSABLE if problem else 200)
    return in_frames(page, of=deep_linking.origins_of(picking))


def _class_first(request: HttpRequest, picking: Picking, *, now: datetime) -> HttpResponse:
    """The course has to be a class before there is anything to choose; that is said in a window of its own."""
    path = reverse("lti:context-connect", args=[picking.context_id])
    facts = {
        "picking": picking,
        "platform": picking.person.platform,
        "token": handovers.offer(picking.person.user, path, now=now),
        "refresh_seconds": WAITING_SECONDS,
    }
    name = "lti/pick_class_first.html" + ("#waiting" if getattr(request, "htmx", None) else "")
    return in_frames(render(request, name, facts), of=deep_linking.origins_of(picking))


def _return(request: HttpRequest, picking: Picking, chosen: list[Offer], *, now: datetime) -> HttpResponse:
    """A form that posts itself to the platform, and has a button for where nothing runs."""
    url = f"{settings.PUBLIC_URL}{reverse('lti:launch')}"
    answer = deep_linking.answer(picking, chosen, url=url, now=now)
    page = render(request, "lti/pick_done.html", {"answer": answer, "platform": picking.person.platform})
    origins = deep_linking.origins_of(picking)
    return in_frames(page, of=origins, posts_to=deep_linking.origin_of(answer.return_url))
