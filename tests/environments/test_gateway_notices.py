"""What the gateway hears of servers that changed, before what it knows of them has grown old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.layers import InMemoryChannelLayer
from django.utils import timezone
from pytest_django import Settings
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.models import Scope
from accounts.tokens import create_token
from environments.gateway.app import Gateway
from environments.gateway.notices import hear_changes
from environments.live import announce_server
from environments.models import NotebookServer
from tests.factories import running_server
from tests.fakes.notebook_server import NotebookServer as FakeNotebook

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 2.5
"""Less than what the gateway knows would live for without a notice."""


@asynccontextmanager
async def living_gateway() -> AsyncIterator[Gateway]:
    """A gateway as a web server runs it: told of its beginning and its end."""
    gateway = Gateway()
    life = ApplicationCommunicator(gateway, {"type": "lifespan"})
    await life.send_input({"type": "lifespan.startup"})
    await life.receive_output()
    try:
        yield gateway
    finally:
        await life.send_input({"type": "lifespan.shutdown"})
        await life.receive_output()


async def ask(gateway: Gateway, server: NotebookServer, token: str) -> int:
    """The status of what the server's owner gets to see."""
    headers = [(b"host", f"{server.subdomain}.localhost:8000".encode()), (b"authorization", f"Bearer {token}".encode())]
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/api", "raw_path": b"/api"}
    scope |= {"query_string": b"", "headers": headers, "client": ("127.0.0.1", 1), "extensions": {}}
    request = ApplicationCommunicator(gateway, scope)
    await request.send_input({"type": "http.request", "body": b"", "more_body": False})
    status: int = (await request.receive_output())["status"]
    await request.wait()
    return status


@sync_to_async
def server_at(port: int) -> tuple[NotebookServer, str]:
    server = running_server(endpoint=f"127.0.0.1:{port}")
    _, token = create_token(server.owner, name="t", scopes=[Scope.SERVERS_USE], days=1, now=timezone.now())
    return server, token


@sync_to_async
def stop(server: NotebookServer) -> None:
    NotebookServer.objects.filter(pk=server.pk).update(state=NotebookServer.State.STOPPED, endpoint="")
    announce_server(server)


async def test_server_that_stopped_is_asleep_at_once() -> None:
    notebook = FakeNotebook()
    async with notebook.serving(), living_gateway() as gateway:
        server, token = await server_at(notebook.port)
        before = await ask(gateway, server, token)

        await stop(server)

        assert before == 200
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await ask(gateway, server, token) != 503:
                await asyncio.sleep(0.01)


class LateLayer(InMemoryChannelLayer):  # type: ignore[misc]  # Channels is untyped
    """A broker that is not there yet when it is asked for the first time."""

    is_there = False

    async def group_add(self, group: str, channel: str) -> None:
        if not self.is_there:
            self.is_there = True
            raise RedisConnectionError
        await super().group_add(group, channel)


async def test_changes_are_heard_once_the_broker_is_there(settings: Settings) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.LateLayer"}}
    server, _token = await server_at(9)
    heard = asyncio.Queue[str]()
    hearing = asyncio.create_task(hear_changes(heard.put_nowait, retry_seconds=0))

    async with asyncio.timeout(PATIENCE_SECONDS):
        while heard.empty():
            await stop(server)

    assert await heard.get() == server.subdomain
    hearing.cancel()
