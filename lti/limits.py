"""How often what anybody may do without being known is done: counted in the cache, as requests to the API are."""

from __future__ import annotations

import math
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from environments.throttling import RequestThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class Limit(RequestThrottle):
    """So many of one kind and one place; `setting` says how many a minute. What cannot be counted is within it."""

    def __init__(self, place: str, *, now: datetime) -> None:
        super().__init__()
        self.place = place
        self.timer = now.timestamp

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """What it is counted by."""
        return f"lti-{self.scope}:{self.place}"

    def seconds_to_wait(self) -> int:
        """Count one more; 0 if it is within the limit."""
        asking: Any = SimpleNamespace()
        return 0 if self.allow_request(asking, asking) else math.ceil(self.wait() or 1)


class RefusalsNoted(Limit):
    """Of one platform, or of none: anybody can be refused as often as they like, and each would be a row."""

    scope = "refusals"

    def get_rate(self) -> str:
        """Of a flood the log alone tells the rest."""
        return "300/hour"
