"""What notebook servers may say over HTTP, and what the gateway makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from environments.gateway.upstream import ConnectionPool, UpstreamConnection, UpstreamError, UpstreamUnreachable
from environments.values import Endpoint

OK = b"HTTP/1.1 200 OK\r\n"
CLOSE = b""
"""In a script: close the connection."""


@asynccontextmanager
async def server_that_says(*script: bytes) -> AsyncIterator[Endpoint]:
    """Answers each request with the next part of its script, whatever it was asked."""
    parts = iter(script)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            part = next(parts, CLOSE)
            if part == CLOSE:
                break
            writer.write(part)
            if b"until the end" in part:
                break
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])


async def ask(connection: UpstreamConnection, *, expects_body: bool = True) -> bytes:
    connection.begin(b"GET / HTTP/1.1\r\n\r\n", expects_body=expects_body)
    async with asyncio.timeout(5):
        await connection.headers()
        body = b""
        while piece := await connection.read():
            body += piece
        return body


@pytest.mark.parametrize(
    ("said", "body", "is_reusable"),
    [
        (OK + b"Content-Length: 5\r\n\r\nhello", b"hello", True),
        (OK + b"Content-Length: 0\r\n\r\n", b"", True),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", b"hello", True),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Trailer: 1\r\n\r\n", b"hi", True),
        (OK + b"Content-Length: 5\r\nConnection: close\r\n\r\nhello", b"hello", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
        (OK + b"\r\nuntil the end", b"until the end", False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello", b"hello", True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi", b"hi", True),
        (OK + b"Content-Length: 2\r\n\r\nhi" + OK + b"Content-Length: 4\r\n\r\nmore", b"hi", False),
    ],
)
async def test_read_to_the_end(said: bytes, body: bytes, is_reusable: bool) -> None:
    async with server_that_says(said) as endpoint:
        connection = await ConnectionPool().connect(endpoint)

        answer = await ask(connection)

        assert (answer, connection.is_reusable) == (body, is_reusable)
        connection.abort()


async def test_read_gives_final_headers_only() -> None:
    said = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + b"X-Last: 1\r\nContent-Length: 0\r\n\r\n"
    async with server_that_says(said) as endpoint:
        connection = await ConnectionPool().connect(endpoint)

        await ask(connection)

        assert connection.response_headers == [(b"x-last", b"1"), (b"content-length", b"0")]
        connection.abort()


async def test_read_answer_to_head() -> None:
    async with server_that_says(OK + b"Content-Length: 5\r\n\r\n", OK + b"Content-Length: 2\r\n\r\nhi") as endpoint:
        connection = await ConnectionPool().connect(endpoint)

        answers = [await ask(connection, expects_body=False), await ask(connection)]

        assert answers == [b"", b"hi"]
        connection.abort()


@pytest.mark.parametrize(
    "said",
    [
        CLOSE,
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        OK + b"X-Long: " + b"x" * 70_000,
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK + b"X: a\x00b\r\nContent-Length: 0\r\n\r\n",
        OK + b"Content-Length: 20\r\n\r\nuntil the end",
    ],
)
async def test_read_what_is_not_a_whole_answer(said: bytes) -> None:
    async with server_that_says(said) as endpoint:
        connection = await ConnectionPool().connect(endpoint)

        with pytest.raises(UpstreamError):
            await ask(connection)

        assert not connection.is_reusable
        connection.abort()


async def test_idle_gives_a_connection_again() -> None:
    hello = OK + b"Content-Length: 5\r\n\r\nhello"
    async with server_that_says(hello, hello) as endpoint:
        pool = ConnectionPool()
        first = await pool.connect(endpoint)
        await ask(first)
        pool.release(endpoint, first)

        second = pool.idle(endpoint)

        assert second is first
        assert await ask(second) == b"hello"
        pool.release(endpoint, second)
        pool.close()


@pytest.mark.parametrize(
    "spoil", [UpstreamConnection.abort, lambda connection: connection.begin(b"", expects_body=True)]
)
async def test_idle_gives_no_spoilt_connection(spoil: Callable[[UpstreamConnection], None]) -> None:
    async with server_that_says(OK + b"Content-Length: 0\r\n\r\n") as endpoint:
        pool = ConnectionPool()
        first = await pool.connect(endpoint)
        await ask(first)
        spoil(first)
        pool.release(endpoint, first)

        second = pool.idle(endpoint)

        assert second is None


async def test_connect_where_nothing_listens() -> None:
    async with server_that_says() as endpoint:
        pass

    with pytest.raises(UpstreamUnreachable):
        await ConnectionPool().connect(endpoint)
