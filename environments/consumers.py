"""The live half of pages: one socket, one way, from rows. What is missed is read again."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.urls import path

from accounts.models import User
from environments.following import View, view_of
from environments.live import build_group, server_group
from environments.models import BuildLogLine

LOOK_EVERY_SECONDS = 2.0
"""How often the rows are read even when no notice came: notices may get lost, rows do not."""
PING_EVERY_SECONDS = 20.0
NOT_FOUND = 4404


class RowsConsumer(AsyncJsonWebsocketConsumer):
    """Follows rows for somebody who looks at them: reads them when a notice came, and every now and then.

    Sends `{"type": "ping"}` now and then. Access is asked again at every look, and the connection ends without it.
    What is followed says the class made of this one, by `may_look` and `look`.
    """

    async def may_look(self) -> bool:
        """Whether this person may see what the address names; to all others it does not exist."""
        raise NotImplementedError

    async def look(self) -> bool:
        """Read the rows and send what is new. False when this person may not see them any more."""
        raise NotImplementedError

    async def connect(self) -> None:
        """Accept those who may look."""
        self._groups: set[str] = set()
        self._woken = asyncio.Event()
        self._follower: asyncio.Task[None] | None = None
        if not await self.may_look():
            await self._refuse()
            return
        await self.accept()
        await self.look()
        self._follower = asyncio.create_task(self._follow())

    async def disconnect(self, code: int) -> None:
        """Stop following."""
        if self._follower is not None:
            self._follower.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._follower
        for group in self._groups:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Nothing a browser says changes anything here."""

    async def wake(self, event: dict[str, Any]) -> None:
        """Something changed: look at the rows now."""
        self._woken.set()

    async def _refuse(self) -> None:
        if "websocket.http.response" not in self.scope.get("extensions", {}):
            await self.close(code=NOT_FOUND)
            return
        await self.base_send({"type": "websocket.http.response.start", "status": 404, "headers": []})
        await self.base_send({"type": "websocket.http.response.body", "body": b""})

    async def _follow(self) -> None:
        last_ping = asyncio.get_running_loop().time()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), LOOK_EVERY_SECONDS)
            self._woken.clear()
            if not await self.look():
                await self.close(code=NOT_FOUND)
                return
            if asyncio.get_running_loop().time() - last_ping > PING_EVERY_SECONDS:
                last_ping = asyncio.get_running_loop().time()
                await self.send_json({"type": "ping"})

    async def _subscribe(self, groups: set[str]) -> None:
        for group in groups - self._groups:
            await self.channel_layer.group_add(group, self.channel_name)
        self._groups |= groups


class ServerConsumer(RowsConsumer):
    """Follows one server: its state and, while it waits for a build, that build's log.

    Connect with `?build=<id>&after=<sequence>` to go on where another connection ended. Sends
    `{"type": "status", "state", "version"}` when something changed, and `{"type": "log", "build", "lines"}`
    with new lines.
    """

    async def connect(self) -> None:
        """Go on where the other connection ended."""
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        after = query.get("after", ["0"])[0]
        self._after = int(after) if after.isdecimal() and len(after) < 10 else 0
        self._build_id: str | None = query.get("build", [""])[0]
        self._version: str | None = None
        await super().connect()

    async def may_look(self) -> bool:
        """Whether this person may see the server."""
        return await self._read() is not None

    async def look(self) -> bool:
        """Send the new lines of the log, and that something else changed."""
        view = await self._read()
        if view is None:
            return False
        await self._subscribe(_groups_of(view, self.scope["url_route"]["kwargs"]["server_id"]))
        if view.lines:
            self._build_id, self._after = view.build_id, view.lines[-1].sequence
            lines = [_as_json(line) for line in view.lines]
            await self.send_json({"type": "log", "build": view.build_id, "lines": lines})
            self._woken.set()  # There may be more than one look carries.
        if view.version != self._version:
            self._version = view.version
            await self.send_json({"type": "status", "state": view.state, "version": view.version})
        return True

    async def _read(self) -> View | None:
        user = self.scope.get("user")
        if not isinstance(user, User) or not user.is_active:
            return None
        server_id = str(self.scope["url_route"]["kwargs"]["server_id"])
        view: View | None = await database_sync_to_async(view_of)(
            server_id, user=user, build_id=self._build_id, after=self._after
        )
        return view


def _groups_of(view: View, server_id: object) -> set[str]:
    return {server_group(server_id)} | ({build_group(view.build_id)} if view.build_id else set())


def _as_json(line: BuildLogLine) -> dict[str, Any]:
    return {"sequence": line.sequence, "phase": line.phase, "text": line.text}


websocket_urlpatterns = [path("ws/servers/<uuid:server_id>/", ServerConsumer.as_asgi())]
