"""The ASGI entrance sends each host and each socket where it belongs."""

from __future__ import annotations

import gc

import pytest
from channels.testing import HttpCommunicator, WebsocketCommunicator

from config.asgi import application
from environments.consumers import NOT_FOUND

SITE = b"localhost:8000"
NOTEBOOK = b"somebody-abcdefghij.localhost:8000"
SOCKET = "/ws/servers/00000000-0000-0000-0000-000000000000/"


async def status_of(path: str, host: bytes) -> int:
    """The status of a GET."""
    request = HttpCommunicator(application, "GET", path, headers=[(b"host", host)])
    request.scope["raw_path"] = path.encode()
    response = await request.get_response(timeout=10)
    status: int = response["status"]
    return status


async def reaches_the_consumer(path: str, origin: str) -> bool:
    """Whether a websocket from a page of this origin gets as far as being told that there is no such server."""
    socket = WebsocketCommunicator(application, path, headers=[(b"host", SITE), (b"origin", origin.encode())])
    try:
        accepted, code = await socket.connect(timeout=10)
    finally:
        await socket.disconnect()
    assert not accepted
    return bool(code == NOT_FOUND)


def test_garbage_collection_leaves_out_what_pages_consist_of() -> None:
    assert gc.get_freeze_count() > 10_000


@pytest.mark.django_db(transaction=True)
class TestRequests:
    """Which application answers."""

    async def test_shows_pages_on_its_own_host(self) -> None:
        assert await status_of("/accounts/login/", SITE) == 200

    async def test_shows_no_page_on_a_notebook_origin(self) -> None:
        assert await status_of("/accounts/login/", NOTEBOOK) == 401

    @pytest.mark.parametrize("host", [b"evil.example", b"localhost.evil.example:8000", b"a.b.localhost:8000", b""])
    async def test_refuses_hosts_it_does_not_know(self, host: bytes) -> None:
        assert await status_of("/accounts/login/", host) == 400


@pytest.mark.django_db(transaction=True)
class TestSockets:
    """Whose pages may open a socket of the site."""

    @pytest.mark.parametrize("origin", ["http://localhost:8000", "http://127.0.0.1:8000"])
    async def test_listens_to_its_own_pages(self, origin: str) -> None:
        assert await reaches_the_consumer(SOCKET, origin)

    @pytest.mark.parametrize(
        "origin",
        ["http://evil.example", "http://somebody-abcdefghij.localhost:8000", "http://localhost:8001", "null", ""],
    )
    async def test_refuses_other_origins(self, origin: str) -> None:
        assert not await reaches_the_consumer(SOCKET, origin)

    async def test_refuses_a_socket_that_is_not_there(self) -> None:
        assert not await reaches_the_consumer("/ws/nothing/", "http://localhost:8000")
