"""The pretend LMS within the site: served below `/demo-lms/` where one is offered, and nowhere else."""

from __future__ import annotations

from functools import cached_property
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest

from config import demo_lms
from config.middleware import comes_from_elsewhere, is_led_here
from lti.demo_lms.app import DemoLms
from lti.demo_lms.web import Response, redirect

FIRST_PAGES = frozenset({"", "/", "/my/", "/enter", "/login/index.php"})
"""Where other sites may lead somebody; a click there could not make them another person in Carrel."""


class DemoLmsSite:
    """Serves it once it has been made; its pages are of the site's own origin, and kept as far from other origins."""

    def takes(self, scope: Any) -> bool:
        """Whether this is a request for it. What it does not take is Carrel's, which has no page there."""
        if scope["type"] != "http" or not settings.DEMO_LMS_URL:
            return False
        prefix = urlsplit(settings.DEMO_LMS_URL).path
        is_below = scope["path"] == prefix or scope["path"].startswith(f"{prefix}/")
        return is_below and _host(scope) == urlsplit(settings.PUBLIC_URL).netloc.lower() and demo_lms.is_there()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request that it takes."""
        path = scope["path"].removeprefix(urlsplit(settings.DEMO_LMS_URL).path)
        request = ASGIRequest(scope, BytesIO())
        if comes_from_elsewhere(request) or (is_led_here(request) and path not in FIRST_PAGES):
            await _send(Response("This is for pages of this site alone.", 403, "text/plain; charset=utf-8"), send)
        elif not path:
            await _send(redirect(f"{settings.DEMO_LMS_URL}/"), send)
        else:
            await self._app(scope, receive, send)

    @cached_property
    def _app(self) -> DemoLms:
        return DemoLms(demo_lms.read())


def _host(scope: Any) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "").lower()


async def _send(answer: Response, send: Any) -> None:
    headers = answer.encoded_headers()
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.encoded()})
