"""A sandbox that runs nothing, for tests and for work on everything else: its kernels answer from a script."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from environments.errors import UserError
from environments.sandboxes.base import NO_VARIABLES, Channel, ExitReason, KernelMessage, SandboxLimits
from environments.sandboxes.rendezvous import given_files, new_kernel_id
from environments.values import Image


@dataclass(frozen=True, slots=True)
class Reply:
    """What a scripted kernel does when it is given some code."""

    stdout: str = ""
    result: str = ""
    error: str = ""
    """The name of an exception."""
    ends: ExitReason | None = None
    """The kernel is gone afterwards, without having said that it is done."""
    never_ends: bool = False
    """It goes on until its time is over."""


@dataclass
class FakeConnection:
    """One kernel of a `FakeSandbox`."""

    kernel_id: str
    limits: SandboxLimits
    script: Mapping[str, Reply]
    files: Mapping[PurePosixPath, bytes]
    variables: Mapping[str, str]
    dropped: int = 0
    _waiting: deque[KernelMessage | ExitReason] = field(default_factory=deque)
    _reason: ExitReason | None = None

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.limits.wall_seconds

    def send(self, message_type: str, content: Mapping[str, Any], *, channel: Channel = Channel.SHELL) -> str:
        """Have the kernel answer as its script says; anything but code gets an empty reply."""
        request, self.dropped = secrets.token_hex(16), 0
        reply = self.script.get(content.get("code", ""), Reply())
        self._waiting.extend(self._messages(request, message_type, channel, reply))
        return request

    def receive(self, *, timeout: float) -> KernelMessage | None:
        """The next message of the script; without one, nothing after the time it takes to see that."""
        if not self.is_alive:
            return None
        if not self._waiting:
            time.sleep(max(0.0, min(timeout, self._deadline - time.monotonic())))
            return None
        message = self._waiting.popleft()
        if isinstance(message, ExitReason):
            self._reason = message
            return None
        return message

    @property
    def is_alive(self) -> bool:
        """Whether it has neither ended nor had its time."""
        return self.exit_reason is None

    @property
    def exit_reason(self) -> ExitReason | None:
        """What the script says, or that its time is over."""
        if self._reason is None and time.monotonic() >= self._deadline:
            self._reason = ExitReason.TIMEOUT
        return self._reason

    def _messages(
        self, request: str, message_type: str, channel: Channel, reply: Reply
    ) -> Iterator[KernelMessage | ExitReason]:
        def message(kind: str, on: Channel = Channel.IOPUB, **content: Any) -> KernelMessage:
            return KernelMessage(on, kind, request, content)

        answer = message_type.replace("_request", "_reply")
        yield message("status", execution_state="busy")
        if reply.stdout:
            yield message("stream", name="stdout", text=self._bounded(reply.stdout))
        if reply.result:
            yield message("execute_result", data={"text/plain": reply.result}, metadata={}, execution_count=1)
        if reply.error:
            yield message("error", ename=reply.error, evalue="", traceback=[])
        if reply.never_ends:
            return
        if reply.ends:
            yield reply.ends
        yield message(answer, channel, status="error" if reply.error else "ok", ename=reply.error)
        yield message("status", execution_state="idle")

    def _bounded(self, text: str) -> str:
        self.dropped += len(text) > self.limits.output_bytes
        return text[: self.limits.output_bytes]


class FakeSandbox:
    """Remembers which kernels are in use."""

    name = "fake"

    def __init__(self, script: Mapping[str, Reply] | None = None) -> None:
        self.script = script or {}
        """What the kernels do with which code; nothing, successfully, with any other."""
        self.kernels: dict[str, FakeConnection] = {}
        self.left_behind: set[str] = set()
        """Kernels whose drivers are to be taken for dead."""

    @contextmanager
    def kernel(
        self,
        image: Image,
        limits: SandboxLimits,
        *,
        files: Iterable[bytes] | None = None,
        kernel_name: str = "python3",
        variables: Mapping[str, str] = NO_VARIABLES,
    ) -> Iterator[FakeConnection]:
        """A kernel that follows the script."""
        if not image.location.startswith("fake:"):
            raise UserError("image_missing", detail=image.location)
        entries = given_files(files, max_mb=limits.disk_mb)
        given = {entry.path: b"".join(entry.content) for entry in entries if not entry.is_folder}
        if kernel_name != "python3":
            raise UserError("kernel_start_failed", detail=kernel_name)
        connection = FakeConnection(new_kernel_id(), limits, self.script, given, variables)
        self.kernels[connection.kernel_id] = connection
        try:
            yield connection
        finally:
            self.kernels.pop(connection.kernel_id, None)

    def list(self) -> Sequence[str]:
        """Every kernel in use or left behind."""
        return sorted({*self.kernels, *self.left_behind})

    def discard_leftovers(self) -> int:
        """Forget those left behind."""
        count = len(self.left_behind)
        self.left_behind.clear()
        return count
