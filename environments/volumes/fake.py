"""A volume store in memory, for tests and for work on everything else."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from environments.errors import SystemFailure, UserError
from environments.values import FolderEntry, FolderListing, VolumeUsage
from environments.volumes.archive import Entry, check_path, listing_of, pack, unpack

Files = dict[PurePosixPath, bytes | None]
"""What a volume holds: the content of files, None for folders."""


class FakeVolumeStore:
    """Keeps volumes as dictionaries. Behaves as the contract says, permissions and times apart."""

    def __init__(self) -> None:
        self.volumes: dict[str, Files] = {}

    def create(self, volume: str) -> None:
        """Make an empty volume; does nothing when it exists."""
        self.volumes.setdefault(volume, {})

    def exists(self, volume: str) -> bool:
        """Whether there is such a volume."""
        return volume in self.volumes

    def read(self, volume: str, path: str = "") -> Iterator[bytes]:
        """A tar stream of the file or folder at `path`."""
        files, place = self._files(volume), check_path(path)
        if place.parts and place not in files:
            raise UserError("volume_path_invalid", path=path)
        chosen = sorted(name for name in files if name.is_relative_to(place))
        return pack([_entry(name.relative_to(place.parent), files[name]) for name in chosen])

    def list_folder(self, volume: str, path: str = "", *, time_limit_seconds: float | None = None) -> FolderListing:
        """What is in the folder at `path`; nothing is seen in no time."""
        files, place = self._files(volume), check_path(path)
        if place.parts and files.get(place, b"") is not None:
            raise UserError("volume_path_invalid", path=path)
        if time_limit_seconds == 0:
            return FolderListing((), is_complete=False)
        inside = (name for name in files if name.parts and name.parent == place)
        return listing_of(FolderEntry(name.name, files[name] is None, len(files[name] or b"")) for name in inside)

    def write(self, volume: str, path: str, stream: Iterable[bytes], *, max_bytes: int) -> None:
        """Unpack a tar stream below the folder `path`."""
        files, place = self._files(volume), check_path(path)
        _make_folders(files, place)
        for entry in unpack(stream, max_bytes=max_bytes):
            target = place / entry.path
            _make_folders(files, target if entry.is_folder else target.parent)
            if not entry.is_folder:
                if files.get(target, b"") is None:
                    raise UserError("volume_path_invalid", path=str(entry.path))
                files[target] = b"".join(entry.content)

    def usage(self, volume: str, *, time_limit_seconds: float | None = None) -> VolumeUsage:
        """How much it holds; nothing is seen in no time."""
        contents = [content for content in self._files(volume).values() if content is not None]
        if time_limit_seconds == 0:
            return VolumeUsage(bytes=0, files=0, is_complete=False)
        return VolumeUsage(bytes=sum(map(len, contents)), files=len(contents))

    def snapshot(self, volume: str) -> str:
        """Copy the volume and return the key of the copy."""
        files = dict(self._files(volume))
        key = "-".join([*volume.split("-")[:2], secrets.token_hex(8)])
        self.volumes[key] = files
        return key

    def delete(self, volume: str) -> None:
        """Remove the volume; does nothing when it is not there."""
        self.volumes.pop(volume, None)

    def _files(self, volume: str) -> Files:
        if volume not in self.volumes:
            raise SystemFailure("volume_missing", detail=volume)
        return self.volumes[volume]


def _entry(path: PurePosixPath, content: bytes | None) -> Entry:
    if content is None:
        return Entry(path, is_folder=True)
    return Entry(path, size=len(content), content=[content])


def _make_folders(files: Files, path: PurePosixPath) -> None:
    """Make the folder and those above it; UserError `volume_path_invalid` where a file is in the way."""
    for folder in (*reversed(path.parents), path):
        if files.get(folder) is not None:
            raise UserError("volume_path_invalid", path=str(path))
        if folder.parts:
            files[folder] = None
