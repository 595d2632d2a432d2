"""Questions to the API of a host, which counts them: what has not changed since the last time is not read again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TypeVar

from django.core.cache import cache

from environments.references.http import MAX_BODY_BYTES, Answer, get

REMEMBERED_SECONDS = 24 * 3600
"""How long an answer is kept to ask whether it still holds, which hosts do not count, or count less."""

_Read = TypeVar("_Read")


def ask(
    url: str,
    read: Callable[[Answer], _Read],
    *,
    headers: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    max_bytes: int = MAX_BODY_BYTES,
) -> _Read:
    """What `read` makes of the answer to a URL, or made of it before when the host says that it still holds.

    `read` gives a small value that depends on nothing but the answer, and raises for an answer that is none.
    Raises what `get` and `read` raise.
    """
    key = f"answer:{hashlib.sha256(url.encode()).hexdigest()}"
    etag, *known = cache.get(key) or ("",)
    conditions = {"If-None-Match": etag} if etag else {}
    answer = get(url, headers={**(headers or {}), **conditions}, secrets=secrets, max_bytes=max_bytes)
    if answer.status == 304 and known:
        value: _Read = known[0]
        return value
    value = read(answer)
    if "etag" in answer.headers:
        cache.set(key, (answer.headers["etag"], value), REMEMBERED_SECONDS)
    return value
