"""A builder that makes nothing, for tests and for work on everything else."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from datetime import UTC, datetime

from environments.builders.retention import unused
from environments.values import BuildEvent, BuildPhase, BuildRequest, Image, ImageStore, StoredImage


class FakeBuilder:
    """Remembers which images it was asked for. Its images are for the fake spawner only."""

    name = "fake"
    version = "1"
    platform = "any"
    image_bytes = 10**9
    """How large each of its images is."""

    def __init__(self) -> None:
        self.images: dict[str, Image] = {}
        self.requests: list[BuildRequest] = []
        """Every build that was really begun."""

    def find(self, image_key: str) -> Image | None:
        """The finished image of this key, or None."""
        return self.images.get(image_key)

    def build(self, request: BuildRequest) -> Generator[BuildEvent, None, None]:
        """Say what a build would say, and have the image."""
        if self.find(request.image_key):
            return
        self.requests.append(request)
        yield BuildEvent(BuildPhase.FETCHING, f"Fetching {request.repository.url}")
        yield from self.work(request)
        self.images[request.image_key] = Image(request.image_key, f"fake:{request.image_key}")

    def work(self, request: BuildRequest) -> Generator[BuildEvent, None, None]:
        """What happens between fetching and success; for variants to change."""
        yield BuildEvent(BuildPhase.BUILDING, "Installing nothing")

    def discard(self, image_key: str) -> None:
        """Forget the image; does nothing when there is none."""
        self.images.pop(image_key, None)

    def stored(self) -> ImageStore:
        """Every image, each made just now."""
        now = datetime.now(UTC)
        return ImageStore(tuple(StoredImage(key, now, self.image_bytes) for key in self.images), cache_bytes=0)

    def remove_unused(
        self, *, needed: Collection[str], last_used: Mapping[str, datetime], now: datetime
    ) -> Sequence[str]:
        """Forget what nobody needs."""
        removed = unused(self.stored().images, needed=needed, last_used=last_used, now=now)
        for key in removed:
            self.discard(key)
        return removed
