"""The driver's end of a kernel, against peers that speak the protocol badly or not at all."""

from __future__ import annotations

import hashlib
import hmac
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from environments.errors import UserError
from environments.sandboxes import zmtp
from environments.sandboxes.base import Channel, ExitReason, SandboxLimits
from environments.sandboxes.connection import KernelProcess, SocketConnection, watched
from environments.sandboxes.messages import new_request
from environments.sandboxes.rendezvous import Rendezvous, meet, new_kernel_id

LIMITS = SandboxLimits(output_bytes=10_000)


class StandIn(KernelProcess):
    """A kernel that only this test knows to be none."""

    def __init__(self) -> None:
        super().__init__()
        self.is_killed = False
        self.ended: ExitReason | None = None
        self.excess: ExitReason | None = None

    def look(self) -> ExitReason | None:
        return self.ended

    def kill(self) -> None:
        self.is_killed = True

    def exceeded(self) -> ExitReason | None:
        return self.excess

    def log_tail(self) -> str:
        return "No module named ipykernel"


@pytest.fixture
def place() -> Iterator[Rendezvous]:
    """In a folder with a short name, for the peers to connect to."""
    with (
        tempfile.TemporaryDirectory() as data,
        override_settings(CARREL_DATA=Path(data)),
        meet(new_kernel_id(), files=None, max_files_mb=1, seconds=60) as place,
    ):
        yield place


@pytest.fixture
def process() -> StandIn:
    return StandIn()


@pytest.fixture
def connection(place: Rendezvous, process: StandIn) -> Iterator[SocketConnection]:
    connection = SocketConnection(place, process, LIMITS)
    yield connection
    connection.close()


@pytest.fixture
def peers(place: Rendezvous) -> Iterator[dict[Channel, socket.socket]]:
    """The kernel's side, already connected."""
    sockets = {channel: socket.socket(socket.AF_UNIX) for channel in Channel}
    for channel, peer in sockets.items():
        peer.connect(str(place.shared / channel))
    yield sockets
    for peer in sockets.values():
        peer.close()


@pytest.fixture
def opened(
    connection: SocketConnection, peers: dict[Channel, socket.socket], place: Rendezvous
) -> dict[Channel, socket.socket]:
    """The kernel's side of a connection that has been opened."""
    greet(peers)
    answering = threading.Thread(target=answer_first_request, args=(peers, place.key))
    answering.start()
    connection.open(seconds=10)
    answering.join()
    while connection.receive(timeout=0.05):
        pass
    return peers


def greet(peers: dict[Channel, socket.socket]) -> None:
    for peer in peers.values():
        peer.sendall(zmtp.greeting() + zmtp.ready("ROUTER"))


def answer_first_request(peers: dict[Channel, socket.socket], key: bytes) -> None:
    """Say on both channels what a kernel says, to whatever was asked."""
    shell = peers[Channel.SHELL]
    reader = zmtp.MessageReader(max_bytes=100_000)
    received = shell.recv(zmtp.GREETING_BYTES, socket.MSG_WAITALL)
    assert received == zmtp.greeting()
    requests = list[list[bytes]]()
    while not requests:
        requests = list(reader.feed(shell.recv(1000)))
    parent = requests[0][2]
    for channel, kind in ((Channel.IOPUB, "status"), (Channel.SHELL, "kernel_info_reply")):
        peers[channel].sendall(answer(kind, {}, parent=parent, key=key))


def answer(kind: str, content: dict[str, object], *, key: bytes, parent: bytes = b"{}") -> bytes:
    """A signed message of a kernel as it goes over the wire."""
    delimiter, _signature, header, _parent, metadata, body = new_request(kind, content, key=key).parts
    pieces = [header, parent, metadata, body]
    signature = hmac.new(key, b"".join(pieces), hashlib.sha256).hexdigest().encode()
    return zmtp.message([delimiter, signature, *pieces])


# --- Beginning --------------------------------------------------------------------------------------------------


def hang_up(peers: dict[Channel, socket.socket]) -> None:
    for peer in peers.values():
        peer.close()


def say_something_else(peers: dict[Channel, socket.socket]) -> None:
    for peer in peers.values():
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n".ljust(100))


def say_nothing(peers: dict[Channel, socket.socket]) -> None:
    pass


@pytest.mark.parametrize("behave", [hang_up, say_something_else, say_nothing, greet])
def test_open_reports_kernel_that_does_not_answer(
    connection: SocketConnection,
    peers: dict[Channel, socket.socket],
    behave: Callable[[dict[Channel, socket.socket]], None],
) -> None:
    behave(peers)

    with pytest.raises(UserError, match="kernel_start_failed") as caught:
        connection.open(seconds=0.3)

    assert "No module named ipykernel" in caught.value.detail


