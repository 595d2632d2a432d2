"""The cookie by which a browser is known again between the beginning of a login and its end.

A platform's page posts the launch, and may be around the page that began it. Browsers then send only a cookie that
says `SameSite=None` and, in a frame, only one that is `Partitioned`: kept for the frames of that one platform. It says
nothing of who anybody is; the session's own cookie stays as strict as everywhere.
"""

from __future__ import annotations

import re
import secrets
from http.cookies import Morsel
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

MAX_AGE_SECONDS = 3600
_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


class _PartitionedCookie(Morsel):  # type: ignore[type-arg]  # generic in the stubs only
    """One with an attribute that `http.cookies` does not know before Python 3.14."""

    def OutputString(self, attrs: Any = None) -> str:
        """As it is sent."""
        return f"{super().OutputString(attrs)}; Partitioned"


def browser_of(request: HttpRequest) -> str:
    """What this browser is known by; empty for one that has not begun anything."""
    value = request.COOKIES.get(settings.LTI_COOKIE_NAME, "")
    return value if _VALUE.fullmatch(value) else ""


def known_or_new(request: HttpRequest) -> str:
    """The same, or something new: two windows of one browser do not get in each other's way."""
    return browser_of(request) or secrets.token_urlsafe(32)


def remember(response: HttpResponse, browser: str) -> None:
    """Have the browser be known by this for an hour.

    `Secure` also where this site is on http: browsers take that from a machine of one's own, and from no other.
    """
    cookie: _PartitionedCookie = _PartitionedCookie()
    cookie.set(settings.LTI_COOKIE_NAME, browser, browser)
    facts: dict[str, Any] = {"path": "/", "max-age": str(MAX_AGE_SECONDS), "secure": True, "httponly": True}
    cookie.update(facts | {"samesite": "None"})
    response.cookies[settings.LTI_COOKIE_NAME] = cookie
