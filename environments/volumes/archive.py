"""Tar streams in and out of volumes, as plain entries. Pure: no file system is touched here.

Reading believes nothing: names stay inside, links and devices are refused, and no more is held in memory
than one header and one piece of one file, whatever the headers claim.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import IO, cast

from environments.errors import UserError
from environments.values import FolderEntry, FolderListing

_BLOCK = 512
_PIECE = 1 << 18
_BUFFER = 1 << 16
_MAX_HEADER_BYTES = 1 << 20
_MAX_NAME_BYTES = 255
_MAX_TIME = 1 << 33


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder of a volume. `content` is read once, before the next entry is asked for."""

    path: PurePosixPath
    is_folder: bool = False
    size: int = 0
    is_executable: bool = False
    modified_at: float = 0.0
    """Seconds since 1970."""
    content: Iterable[bytes] = ()


def check_path(path: str) -> PurePosixPath:
    """A path relative to a volume's root; the root itself is the empty path. UserError `volume_path_invalid`."""
    pure = PurePosixPath(path)
    names = pure.parts
    if pure.is_absolute() or "\0" in path or any(name == ".." or _is_too_long(name) for name in names):
        raise UserError("volume_path_invalid", path=printable(path))
    return pure


def printable(path: str) -> str:
    """A path as it can be shown and stored, whatever bytes it is made of."""
    return path.encode(errors="backslashreplace").decode().replace("\0", "\\0")[:200]


def unpack(
    stream: Iterable[bytes], *, max_bytes: int, leave_out: Callable[[str], None] | None = None
) -> Iterator[Entry]:
    """The entries of an uncompressed tar stream.

    Links and devices are left out if there is somebody to be told the name of each. Raises UserError
    `volume_entry_refused` for them otherwise, `volume_path_invalid` for names that lead elsewhere,
    `volume_too_large` when headers and contents exceed `max_bytes`, and `volume_archive_invalid` for what is no
    tar archive or a damaged one.
    """
    source = _Stream(stream, max_bytes)
    with _damage_reported(), tarfile.open(fileobj=cast("IO[bytes]", source), mode="r|", bufsize=_BUFFER) as archive:
        yield from _entries(archive, source, max_bytes, leave_out or _refuse)


def pack(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The tar stream of these entries: POSIX format, owned by nobody in particular."""
    for entry in entries:
        info = tarfile.TarInfo(str(entry.path))
        info.type = tarfile.DIRTYPE if entry.is_folder else tarfile.REGTYPE
        info.mode = 0o755 if entry.is_folder or entry.is_executable else 0o644
        info.mtime = entry.modified_at
        info.size = entry.size
        yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        yield from _exactly(entry.content, entry.size)
        yield bytes(-entry.size % _BLOCK)
    yield bytes(2 * _BLOCK)


def listing_of(entries: Iterable[FolderEntry], *, is_complete: bool = True) -> FolderListing:
    """These as they are listed: folders first, by name, and no more than anybody reads."""
    found = list(islice(entries, FolderListing.MAX_ENTRIES + 1))
    found.sort(key=lambda entry: (not entry.is_folder, entry.name))
    shown = tuple(found[: FolderListing.MAX_ENTRIES])
    return FolderListing(shown, is_complete=is_complete and len(shown) == len(found))


def _refuse(name: str) -> None:
    raise UserError("volume_entry_refused", path=name)


def _entries(
    archive: tarfile.TarFile, source: _Stream, max_bytes: int, leave_out: Callable[[str], None]
) -> Iterator[Entry]:
    room = max_bytes
    while member := archive.next():
        archive.members.clear()  # type: ignore[attr-defined]  # Or it would remember every entry there ever was.
        if member.size < 0:
            raise tarfile.ReadError("negative size")
        path = check_path(member.name)
        is_plain = member.isdir() or member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
        if not is_plain:
            leave_out(printable(member.name))
        room -= _BLOCK + member.size
        if room < 0:
            raise source.too_large()
        source.allow(member.size)
        if path.parts and is_plain:
            yield _entry(archive, member, path)


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo, path: PurePosixPath) -> Entry:
    return Entry(
        path=path,
        is_folder=member.isdir(),
        size=0 if member.isdir() else member.size,
        is_executable=bool(member.mode & 0o100),
        modified_at=member.mtime if 0 <= member.mtime < _MAX_TIME else 0.0,
        content=() if member.isdir() else _content(archive, member),
    )


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    with _damage_reported():
        file = archive.extractfile(member)
        while file is not None and (piece := file.read(_PIECE)):
            yield piece


@contextmanager
def _damage_reported() -> Iterator[None]:
    """What the tarfile module says of archives it cannot read, in our words.

    A chain of extended headers makes it call itself once for each.
    """
    try:
        yield
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
        raise UserError("volume_archive_invalid", detail=str(error)) from error


def _exactly(content: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The content cut or padded to the size the header promised: a file may change while it is read."""
    missing = size
    for piece in content:
        yield piece[:missing]
        missing -= len(piece[:missing])
    while missing > 0:
        yield bytes(min(missing, _PIECE))
        missing -= min(missing, _PIECE)


def _is_too_long(name: str) -> bool:
    return len(name.encode(errors="surrogatepass")) > _MAX_NAME_BYTES


class _Stream:
    """The stream as a file that refuses to be read far beyond what is allowed."""

    def __init__(self, stream: Iterable[bytes], max_bytes: int) -> None:
        self._pieces = iter(stream)
        self._max_bytes = max_bytes
        self._allowed = _MAX_HEADER_BYTES
        self._rest = memoryview(b"")

    def allow(self, size: int) -> None:
        """From here the next content, of this size, and one more header may be read."""
        self._allowed = size + _MAX_HEADER_BYTES

    def too_large(self) -> UserError:
        """What to raise when there is more than is wanted."""
        return UserError("volume_too_large", megabytes=max(1, self._max_bytes // 1_000_000))

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        data, self._rest = self._rest[:size], self._rest[size:]
        self._allowed -= len(data)
        if self._allowed < 0:
            raise self.too_large()
        return bytes(data)
