"""HTTP/1.1 to notebook servers: kept-alive connections, streaming in both directions, nothing else.

A general client costs more per request than everything else the gateway does. This one leaves parsing to
httptools and buffers no more than `MAX_BUFFERED_BYTES` of a response, however slow the browser is.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable
from typing import cast

import httptools

from environments.gateway.headers import Header
from environments.values import Endpoint

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 30.0
MAX_IDLE_PER_SERVER = 32
MAX_HEADER_BYTES = 64 * 1024
MAX_BUFFERED_BYTES = 256 * 1024
_VANISHING = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 2, "TCP_USER_TIMEOUT": 10_000}


class UpstreamError(Exception):
    """The notebook server broke off, or said something that is not HTTP."""


class UpstreamUnreachable(UpstreamError):
    """Nothing accepts connections there."""


def notice_vanishing(connection: socket.socket) -> None:
    """Have the connection break when the other machine or network is gone and nobody is left to close it.

    A server that only takes its time is not affected: its machine answers for it.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _VANISHING.items():
        if hasattr(socket, name):  # Each system has some of them.
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class UpstreamConnection(asyncio.Protocol):
    """One connection to a notebook server, carrying one exchange after another.

    An exchange: `begin`, then `write` and `drain` for the rest of a body; `headers` once; `read` until it
    returns nothing. Both halves may be under way at the same time.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._is_open = False
        self._is_writable = True
        self._is_reading = True
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self.exchanges = 0
        self.idle_since = 0.0
        self._reset(expects_body=True)
        self.is_complete = True

    def _reset(self, *, expects_body: bool) -> None:
        self._expects_body = expects_body
        self._has_length = False
        self._has_headers = False
        self._may_keep = False
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._error: UpstreamError | None = None
        self.received_bytes = 0
        self.status = 0
        self.response_headers: list[Header] = []
        self.is_complete = False

    # --- What the gateway does with it

    @property
    def is_reusable(self) -> bool:
        """Whether another exchange may follow the one that is over."""
        return self._is_open and self.is_complete and self._may_keep and self._error is None

    @property
    def is_alive(self) -> bool:
        """Whether the other side has not closed it."""
        return self._is_open

    def begin(self, head: bytes, *, expects_body: bool) -> None:
        """Send the head of a request, and as much of its body as is at hand.

        `expects_body` is False for HEAD, whose response ends with its headers whatever they say.
        """
        self._reset(expects_body=expects_body)
        self.exchanges += 1
        self.write(head)

    def write(self, data: bytes) -> None:
        """Send more of the body. Does nothing once the connection is lost; `headers` and `read` tell."""
        if self._is_open and self._transport is not None:
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the server has taken most of what was written."""
        while not self._is_writable and self._is_open:
            self._writer = self._loop.create_future()
            await self._writer

    async def headers(self) -> None:
        """Wait for `status` and `response_headers`. Raises UpstreamError."""
        while not self._has_headers:
            self._raise_if_lost()
            await self._wait()

    async def read(self) -> bytes:
        """The next piece of the response's body, empty at its end. Raises UpstreamError."""
        while not self._chunks:
            if self.is_complete:
                return b""
            self._raise_if_lost()
            await self._wait()
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        if not self._is_reading and self._transport is not None and self._is_open:
            self._is_reading = True
            self._transport.resume_reading()
        return data

    def abort(self) -> None:
        """Drop the connection at once; whoever waits on it gets UpstreamError."""
        self._lose(UpstreamError("aborted"))
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._is_open = True
        notice_vanishing(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        if self.is_complete:
            self.abort()  # Nothing was asked.
            return
        self.received_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._lose(UpstreamError(f"not an HTTP response: {error}"))
            self.abort()
            return
        if not self._has_headers and self.received_bytes > MAX_HEADER_BYTES:
            self._lose(UpstreamError("the headers are too long"))
            self.abort()
            return
        self._wake_reader()

    def eof_received(self) -> bool:
        # A body of no stated length ends with the connection.
        if self._has_headers and not self._has_length:
            self.is_complete = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(UpstreamError("the server closed the connection"))

    def pause_writing(self) -> None:
        self._is_writable = False

    def resume_writing(self) -> None:
        self._is_writable = True
        self._wake_writer()

    # --- httptools callbacks

    def on_message_begin(self) -> None:
        if self._has_headers:
            self._may_keep = False  # One response too many.
            raise UpstreamError("more than one response")
        self.response_headers = []
        self._has_length = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._has_headers:
            return  # Trailers end here, as `te` did.
        name = name.lower()
        if name == b"content-length" or (name == b"transfer-encoding" and b"chunked" in value.lower()):
            self._has_length = True
        self.response_headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            return  # A response before the response.
        self.status = status
        self._has_headers = True
        if status in (204, 304):
            self._has_length = True
        if not self._expects_body:
            # The parser would wait for the body that the headers speak of.
            self._may_keep = self._parser.should_keep_alive() and self._has_length
            self._parser = httptools.HttpResponseParser(self)
            self.is_complete = True

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)
        self._buffered += len(body)
        if self._buffered > MAX_BUFFERED_BYTES and self._is_reading and self._transport is not None:
            self._is_reading = False
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._has_headers and not self.is_complete:
            self._may_keep = self._parser.should_keep_alive()
            self.is_complete = True

    # --- Inside

    def _raise_if_lost(self) -> None:
        if self._error is not None:
            raise self._error

    async def _wait(self) -> None:
        self._reader = self._loop.create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    def _lose(self, error: UpstreamError) -> None:
        self._is_open = False
        if self._error is None:
            self._error = error
        self._wake_reader()
        self._wake_writer()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_writer(self) -> None:
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)


