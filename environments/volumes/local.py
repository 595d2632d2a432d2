"""Volumes as folders of this machine: what the process spawner gives to its servers.

Whoever works in a volume may have put links in it. Every step below a volume's root is therefore taken
relative to an open folder and never through a link.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath

from django.conf import settings

from environments.errors import SystemFailure, UserError
from environments.trees import copy_tree, full_disk_reported, remove_tree, tree_usage
from environments.values import FolderEntry, FolderListing, VolumeUsage
from environments.volumes.archive import Entry, check_path, listing_of, pack, printable, unpack

_KEY = re.compile(r"[a-z]+-[0-9a-f]{32}(?:-[0-9a-f]{16})?")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 1 << 18
_IN_THE_WAY = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST, errno.ENAMETOOLONG)


def volume_directory(volume: str) -> Path:
    """Where the volume of this key is or would be. Raises ValueError for what cannot be a key."""
    if not _KEY.fullmatch(volume):
        raise ValueError(f"not a volume key: {volume!r}")
    return Path(settings.CARREL_DATA) / "volumes" / volume


def mounts_record(volume: str) -> Path:
    """Beside a volume that is a home: which places in it are links to other volumes."""
    return volume_directory(volume).with_name(f".{volume}.mounts")


class LocalVolumeStore:
    """Keeps each volume in a folder of its own below the data directory."""

    def create(self, volume: str) -> None:
        """Make an empty volume; does nothing when it exists."""
        with full_disk_reported():
            volume_directory(volume).mkdir(mode=0o700, parents=True, exist_ok=True)

    def exists(self, volume: str) -> bool:
        """Whether there is such a volume."""
        return volume_directory(volume).is_dir()

    def read(self, volume: str, path: str = "") -> Iterator[bytes]:
        """A tar stream of the file or folder at `path`, links and devices left out."""
        place, stack = check_path(path), ExitStack()
        with stack:
            folder = stack.enter_context(self._folder(volume, place.parent))
            if place.parts:
                _check_readable(place, folder)
            stack = stack.pop_all()
        return _closing(stack, pack(_entries(folder, place)))

    def list_folder(self, volume: str, path: str = "", *, time_limit_seconds: float | None = None) -> FolderListing:
        """What is in the folder at `path`, links and devices left out. It reads so few that it takes no time."""
        with self._folder(volume, check_path(path)) as folder, os.scandir(folder) as found:
            return listing_of(_listed(found))

    def write(self, volume: str, path: str, stream: Iterable[bytes], *, max_bytes: int) -> None:
        """Unpack a tar stream below the folder `path`; each file appears whole or not at all."""
        with self._folder(volume, check_path(path), make=True) as root, full_disk_reported():
            for entry in unpack(stream, max_bytes=max_bytes):
                with _obstacles_reported(entry.path):
                    _write_entry(root, entry)

    def usage(self, volume: str, *, time_limit_seconds: float | None = None) -> VolumeUsage:
        """How much it holds, links not followed."""
        return tree_usage(self._existing(volume), time_limit_seconds=time_limit_seconds)

    def snapshot(self, volume: str) -> str:
        """Copy the volume and return the key of the copy, a volume like any other."""
        source = self._existing(volume)
        purpose, identifier = volume.split("-")[:2]
        key = f"{purpose}-{identifier}-{secrets.token_hex(8)}"
        target = volume_directory(key)
        unfinished = target.with_name(f".{key}.unfinished")
        try:
            copy_tree(source, unfinished)
            unfinished.rename(target)
        except BaseException:
            remove_tree(unfinished)
            raise
        return key

    def delete(self, volume: str) -> None:
        """Remove the volume with all it holds, links not followed; nothing when it is not there."""
        directory = volume_directory(volume)
        doomed = directory.with_name(f".{volume}.deleted")
        remove_tree(doomed)  # Left by a worker that was killed at this point.
        with suppress(FileNotFoundError):
            directory.rename(doomed)
        remove_tree(doomed)
        mounts_record(volume).unlink(missing_ok=True)

    def _existing(self, volume: str) -> Path:
        directory = volume_directory(volume)
        if not directory.is_dir():
            raise SystemFailure("volume_missing", detail=volume)
        return directory

    @contextmanager
    def _folder(self, volume: str, path: PurePosixPath, *, make: bool = False) -> Iterator[int]:
        """The open folder at `path`, reached without following a link; made if need be and `make`."""
        root = os.open(self._existing(volume), _FOLDER)
        try:
            with _obstacles_reported(path), full_disk_reported():
                folder = _descend(root, path, make=make)
        finally:
            os.close(root)
        try:
            yield folder
        finally:
            os.close(folder)


def _descend(root: int, path: PurePosixPath, *, make: bool) -> int:
    """A new descriptor of the folder at `path` below the open folder `root`."""
    folder = os.dup(root)
    for name in path.parts:
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=folder)
            below = os.open(name, _FOLDER, dir_fd=folder)
        finally:
            os.close(folder)
        folder = below
    return folder


@contextmanager
def _obstacles_reported(path: PurePosixPath) -> Iterator[None]:
    """Say which path cannot be reached because a link, a file or nothing at all is where a folder should be."""
    try:
        yield
    except FileNotFoundError as error:
        raise UserError("volume_path_invalid", path=printable(str(path))) from error
    except OSError as error:
        if error.errno in _IN_THE_WAY:
            raise UserError("volume_path_invalid", path=printable(str(path))) from error
        raise


def _closing(stack: ExitStack, stream: Iterator[bytes]) -> Iterator[bytes]:
    with stack:
        yield from stream


# --- Reading -----------------------------------------------------------------------------------------------


def _check_readable(path: PurePosixPath, folder: int) -> None:
    with _obstacles_reported(path):
        mode = os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UserError("volume_path_invalid", path=printable(str(path)))


def _entries(folder: int, path: PurePosixPath) -> Iterator[Entry]:
    """Everything at `path`, whose parent is the open `folder`; named as in the archive."""
    top = path.name or "."
    if path.parts:
        yield from _entry(folder, path.name, PurePosixPath())
    for root, folders, files, here in os.fwalk(top, follow_symlinks=False, dir_fd=folder):
        below = PurePosixPath(root)
        for name in sorted((*folders, *files)):
            yield from _entry(here, name, below)


def _entry(folder: int, name: str, below: PurePosixPath) -> Iterator[Entry]:
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            yield Entry(below / name, is_folder=True, modified_at=status.st_mtime)
        elif stat.S_ISREG(status.st_mode):
            descriptor = os.open(name, _FILE, dir_fd=folder)
            with open(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                yield Entry(
                    path=below / name,
                    size=status.st_size,
                    is_executable=bool(status.st_mode & stat.S_IXUSR),
                    modified_at=status.st_mtime,
                    content=iter(lambda: file.read(_PIECE), b""),
                )
    except (FileNotFoundError, PermissionError):
        return  # Gone since the folder was listed, or not for us: the rest of the folder still counts.


def _listed(found: Iterable[os.DirEntry[str]]) -> Iterator[FolderEntry]:
    for entry in found:
        with suppress(FileNotFoundError):
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                yield FolderEntry(entry.name, is_folder=True, modified_at=status.st_mtime)
            elif stat.S_ISREG(status.st_mode):
                yield FolderEntry(entry.name, is_folder=False, size=status.st_size, modified_at=status.st_mtime)


# --- Writing -----------------------------------------------------------------------------------------------


def _write_entry(root: int, entry: Entry) -> None:
    if entry.is_folder:
        os.close(_descend(root, entry.path, make=True))
        return
    folder = _descend(root, entry.path.parent, make=True)
    try:
        _write_file(folder, entry)
    finally:
        os.close(folder)


def _write_file(folder: int, entry: Entry) -> None:
    """Write the file beside its place and move it there, which replaces a link instead of following it."""
    unfinished = f".{secrets.token_hex(8)}.unfinished"
    mode = 0o755 if entry.is_executable else 0o644
    try:
        with open(os.open(unfinished, _NEW_FILE, mode, dir_fd=folder), "wb") as file:
            for piece in entry.content:
                file.write(piece)
            file.flush()
            os.utime(file.fileno(), (entry.modified_at, entry.modified_at))
        os.replace(unfinished, entry.path.name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(unfinished, dir_fd=folder)
        raise
