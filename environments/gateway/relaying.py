"""Joins a browser's websocket to a notebook server's, message by message, for as long as it may last."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import aiohttp
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable
from yarl import URL

from environments.gateway.access import Access
from environments.gateway.authorize import Allowed, Refusal, Refused
from environments.gateway.headers import Header
from environments.gateway.upstream import CONNECT_SECONDS, UpstreamError, UpstreamUnreachable, notice_vanishing

MAX_MESSAGE_BYTES = 128 * 1024 * 1024
"""Jupyter sets no limit of its own, and an output with a large picture is one message."""
ACCESS_LOST = 4403
GOING_AWAY = 1001
SERVER_ERROR = 1011
_HANDSHAKE_SECONDS = 30.0
_CLOSE_SECONDS = 5.0


class UpstreamRefused(UpstreamError):
    """The notebook server answered the handshake with this status instead."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class WebsocketConnector:
    """Opens websockets to notebook servers. Belongs to one event loop."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def connect(
        self, allowed: Allowed, target: bytes, headers: Sequence[Header], subprotocols: Sequence[str]
    ) -> aiohttp.ClientWebSocketResponse:
        """A websocket to `target`. Raises UpstreamUnreachable, UpstreamRefused or UpstreamError."""
        url = URL(f"http://{allowed.endpoint}{target.decode('latin-1')}", encoded=True)
        try:
            async with asyncio.timeout(_HANDSHAKE_SECONDS):
                return await self._own_session().ws_connect(
                    url,
                    protocols=subprotocols,
                    headers=[(name.decode(), value.decode(errors="replace")) for name, value in headers],
                    max_msg_size=MAX_MESSAGE_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_receive=None, ws_close=_CLOSE_SECONDS),
                )
        except aiohttp.WSServerHandshakeError as error:
            raise UpstreamRefused(error.status) from error
        except aiohttp.ClientConnectorError as error:
            raise UpstreamUnreachable(str(allowed.endpoint)) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UpstreamError(str(error)) from error

    async def close(self) -> None:
        """Close what is open."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _own_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=True, socket_factory=_socket),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
                auto_decompress=False,
            )
        return self._session


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """What a websocket to this address is made on."""
    family, kind, protocol, _name, _address = address
    made = socket.socket(family, kind, protocol)
    notice_vanishing(made)
    return made


async def relay(
    receive: ASGIReceiveCallable,
    send: ASGISendCallable,
    upstream: aiohttp.ClientWebSocketResponse,
    *,
    allowed: Allowed,
    access: Access,
    note_use: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Pass messages both ways until one side closes, or access is lost; then close the other with its code.

    `note_use` is called for each message of the browser, where those are signs of somebody at work.
    """
    from_browser = asyncio.create_task(_from_browser(receive, upstream, note_use))
    from_server = asyncio.create_task(_from_server(upstream, send))
    losing_access = asyncio.create_task(_until_access_lost(allowed, access))
    tasks = (from_browser, from_server, losing_access)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if from_browser.done():
            await upstream.close(code=_sendable(from_browser.result(), otherwise=GOING_AWAY))
            return
        close = losing_access.result() if losing_access.done() else from_server.result()
        for task in tasks:
            task.cancel()  # A browser that does not read how it ended could go on talking all the same.
        with contextlib.suppress(OSError, TimeoutError):  # It left in the same moment, or does not read.
            async with asyncio.timeout(_CLOSE_SECONDS):
                await send({"type": "websocket.close", "code": close.code, "reason": close.reason})
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await upstream.close(code=GOING_AWAY)


class Close(NamedTuple):
    """How a websocket ends."""

    code: int
    reason: str = ""


async def _from_browser(
    receive: ASGIReceiveCallable,
    upstream: aiohttp.ClientWebSocketResponse,
    note_use: Callable[[], Awaitable[None]] | None,
) -> int:
    """Pass on what the browser sends; the code it closed with."""
    while True:
        event = await receive()
        if event["type"] == "websocket.receive":
            if note_use is not None:
                await note_use()
            text = event.get("text")
            try:
                if text is not None:
                    await upstream.send_str(text)
                else:
                    await upstream.send_bytes(event.get("bytes") or b"")
            except aiohttp.ClientConnectionError:
                # The server closed; what it said last is still being passed on.
                await asyncio.Event().wait()
        elif event["type"] == "websocket.disconnect":
            return event["code"]


async def _from_server(upstream: aiohttp.ClientWebSocketResponse, send: ASGISendCallable) -> Close:
    """Pass on what the server sends; how it closed."""
    while True:
        message = await upstream.receive()
        try:
            if message.type is aiohttp.WSMsgType.TEXT:
                await send({"type": "websocket.send", "text": message.data, "bytes": None})
            elif message.type is aiohttp.WSMsgType.BINARY:
                await send({"type": "websocket.send", "text": None, "bytes": message.data})
            else:
                reason = message.extra if isinstance(message.extra, str) else ""
                return Close(_sendable(upstream.close_code, otherwise=SERVER_ERROR), reason)
        except OSError:
            return Close(GOING_AWAY)  # The browser is gone; nobody will hear this.


async def _until_access_lost(allowed: Allowed, access: Access) -> Close:
    """Wait until this person, or this start of this server, may no longer be talked to."""
    decision = await access.until_lost(allowed)
    if isinstance(decision, Refused) and decision.refusal is not Refusal.ASLEEP:
        return Close(ACCESS_LOST)
    return Close(GOING_AWAY)


def _sendable(code: int | None, *, otherwise: int) -> int:
    """A code as it came, if it is one that can be sent; 1005 (none was given) is an ordinary end."""
    if code == 1005:
        return 1000
    if code is not None and ((1000 <= code <= 1014 and code not in (1004, 1006)) or 3000 <= code <= 4999):
        return code
    return otherwise
