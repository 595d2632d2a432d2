"""What is in a zip or tar archive that nobody vouches for, entry by entry. No file is written here.

Names stay inside, links and devices are left out, and no more comes out than may: in all, in number, and in
proportion to what went in. Memory is bounded too, whatever the headers claim.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from environments.errors import UserError
from environments.volumes.archive import Entry, check_path, unpack

MAX_ENTRIES = 100_000
MAX_RATIO = 200
ALWAYS_ALLOWED_BYTES = 100_000_000
"""However small the archive is: an honest file can shrink very much."""

_MAX_TABLE_BYTES = 16 << 20
"""Of a zip archive's table of contents, which is read whole: enough for MAX_ENTRIES."""
_MAX_MEMORY_BYTES = 256 << 20
_PIECE = 1 << 18
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What can be unpacked within a bounded memory, and what everybody uses."""
_ENCRYPTED = 1
_UNIX = 3
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(ValueError, OverflowError, NotImplementedError, RuntimeError),
)
"""What the standard library raises for archives it cannot read."""

LeaveOut = Callable[[str], None]
"""Is told the name of each link or device, which is then not among the entries."""


def is_archive(name: str) -> bool:
    """Whether a file of this name is one to be unpacked."""
    return _is_zip(name) or _pieces_of(name) is not None


def entries_of(file: Path, *, max_bytes: int, leave_out: LeaveOut) -> Iterator[Entry]:
    """The entries of an archive; `is_archive` knows it by its name.

    Raises UserError `archive_unreadable`, `archive_suspicious`, `record_too_many_files`, and what those say who
    read archives for volumes: `volume_path_invalid`, `volume_too_large`, `volume_archive_invalid`.
    """
    budget = _Budget(file, max_bytes)

    def leave_one_out(name: str) -> None:
        budget.count_entry()
        leave_out(name)

    read = _zip_entries if _is_zip(file.name) else _tar_entries
    with _damage_reported(file):
        for entry in read(file, budget, leave_one_out):
            budget.count_entry()
            yield entry


class _Budget:
    """How much may still come out of an archive."""

    def __init__(self, file: Path, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._name = file.name
        self._honest = max(ALWAYS_ALLOWED_BYTES, MAX_RATIO * file.stat().st_size)
        self._count = 0
        self._entries = 0

    def count_entry(self) -> None:
        """Note that there is one more entry. Raises `record_too_many_files`."""
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise UserError("record_too_many_files", record=self._name, count=MAX_ENTRIES)

    def spend(self, count: int) -> None:
        """Note that so many bytes came out. Raises `volume_too_large` or `archive_suspicious`."""
        self._count += count
        if self._count > self.max_bytes:
            raise UserError("volume_too_large", megabytes=self.max_bytes // 1_000_000)
        if self._count > self._honest:
            raise UserError("archive_suspicious", path=self._name)


@contextmanager
def _damage_reported(file: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise UserError("archive_unreadable", path=file.name, detail=repr(error)) from error


# --- zip -----------------------------------------------------------------------------------------------------


def _is_zip(name: str) -> bool:
    return name.lower().endswith(".zip")


def _zip_entries(file: Path, budget: _Budget, leave_out: LeaveOut) -> Iterator[Entry]:
    with closing(_BoundedReader(io.FileIO(file))) as source, zipfile.ZipFile(source) as archive:
        for info in archive.infolist():
            # Some programs write the separators of Windows.
            path = check_path(info.filename.replace("\\", "/"))
            mode = info.external_attr >> 16 if info.create_system == _UNIX else 0
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                leave_out(info.filename)
            elif info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
                raise UserError("archive_unreadable", path=file.name, detail=f"method {info.compress_type}")
            elif path.parts:
                is_folder = info.filename.endswith(("/", "\\"))
                content = () if is_folder else _zip_content(file, archive, info, budget)
                yield Entry(path, is_folder, info.file_size, bool(mode & stat.S_IXUSR), content=content)


def _zip_content(file: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: _Budget) -> Iterator[bytes]:
    with _damage_reported(file), archive.open(info) as content:
        missing = info.file_size
        while piece := content.read(_PIECE):
            missing -= len(piece)
            budget.spend(len(piece))
            yield piece
        if missing:
            raise zipfile.BadZipFile(f"{info.filename!r} is shorter than it claims")


class _BoundedReader(io.BufferedReader):
    """A file that gives no more at once than a table of contents may have; a longer one is then found to be cut."""

    def read(self, size: int | None = -1, /) -> bytes:
        is_all = size is None or size < 0
        return super().read(_MAX_TABLE_BYTES if is_all else min(size or 0, _MAX_TABLE_BYTES))


# --- tar -----------------------------------------------------------------------------------------------------


def _tar_entries(file: Path, budget: _Budget, leave_out: LeaveOut) -> Iterator[Entry]:
    pieces_of = _pieces_of(file.name)
    assert pieces_of, "is_archive has said so"  # noqa: S101
    with closing(_spent(file, pieces_of(file), budget)) as stream:
        yield from unpack(stream, max_bytes=budget.max_bytes, leave_out=leave_out)


def _spent(file: Path, pieces: Iterator[bytes], budget: _Budget) -> Generator[bytes, None, None]:
    with _damage_reported(file):
        for piece in pieces:
            budget.spend(len(piece))
            yield piece


def _pieces_of(name: str) -> Callable[[Path], Iterator[bytes]] | None:
    """How to read a tar archive of this name, decompressed; None if it is none."""
    return next((read for endings, read in _READERS.items() if name.lower().endswith(endings)), None)


def _plain(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _gzip(file: Path) -> Iterator[bytes]:
    with gzip.open(file) as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _bzip2(file: Path) -> Iterator[bytes]:
    with bz2.open(file) as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _xz(file: Path) -> Iterator[bytes]:
    """Its headers say how much memory it takes, which nothing but this class of the module lets one bound."""
    decompressor = lzma.LZMADecompressor(memlimit=_MAX_MEMORY_BYTES)
    with file.open("rb") as stream:
        while not decompressor.eof:
            data = stream.read(_PIECE) if decompressor.needs_input else b""
            if decompressor.needs_input and not data:
                raise EOFError
            yield decompressor.decompress(data, _PIECE)


_READERS = {
    (".tar",): _plain,
    (".tar.gz", ".tgz"): _gzip,
    (".tar.bz2", ".tbz2", ".tbz"): _bzip2,
    (".tar.xz", ".txz"): _xz,
}
