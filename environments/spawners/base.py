"""The contract of a spawner: it starts, watches and stops notebook servers in one kind of engine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from environments.merging import Merged
from environments.values import (
    Endpoint,
    Handle,
    Image,
    Liveness,
    Material,
    RuntimeReport,
    ServerSpec,
    ServerStatus,
    Usage,
)


class Spawner(Protocol):
    """Runs notebook servers. Keeps no state but what the engine keeps, so any process may ask it anything."""

    name: str

    def start(self, spec: ServerSpec) -> Endpoint:
        """Start the server and return where it will listen; it need not listen yet.

        The home volume is seeded from the image the first time. It has the mounts of this start and none of an earlier
        one; what is mounted read-only cannot be written to, except where processes run without anything that holds
        them, which is for one person alone. Starting a handle that is already alive
        returns its endpoint and starts nothing. May take minutes where the image has to be fetched first. Raises
        `UserError("image_missing")`, `SystemFailure("runtime_unavailable")` or `SystemFailure("disk_full")`, and
        leaves nothing then.
        """

    def refresh(
        self,
        volume: str,
        *,
        old: Image | None,
        new: Image,
        commit: str,
        leave_out: Collection[str],
        owned: Collection[str] = (),
    ) -> Merged:
        """Bring the files of the image `new` into a home that was filled from `old`, while no server uses it.

        What the person changed stays, and the new version of it is put beside, marked with `commit`; what they
        deleted stays deleted; all the rest comes to be as in `new`. Where `old` is None or gone, everything that
        differs counts as changed. `leave_out` names the top folders that mounts take, and `owned` the files that come
        from no image (`bring`): neither is touched. A home that is still empty is left to the next start. Repeating
        it, also after it was interrupted, does what is left to do and tells the same; two at the same time do no
        harm. Raises SystemFailure `disk_full` or `refresh_failed`, with a part of it done, or `runtime_unavailable`.
        """

    def bring(
        self,
        volume: str,
        material: Material,
        *,
        image: Image,
        filled_from: Image | None,
        leave_out: Collection[str],
    ) -> Merged:
        """Bring material into a home, whether or not a server uses it.

        Done by the tools of `image`, the server's own. The first time, `filled_from` is the image that the home was
        filled from: `material.given` then only says which of its files may be earlier versions of these. The rest is as
        in `refresh`; what somebody saves in this very moment counts as changed. Raises SystemFailure
        `material_missing` too, where the material's files are no longer in their volume.
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

    def list(self) -> Mapping[Handle, Liveness]:
        """Every start of this installation of which there is anything in the engine, remembered or not.

        ALIVE for those whose server runs; of the others (EXITED, or ABSENT where it was broken off before there
        was a server) something is left that `stop` removes. Answers within seconds, or raises
        `SystemFailure("runtime_unavailable")`.
        """

    def usage(self, handle: Handle) -> Usage | None:
        """What the running server has used, or None when it is not alive."""

    def report(self) -> RuntimeReport:
        """What servers run with, and whether it can be used. Takes seconds at most, and raises nothing."""
