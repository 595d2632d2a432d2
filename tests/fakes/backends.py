"""Backends named for how they fail: slow ones, ones that never finish, ones that raise.

Their dotted paths can stand in the settings. What they do can be changed on the instance.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping

from environments import backends
from environments.builders.fake import FakeBuilder
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.merging import Merged
from environments.spawners.fake import FakeSpawner
from environments.values import (
    BuildEvent,
    BuildPhase,
    BuildRequest,
    Endpoint,
    Handle,
    Image,
    Liveness,
    Material,
    ServerSpec,
    ServerStatus,
    Usage,
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


class UnreachableBuilder(FakeBuilder):
    """Its engine does not answer."""

    def find(self, image_key: str) -> Image | None:
        raise SystemFailure("runtime_unavailable")

    def discard(self, image_key: str) -> None:
        raise SystemFailure("runtime_unavailable")


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


class ForgetfulSpawner(FakeSpawner):
    """Cannot find the image the first few times, and takes it away from the builder as if it had just been removed."""

    misses = 1

    def __init__(self) -> None:
        super().__init__()
        self.starts = 0

    def start(self, spec: ServerSpec) -> Endpoint:
        self.starts += 1
        if self.starts > self.misses:
            return super().start(spec)
        backends.builder().discard(spec.image.key)
        raise UserError("image_missing")


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


class UnreachableSpawner(FakeSpawner):
    """Its engine does not answer."""

    def start(self, spec: ServerSpec) -> Endpoint:
        raise SystemFailure("runtime_unavailable")

    def poll(self, handle: Handle) -> ServerStatus:
        raise SystemFailure("runtime_unavailable")

    def stop(self, handle: Handle) -> None:
        raise SystemFailure("runtime_unavailable")

    def list(self) -> Mapping[Handle, Liveness]:
        raise SystemFailure("runtime_unavailable")

    def usage(self, handle: Handle) -> Usage | None:
        raise SystemFailure("runtime_unavailable")


class LeavingSpawner(UnreachableSpawner):
    """Its engine goes away once a server is started, before it listens."""

    def start(self, spec: ServerSpec) -> Endpoint:
        return NOBODY


class TroubledSpawner(FakeSpawner):
    """Does what it is told, except where a test has told it otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.unstartable: set[str] = set()
        """The commits whose servers do not start."""
        self.refresh_errors: list[str] = []
        """With what the next refreshes fail."""
        self.bring_errors: list[BaseException] = []
        """With what the next deliveries of material fail."""
        self.after_bring: Callable[[], None] = lambda: None
        """What happens once material is in the files, before anybody is told."""
        self.may_refresh = threading.Event()
        """Refreshes wait until this is set, as it is at first."""
        self.may_refresh.set()
        self.starts: list[Handle] = []
        """Every start it was asked for."""

    def start(self, spec: ServerSpec) -> Endpoint:
        self.starts.append(spec.handle)
        if spec.environment["CARREL_COMMIT"] in self.unstartable:
            raise SystemFailure("start_failed")
        return super().start(spec)

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
        assert self.may_refresh.wait(timeout=30)
        if self.refresh_errors:
            raise SystemFailure(self.refresh_errors.pop())
        return super().refresh(volume, old=old, new=new, commit=commit, leave_out=leave_out, owned=owned)

    def bring(
        self,
        volume: str,
        material: Material,
        *,
        image: Image,
        filled_from: Image | None,
        leave_out: Collection[str],
    ) -> Merged:
        if self.bring_errors:
            raise self.bring_errors.pop()
        merged = super().bring(volume, material, image=image, filled_from=filled_from, leave_out=leave_out)
        self.after_bring()
        return merged


class DyingSpawner(FakeSpawner):
    """Its servers end as soon as they have started."""

    def start(self, spec: ServerSpec) -> Endpoint:
        super().start(spec)
        self.end(spec.handle, log_tail="ImportError: no such module")
        return NOBODY

    def poll(self, handle: Handle) -> ServerStatus:
        return self.ended.get(handle, ServerStatus(Liveness.ABSENT))


class FailingVolumeStore(FakeVolumeStore):
    """Reads, writes and copies nothing."""

    error: EnvironmentsError = SystemFailure("disk_full")

    def read(self, volume: str, path: str = "") -> Iterator[bytes]:
        raise self.error

    def write(self, volume: str, path: str, stream: Iterable[bytes], *, max_bytes: int) -> None:
        raise self.error

    def snapshot(self, volume: str) -> str:
        raise self.error
