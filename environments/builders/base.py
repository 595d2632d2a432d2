"""The contract of a builder: it turns one commit of a repository into an image."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from environments.values import BuildEvent, BuildRequest, Image


class Builder(Protocol):
    """Turns repositories into images. Holds no state of its own: what exists, exists in its store."""

    name: str
    """Part of every image key, with `version`: another builder or version makes another image."""
    version: str
    platform: str

    def find(self, image_key: str) -> Image | None:
        """The finished image of this key, or None. A half-made one is not finished."""

    def build(self, request: BuildRequest) -> Generator[BuildEvent, None, None]:
        """Make the image, yielding what happens.

        Yields at least once a second while it works, if need be with empty text, so that the caller can
        renew its lease. Ends when `find` would return the image. Raises `EnvironmentsError` when it
        cannot be made (`build_timeout` after `request.time_limit_seconds`). Closing the generator cancels.
        However it ends, no process of it is left, and a half-made image is removed unless it succeeded.
        """

    def discard(self, image_key: str) -> None:
        """Remove the image, or what a builder that was killed left of it, its processes included.

        Does nothing when there is nothing.
        """
