"""The contract of a sandbox: it runs a Jupyter kernel, sealed off, for a driver outside that trusts nothing it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

from environments.values import Image

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What one kernel may use, everything it starts included. A sandbox that cannot keep one says so.

    Files are kept in memory by some sandboxes and then count towards both; leave room for them.
    """

    memory_mb: int = 1024
    cpus: float = 1.0
    pids: int = 128
    disk_mb: int = 256
    wall_seconds: float = 600.0
    """Counted from when the kernel is ready. The driver need not look at a clock."""
    output_bytes: int = 1_000_000
    """How much of what the kernel says in answer to one request reaches the driver, and how long one message may be."""


class ExitReason(StrEnum):
    """Why a kernel is no longer there."""

    OOM = "oom"
    """It wanted more memory than it may have."""
    TIMEOUT = "timeout"
    """Its wall-clock time was over."""
    KILLED = "killed"
    """Something killed it: its own code, somebody from outside, or the sandbox because of too many processes."""
    EXITED = "exited"
    """It ended itself."""
    GARBLED = "garbled"
    """What it sent was not the protocol, so it was ended."""


class Channel(StrEnum):
    """The sockets of a kernel that a driver needs. Nobody is there to answer questions, so there is no stdin."""

    SHELL = "shell"
    IOPUB = "iopub"
    CONTROL = "control"


@dataclass(frozen=True, slots=True)
class KernelMessage:
    """One message from a kernel: signed with its key and of the right shape, and otherwise not to be believed.

    `parent_id` names the request it claims to answer. `content` is whatever JSON object was sent.
    """

    channel: Channel
    type: str
    parent_id: str
    content: Mapping[str, Any]


class KernelConnection(Protocol):
    """One running kernel, in the words of the Jupyter messaging protocol 5. For one thread at a time."""

    kernel_id: str

    def send(self, message_type: str, content: Mapping[str, Any], *, channel: Channel = Channel.SHELL) -> str:
        """Send a request and return its id. Says nothing when the kernel is gone: `is_alive` does.

        A new request renews the allowance of output (`SandboxLimits.output_bytes`).
        """

    def receive(self, *, timeout: float) -> KernelMessage | None:
        """The next message, or None when none came within `timeout` seconds or none will ever come.

        What a kernel sent before it ended is still received. Messages that are too long, too many,
        badly signed or no messages at all are left out and counted in `dropped`.
        """

    @property
    def dropped(self) -> int:
        """How many messages were left out since the last request."""

    @property
    def is_alive(self) -> bool:
        """Whether the kernel can still answer. Once False it stays so."""

    @property
    def exit_reason(self) -> ExitReason | None:
        """Why it is no longer alive; None while it is."""


class Sandbox(Protocol):
    """Runs kernels. Keeps no state but what the engine and the data directory keep."""

    name: str

    def kernel(
        self,
        image: Image,
        limits: SandboxLimits,
        *,
        files: Iterable[bytes] | None = None,
        kernel_name: str = "python3",
        variables: Mapping[str, str] = NO_VARIABLES,
    ) -> AbstractContextManager[KernelConnection]:
        """A kernel of the image that is ready, with `files` (a tar stream) in its working directory.

        `variables` are added to its environment; nothing secret belongs there.

        It has no network, no credentials, and nobody else's files. However the block ends, the kernel and
        everything it started, wrote and was given are gone afterwards. Entering raises
        `UserError("image_missing")`, `UserError("kernel_start_failed")` for an image that cannot run this
        kernel, `UserError("volume_too_large")`, `volume_entry_refused` and the like for files that are
        refused, `SystemFailure("runtime_unavailable")` or `SystemFailure("disk_full")`, and leaves nothing.
        """

    def list(self) -> Sequence[str]:
        """The id of every kernel of this installation of which anything is left, in use or not."""

    def discard_leftovers(self) -> int:
        """Remove what drivers that were killed have left, and return how many kernels that was.

        Kernels whose drivers live are spared, unless their time was over long ago. Safe at any moment,
        from any process.
        """
