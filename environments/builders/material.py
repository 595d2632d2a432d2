"""Fetches one commit and takes from it what can be given to people: plain files and folders, and only so many.

A repository is hostile until proven otherwise. Whatever is neither file nor folder, belongs to git, is another
repository, or has a name that cannot be stored and shown is left out and said; what is too large is refused.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from environments.builders.commands import Commands
from environments.builders.fetching import Checkout
from environments.builders.sources import source_of
from environments.errors import UserError
from environments.merging import OWN_NAMES
from environments.references.credentials import spellings_of
from environments.values import BuildRequest, Credential, Manifest, ResolvedRepository
from environments.volumes.archive import Entry, pack, printable

MAX_NAMED = 50
"""How many of the entries that are left out are named."""
MAX_PATH = 500
MEGABYTE = 1_000_000

_GIT = ".git"
_BLOCK = 1024
"""What a file may take in an archive beside its content, at most: its header, and what fills up the last block."""
_PIECE = 1 << 18


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much there may be."""

    bytes: int
    files: int
    seconds: int

    @property
    def archive_bytes(self) -> int:
        """What an archive of so much takes."""
        return self.bytes + 4 * _BLOCK * (self.files + 1)


@dataclass(frozen=True, slots=True)
class Taken:
    """What can be given to people of the folder `root`, and what cannot."""

    root: Path
    manifest: Manifest
    left_out: tuple[str, ...] = ()
    size: int = 0
    """In bytes."""

    def stream(self) -> Iterator[bytes]:
        """A tar stream of it."""
        return pack(_entry(self.root, path, is_folder=digest is None) for path, digest in self.manifest.items())


def fetch(
    repository: ResolvedRepository,
    place: Path,
    *,
    labels: dict[str, str],
    bounds: Bounds,
    credential: Credential | None,
) -> Taken:
    """Fetch into the empty folder `place`, and take from it what can be given.

    Raises what a checkout or a download raises, `material_timeout`, and what `take` raises.
    """
    commands = Commands(labels, bounds.seconds, {str(place): ""}, spellings_of(credential))
    (place / "home").mkdir()
    try:
        for _line in _fetching(repository, place, commands, bounds, credential):
            commands.check_time()
        return take(place / "repo", bounds)
    except UserError as error:
        if error.code == "build_timeout":
            raise UserError("material_timeout", minutes=max(1, bounds.seconds // 60)) from error
        if error.code == "repository_too_large":
            raise UserError("repository_too_large", megabytes=bounds.bytes // MEGABYTE) from error
        raise


def _fetching(
    repository: ResolvedRepository, place: Path, commands: Commands, bounds: Bounds, credential: Credential | None
) -> Generator[str, None, None]:
    request = BuildRequest("", "", repository, bounds.seconds, credential)
    source = source_of(request, place / "repo", place / "home", commands)
    if isinstance(source, Checkout):  # It counts what git keeps besides, which is about as much again.
        source = replace(source, max_bytes=2 * bounds.bytes + 50 * MEGABYTE)
    yield from source.make()


def take(root: Path, bounds: Bounds) -> Taken:
    """What can be given of what lies below this folder, which nobody else changes.

    Raises UserError `material_too_large` or `material_too_many_files`.
    """
    sizes, left_out = _found(root, bounds)
    total = sum(sizes.values())
    if total > bounds.bytes:
        largest = max(sizes, key=lambda path: sizes[path])
        raise UserError(
            "material_too_large",
            megabytes=bounds.bytes // MEGABYTE,
            path=largest[:MAX_PATH],
            size=max(1, sizes[largest] // MEGABYTE),
        )
    folders = {str(parent) for path in sizes for parent in PurePosixPath(path).parents if parent.parts}
    manifest: dict[str, str | None] = dict.fromkeys(sorted(folders))
    manifest |= {path: _digest(root / path) for path in sorted(sizes)}
    return Taken(root, manifest, tuple(left_out), total)


def _found(root: Path, bounds: Bounds) -> tuple[dict[str, int], list[str]]:
    """The size of every file that can be given, and the names of the first entries that cannot."""
    sizes: dict[str, int] = {}
    left_out: list[str] = []
    for folder, folders, files in os.walk(root):
        below = PurePosixPath(folder).relative_to(root)
        if below.parts and not folders and not files:  # Where git leaves room for another repository.
            left_out.append(printable(str(below)))
        for name in (*folders, *files):
            path, mode = below / name, os.lstat(os.path.join(folder, name)).st_mode
            if not _can_be_named(path) or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                left_out += [] if _is_gits(path) else [printable(str(path))]
                if name in folders:
                    folders.remove(name)
            elif stat.S_ISREG(mode):
                sizes[str(path)] = os.lstat(os.path.join(folder, name)).st_size
        if len(sizes) > bounds.files:
            raise UserError("material_too_many_files", count=bounds.files)
    return sizes, left_out[:MAX_NAMED]


def _can_be_named(path: PurePosixPath) -> bool:
    name = path.name
    is_text = name.isprintable() and len(str(path)) <= MAX_PATH  # What is no UTF-8 is not printable.
    return is_text and not _is_gits(path) and name not in OWN_NAMES and "\\" not in name


def _is_gits(path: PurePosixPath) -> bool:
    return path.name.lower() == _GIT


def _digest(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _entry(root: Path, path: str, *, is_folder: bool) -> Entry:
    status = (root / path).lstat()
    if is_folder:
        return Entry(PurePosixPath(path), is_folder=True, modified_at=status.st_mtime)
    return Entry(
        PurePosixPath(path),
        size=status.st_size,
        is_executable=bool(status.st_mode & stat.S_IXUSR),
        modified_at=status.st_mtime,
        content=_content(root / path),
    )


def _content(place: Path) -> Iterator[bytes]:
    with place.open("rb") as file:
        yield from iter(partial(file.read, _PIECE), b"")
