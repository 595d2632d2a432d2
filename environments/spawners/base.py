"""The contract of a spawner: it starts, watches and stops notebook servers in one kind of engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from environments.values import Endpoint, Handle, ServerSpec, ServerStatus, Usage


class Spawner(Protocol):
    """Runs notebook servers. Keeps no state but what the engine keeps, so any process may ask it anything."""

    name: str

    def start(self, spec: ServerSpec) -> Endpoint:
        """Start the server and return where it will listen; it need not listen yet.

        The home volume is seeded from the image the first time. Starting a handle that is already alive
        returns its endpoint and starts nothing. Raises `UserError("image_missing")`,
        `SystemFailure("runtime_unavailable")` or `SystemFailure("disk_full")`, and leaves nothing then.
        """

    def poll(self, handle: Handle) -> ServerStatus:
        """What the engine knows of this start.

        ALIVE with its endpoint as long as its process runs, listening or not; EXITED with exit code (if
        known) and log tail once it ended by itself; ABSENT when it was never started, was stopped, or the
        engine forgot it. Never raises for a handle it does not know.
        """

    def stop(self, handle: Handle) -> None:
        """Stop the server and everything it started: politely, then after a few seconds by force.

        Afterwards `poll` says ABSENT. Safe on a handle that is not running.
        """

    def halt(self, handle: Handle) -> None:
        """Stop the server as `stop` does, but leave to `stop` what takes the engine long and nobody waits for.

        Afterwards `poll` says ABSENT too, and `list` may go on naming it until `stop`.
        """

    def list(self) -> Sequence[Handle]:
        """Every server alive in the engine that this installation started, remembered or not."""

    def usage(self, handle: Handle) -> Usage | None:
        """What the running server has used, or None when it is not alive."""
