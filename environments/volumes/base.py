"""The contract of a volume store: files that outlive servers, readable and writable without one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from environments.values import FolderListing, VolumeUsage


class VolumeStore(Protocol):
    """Keeps volumes, named by opaque keys. Every path is relative to the volume's root."""

    def create(self, volume: str) -> None:
        """Make an empty volume; does nothing when it exists."""

    def exists(self, volume: str) -> bool:
        """Whether there is such a volume."""

    def read(self, volume: str, path: str = "") -> Iterator[bytes]:
        """A tar stream of the file or folder at `path`, names relative to `path`'s parent (or root).

        Symbolic links and devices are left out. Raises `volume_missing` or `volume_path_invalid`.
        """

    def list_folder(self, volume: str, path: str = "", *, time_limit_seconds: float | None = None) -> FolderListing:
        """What is in the folder at `path`, not in those below it: folders first, by name, links and devices left out.

        What was found until the time was over or there were too many, which says so itself. Raises
        `volume_missing`, or `volume_path_invalid` where no folder is.
        """

    def write(self, volume: str, path: str, stream: Iterable[bytes], *, max_bytes: int) -> None:
        """Unpack a tar stream below the folder `path`, which is made if need be.

        Nothing is written outside the volume, whatever links it already contains. Raises
        `volume_entry_refused` for links and devices, `volume_too_large`, `volume_path_invalid`,
        `volume_missing`; then the volume is as it was, or holds only whole files of the stream.
        """

    def usage(self, volume: str, *, time_limit_seconds: float | None = None) -> VolumeUsage:
        """How much it holds, links not followed. Raises `volume_missing`.

        When the time is over, what was seen until then, which says so itself.
        """

    def snapshot(self, volume: str) -> str:
        """Copy the volume and return the key of the copy, a volume like any other."""

    def delete(self, volume: str) -> None:
        """Remove the volume with all it holds, links not followed; does nothing when it is not there."""
