"""Files of an assignment, in and out of a tar. Nothing that is there is written over, and nothing leads out."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from carrel_exchange.client import Trouble

SKIPPED = (
    ".DS_Store",
    ".carrel",
    ".git",
    ".ipynb_checkpoints",
    ".jupyter_ystore.db",
    ".mypy_cache",
    ".nbgrader.log",
    ".pytest_cache",
    ".ruff_cache",
    ".virtual_documents",
    "__pycache__",
)
"""What is no part of anybody's work; and what was fetched of feedback stays out too."""
MAX_BYTES = 100_000_000


def files_in(tar: bytes) -> Iterator[tuple[PurePosixPath, bytes]]:
    """The ordinary files of a tar, by clean relative paths. Raises Trouble for anything else in it."""
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            for entry in archive:
                path = PurePosixPath(entry.name)
                if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in entry.name:
                    raise Trouble(f"Carrel sent a file that leads out of its folder: {entry.name!r}.")
                if entry.isdir():
                    continue
                content = archive.extractfile(entry) if entry.isreg() else None
                if content is None:
                    raise Trouble(f"Carrel sent something that is no file: {entry.name!r}.")
                yield path, content.read()
    except tarfile.TarError:
        raise Trouble("What Carrel sent was damaged on its way. Try again.") from None


def put(folder: Path, path: PurePosixPath, content: bytes, *, is_ours: bool = False) -> bool:
    """Write a file below the folder unless there is one; whether it was written. One of ours is brought up to date.

    Links in the way are not followed.
    """
    place = folder
    place.mkdir(parents=True, exist_ok=True)
    for part in path.parts[:-1]:
        place = place / part
        if place.is_symlink():
            raise Trouble(f"“{place}” is a link, so nothing is put there. Move it away and try again.")
        place.mkdir(exist_ok=True)
    place = place / path.name
    if os.path.lexists(place) and not is_ours:
        return False
    beside = place.with_name(f".{place.name}.part")
    beside.unlink(missing_ok=True)
    with open(beside, "xb") as file:
        file.write(content)
    os.replace(beside, place)
    return True


def packed(folder: Path, *, ignore: list[str], warn: Callable[[str], None]) -> tuple[bytes, list[str]]:
    """The ordinary files of a folder as a tar, and their paths. What `ignore` names, links and the like stay out."""
    packed_paths, size, buffer = [], 0, io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in _ordinary(folder, ignore=ignore, warn=warn):
            name = path.relative_to(folder).as_posix()
            try:
                content = path.read_bytes()
            except OSError as error:
                raise Trouble(f"“{name}” cannot be read ({error.strerror}). Nothing was submitted.") from None
            size += len(content)
            if size > MAX_BYTES:
                raise Trouble(
                    f"These files are larger than the {MAX_BYTES // 1_000_000} MB that may be submitted. "
                    "Delete what is not needed, or clear the outputs of the notebooks, and try again."
                )
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
            packed_paths.append(name)
    return buffer.getvalue(), packed_paths


def _ordinary(folder: Path, *, ignore: list[str], warn: Callable[[str], None]) -> Iterator[Path]:
    for at, folders, names in os.walk(folder):
        is_top = Path(at) == folder
        folders[:] = sorted(
            name for name in folders if not _is_skipped(name, ignore) and not (is_top and name == "feedback")
        )
        for name in sorted(names):
            path = Path(at, name)
            if _is_skipped(name, ignore):
                continue
            if path.is_symlink() or not path.is_file():
                warn(f"“{path.relative_to(folder)}” is no ordinary file and is not submitted.")
            else:
                yield path


def _is_skipped(name: str, ignore: list[str]) -> bool:
    return name in SKIPPED or any(fnmatch(name, pattern) for pattern in ignore)
