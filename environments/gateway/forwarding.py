"""Carries one HTTP request to a notebook server and the response back, both as they come, neither stored."""

from __future__ import annotations

import asyncio

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope

from environments.gateway.access import Access
from environments.gateway.authorize import Allowed
from environments.gateway.headers import ClientHeaders, headers_for_client, headers_for_server
from environments.gateway.upstream import ConnectionPool, UpstreamConnection, UpstreamError, UpstreamUnreachable

WATCH_AFTER_SECONDS = 1.0
"""Most requests are over by then, and watching each for a client that leaves, or loses access, costs two tasks."""
SILENCE_SECONDS = 3600.0
"""A server that says nothing for so long will not; a cell may well compute for half of it."""


class Exchange:
    """One request and its response. `access` is looked at again while it lasts."""

    def __init__(
        self,
        scope: HTTPScope,
        client: ClientHeaders,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        *,
        access: Access,
    ) -> None:
        self._scope = scope
        self._client = client
        self._receive = receive
        self._send = send
        self._access = access
        self._loop = asyncio.get_running_loop()
        self._connection: UpstreamConnection
        self._upload: asyncio.Task[None] | None = None
        self._watches: list[asyncio.Task[None]] = []
        self._is_client_gone = False
        self.has_answered = False

    async def carry(self, allowed: Allowed, target: bytes, pool: ConnectionPool) -> None:
        """Do it all.

        Raises UpstreamUnreachable with nothing taken from the client yet, and UpstreamError when the server
        broke off or access was lost; what the client then already has (`has_answered`) cannot be taken back.
        """
        head = self._head(allowed, target)
        self._connection = pool.idle(allowed.endpoint) or await self._connect(allowed, pool)
        watch = self._loop.call_later(WATCH_AFTER_SECONDS, self._begin_watch, allowed)
        try:
            if self._client.has_body:
                await self._begin_with_body(head)
                await self._connection.headers()
            else:
                await self._begin_without_body(head, allowed, pool)
            await self._return_response()
        except UpstreamError:
            if not self._is_client_gone:
                raise
        finally:
            watch.cancel()
            for task in self._watches:
                task.cancel()
            if self._upload is not None:
                await self._end_upload(self._upload)
            pool.release(allowed.endpoint, self._connection)

    async def _connect(self, allowed: Allowed, pool: ConnectionPool) -> UpstreamConnection:
        """A new connection, if the server is still there.

        Where one was a few seconds ago there may be another by now, or an address of the world outside.
        """
        if await self._access.decide() != allowed:
            raise UpstreamUnreachable(str(allowed.endpoint))
        return await pool.connect(allowed.endpoint)

    def _head(self, allowed: Allowed, target: bytes) -> bytes:
        peer = self._scope["client"]
        lines = [self._scope["method"].encode("ascii"), b" ", target, b" HTTP/1.1\r\n"]
        headers = headers_for_server(
            self._client, token=allowed.token, client_address=peer[0] if peer else "", identity=allowed.identity
        )
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

    async def _begin_with_body(self, head: bytes) -> None:
        message = await self._receive()
        if message["type"] != "http.request":
            self._is_client_gone = True
            raise UpstreamError("the client left")
        if message["more_body"]:
            self._begin(head)
            self._upload = asyncio.create_task(self._send_body(message["body"]))
        else:
            self._begin(head + self._framed(message["body"]) + (b"0\r\n\r\n" if self._client.is_chunked else b""))

    def _begin(self, data: bytes) -> None:
        self._connection.begin(data, expects_body=self._scope["method"] != "HEAD")

    async def _send_body(self, body: bytes) -> None:
        """Send a body piece by piece. Whatever stops it drops the connection, which tells who waits for headers."""
        more_body = True
        try:
            while True:
                self._connection.write(self._framed(body))
                if not more_body:
                    break
                await self._connection.drain()
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

    async def _return_response(self) -> None:
        connection = self._connection
        headers = headers_for_client(connection.response_headers)
        self.has_answered = True
        await self._send(
            {"type": "http.response.start", "status": connection.status, "headers": headers, "trailers": False}
        )
        more_body = True
        while more_body:
            body = await connection.read()
            more_body = not connection.is_complete
            await self._send({"type": "http.response.body", "body": body, "more_body": more_body})

    def _begin_watch(self, allowed: Allowed) -> None:
        watches = (self._watch_client(), self._watch_access(allowed))
        self._watches = [asyncio.create_task(watch) for watch in watches]

    async def _watch_access(self, allowed: Allowed) -> None:
        """Drop the connection when access is lost, be it that nothing is said on it."""
        try:
            await self._access.until_lost(allowed)
        except Exception:
            self._connection.abort()  # Of whom nothing can be learnt is not let on.
            raise
        self._connection.abort()

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
