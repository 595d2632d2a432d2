"""Which other sites' pages may work here with a token, and how they are told: CORS without cookies.

`Access-Control-Allow-Credentials` is never sent, so a browser shows no such page anything that a cookie opened.
"""

from __future__ import annotations

from django.conf import settings

EVERYBODY = "*"
_ASKED_IN_ADVANCE: list[tuple[bytes, bytes]] = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, cache-control, last-event-id, x-xsrftoken"),
    (b"access-control-max-age", b"600"),
    (b"content-length", b"0"),
]


def may_ask(origin: str) -> bool:
    """Whether pages of this origin, as a browser writes it, may ask with a token; never one without a name."""
    if not origin or origin == "null":
        return False
    return EVERYBODY in settings.API_ALLOWED_ORIGINS or origin.lower() in settings.API_ALLOWED_ORIGINS


def invitation(origin: str) -> list[tuple[bytes, bytes]]:
    """The headers by which a browser lets that page read an answer; only for origins that may ask."""
    allowed = EVERYBODY if EVERYBODY in settings.API_ALLOWED_ORIGINS else origin
    return [
        (b"access-control-allow-origin", allowed.encode("latin-1")),
        (b"access-control-expose-headers", b"retry-after"),
        (b"vary", b"origin"),
    ]


def advance_answer(origin: str) -> list[tuple[bytes, bytes]]:
    """The headers of the answer to what a browser asks before it sends a page's request: nothing is done yet."""
    return [*invitation(origin), *_ASKED_IN_ADVANCE]
