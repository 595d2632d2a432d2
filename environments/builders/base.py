"""The contract of a builder: it turns one commit of a repository into an image."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from environments.values import BuildEvent, BuildRequest, Image, ImageStore


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

    def stored(self) -> ImageStore:
        """Every finished image that is kept here, and how much room is taken. May take minutes.

        A registry is no part of it: what is only there takes no room here.
        """

    def remove_unused(
        self, *, needed: Collection[str], last_used: Mapping[str, datetime], now: datetime
    ) -> Sequence[str]:
        """Remove the images that `retention.unused` names, and bound what is kept besides. The keys that are gone.

        `needed` are the keys nobody may miss; `last_used` says when one was used, and one it does not know counts
        as used when it was made. Leftovers of builds that were killed go too. An image is found no more before
        anything of it is removed, and one that somebody is just starting from is left alone. Raises
        `SystemFailure("runtime_unavailable")`.
        """
