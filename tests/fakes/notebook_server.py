"""A notebook server that answers what the gateway's tests ask of it, and the gateway in front of it.

Both run for real, on 127.0.0.1, in one thread with an event loop of its own.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import uvicorn
from aiohttp import WSMsgType, web

from environments.gateway.app import Gateway

BLOCK = b"x" * 65536


class Clock:
    """Real time, plus what a test adds."""

    def __init__(self) -> None:
        self.added = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.added


class NotebookServer:
    """Answers everything with what it was asked; some addresses behave in ways of their own."""

    def __init__(self) -> None:
        self.sent_bytes = 0
        self.received_bytes = 0
        self.hung_up = threading.Event()
        self.port = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        app = web.Application(client_max_size=0)
        app.router.add_get("/download", self.download)
        app.router.add_get("/events", self.events)
        app.router.add_post("/upload", self.upload)
        app.router.add_post("/never-reads", self.never_reads)
        app.router.add_post("/too-large", self.too_large)
        app.router.add_get("/cookies", self.cookies)
        for path in ("/websocket", "/api/websocket", "/terminals/websocket"):
            app.router.add_get(path, self.websocket)
        app.router.add_get("/forbidden", self.forbidden)
        app.router.add_get("/breaks-off", self.breaks_off)
        app.router.add_get("/hangs-up", self.hangs_up)
        app.router.add_get("/no-content", self.no_content)
        app.router.add_get("/not-modified", self.not_modified)
        app.router.add_route("*", "/{anything:.*}", self.mirror)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield
        finally:
            await runner.cleanup()

    async def mirror(self, request: web.Request) -> web.Response:
        headers = [[name.decode("latin-1").lower(), value.decode("latin-1")] for name, value in request.raw_headers]
        body = (await request.content.read()).decode("latin-1")
        answer = {"method": request.method, "target": request.raw_path, "headers": headers, "body": body}
        return web.json_response(answer, headers={"X-Mirror": "yes"})

    async def download(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        blocks = int(request.query["blocks"])
        if "sized" in request.query:
            response.content_length = blocks * len(BLOCK)
        await response.prepare(request)
        self.sent_bytes = 0
        for _ in range(blocks):
            await response.write(BLOCK)
            self.sent_bytes += len(BLOCK)
            await asyncio.sleep(float(request.query.get("pause", 0)))
        return response

    async def events(self, request: web.Request) -> web.StreamResponse:
        self.hung_up.clear()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: first\n\n")
        try:
            await asyncio.sleep(30)
        finally:
            self.hung_up.set()
        return response

    async def upload(self, request: web.Request) -> web.Response:
        self.received_bytes = 0
        async for block in request.content.iter_any():
            self.received_bytes += len(block)
        return web.json_response({"bytes": self.received_bytes})

    async def never_reads(self, request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async def too_large(self, request: web.Request) -> web.Response:
        return web.Response(status=413, text="too large")

    async def cookies(self, request: web.Request) -> web.Response:
        response = web.Response()
        for cookie in (
            "_xsrf=1; Path=/",
            "username-8888=2; Path=/; HttpOnly",
            "carrel_pass=stolen; Path=/",
            "carrel_session=stolen",
            "wide=1; Domain=localhost; Path=/",
            "wider=1; path=/; domain = .localhost",
        ):
            response.headers.add("Set-Cookie", cookie)
        response.headers["Clear-Site-Data"] = '"cookies"'
        return response

    async def forbidden(self, request: web.Request) -> web.Response:
        raise web.HTTPForbidden

    async def breaks_off(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 1000
        await response.prepare(request)
        await response.write(b"x" * 10)
        assert request.transport is not None
        request.transport.abort()
        return response

    async def hangs_up(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def no_content(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def not_modified(self, request: web.Request) -> web.Response:
        return web.Response(status=304, headers={"ETag": '"1"'})

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse(protocols=["v1.kernel.websocket.jupyter.org"], compress=False, max_msg_size=0)
        await websocket.prepare(request)
        self.hung_up.clear()
        async for message in websocket:
            if message.type is WSMsgType.BINARY:
                await websocket.send_bytes(message.data)
            elif message.data == "headers":
                await websocket.send_json([[k.lower(), v] for k, v in request.headers.items()])
            elif message.data == "address":
                await websocket.send_str(request.raw_path)
            elif message.data == "close":
                await websocket.close(code=4001, message=b"as asked")
            else:
                await websocket.send_str(message.data)
        self.close_code = websocket.close_code
        self.hung_up.set()
        return websocket


class GatewayInFront:
    """The gateway under uvicorn. Tests reach any host of it at `port` of 127.0.0.1."""

    def __init__(self, *, recheck_seconds: float = 0.2) -> None:
        self.notebook = NotebookServer()
        self.clock = Clock()
        self.gateway = Gateway(clock=self.clock, recheck_seconds=recheck_seconds)
        self.port = 0
        self._ready = threading.Event()

    @contextmanager
    def running(self) -> Iterator[GatewayInFront]:
        thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        thread.start()
        assert self._ready.wait(10)
        try:
            yield self
        finally:
            self._server.should_exit = True
            thread.join(10)

    def connect(self) -> socket.socket:
        """A connection to the gateway; where the request leads, its Host header says."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def hear(self, subdomain: str) -> None:
        """Have it hear that this server has changed."""
        self._loop.call_soon_threadsafe(self.gateway.hear_change, subdomain)

    def hear_until_it_is_over(self, subdomain: str, wait: Callable[[], object]) -> None:
        """Have it hear that again and again while a test waits for what comes of it."""
        is_over = threading.Event()

        def repeat() -> None:
            while not is_over.wait(0.05):
                self.hear(subdomain)

        hearing = threading.Thread(target=repeat, daemon=True)
        hearing.start()
        try:
            wait()
        finally:
            is_over.set()
            hearing.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        config = uvicorn.Config(
            cast("Any", self.gateway),
            host="127.0.0.1",
            port=0,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_max_size=128 * 1024 * 1024,
            log_config=None,
            access_log=False,
            lifespan="on",
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        async with self.notebook.serving():
            serving = asyncio.create_task(self._server.serve())
            while not self._server.started:
                await asyncio.sleep(0.01)
            self.port = self._server.servers[0].sockets[0].getsockname()[1]
            self._ready.set()
            await serving
