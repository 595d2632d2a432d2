"""How the two ends of a websocket are let go of."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from environments.gateway import relaying
from environments.gateway.authorize import Refusal, Refused
from environments.gateway.relaying import relay


class Upstream:
    """A notebook server's websocket that says nothing and remembers what it is told."""

    close_code: int | None = None

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.is_closed = asyncio.Event()

    async def receive(self) -> Any:
        await asyncio.Event().wait()

    async def send_str(self, text: str) -> None:
        self.heard.append(text)

    async def close(self, *, code: int) -> None:
        self.is_closed.set()


class LostAccess:
    """Access that is lost when a test says so."""

    def __init__(self) -> None:
        self.is_lost = asyncio.Event()

    async def until_lost(self, allowed: object) -> Refused:
        await self.is_lost.wait()
        return Refused(Refusal.NOT_FOUND)


async def test_browser_that_does_not_read_cannot_go_on_talking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaying, "_CLOSE_SECONDS", 0.01)
    upstream, access, said = Upstream(), LostAccess(), asyncio.Queue[dict[str, Any]]()
    is_told = asyncio.Event()

    async def send(_event: object) -> None:
        is_told.set()
        await said.put({"type": "websocket.receive", "text": "and one more thing", "bytes": None})
        await asyncio.Event().wait()

    relaying_it = relay(
        cast("Any", said.get), send, cast("Any", upstream), allowed=cast("Any", None), access=cast("Any", access)
    )
    task = asyncio.create_task(relaying_it)
    access.is_lost.set()

    await asyncio.wait_for(task, 20)

    assert is_told.is_set()
    assert upstream.heard == []
    assert upstream.is_closed.is_set()
