"""What pages that platforms lead to have in common: they may be shown in a frame, and they say what went wrong."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers

from environments.errors import EnvironmentsError
from lti import audit
from lti.models import Platform

logger = logging.getLogger(__name__)

ANYWHERE = ("https:", "http:")
FRAMES = frozenset({"iframe", "frame", "embed", "object"})


def is_framed(request: HttpRequest) -> bool:
    """Whether the page that is asked for is to lie in another."""
    return request.headers.get("Sec-Fetch-Dest") in FRAMES


def in_frames(
    response: HttpResponse,
    *,
    of: Sequence[str] = ANYWHERE,
    leads_to: Sequence[str] = (),
    posts_to: str = "",
) -> HttpResponse:
    """Let pages of these origins show this one, which has nothing on it that a click could harm.

    A form on it may be answered with a redirect to `leads_to`. With `posts_to`, forms go there and nowhere else.
    """
    facts: dict[str, Any] = {"xframe_options_exempt": True, "_csp_replace": {"frame-ancestors": [*of]}}
    if posts_to:
        facts["_csp_replace"]["form-action"] = [posts_to]
    elif leads_to:
        facts["_csp_update"] = {"form-action": [*leads_to]}
    for name, value in facts.items():
        setattr(response, name, value)
    add_never_cache_headers(response)
    return response


def refused_launch(request: HttpRequest, error: EnvironmentsError, platform: Platform | None) -> HttpResponse:
    """The same page, for somebody on their way in: whoever runs this Carrel finds the reference in the audit log."""
    reference, now = secrets.token_hex(4), timezone.now()
    audit.note_refusal(error, platform=platform, reference=reference, now=now)
    return refusal(request, error, reference=reference)


def refusal(
    request: HttpRequest,
    error: EnvironmentsError,
    *,
    status: int = 0,
    reference: str = "",
    template: str = "lti/refused.html",
) -> HttpResponse:
    """The page about it, with a reference under which the log says why; never with the platform's own words."""
    reference = reference or secrets.token_hex(4)
    logger.warning("%s refused, reference %s: %s (%s)", request.path, reference, error.code, error.detail or "no more")
    words = {"reason": error.explain(), "reference": reference}
    page = render(request, template, words, status=status or error.status)
    if "seconds" in error.facts:
        page["Retry-After"] = str(error.facts["seconds"])
    return in_frames(page)
