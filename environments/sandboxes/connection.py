"""The driver's end of a kernel: sockets read with suspicion, a clock that does not wait for the driver."""

from __future__ import annotations

import logging
import select
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from environments.errors import EnvironmentsError, UserError
from environments.sandboxes import zmtp
from environments.sandboxes.base import Channel, ExitReason, KernelMessage, SandboxLimits
from environments.sandboxes.messages import MessageError, new_request, parse
from environments.sandboxes.rendezvous import Rendezvous

logger = logging.getLogger(__name__)

START_SECONDS = 60.0
"""How long a kernel may take until it answers."""

_SOCKET_TYPES = {Channel.SHELL: "DEALER", Channel.CONTROL: "DEALER", Channel.IOPUB: "SUB"}
_SUBSCRIBE_TO_ALL = b"\x01"
_ENVELOPE_BYTES = 1 << 16
"""What a message may be longer than the output it carries."""
_SMALL_BYTES = 1 << 12
"""No sign of what a kernel is doing is longer than this."""
_PIECE = 1 << 16
_POLL_SECONDS = 0.05
_ASK_AGAIN_SECONDS = 0.5
_DRAIN_SECONDS = 3.0


class KernelProcess(ABC):
    """A kernel as its engine knows it. May be asked and ended by several threads."""

    watch_seconds: ClassVar[float] = _POLL_SECONDS
    """How often to ask whether it has overstepped a limit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason: ExitReason | None = None

    def exit_reason(self) -> ExitReason | None:
        """Why it ended; None while it runs. The first reason stays."""
        with self._lock:
            if self._reason is None:
                self._reason = self.look()
            return self._reason

    def end(self, reason: ExitReason) -> None:
        """Kill it for this reason, unless it has ended for another before."""
        with self._lock:
            if self._reason is None:
                self._reason = self.look() or reason
                self.kill()

    def exceeded(self) -> ExitReason | None:
        """Why it should be ended for a limit that its engine does not keep by itself."""
        return None

    @abstractmethod
    def look(self) -> ExitReason | None:
        """Why it ended by itself; None while it runs."""

    @abstractmethod
    def kill(self) -> None:
        """Kill it with everything it started. Raises SystemFailure."""

    @abstractmethod
    def log_tail(self) -> str:
        """The end of what it said before it could be connected to."""


@contextmanager
def watched(process: KernelProcess, *, seconds: float) -> Iterator[None]:
    """End the process when its time is over or it takes too much, whatever the driver does meanwhile."""
    done, deadline = threading.Event(), time.monotonic() + seconds

    def watch() -> None:
        while not done.wait(process.watch_seconds):
            try:
                if reason := ExitReason.TIMEOUT if time.monotonic() > deadline else process.exceeded():
                    process.end(reason)
                    return
            except EnvironmentsError:
                logger.exception("a kernel could not be ended")

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class SocketConnection:
    """A `KernelConnection` over the three sockets of a rendezvous."""

    send_seconds = 10.0
    """How long a kernel may take to read a request."""

    def __init__(self, place: Rendezvous, process: KernelProcess, limits: SandboxLimits) -> None:
        self.kernel_id = place.kernel_id
        self._place = place
        self._process = process
        self._limits = limits
        self._sockets: dict[Channel, socket.socket] = {}
        self._readers = {
            channel: zmtp.MessageReader(max_bytes=limits.output_bytes + _ENVELOPE_BYTES) for channel in Channel
        }
        self._waiting: deque[KernelMessage] = deque()
        self._allowance = limits.output_bytes
        self._dropped = 0
        self._drain_until: float | None = None

    # --- What a driver uses -------------------------------------------------------------------------------------

    def send(self, message_type: str, content: Mapping[str, Any], *, channel: Channel = Channel.SHELL) -> str:
        """Send a request and return its id."""
        request = new_request(message_type, content, key=self._place.key)
        self._allowance = self._limits.output_bytes
        self._dropped = 0
        for reader in self._readers.values():
            reader.dropped = 0
        if channel in self._sockets:
            self._send(channel, zmtp.message(request.parts))
        return request.id

    def receive(self, *, timeout: float) -> KernelMessage | None:
        """The next message, or None when there is none within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not self._waiting and self._sockets:
            until = min(deadline, self._drain_until or deadline)
            ready = self._ready(until - time.monotonic())
            for channel in ready:
                if channel in self._sockets:
                    self._read(channel)
            if time.monotonic() >= until:  # Also while what nobody wants arrives without end.
                if not ready and until == self._drain_until:
                    self._abandon()
                break
        return self._waiting.popleft() if self._waiting else None

    @property
    def dropped(self) -> int:
        """How many messages were left out since the last request."""
        return self._dropped + sum(reader.dropped for reader in self._readers.values())

    @property
    def is_alive(self) -> bool:
        """Whether the kernel can still answer."""
        return self.exit_reason is None

    @property
    def exit_reason(self) -> ExitReason | None:
        """Why it is no longer alive; None while it is."""
        reason = self._process.exit_reason()
        deadline = time.monotonic() + _DRAIN_SECONDS
        while reason is None and not self._sockets:  # It hung up, and its engine is about to say why.
            time.sleep(_POLL_SECONDS)
            if time.monotonic() > deadline:
                self._process.end(ExitReason.GARBLED)
            reason = self._process.exit_reason()
        return reason

    # --- Beginning and end --------------------------------------------------------------------------------------

    def open(self, *, seconds: float) -> None:
        """Connect, and wait until the kernel answers and its output arrives. UserError `kernel_start_failed`."""
        deadline = time.monotonic() + seconds
        try:
            for channel, listener in self._place.listeners.items():
                self._sockets[channel] = self._accept(listener, deadline)
                self._greet(channel, deadline)
            self._wait_until_ready(deadline)
        except (OSError, zmtp.ProtocolError) as error:
            detail = f"{error or type(error).__name__}: {self._process.log_tail()}"
            raise UserError("kernel_start_failed", detail=detail) from error

    def close(self) -> None:
        """Close the sockets."""
        while self._sockets:
            self._sockets.popitem()[1].close()

    def _accept(self, listener: socket.socket, deadline: float) -> socket.socket:
        listener.settimeout(_POLL_SECONDS)
        while True:
            try:
                return listener.accept()[0]
            except TimeoutError:
                if time.monotonic() > deadline or self._process.exit_reason():
                    raise

    def _greet(self, channel: Channel, deadline: float) -> None:
        connection = self._sockets[channel]
        connection.settimeout(max(_POLL_SECONDS, deadline - time.monotonic()))
        connection.sendall(zmtp.greeting() + zmtp.ready(_SOCKET_TYPES[channel]))
        theirs = b""
        while len(theirs) < zmtp.GREETING_BYTES:
            piece = connection.recv(zmtp.GREETING_BYTES - len(theirs))
            if not piece:
                raise ConnectionResetError("the kernel hung up")
            theirs += piece
        zmtp.check_greeting(theirs)
        if channel is Channel.IOPUB:
            connection.sendall(zmtp.message([_SUBSCRIBE_TO_ALL]))

    def _wait_until_ready(self, deadline: float) -> None:
        """Ask for the kernel's name until both its answer and its output have come: a subscription takes time."""
        asked, heard = set[str](), set[Channel]()
        while not heard >= {Channel.SHELL, Channel.IOPUB}:
            if time.monotonic() > deadline or not self.is_alive:
                raise TimeoutError("the kernel does not answer")
            asked.add(self.send("kernel_info_request", {}))
            ask_again = time.monotonic() + _ASK_AGAIN_SECONDS
            while time.monotonic() < ask_again and not heard >= {Channel.SHELL, Channel.IOPUB}:
                message = self.receive(timeout=_POLL_SECONDS)
                if message and message.parent_id in asked:
                    heard.add(message.channel)

    # --- Bytes --------------------------------------------------------------------------------------------------

    def _send(self, channel: Channel, data: bytes) -> None:
        connection = self._sockets[channel]
        connection.settimeout(self.send_seconds)
        try:
            connection.sendall(data)
        except TimeoutError:  # It has stopped listening, which no kernel does by itself.
            self._process.end(ExitReason.GARBLED)
        except OSError:
            self._hang_up(channel)

    def _ready(self, seconds: float) -> list[Channel]:
        poll = select.poll()
        by_descriptor = {connection.fileno(): channel for channel, connection in self._sockets.items()}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLIN)
        return [by_descriptor[descriptor] for descriptor, _event in poll.poll(max(0.0, seconds) * 1000)]

    def _read(self, channel: Channel) -> None:
        try:
            data = self._sockets[channel].recv(_PIECE, socket.MSG_DONTWAIT)
            for parts in self._readers[channel].feed(data):
                self._take(channel, parts)
        except BlockingIOError:
            return
        except zmtp.ProtocolError as error:
            logger.info("kernel %s is not understood: %s", self.kernel_id, error)
            self._process.end(ExitReason.GARBLED)
            self.close()
        except OSError:
            self._hang_up(channel)
        else:
            if not data:
                self._hang_up(channel)

    def _take(self, channel: Channel, parts: list[bytes]) -> None:
        size = sum(map(len, parts))
        try:
            if channel is Channel.IOPUB and size > max(self._allowance, _SMALL_BYTES):
                raise MessageError("more output than allowed")
            message = parse(parts, channel=channel, key=self._place.key)
            if channel is Channel.IOPUB and message.type != "status":
                if size > self._allowance:
                    raise MessageError("more output than allowed")
                self._allowance -= size
        except MessageError:
            self._dropped += 1
        else:
            self._waiting.append(message)

    def _hang_up(self, channel: Channel) -> None:
        """One socket has ended; the others follow within moments, unless something is wrong."""
        self._sockets.pop(channel).close()
        if self._drain_until is None:
            self._drain_until = time.monotonic() + _DRAIN_SECONDS

    def _abandon(self) -> None:
        """Some sockets have ended and some have not: no use to anybody."""
        self._process.end(ExitReason.GARBLED)
        self.close()


@contextmanager
def connected(place: Rendezvous, process: KernelProcess, limits: SandboxLimits) -> Iterator[SocketConnection]:
    """A connection to a kernel that has just been started, open for as long as its wall clock allows."""
    connection = SocketConnection(place, process, limits)
    try:
        with watched(process, seconds=START_SECONDS):
            connection.open(seconds=START_SECONDS)
        with watched(process, seconds=limits.wall_seconds):
            yield connection
    finally:
        connection.close()
