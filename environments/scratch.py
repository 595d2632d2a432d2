"""Folders for a while, which nobody's death leaves behind.

A process that is killed removes nothing. So whoever has such a folder holds a lock on it for as long as they live, and
whoever makes one first removes those of its kind that nobody holds any more.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def scratch(kind: str) -> Iterator[Path]:
    """A new folder of this kind where temporary files are, gone afterwards.

    A process that is forked off meanwhile has no part in it, but keeps it from being taken for left behind.
    """
    folder, lock = _make(kind)
    owner = os.getpid()
    try:
        yield folder
    finally:
        _let_go(folder, lock, owner)


def scratch_of_process(kind: str) -> Path:
    """The same until this process ends."""
    folder, lock = _make(kind)
    atexit.register(_let_go, folder, lock, os.getpid())
    return folder


def _make(kind: str) -> tuple[Path, int]:
    """A folder, and the descriptor that holds the lock on it."""
    prefix = f"carrel-scratch-{kind}-"
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        _remove_if_left_behind(folder)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            with suppress(OSError):  # Where nothing can be locked, nothing is ever taken for left behind.
                fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():  # Before it was locked, it may have been.
                return folder, lock
            os.close(lock)


def _remove_if_left_behind(folder: Path) -> None:
    """Remove it if nobody holds it. That of another user, or one that is gone meanwhile, is passed over."""
    with suppress(OSError):
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def _let_go(folder: Path, lock: int, owner: int) -> None:
    """Remove it, if it is ours, and let go of the lock."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)
