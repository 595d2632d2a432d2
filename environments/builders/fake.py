"""A builder that makes nothing, for tests and for work on everything else."""

from __future__ import annotations

from collections.abc import Generator

from environments.values import BuildEvent, BuildPhase, BuildRequest, Image


class FakeBuilder:
    """Remembers which images it was asked for. Its images are for the fake spawner only."""

    name = "fake"
    version = "1"
    platform = "any"

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
