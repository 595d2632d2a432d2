"""Jupyter's messages (messaging protocol 5) as the parts of a ZMTP message. Pure; believes nothing it reads."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from environments.sandboxes.base import Channel, KernelMessage

PROTOCOL_VERSION = "5.3"
_DELIMITER = b"<IDS|MSG>"
_SESSION = "carrel"
_MAX_WORD = 200


class MessageError(Exception):
    """Not a message, or not one that was signed with the key."""


class Request(NamedTuple):
    """A message to a kernel, and the id its answers will name."""

    id: str
    parts: list[bytes]


def new_request(message_type: str, content: Mapping[str, Any], *, key: bytes) -> Request:
    """A signed request."""
    header = {
        "msg_id": secrets.token_hex(16),
        "msg_type": message_type,
        "session": _SESSION,
        "username": _SESSION,
        "date": datetime.now(UTC).isoformat(),
        "version": PROTOCOL_VERSION,
    }
    signed = [json.dumps(piece).encode() for piece in (header, {}, {}, content)]
    return Request(header["msg_id"], [_DELIMITER, _sign(signed, key), *signed])


def parse(parts: Sequence[bytes], *, channel: Channel, key: bytes) -> KernelMessage:
    """The message these parts are, attachments left out. Raises MessageError."""
    try:
        start = parts.index(_DELIMITER) + 1
        signature, *signed = parts[start : start + 5]
    except ValueError as error:
        raise MessageError("not a message") from error
    if len(signed) != 4 or not hmac.compare_digest(signature, _sign(signed, key)):
        raise MessageError("badly signed")
    header, parent, content = (_object(signed[number]) for number in (0, 1, 3))
    return KernelMessage(channel, _word(header.get("msg_type")), _word(parent.get("msg_id", "")), content)


def _sign(signed: Sequence[bytes], key: bytes) -> bytes:
    return hmac.new(key, b"".join(signed), hashlib.sha256).hexdigest().encode()


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MessageError("not JSON") from error
    if not isinstance(value, dict):
        raise MessageError("not an object")
    return value


def _word(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MAX_WORD:
        raise MessageError("not a name")
    return value
