"""Asking a platform for something in our own name: with a token that we have signed for, remembered while it is good.

Everything goes through the guard, is bounded in time and size, and follows no redirect: addresses of services are the
platform's word.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from django.core.cache import cache

from environments.errors import EnvironmentsError
from environments.references import http
from environments.references.http import Answer
from lti import keys, tool
from lti.errors import LtiError, LtiFailure
from lti.fetching import check_address
from lti.models import Platform

GRADES = "https://purl.imsglobal.org/spec/lti-ags/scope/"
LINE_ITEM, LINE_ITEM_READ = f"{GRADES}lineitem", f"{GRADES}lineitem.readonly"
RESULT, SCORE = f"{GRADES}result.readonly", f"{GRADES}score"
MEMBERS = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"

MAX_ANSWER_BYTES = 5_000_000
ASSERTION_SECONDS = 60
MARGIN_SECONDS = 60
"""How long before its end a token is not used any more."""
SHORTEST_SECONDS, LONGEST_SECONDS = 30, 3600
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_FORM = "application/x-www-form-urlencoded"


def ask(
    platform: Platform,
    method: str,
    url: str,
    *,
    scopes: Collection[str],
    now: datetime,
    accept: str = "application/json",
    said: Any = None,
    media_type: str = "application/json",
) -> Answer:
    """What a service of the platform answers, whatever its status; `said` is sent as JSON of this media type.

    A token that is not taken any more is asked for anew, once. Raises LtiFailure `platform_unreachable`, and what
    `access_token` raises.
    """
    body = b"" if said is None else json.dumps(said).encode()
    headers = {"Accept": accept} | ({"Content-Type": media_type} if body else {})
    token = access_token(platform, scopes, now=now)
    answer = _send(method, url, body, headers | {"Authorization": f"Bearer {token}"})
    if answer.status == 401:
        forget_token(platform, scopes)
        token = access_token(platform, scopes, now=now)
        answer = _send(method, url, body, headers | {"Authorization": f"Bearer {token}"})
    return answer


def access_token(platform: Platform, scopes: Collection[str], *, now: datetime) -> str:
    """A token for these scopes, of this registration and no other: two may share an issuer.

    Raises LtiError `token_refused`, `keys_unread`, `key_missing` and `key_unreadable`, and LtiFailure
    `platform_unreachable`.
    """
    place = _place(platform, scopes)
    kept = cache.get(place)
    if isinstance(kept, str):
        return kept
    token, seconds = _new_token(platform, scopes, now=now)
    cache.set(place, token, seconds)
    return token


def forget_token(platform: Platform, scopes: Collection[str]) -> None:
    """Ask for another the next time."""
    cache.delete(_place(platform, scopes))


def document_of(answer: Answer) -> Any:
    """The JSON that an answer holds, whatever it calls itself: some platforms call it HTML. None if it is none."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _place(platform: Platform, scopes: Collection[str]) -> str:
    asked = f"{platform.pk} {platform.client_id} {platform.token_url} {' '.join(sorted(scopes))}"
    return f"lti-token:{sha256(asked.encode()).hexdigest()}"


def _new_token(platform: Platform, scopes: Collection[str], *, now: datetime) -> tuple[str, int]:
    """A token, and for how many seconds it is kept."""
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": _ASSERTION,
        "client_assertion": _assertion(platform, now=now),
        "scope": " ".join(sorted(scopes)),
    }
    answer = _send("POST", platform.token_url, urlencode(form).encode(), {"Content-Type": _FORM, "Accept": "*/*"})
    given = document_of(answer)
    if answer.status >= 500 or answer.has_had_enough:
        raise LtiFailure("platform_unreachable", detail=f"token: HTTP status {answer.status}")
    if not isinstance(given, dict):  # Moodle's page about an error says that it could not read our keys.
        raise LtiError("keys_unread", platform=platform.name, detail=f"token: no JSON, HTTP status {answer.status}")
    token = given.get("access_token")
    if answer.status != 200 or not _can_be_sent(token):
        raise LtiError(
            "token_refused",
            platform=platform.name,
            detail=f"token: {tool.error_code(given.get('error'))}, {answer.status}",
        )
    return str(token), _seconds(given.get("expires_in")) - MARGIN_SECONDS


def _assertion(platform: Platform, *, now: datetime) -> str:
    key, at = keys.signing_key(platform, now=now), int(now.timestamp())
    claims = {
        "iss": platform.client_id,
        "sub": platform.client_id,
        "aud": platform.audience or platform.token_url,
        "iat": at - 5,  # A clock that is a little behind takes it too.
        "exp": at + ASSERTION_SECONDS,
        "jti": secrets.token_urlsafe(24),
    }
    return tool.sign(claims, kid=key.kid, private_pem=key.private_pem)


def _send(method: str, url: str, body: bytes, headers: dict[str, str]) -> Answer:
    try:
        is_ours = check_address(url)
        return http.send(method, url, body=body, headers=headers, max_bytes=MAX_ANSWER_BYTES, is_our_own=is_ours)
    except LtiFailure:
        raise
    except EnvironmentsError as error:
        raise LtiFailure("platform_unreachable", detail=str(error)) from error


def _seconds(said: object) -> int:
    """How long the platform says a token is good, as far as that can be."""
    seconds = int(said) if isinstance(said, int | float) and 0 < said < 10**9 else 0
    return max(min(seconds, LONGEST_SECONDS), SHORTEST_SECONDS + MARGIN_SECONDS)


def _can_be_sent(token: object) -> bool:
    """Whether it fits into a header, and nothing but it."""
    return isinstance(token, str) and bool(token) and token.isascii() and token.isprintable()
