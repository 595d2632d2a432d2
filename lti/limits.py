"""How often what anybody may do without being known is done: counted in the cache, as requests to the API are."""

from __future__ import annotations

import math
from datetime import datetime
from ipaddress import ip_network
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from django.conf import settings

from environments.throttling import RequestThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

TIMES_AN_ADDRESS = 3
HOUSEHOLD_BITS = 64


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


class LoginsOfAddress(Limit):
    """From one address of a network. Behind a proxy, and in a lecture hall, many people share one."""

    scope = "logins"
    setting = "LTI_LOGINS_PER_MINUTE"


class LoginsOfPlatform(Limit):
    """By one platform, from wherever: more than one address may begin."""

    scope = "platform-logins"

    def get_rate(self) -> str | None:
        """As many as three addresses; None for no limit."""
        limit = TIMES_AN_ADDRESS * settings.LTI_LOGINS_PER_MINUTE
        return f"{limit}/minute" if limit > 0 else None


class RegistrationsAtHost(Limit):
    """Platforms of one host that register themselves: each time, it is asked for a page or two."""

    scope = "registrations-at"

    def get_rate(self) -> str:
        """More than somebody needs who tries until it works."""
        return "20/hour"


class Registrations(Limit):
    """All of them: whoever has one host may have many."""

    scope = "registrations"

    def get_rate(self) -> str:
        """More than there are platforms in a country."""
        return "120/hour"


def network_of(address: str) -> str:
    """What is counted as one address: of IPv6, the network that one household or one machine has for itself."""
    try:
        return str(ip_network((address, HOUSEHOLD_BITS), strict=False)) if ":" in address else address
    except ValueError:
        return address
