"""Copying, measuring and removing folders whose contents nobody vouches for.

Symbolic links are never followed: every step down is taken relative to an open folder.
"""

from __future__ import annotations

import errno
import fcntl
import math
import os
import shutil
import stat
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from environments.errors import SystemFailure
from environments.values import VolumeUsage

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FICLONE = 0x40049409
"""Linux: share the blocks of another file, on file systems that can."""
_PIECE = 1 << 20
_REMOVALS = 5


@contextmanager
def full_disk_reported() -> Iterator[None]:
    """Turn the operating system's "no space left" into SystemFailure `disk_full`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise SystemFailure("disk_full", detail=str(error)) from error
        raise


def copy_tree(source: Path, target: Path, *, leave_out: Collection[str] = ()) -> None:
    """Copy the folder `source` to `target`, which must not exist: links as links, devices left out.

    `leave_out` names entries of the top folder. Files that vanish meanwhile are left out too, since a
    server may be at work in the folder. Raises SystemFailure `disk_full`, with part of the copy made.
    """
    with full_disk_reported():
        target.mkdir()
        for root, folders, files, folder in os.fwalk(source, follow_symlinks=False):
            if root == os.fspath(source):
                folders[:] = [name for name in folders if name not in leave_out]
                files = [name for name in files if name not in leave_out]
            below = target / os.path.relpath(root, source)
            for name in (*folders, *files):
                with suppress(FileNotFoundError):
                    _copy_entry(name, folder, below / name)


def tree_usage(root: Path, *, time_limit_seconds: float | None = None) -> VolumeUsage:
    """How many bytes and files lie below `root`. What vanishes meanwhile does not count.

    With a time limit, folders that are not reached in time do not count either, and the answer says so.
    """
    total = count = 0
    deadline = math.inf if time_limit_seconds is None else time.monotonic() + time_limit_seconds
    for _path, _folders, files, folder in os.fwalk(root, follow_symlinks=False):
        if time.monotonic() > deadline:
            return VolumeUsage(bytes=total, files=count, is_complete=False)
        for name in files:
            with suppress(FileNotFoundError):
                total += os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
                count += 1
    return VolumeUsage(bytes=total, files=count)


def remove_tree(root: Path) -> None:
    """Remove a folder with all it holds, even folders made unreadable; nothing if it is not there.

    A symbolic link is removed itself. What a process adds meanwhile is removed too, within reason.
    """
    for _attempt in range(_REMOVALS):
        try:
            root.unlink() if root.is_symlink() else shutil.rmtree(root)
        except FileNotFoundError:
            pass
        except PermissionError:
            _make_removable(root)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
        if not os.path.lexists(root):
            return
    shutil.rmtree(root)


def _make_removable(root: Path) -> None:
    root.chmod(stat.S_IRWXU)
    for parent, folders, _files in os.walk(root):
        for folder in (Path(parent, name) for name in folders):
            if not folder.is_symlink():
                folder.chmod(stat.S_IRWXU)


def _copy_entry(name: str, folder: int, target: Path) -> None:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        target.symlink_to(os.readlink(name, dir_fd=folder))
    elif stat.S_ISDIR(status.st_mode):
        target.mkdir(mode=stat.S_IMODE(status.st_mode) | stat.S_IRWXU)
    elif stat.S_ISREG(status.st_mode):
        _copy_file(name, folder, target, status)


def _copy_file(name: str, folder: int, target: Path, status: os.stat_result) -> None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    with open(os.open(name, flags, dir_fd=folder), "rb") as original, target.open("xb") as copy:
        if not _share_blocks(original.fileno(), copy.fileno()):
            shutil.copyfileobj(original, copy, _PIECE)
        os.fchmod(copy.fileno(), stat.S_IMODE(status.st_mode) & 0o777)
        os.utime(copy.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))


def _share_blocks(original: int, copy: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(copy, _FICLONE, original)
    except OSError:
        return False
    return True
