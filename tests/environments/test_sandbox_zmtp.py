"""The wire protocol of kernels, as far as it is spoken here: whole messages, and nothing that grows without end."""

from __future__ import annotations

import tracemalloc
from itertools import chain

import pytest

from environments.sandboxes.zmtp import (
    GREETING_BYTES,
    MessageReader,
    ProtocolError,
    check_greeting,
    greeting,
    message,
    ready,
)

MAX_BYTES = 1000


@pytest.fixture
def reader() -> MessageReader:
    return MessageReader(max_bytes=MAX_BYTES)


@pytest.mark.parametrize("parts", [[b""], [b"one"], [b"a", b"", b"c"], [b"x" * 255], [b"x" * 256, b"y"]])
def test_feed_gives_back_what_was_sent(reader: MessageReader, parts: list[bytes]) -> None:
    assert list(reader.feed(message(parts))) == [parts]


def test_feed_puts_pieces_together(reader: MessageReader) -> None:
    data = ready("ROUTER") + message([b"one", b"x" * 300]) + message([b"two"])

    found = chain.from_iterable(list(reader.feed(bytes([byte]))) for byte in data)

    assert list(found) == [[b"one", b"x" * 300], [b"two"]]


def test_feed_gives_all_messages_of_one_piece(reader: MessageReader) -> None:
    assert list(reader.feed(message([b"one"]) + message([b"two"]))) == [[b"one"], [b"two"]]


@pytest.mark.parametrize(
    "parts",
    [[b"x" * 1001], [b"x" * 600, b"y" * 600], [b""] * 65, [b"x" * 2000, b"y", b"z" * 2000]],
    ids=["long part", "long together", "many parts", "long and short"],
)
def test_feed_leaves_out_message_that_is_too_long(reader: MessageReader, parts: list[bytes]) -> None:
    found = list(reader.feed(message(parts) + message([b"next"])))

    assert (found, reader.dropped) == ([[b"next"]], 1)


@pytest.mark.parametrize(
    ("beginning", "rest"),
    [(b"\x02" + (2**63).to_bytes(8, "big"), bytes(2**16)), (b"", (b"\x01\xff" + bytes(255)) * 255)],
    ids=["huge part", "endless parts"],
)
def test_feed_holds_little_of_what_it_will_not_give(reader: MessageReader, beginning: bytes, rest: bytes) -> None:
    list(reader.feed(beginning))
    tracemalloc.start()

    for _number in range(100):
        assert list(reader.feed(rest)) == []

    held, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 200_000


@pytest.mark.parametrize(
    "data",
    [b"\xff\xff", b"\x08\x00", b"\x05\x00", b"\x06" + (5000).to_bytes(8, "big")],
    ids=["flags", "reserved flag", "command with more", "long command"],
)
def test_feed_refuses_what_is_not_the_protocol(reader: MessageReader, data: bytes) -> None:
    with pytest.raises(ProtocolError):
        list(reader.feed(data))


def test_check_greeting_accepts_our_own() -> None:
    check_greeting(greeting())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(GREETING_BYTES),
        greeting()[:-1],
        greeting()[:10] + b"\x02" + greeting()[11:],
        greeting().replace(b"NULL", b"CURV"),
        b"HTTP/1.1 400 Bad Request\r\n".ljust(GREETING_BYTES),
    ],
    ids=["nothing", "zeros", "short", "old version", "other mechanism", "web server"],
)
def test_check_greeting_refuses_others(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        check_greeting(data)