def test_open_does_not_wait_for_kernel_that_has_ended(connection: SocketConnection, process: StandIn) -> None:
    process.ended = ExitReason.EXITED
    began = time.monotonic()

    with pytest.raises(UserError, match="kernel_start_failed"):
        connection.open(seconds=60)

    assert time.monotonic() - began < 5


# --- Receiving --------------------------------------------------------------------------------------------------


def test_receive_gives_message_that_was_signed(
    connection: SocketConnection, opened: dict[Channel, socket.socket], place: Rendezvous
) -> None:
    opened[Channel.IOPUB].sendall(answer("stream", {"text": "hello"}, key=place.key))

    message = connection.receive(timeout=5)

    assert message is not None
    assert (message.type, message.content) == ("stream", {"text": "hello"})


def test_receive_leaves_out_message_signed_with_another_key(
    connection: SocketConnection, opened: dict[Channel, socket.socket], place: Rendezvous
) -> None:
    opened[Channel.IOPUB].sendall(answer("stream", {"text": "forged"}, key=b"guess"))
    opened[Channel.IOPUB].sendall(answer("stream", {"text": "real"}, key=place.key))

    message = connection.receive(timeout=5)

    assert message is not None
    assert (message.content, connection.dropped) == ({"text": "real"}, 1)


def test_receive_bounds_output_and_lets_signs_of_life_pass(
    connection: SocketConnection, opened: dict[Channel, socket.socket], place: Rendezvous
) -> None:
    for _number in range(5):
        opened[Channel.IOPUB].sendall(answer("stream", {"text": "x" * 4000}, key=place.key))
    opened[Channel.IOPUB].sendall(answer("status", {"execution_state": "idle"}, key=place.key))

    received = [message.type for _number in range(6) if (message := connection.receive(timeout=0.5))]

    assert (received, connection.dropped) == (["stream", "stream", "status"], 3)


@pytest.mark.timeout(30)
def test_receive_comes_back_while_what_nobody_wants_arrives_without_end(
    connection: SocketConnection, opened: dict[Channel, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = b"\x01\xff" + bytes(255)

    def always_ready(_seconds: float) -> list[Channel]:
        opened[Channel.IOPUB].sendall(endless)
        return [Channel.IOPUB]

    monkeypatch.setattr(connection, "_ready", always_ready)

    assert connection.receive(timeout=0.1) is None


def test_receive_ends_kernel_that_keeps_one_socket_of_three(
    connection: SocketConnection, opened: dict[Channel, socket.socket], process: StandIn
) -> None:
    opened[Channel.SHELL].close()

    assert connection.receive(timeout=30) is None
    assert (connection.exit_reason, process.is_killed) == (ExitReason.GARBLED, True)


def test_send_ends_kernel_that_does_not_read(
    connection: SocketConnection, opened: dict[Channel, socket.socket], process: StandIn
) -> None:
    connection.send_seconds = 0.2

    connection.send("execute_request", {"code": "x" * 10_000_000})

    assert (connection.exit_reason, process.is_killed) == (ExitReason.GARBLED, True)


def test_send_to_kernel_that_hung_up_does_nothing(
    connection: SocketConnection, opened: dict[Channel, socket.socket], process: StandIn
) -> None:
    process.ended = ExitReason.EXITED
    for peer in opened.values():
        peer.close()

    connection.send("execute_request", {"code": "1"})

    assert connection.receive(timeout=1) is None
    assert connection.exit_reason is ExitReason.EXITED


# --- Ending -----------------------------------------------------------------------------------------------------


def test_watched_process_ends_although_nobody_listens(process: StandIn) -> None:
    with watched(process, seconds=0.1):
        deadline = time.monotonic() + 10
        while not process.is_killed and time.monotonic() < deadline:
            time.sleep(0.01)

    assert process.exit_reason() is ExitReason.TIMEOUT


def test_watched_process_ends_when_it_takes_too_much(process: StandIn) -> None:
    process.excess = ExitReason.OOM

    with watched(process, seconds=60):
        deadline = time.monotonic() + 10
        while not process.is_killed and time.monotonic() < deadline:
            time.sleep(0.01)

    assert process.exit_reason() is ExitReason.OOM


def test_first_reason_stays(process: StandIn) -> None:
    process.end(ExitReason.TIMEOUT)

    process.end(ExitReason.GARBLED)

    assert process.exit_reason() is ExitReason.TIMEOUT
