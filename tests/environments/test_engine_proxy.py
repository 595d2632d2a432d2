"""The proxy through which tests take the engine away: it must fail as an engine fails, and in no other way."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fakes.engine_proxy import EngineProxy
from tests.listening import answering


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[str]:
    """A unix socket that says everything back, and says goodbye once it was told that that is all."""
    path = str(tmp_path / "echo.sock")
    with socket.create_server(path, family=socket.AF_UNIX) as server, answering(server, _say_back):
        yield path


def _say_back(connection: socket.socket) -> None:
    with connection, suppress(OSError):
        while data := connection.recv(1 << 16):
            connection.sendall(data)
        connection.sendall(b"goodbye")


@pytest.fixture
def proxy(echo: str) -> Iterator[EngineProxy]:
    with EngineProxy(echo) as proxy:
        yield proxy


def connected(proxy: EngineProxy) -> socket.socket:
    """A connection through the proxy, with some patience."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(5)
    connection.connect(proxy.address.removeprefix("unix://"))
    return connection


def test_carries_what_follows_a_side_that_is_done(proxy: EngineProxy) -> None:
    with connected(proxy) as connection:
        connection.sendall(b"hello")
        connection.shutdown(socket.SHUT_WR)

        heard = b"".join(iter(lambda: connection.recv(100), b""))

    assert heard == b"hellogoodbye"


def test_cut_ends_connections_and_refuses_others_until_restored(proxy: EngineProxy) -> None:
    with connected(proxy) as connection:
        connection.sendall(b"hello")
        connection.recv(100)
        proxy.cut()
        heard = connection.recv(100)

    with pytest.raises(ConnectionRefusedError):
        connected(proxy)
    proxy.restored()
    with connected(proxy) as connection:
        connection.sendall(b"again")

        assert (heard, connection.recv(100)) == (b"", b"again")


def test_hang_accepts_and_holds_back_until_restored(proxy: EngineProxy) -> None:
    proxy.hang()
    with connected(proxy) as connection:
        connection.sendall(b"hello")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        connection.settimeout(5)

        proxy.restored()

        assert connection.recv(100) == b"hello"
