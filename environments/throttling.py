"""How often one person may ask the API: for new servers now and then, for all else about as often as they like."""

from __future__ import annotations

import logging
import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from django.conf import settings
from redis.exceptions import RedisError
from rest_framework.throttling import UserRateThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

    from accounts.models import User

logger = logging.getLogger(__name__)


class RequestThrottle(UserRateThrottle):
    """Every request to the API, by person."""

    scope = "requests"
    setting = "API_REQUESTS_PER_MINUTE"

    def get_rate(self) -> str | None:
        """The setting, as Django REST framework writes it; None for no limit."""
        limit: int = getattr(settings, self.setting)
        return f"{limit}/minute" if limit > 0 else None

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether this one is within the limit; what cannot be counted is."""
        try:
            return super().allow_request(request, view)
        except RedisError as error:
            logger.warning("requests are not counted: %s", error)
            return True


class LaunchThrottle(RequestThrottle):
    """Launches, by person: each asks a git host, and may begin a build."""

    scope = "launches"
    setting = "API_LAUNCHES_PER_MINUTE"


def wait_before_launch(user: User) -> int | None:
    """Count a launch of this person's program that does not come through the API: seconds to wait, None to go on."""
    asking: Any = SimpleNamespace(user=user)
    for throttle in (RequestThrottle(), LaunchThrottle()):
        if not throttle.allow_request(asking, asking):
            return math.ceil(throttle.wait() or 1)
    return None
