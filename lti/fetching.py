"""What platforms are asked over HTTP: every address checked, as those of repositories are; bounded, and remembered."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, cast

from django.core.cache import cache

from environments.errors import EnvironmentsError
from environments.references import http
from environments.references.addresses import read_url
from lti.addresses import is_ours, is_secure
from lti.errors import LtiFailure

KEPT_SECONDS = 3600
APART_SECONDS = 10
"""How long a platform is left alone after it was asked once more because a key was not among its keys."""
MAX_KEYS = 100
MAX_HOPS = 4

Key = dict[str, Any]


def key_named(kid: str, *, url: str) -> Key | None:
    """The key of this name among those a platform publishes there; None if it publishes none.

    What it published an hour ago at most is gone by first; a name that is not there has it asked again, once.
    Raises LtiFailure `platform_unreachable`.
    """
    place = f"lti-keys:{sha256(url.encode()).hexdigest()}"
    kept: list[Key] | None = cache.get(place)
    if kept is not None:
        found = _named(kid, kept)
        if found is not None or not cache.add(f"{place}:asked", 1, APART_SECONDS):
            return found
    keys = _keys_at(url)
    cache.set(place, keys, KEPT_SECONDS)
    return _named(kid, keys)


def check_address(url: str) -> bool:
    """See that it is https, or of a host that the operator vouches for. True for one that the guard has to let through.

    That is the pretend platform that this very site serves, on a private address by its nature. Raises LtiFailure
    `platform_unreachable`, and what `read_url` raises.
    """
    if is_ours(url):
        return True
    parts = read_url(url)
    if not is_secure(parts):
        raise LtiFailure("platform_unreachable", detail=f"{parts.netloc} is not https")
    return False


def _named(kid: str, keys: list[Key]) -> Key | None:
    return next((key for key in keys if key.get("kid") == kid and key.get("use", "sig") == "sig"), None)


def _keys_at(url: str) -> list[Key]:
    document = json_at(url)
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise LtiFailure("platform_unreachable", detail="the public keyset holds no keys")
    return [cast("Key", key) for key in keys[:MAX_KEYS] if isinstance(key, dict)]


def _answer_at(url: str) -> http.Answer:
    """The answer at the end of a few redirects, each of them checked: on one that is not https, anybody may speak."""
    at = url
    for _hop in range(MAX_HOPS):
        answer = http.get(at, headers={"Accept": "application/json"}, follow=False, is_our_own=check_address(at))
        if not answer.leads_to:
            return answer
        at = answer.leads_to
    raise LtiFailure("platform_unreachable", detail=f"{url}: too many redirects")


def json_at(url: str) -> dict[str, Any]:
    """The JSON object at an address of a platform, or where that leads. Raises LtiFailure `platform_unreachable`.

    All of the way has to be https, except on hosts that the operator vouches for.
    """
    try:
        answer = _answer_at(url)
    except LtiFailure:
        raise
    except EnvironmentsError as error:
        raise LtiFailure("platform_unreachable", detail=f"{url}: {error}") from error
    if answer.status != 200:
        raise LtiFailure("platform_unreachable", detail=f"{url}: HTTP status {answer.status}")
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise LtiFailure("platform_unreachable", detail=f"{url}: no JSON object")
    return cast("dict[str, Any]", document)
