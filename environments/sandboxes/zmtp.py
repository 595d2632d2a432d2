"""As much of ZMTP 3.0 (rfc.zeromq.org/spec/23) as it takes to talk to a kernel. Pure: bytes in, messages out.

The usual library is not used on the driver's side, because it holds a message until its last part has come
and knows no limit for the number of parts: a kernel could fill the driver's memory. Here a message that is
too long is thrown away while it arrives, whatever its headers promise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

GREETING_BYTES = 64
_MORE, _LONG, _COMMAND = 1, 2, 4
_MAX_COMMAND_BYTES = 1024
_MAX_PARTS = 64
_SIGNATURE = b"\xff\0\0\0\0\0\0\0\x01\x7f"


class ProtocolError(Exception):
    """What arrived is not ZMTP."""


def greeting() -> bytes:
    """The first bytes of either side: version 3.0, no authentication (the socket is private, messages are signed)."""
    return (_SIGNATURE + b"\x03\0" + b"NULL").ljust(GREETING_BYTES, b"\0")


def check_greeting(data: bytes) -> None:
    """Raise ProtocolError unless this is the greeting of a peer that can be spoken with."""
    is_zmtp_3 = data[:1] == b"\xff" and data[9:10] == b"\x7f" and data[10:11] >= b"\x03"
    if len(data) != GREETING_BYTES or not is_zmtp_3 or data[12:32].rstrip(b"\0") != b"NULL":
        raise ProtocolError("not a greeting")


def ready(socket_type: str) -> bytes:
    """The command that ends the handshake."""
    kind = socket_type.encode()
    body = b"\x05READY\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind
    return _frame(body, _COMMAND)


def message(parts: Sequence[bytes]) -> bytes:
    """One message as it goes over the wire."""
    last = len(parts) - 1
    return b"".join(_frame(part, 0 if number == last else _MORE) for number, part in enumerate(parts))


def _frame(body: bytes, flags: int) -> bytes:
    if len(body) > 255:
        return bytes([flags | _LONG]) + len(body).to_bytes(8, "big") + body
    return bytes([flags, len(body)]) + body


class MessageReader:
    """Cuts what arrives into messages of at most `max_bytes`, and never holds much more than that."""

    def __init__(self, *, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.dropped = 0
        """How many messages were too long."""
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._size = 0
        self._to_skip = 0
        self._is_too_long = False

    def feed(self, data: bytes) -> Iterator[list[bytes]]:
        """The messages that these bytes complete. Raises ProtocolError; then nothing more can be understood."""
        self._buffer += data
        while self._skip() and (header := self._header()):
            length, flags, size = header
            if flags & _COMMAND:
                if not self._read_command(length, size):
                    return
            elif not self._read_part(length, size):
                return
            elif not flags & _MORE and (parts := self._finish()) is not None:
                yield parts

    def _skip(self) -> bool:
        """Throw away the rest of a part nobody wants; whether all of it has come."""
        skipped = min(self._to_skip, len(self._buffer))
        del self._buffer[:skipped]
        self._to_skip -= skipped
        return not self._to_skip

    def _header(self) -> tuple[int, int, int] | None:
        """Length of the header, flags and size of what follows; None when it has not all come."""
        if len(self._buffer) < 2:
            return None
        flags = self._buffer[0]
        if flags & ~(_MORE | _LONG | _COMMAND) or flags & (_MORE | _COMMAND) == _MORE | _COMMAND:
            raise ProtocolError("impossible flags")
        if not flags & _LONG:
            return 2, flags, self._buffer[1]
        if len(self._buffer) < 9:
            return None
        return 9, flags, int.from_bytes(self._buffer[1:9], "big")

    def _read_command(self, header: int, size: int) -> bool:
        if size > _MAX_COMMAND_BYTES:
            raise ProtocolError("a command that long")
        if len(self._buffer) < header + size:
            return False
        del self._buffer[: header + size]
        return True

    def _read_part(self, header: int, size: int) -> bool:
        """Keep the next part, or begin to throw it away. False when it has to be waited for."""
        if self._is_too_long or self._size + size > self.max_bytes or len(self._parts) >= _MAX_PARTS:
            self._parts.clear()
            self._is_too_long, self._to_skip = True, size
            del self._buffer[:header]
            return True
        if len(self._buffer) < header + size:
            return False
        self._parts.append(bytes(self._buffer[header : header + size]))
        self._size += size
        del self._buffer[: header + size]
        return True

    def _finish(self) -> list[bytes] | None:
        parts, is_whole = self._parts, not self._is_too_long
        self._parts, self._size, self._is_too_long = [], 0, False
        self.dropped += not is_whole
        return parts if is_whole else None
