"""What identity providers are asked over HTTP: bounded in time and size, and remembered where it seldom changes.

Their addresses come from the operator, so none is refused for being private. A provider that hangs keeps whoever
signs in by it waiting for some seconds, and nobody else.
"""

from __future__ import annotations

import logging
import time
from hashlib import sha256
from typing import Any, NamedTuple

import requests
from django.core.cache import cache

from accounts.refusals import SignInRefused

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 3.0
SILENCE_SECONDS = 5.0
WHOLE_SECONDS = 10.0
MAX_BYTES = 4 * 1024 * 1024
"""Enough for the metadata of an institution; that of a whole federation is for a file."""
FRESH_SECONDS = 600
RETRY_SECONDS = 60
KEPT_SECONDS = 7 * 24 * 3600
_CHUNK_BYTES = 64 * 1024


class ProviderSession(requests.Session):
    """Requests that end: each part of an answer within `SILENCE_SECONDS`, all of it within `WHOLE_SECONDS`."""

    def __init__(self) -> None:
        super().__init__()
        self.max_redirects = 3

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override]
        """As requests does it; the answer has been read whole. Raises RequestException."""
        deadline = time.monotonic() + WHOLE_SECONDS
        options |= {"timeout": (CONNECT_SECONDS, SILENCE_SECONDS), "stream": True}
        # What carries a secret goes where the provider's own document says, and nowhere it leads to from there.
        options.setdefault("allow_redirects", method.upper() == "GET" and not options.get("headers"))
        response = super().request(method, url, **options)
        response._content = _read(response, deadline)
        return response


class Kept(NamedTuple):
    """A document as it was last read."""

    body: bytes
    read_at: float
    asked_at: float


def _read(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_BYTES:
            raise requests.exceptions.ContentDecodingError(f"more than {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise requests.exceptions.ReadTimeout(f"not whole after {WHOLE_SECONDS:.0f} s")
    return bytes(body)


def fetch(url: str, *, is_fresh_wanted: bool = False) -> bytes:
    """What is at this address, asked for again after ten minutes. Raises SignInRefused.

    When it cannot be asked for, what it last said serves for a week: a provider's documents may be served by
    another machine than the one that signs people in.
    """
    key = f"sign-in:{sha256(url.encode()).hexdigest()}"
    now = time.time()
    kept: Kept | None = cache.get(key)
    if kept and now - kept.asked_at < (0 if is_fresh_wanted else FRESH_SECONDS):
        return kept.body
    try:
        with ProviderSession() as session:
            response = session.get(url)
            response.raise_for_status()
    except requests.RequestException as error:
        if not kept:
            raise SignInRefused("unreachable", f"{url}: {describe(error)}") from error
        logger.warning("%s cannot be read (%s): going on with what it said before", url, describe(error))
        kept = kept._replace(asked_at=now - FRESH_SECONDS + RETRY_SECONDS)
    else:
        kept = Kept(response.content, read_at=now, asked_at=now)
    cache.set(key, kept, kept.read_at + KEPT_SECONDS - now)
    return kept.body


def describe(error: requests.RequestException) -> str:
    """What went wrong, without the address asked, whose query may hold a secret."""
    status = getattr(error.response, "status_code", None)
    return f"{type(error).__name__}{f' {status}' if status else ''}"
