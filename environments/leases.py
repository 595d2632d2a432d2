"""How long a worker's promise to be alive lasts, and how it is renewed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import DatabaseError, connections

logger = logging.getLogger(__name__)

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


@contextmanager
def kept_alive(renew: Callable[[], bool]) -> Iterator[None]:
    """Renew a lease from a thread beside, whatever this one waits for, as long as `renew` says that it is ours.

    An engine may take minutes for one answer; that is no sign that the worker who asked has died.
    """
    over = threading.Event()
    thread = threading.Thread(target=_renew_until, args=(over, renew), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _renew_until(over: threading.Event, renew: Callable[[], bool]) -> None:
    try:
        while not over.wait(RENEW_EVERY_SECONDS) and _renewed(renew):
            pass
    finally:
        connections.close_all()  # Those of this thread.


def _renewed(renew: Callable[[], bool]) -> bool:
    try:
        return renew()
    except DatabaseError as error:  # It may have been busy; the lease outlasts some attempts.
        logger.warning("a lease could not be renewed: %s", error)
        return True
