"""Messages of kernels: signed, of the right shape, and refused otherwise."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from environments.sandboxes.base import Channel
from environments.sandboxes.messages import MessageError, new_request, parse

KEY = b"key"
HEADER = {"msg_id": "1", "msg_type": "stream"}
PARENT = {"msg_id": "0"}


def signed(*pieces: object) -> list[bytes]:
    """A message with a good signature, whatever is in it; bytes as they are, the rest as JSON."""
    data = [piece if isinstance(piece, bytes) else json.dumps(piece).encode() for piece in pieces]
    signature = hmac.new(KEY, b"".join(data), hashlib.sha256).hexdigest().encode()
    return [b"<IDS|MSG>", signature, *data]


def test_parse_reads_message_of_kernel() -> None:
    message = parse([b"topic", *signed(HEADER, PARENT, {}, {"text": "é"}), b"buffer"], channel=Channel.IOPUB, key=KEY)

    assert (message.channel, message.type, message.parent_id) == (Channel.IOPUB, "stream", "0")
    assert message.content == {"text": "é"}


def test_parse_reads_message_without_parent() -> None:
    assert parse(signed(HEADER, {}, {}, {}), channel=Channel.IOPUB, key=KEY).parent_id == ""


def test_new_request_is_signed_with_the_key() -> None:
    request = new_request("execute_request", {"code": "1"}, key=KEY)

    message = parse(request.parts, channel=Channel.SHELL, key=KEY)

    assert (message.type, message.content) == ("execute_request", {"code": "1"})
    with pytest.raises(MessageError):
        parse(request.parts, channel=Channel.SHELL, key=b"other")


def test_new_request_has_an_id_of_its_own() -> None:
    assert new_request("a", {}, key=KEY).id != new_request("a", {}, key=KEY).id


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"<IDS|MSG>"],
        [b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", b"{}"],
        [b"<IDS|MSG>", "é".encode(), b"{}", b"{}", b"{}", b"{}"],
        signed(HEADER, PARENT, {}),
        signed(HEADER, PARENT, {}, []),
        signed(HEADER, PARENT, {}, b"{"),
        signed(HEADER, PARENT, {}, b"\xff"),
        signed(HEADER, PARENT, {}, b"[" * 100_000),
        signed(HEADER, PARENT, {}, b'{"n": ' + b"9" * 5000 + b"}"),
        signed({}, PARENT, {}, {}),
        signed({"msg_type": 1}, PARENT, {}, {}),
        signed({"msg_type": "x" * 201}, PARENT, {}, {}),
        signed(HEADER, {"msg_id": ["0"]}, {}, {}),
    ],
    ids=lambda parts: b" ".join(parts)[-40:].decode("ascii", "replace"),
)
def test_parse_refuses_what_is_no_message(parts: list[bytes]) -> None:
    with pytest.raises(MessageError):
        parse(parts, channel=Channel.SHELL, key=KEY)
