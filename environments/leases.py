"""How long a worker's promise to be alive lasts, and how often it is renewed."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

LEASE = timedelta(seconds=12)
"""A worker that has not renewed its lease for so long is taken for dead."""
RENEW_EVERY_SECONDS = 2.0


class Pulse:
    """Says when it is time to renew a lease, whatever the wall clock does."""

    def __init__(self, every_seconds: float = RENEW_EVERY_SECONDS, tick: Callable[[], float] = time.monotonic) -> None:
        self._every = every_seconds
        self._tick = tick
        self._last = tick()

    def is_due(self) -> bool:
        """True once per interval."""
        if self._tick() - self._last < self._every:
            return False
        self._last = self._tick()
        return True


def lease_from(now: datetime) -> datetime:
    """Until when a lease renewed now holds."""
    return now + LEASE
