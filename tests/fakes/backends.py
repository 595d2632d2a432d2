"""Backends named for how they fail: slow ones, ones that never finish, ones that raise.

Their dotted paths can stand in the settings. What they do can be changed on the instance.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator

from environments.builders.fake import FakeBuilder
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.spawners.fake import FakeSpawner
from environments.values import (
    BuildEvent,
    BuildPhase,
    BuildRequest,
    Endpoint,
    Handle,
    Liveness,
    ServerSpec,
    ServerStatus,
)
from environments.volumes.fake import FakeVolumeStore

_BEAT_SECONDS = 0.02
NOBODY = Endpoint("127.0.0.1", 1)
"""Where nothing ever listens."""


class SlowBuilder(FakeBuilder):
    """Takes a while, giving signs of life."""

    seconds = 0.5

    def work(self, request: BuildRequest) -> Generator[BuildEvent, None, None]:
        until = time.monotonic() + self.seconds
        while time.monotonic() < until:
            yield BuildEvent(BuildPhase.BUILDING)
            time.sleep(_BEAT_SECONDS)
        yield from super().work(request)


class NeverBuilder(FakeBuilder):
    """Works until its time limit, or until it is closed."""

    def work(self, request: BuildRequest) -> Generator[BuildEvent, None, None]:
        until = time.monotonic() + request.time_limit_seconds
        while time.monotonic() < until:
            yield BuildEvent(BuildPhase.BUILDING)
            time.sleep(_BEAT_SECONDS)
        raise UserError("build_timeout", minutes=-(-request.time_limit_seconds // 60))


class FailingBuilder(FakeBuilder):
    """Raises after a few lines."""

    error: EnvironmentsError = UserError("package_not_found", package="no-such-package")

    def work(self, request: BuildRequest) -> Generator[BuildEvent, None, None]:
        yield from super().work(request)
        yield BuildEvent(BuildPhase.BUILDING, "error: something went wrong")
        raise self.error


class SlowSpawner(FakeSpawner):
    """Its servers are alive at once and answer only after a while."""

    seconds = 0.5

    def __init__(self) -> None:
        super().__init__()
        self._since: dict[Handle, float] = {}

    def start(self, spec: ServerSpec) -> Endpoint:
        self._since.setdefault(spec.handle, time.monotonic())
        return super().start(spec)

    def answer(self, method: str, path: str, authorization: str) -> tuple[int, object]:
        begun = [since for handle, since in self._since.items() if handle in self.specs]
        if not any(time.monotonic() - since > self.seconds for since in begun):
            return 503, {"message": "not yet"}
        return super().answer(method, path, authorization)


class NeverSpawner(FakeSpawner):
    """Its servers are alive and never listen."""

    @property
    def endpoint(self) -> Endpoint:
        return NOBODY


class FailingSpawner(FakeSpawner):
    """Cannot start anything."""

    error: EnvironmentsError = SystemFailure("runtime_unavailable")

    def start(self, spec: ServerSpec) -> Endpoint:
        raise self.error


class DyingSpawner(FakeSpawner):
    """Its servers end as soon as they have started."""

    def start(self, spec: ServerSpec) -> Endpoint:
        super().start(spec)
        self.end(spec.handle, log_tail="ImportError: no such module")
        return NOBODY

    def poll(self, handle: Handle) -> ServerStatus:
        return self.ended.get(handle, ServerStatus(Liveness.ABSENT))


class SlowlyClearingSpawner(FakeSpawner):
    """Its servers end at once and leave something to be cleared away."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[Handle] = []

    def halt(self, handle: Handle) -> None:
        super().stop(handle)
        self.left.append(handle)

    def stop(self, handle: Handle) -> None:
        super().stop(handle)
        self.left = [other for other in self.left if other != handle]

    def list(self) -> list[Handle]:
        return [*super().list(), *self.left]


class FailingVolumeStore(FakeVolumeStore):
    """Reads, writes and copies nothing."""

    error: EnvironmentsError = SystemFailure("disk_full")

    def read(self, volume: str, path: str = "") -> Iterator[bytes]:
        raise self.error

    def write(self, volume: str, path: str, stream: Iterable[bytes], *, max_bytes: int) -> None:
        raise self.error

    def snapshot(self, volume: str) -> str:
        raise self.error
