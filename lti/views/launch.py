"""What a platform leads to: a login that begins, and the launch that ends it."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlsplit

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.arriving import welcome
from environments.errors import EnvironmentsError
from lti import launching, logins
from lti.claims import DEEP_LINKING
from lti.launching import Arrival, Posted
from lti.linking import deep_linking
from lti.logins import LoginRequest
from lti.models import Platform
from lti.views.browser import browser_of, known_or_new, remember
from lti.views.entering import SIGN_IN_BACKEND, hand_over
from lti.views.pages import in_frames, is_framed, refused_launch

PASSED_ON = ("iss", "login_hint", "target_link_uri", "client_id", "lti_message_hint", "lti_deployment_id")


@csrf_exempt
@require_http_methods(["GET", "POST"])
def login_begin(request: HttpRequest) -> HttpResponse:
    """Send a browser to the platform that sent it here, to be told who it is; first into a window of its own."""
    given = request.POST if request.method == "POST" else request.GET
    asked, now = LoginRequest.read(given.dict()), timezone.now()
    try:
        platform = logins.platform_of(asked, public_url=settings.PUBLIC_URL)
        if is_framed(request) and not _stays(asked, given):
            return _own_window(request, given, platform)
        logins.check_pace(platform, address=get_adapter().get_client_ip(request), now=now)
        browser = known_or_new(request)
        redirect_uri = f"{settings.PUBLIC_URL}{reverse('lti:launch')}"
        url = logins.begin(platform, asked, browser=browser, redirect_uri=redirect_uri, now=now)
    except EnvironmentsError as error:
        return refused_launch(request, error, logins.platform_named(asked))
    response = HttpResponseRedirect(url)
    remember(response, browser)
    add_never_cache_headers(response)
    return response


@csrf_exempt
@require_POST
def launch(request: HttpRequest) -> HttpResponse:
    """Believe what a platform says of whoever this is, if it is all as it has to be, and let them in."""
    browser, now = browser_of(request), timezone.now()
    posted = Posted.read(request.POST.dict())
    try:
        deployment, message = launching.verify(posted, browser=browser, public_url=settings.PUBLIC_URL, now=now)
        if message.kind == DEEP_LINKING:
            return _picker(deep_linking.begin(deployment, message, browser=browser, now=now), browser)
        arrival = launching.arrive(deployment, message, now=now)
    except EnvironmentsError as error:
        return refused_launch(request, error, logins.platform_behind(posted.state))
    if is_framed(request):
        return hand_over(request, arrival.user, arrival.url, platform=deployment.platform, now=now)
    welcome(arrival.user, now=now)
    login(request, arrival.user, backend=SIGN_IN_BACKEND)
    _say_what_is_new(request, arrival)
    response = HttpResponseRedirect(arrival.url)
    remember(response, browser)
    add_never_cache_headers(response)
    return response


def _stays(asked: LoginRequest, given: QueryDict) -> bool:
    """Whether a login may go on in its frame: that of a picker, which has to answer there.

    A platform says so by the address that it was given for choosing; where it knows only one address, the person does.
    """
    return "stay" in given or urlsplit(asked.target_link_uri).path == reverse("lti:pick")


def _picker(token: str, browser: str) -> HttpResponse:
    """Nobody is signed in by it: what is needed is known by its address, together with the browser."""
    response = HttpResponseRedirect(reverse("lti:pick-choose", args=[token]))
    remember(response, browser)
    add_never_cache_headers(response)
    return response


def _own_window(request: HttpRequest, given: QueryDict, platform: Platform) -> HttpResponse:
    """A page with one button. In a frame, cookies of ours may not be kept, and notebooks have no room."""
    fields = [(name, given[name]) for name in PASSED_ON if name in given]
    may_be_choosing = not urlsplit(given.get("target_link_uri", "")).query  # The links we made say of what they are.
    facts = {"action": reverse("lti:login"), "fields": fields, "platform": platform, "may_be_choosing": may_be_choosing}
    page = render(request, "lti/own_window.html", facts)
    return in_frames(page, of=platform.origins, leads_to=platform.origins)


def _say_what_is_new(request: HttpRequest, arrival: Arrival) -> None:
    if arrival.is_closed:
        messages.info(request, _("What this link leads to is not open to you yet. Here is the page of the class."))
    if arrival.has_no_role:
        messages.warning(request, _("The learning platform does not say what you are in the course. Ask its teacher."))
    if arrival.is_new:
        words = _("An account was made for you here. Did you have one already?")
        link = format_html('<a href="{}">{}</a>', reverse("lti:join"), _("Connect it"))
        messages.info(request, cast("str", format_html("{} {}", words, link)))
