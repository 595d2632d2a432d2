"""A small cache of facts that must never be older than a few seconds."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class FreshFacts(Generic[K, V]):
    """Answers to one question, each looked up at most once at a time and kept for a moment.

    `look_up` finds an answer; `lifetime` says for how many seconds it holds. Age counts from when a look-up
    began, since the answer may have changed while it was on its way. At most `max_entries` are kept; the
    one that was used longest ago goes first, so a flood of made-up keys does not push out those in use.
    """

    def __init__(
        self,
        look_up: Callable[[K], Awaitable[V]],
        *,
        lifetime: Callable[[V], float],
        max_entries: int,
        clock: Callable[[], float],
    ) -> None:
        self._look_up = look_up
        self._lifetime = lifetime
        self._max_entries = max_entries
        self._clock = clock
        self._answers: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._under_way: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, max_age: float) -> V:
        """The answer, not older than its lifetime nor than `max_age` seconds. Raises what `look_up` raises."""
        known = self._answers.get(key)
        if known is not None:
            age = self._clock() - known[0]
            if age < max_age and age < self._lifetime(known[1]):
                self._answers.move_to_end(key)
                return known[1]
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key))
            self._under_way[key] = task
        # Whoever waits may go away; the others still want the answer.
        return await asyncio.shield(task)

    def forget(self, key: K) -> None:
        """Look it up anew next time; an answer that is on its way now is not kept either."""
        self._answers.pop(key, None)
        self._under_way.pop(key, None)

    async def _ask(self, key: K) -> V:
        began_at = self._clock()
        this = asyncio.current_task()
        try:
            answer = await self._look_up(key)
            if self._under_way.get(key) is this:
                self._keep(key, began_at, answer)
            return answer
        finally:
            if self._under_way.get(key) is this:
                del self._under_way[key]

    def _keep(self, key: K, began_at: float, answer: V) -> None:
        self._answers[key] = (began_at, answer)
        self._answers.move_to_end(key)
        if len(self._answers) > self._max_entries:
            self._answers.popitem(last=False)
