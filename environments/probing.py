"""Asks a notebook server, over its own REST API, whether it is ready and whether it is at work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from environments.values import Endpoint

_TIMEOUT_SECONDS = 5.0
_NO_TLS = False
"""Nobody here speaks it, and reading all the certificates there are would take longer than everything else."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What a server is doing: whether a kernel is busy, and when code or a terminal last did something."""

    is_busy: bool
    last_at: datetime | None


def is_ready(endpoint: Endpoint, token: str) -> bool:
    """Whether the server answers, and is the one this token belongs to."""
    try:
        return _get(endpoint, token, "/api/status").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def activity(endpoint: Endpoint, token: str) -> Activity | None:
    """What the server is doing, or None when it does not answer.

    Asks in a way that does not itself count as activity (`no_track_activity`). `/api/status` is not
    used: any open browser tab refreshes what it reports.
    """
    try:
        kernels = _listing(endpoint, token, "/api/kernels?no_track_activity=1")
        terminals = _listing(endpoint, token, "/api/terminals?no_track_activity=1")
    except (httpx.HTTPError, ValueError):
        return None
    busy = any(kernel.get("execution_state") == "busy" for kernel in kernels)
    return Activity(busy, max(_times([*kernels, *terminals]), default=None))


def _get(endpoint: Endpoint, token: str, path: str) -> httpx.Response:
    headers = {"Authorization": f"token {token}"}
    url = f"http://{endpoint}{path}"
    return httpx.get(url, headers=headers, timeout=_TIMEOUT_SECONDS, trust_env=False, verify=_NO_TLS)


def _listing(endpoint: Endpoint, token: str, path: str) -> list[dict[str, Any]]:
    response = _get(endpoint, token, path)
    if response.status_code == httpx.codes.NOT_FOUND:  # A server without terminals.
        return []
    listing = response.raise_for_status().json()
    if not isinstance(listing, list):
        raise ValueError(f"{path} did not answer with a list")
    return [item for item in listing if isinstance(item, dict)]


def _times(items: Iterable[dict[str, Any]]) -> Iterable[datetime]:
    for item in items:
        try:
            at = datetime.fromisoformat(str(item["last_activity"]).replace("Z", "+00:00"))
        except (KeyError, ValueError):
            continue
        if at.tzinfo is not None:
            yield at
