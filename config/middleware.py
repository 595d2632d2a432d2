"""What happens to every request: pages of other origins are kept out, and the reader's preferences apply."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.core.exceptions import DisallowedHost, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

from config.errors import permission_denied

GetResponse = Callable[[HttpRequest], HttpResponse]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FOR_EVERY_PAGE = frozenset({"/badge_logo.svg", "/badge.svg"})
"""What pages elsewhere may show: the same for everybody, and nobody's."""
FROM_IDENTITY_PROVIDERS = re.compile(r"/accounts/saml/[a-z0-9]+/acs/")
"""Where a page of an identity provider posts what it says of somebody. What it says is signed, and changes nothing."""
FROM_PLATFORMS = frozenset({"/lti/login/", "/lti/launch/"})
"""Where pages of learning platforms lead, also in frames. What they say changes nothing before it has been checked."""
FROM_FRAMES_OF_PLATFORMS = frozenset({"/lti/register/"})
"""What a learning platform shows in a frame. It is the same for everybody, and only its own button changes anything."""
PICKER = re.compile(r"/lti/pick/[\w-]{43}/")
"""Where a platform's message is answered in its frame: what teachers add to a course is chosen there."""
OTHER_SITES = frozenset({"cross-site", "same-site"})
TIME_ZONE_COOKIE = "carrel_timezone"


class IsolationMiddleware:
    """Refuses what a page of another origin asks for; a notebook is such a page, and not to be trusted.

    Such a page may lead the reader here (a link, a redirect: a top-level GET) and nothing else. It may
    not call, embed, post, or read. Programs outside browsers send neither header and are unaffected.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer 403 or pass the request on."""
        if request.path in FOR_EVERY_PAGE and request.method in SAFE_METHODS:
            return self.get_response(request)
        if request.method == "POST" and FROM_IDENTITY_PROVIDERS.fullmatch(request.path):
            return self.get_response(request)
        if request.path in FROM_PLATFORMS and request.method in ("GET", "POST"):
            return self.get_response(request)
        if request.path in FROM_FRAMES_OF_PLATFORMS and request.method in SAFE_METHODS:
            return self.get_response(request)
        if request.method in SAFE_METHODS and PICKER.fullmatch(request.path):
            return self.get_response(request)
        if comes_from_elsewhere(request):
            return permission_denied(request, PermissionDenied())
        return self.get_response(request)


def comes_from_elsewhere(request: HttpRequest) -> bool:
    """Whether a page of another origin asks for more than that somebody is led here."""
    return _comes_from_another_site(request) or _changes_from_another_origin(request)


def is_led_here(request: HttpRequest) -> bool:
    """Whether a page of another site sends its reader here, which it may."""
    headers = request.headers
    is_navigation = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
    return headers.get("Sec-Fetch-Site") in OTHER_SITES and is_navigation and request.method == "GET"


def _comes_from_another_site(request: HttpRequest) -> bool:
    return request.headers.get("Sec-Fetch-Site", "none") in OTHER_SITES and not is_led_here(request)


def _changes_from_another_origin(request: HttpRequest) -> bool:
    origin = request.headers.get("Origin")
    if origin is None or request.method in SAFE_METHODS:
        return False
    try:
        own = f"{request.scheme}://{request.get_host()}"
    except DisallowedHost:
        return True
    return origin != own


class PreferencesMiddleware:
    """Speaks the reader's language and tells times in the reader's zone."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Activate both for the length of this request."""
        if language := getattr(request.user, "language", "") if request.user.is_authenticated else "":
            _activate_language(request, language)
        with timezone.override(_zone_of(request)):
            return self.get_response(request)


class FragmentMiddleware:
    """Keeps parts of pages out of caches: a part has the address of its page, and going back would show it alone."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Mark what htmx asked for as not to be kept, and every answer as depending on who asks."""
        response = self.get_response(request)
        patch_vary_headers(response, ["HX-Request"])
        if request.headers.get("HX-Request") == "true":
            response["Cache-Control"] = "no-store"
        return response


def _activate_language(request: HttpRequest, language: str) -> None:
    if language in dict(settings.LANGUAGES):
        translation.activate(language)
        request.LANGUAGE_CODE = translation.get_language()


def _zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo | None:
    chosen = request.user.time_zone if request.user.is_authenticated else ""
    for name in (chosen, request.COOKIES.get(TIME_ZONE_COOKIE, "")):
        if name in _known_zones():
            return zoneinfo.ZoneInfo(name)
    return None


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