class ConnectionPool:
    """Connections that wait for their next exchange, by server. Belongs to one event loop."""

    def __init__(self) -> None:
        self._idle: dict[Endpoint, list[UpstreamConnection]] = {}
        self._sweep: asyncio.TimerHandle | None = None

    def idle(self, endpoint: Endpoint) -> UpstreamConnection | None:
        """A connection to this server that waits for its next exchange, if there is one."""
        waiting = self._idle.get(endpoint)
        while waiting:
            connection = waiting.pop()
            if connection.is_alive:
                return connection
        return None

    async def connect(self, endpoint: Endpoint) -> UpstreamConnection:
        """A new connection to this server. Raises UpstreamUnreachable."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(UpstreamConnection, endpoint.host, endpoint.port)
        except (OSError, TimeoutError) as error:
            raise UpstreamUnreachable(str(endpoint)) from error
        return connection

    def release(self, endpoint: Endpoint, connection: UpstreamConnection) -> None:
        """Give a connection back; it is closed unless its exchange ended well."""
        if not connection.is_reusable or len(self._idle.get(endpoint, ())) >= MAX_IDLE_PER_SERVER:
            connection.abort()
            return
        connection.idle_since = time.monotonic()
        self._idle.setdefault(endpoint, []).append(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._drop_idle)

    def close(self) -> None:
        """Close all that wait."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        _abort_all(connection for waiting in self._idle.values() for connection in waiting)
        self._idle.clear()

    def _drop_idle(self) -> None:
        self._sweep = None
        since = time.monotonic() - IDLE_SECONDS
        for endpoint, waiting in list(self._idle.items()):
            kept = [one for one in waiting if one.is_alive and one.idle_since > since]
            _abort_all(one for one in waiting if one not in kept)
            if kept:
                self._idle[endpoint] = kept
            else:
                del self._idle[endpoint]
        if self._idle:
            self._sweep = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._drop_idle)


def _abort_all(connections: Iterable[UpstreamConnection]) -> None:
    for connection in connections:
        connection.abort()
