"""Somebody's leave to be in a server, for as long as something is carried for them: asked for again and again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from environments.gateway.authorize import Allowed, Decision

RECHECK_SECONDS = 4.0
RECHECK_FACTS_SECONDS = 0.5
"""Whoever loses access is cut off within the sum of the two, which is under five seconds, should no notice come."""


class Changes:
    """Wakes whoever waits for a server to change. Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def announce(self, subdomain: str) -> None:
        """Wake all who wait for this server."""
        for waiter in self._waiting.pop(subdomain, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, subdomain: str, seconds: float) -> None:
        """Return at the next change that is announced, or after so many seconds."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(subdomain, set()).add(waiter)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await waiter
        finally:
            others = self._waiting.get(subdomain, set())
            others.discard(waiter)
            if not others:
                self._waiting.pop(subdomain, None)


class Access:
    """The leave of one request or websocket: looked at anew after each announced change, and every so often."""

    def __init__(
        self,
        decide: Callable[[], Awaitable[Decision]],
        wait: Callable[[float], Awaitable[None]],
        recheck_seconds: float,
    ) -> None:
        self._decide = decide
        self._wait = wait
        self._recheck_seconds = recheck_seconds

    async def decide(self) -> Decision:
        """Whether it may pass, by facts of just now."""
        return await self._decide()

    async def until_lost(self, allowed: Allowed) -> Decision:
        """Look at once, and go on until what is decided is another thing."""
        while (decision := await self._decide()) == allowed:
            await self._wait(self._recheck_seconds)
        return decision
