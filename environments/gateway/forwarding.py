"""Carries one HTTP request to a notebook server and the response back, both as they come, neither stored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope

from environments.gateway.authorize import Allowed, Decision
from environments.gateway.headers import ClientHeaders, headers_for_client, headers_for_server
from environments.gateway.upstream import ConnectionPool, UpstreamConnection, UpstreamError, UpstreamUnreachable

WATCH_AFTER_SECONDS = 1.0
"""Most requests are over by then, and watching each for a client that leaves costs a task."""
RECHECK_SECONDS = 4.0
RECHECK_FACTS_SECONDS = 0.5
"""Whoever loses access is cut off within the sum of the two, which is under five seconds."""
SILENCE_SECONDS = 3600.0
"""A server that says nothing for so long will not; a cell may well compute for half of it."""


class Exchange:
    """One request and its response. `reauthorize` decides again, by fresh facts, while it lasts."""

    def __init__(
        self,
        scope: HTTPScope,
        client: ClientHeaders,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        *,
        reauthorize: Callable[[], Awaitable[Decision]],
        recheck_seconds: float = RECHECK_SECONDS,
    ) -> None:
        self._scope = scope
        self._client = client
        self._receive = receive
        self._send = send
        self._reauthorize = reauthorize
        self._loop = asyncio.get_running_loop()
        self._recheck_seconds = recheck_seconds
        self._recheck_at = self._loop.time() + recheck_seconds
        self._connection: UpstreamConnection
        self._upload: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._is_client_gone = False
        self.has_answered = False

    async def carry(self, allowed: Allowed, target: bytes, pool: ConnectionPool) -> None:
        """Do it all.

        Raises UpstreamUnreachable with nothing taken from the client yet, and UpstreamError when the server
        broke off or access was lost; what the client then already has (`has_answered`) cannot be taken back.
        """
        head = self._head(allowed, target)
        self._connection = pool.idle(allowed.endpoint) or await self._connect(allowed, pool)
        watch = self._loop.call_later(WATCH_AFTER_SECONDS, self._begin_watch)
        try:
            if self._client.has_body:
                await self._begin_with_body(head, allowed)
                await self._connection.headers()
            else:
                await self._begin_without_body(head, allowed, pool)
            await self._return_response(allowed)
        except UpstreamError:
            if not self._is_client_gone:
                raise
        finally:
            watch.cancel()
            if self._watch is not None:
                self._watch.cancel()
            if self._upload is not None:
                await self._end_upload(self._upload)
            pool.release(allowed.endpoint, self._connection)

    async def _connect(self, allowed: Allowed, pool: ConnectionPool) -> UpstreamConnection:
        """A new connection, if the server is still there.

        Where one was a few seconds ago there may be another by now, or an address of the world outside.
        """
        if await self._reauthorize() != allowed:
            raise UpstreamUnreachable(str(allowed.endpoint))
        return await pool.connect(allowed.endpoint)

    def _head(self, allowed: Allowed, target: bytes) -> bytes:
        peer = self._scope["client"]
        lines = [self._scope["method"].encode("ascii"), b" ", target, b" HTTP/1.1\r\n"]
        headers = headers_for_server(self._client, token=allowed.token, client_address=peer[0] if peer else "")
        for name, value in headers:
            lines += (name, b": ", value, b"\r\n")
        if self._client.is_chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        elif b"content-length" in self._client.noted:
            lines += (b"content-length: ", self._client.noted[b"content-length"], b"\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)

    async def _begin_without_body(self, head: bytes, allowed: Allowed, pool: ConnectionPool) -> None:
        """Ask, and ask again on a new connection if the old one had just been closed."""
        self._begin(head)
        try:
            await self._connection.headers()
        except UpstreamError:
            was_stale = self._connection.exchanges > 1 and not self._connection.received_bytes
            if not was_stale or self._is_client_gone or self._scope["method"] not in ("GET", "HEAD"):
                raise
            self._connection = await self._connect(allowed, pool)
            self._begin(head)
            await self._connection.headers()

    async def _begin_with_body(self, head: bytes, allowed: Allowed) -> None:
        message = await self._receive()
        if message["type"] != "http.request":
            self._is_client_gone = True
            raise UpstreamError("the client left")
        if message["more_body"]:
            self._begin(head)
            self._upload = asyncio.create_task(self._send_body(message["body"], allowed))
        else:
            self._begin(head + self._framed(message["body"]) + (b"0\r\n\r\n" if self._client.is_chunked else b""))

    def _begin(self, data: bytes) -> None:
        self._connection.begin(data, expects_body=self._scope["method"] != "HEAD")

    async def _send_body(self, body: bytes, allowed: Allowed) -> None:
        """Send a body piece by piece. Whatever stops it drops the connection, which tells who waits for headers."""
        more_body = True
        try:
            while True:
                self._connection.write(self._framed(body))
                if not more_body:
                    break
                await self._connection.drain()
                await self._check_access(allowed)
                message = await self._receive()
                if message["type"] != "http.request":
                    self._is_client_gone = True
                    raise UpstreamError("the client left")
                body, more_body = message["body"], message["more_body"]
            if self._client.is_chunked:
                self._connection.write(b"0\r\n\r\n")
        except UpstreamError:
            self._connection.abort()
        except BaseException:
            self._connection.abort()
            raise

    def _framed(self, body: bytes) -> bytes:
        if self._client.is_chunked and body:
            return b"%x\r\n%b\r\n" % (len(body), body)
        return body

    async def _return_response(self, allowed: Allowed) -> None:
        connection = self._connection
        await self._check_access(allowed)
        headers = headers_for_client(connection.response_headers)
        self.has_answered = True
        await self._send(
            {"type": "http.response.start", "status": connection.status, "headers": headers, "trailers": False}
        )
        more_body = True
        while more_body:
            body = await connection.read()
            more_body = not connection.is_complete
            await self._check_access(allowed)
            await self._send({"type": "http.response.body", "body": body, "more_body": more_body})

    async def _check_access(self, allowed: Allowed) -> None:
        """From time to time, make sure that access has not been lost meanwhile. Raises UpstreamError."""
        if self._loop.time() < self._recheck_at:
            return
        self._recheck_at = self._loop.time() + self._recheck_seconds
        if await self._reauthorize() != allowed:
            raise UpstreamError("access was lost")

    def _begin_watch(self) -> None:
        self._watch = asyncio.create_task(self._watch_client())

    async def _watch_client(self) -> None:
        """Drop the connection when the client leaves, or when the server says nothing for very long."""
        if self._upload is not None:
            await asyncio.wait((self._upload,))  # It reads from the client itself.
        while True:
            seen = self._connection.received_bytes
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    message = await self._receive()
            except TimeoutError:
                if self._connection.received_bytes == seen:
                    self._connection.abort()
                    return
                continue
            if message["type"] == "http.disconnect":
                self._is_client_gone = True
                self._connection.abort()
                return

    async def _end_upload(self, upload: asyncio.Task[None]) -> None:
        if not upload.done():
            # Answered before all of it was read: what is left of it must not follow another request.
            self._connection.abort()
            upload.cancel()
        await asyncio.wait((upload,))
