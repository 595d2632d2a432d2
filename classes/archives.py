"""The zip file that a class travels in: written bit by bit, and read by nobody before it was looked at. Pure.

Nothing is believed of one that somebody brings: how many files there are, how large they claim to be, what they are
called and what they are is checked before anything is unpacked, and again while it is.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO

from classes import portable
from classes.errors import CourseError
from classes.portable import MANIFEST, MAX_MANIFEST_BYTES, Manifest
from environments.volumes.archive import Entry

MAX_FILES = 100_000
MAX_RATIO = 1000
"""How many times larger a file may become: text compresses a hundredfold, a bomb many thousandfold."""
_PIECE = 1 << 18
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, FileNotFoundError)
"""What the zipfile module raises for files it cannot read."""
_MAX_NAME_BYTES = 1000
_HEADERS = 4096
_EARLIEST, _LATEST = datetime(1980, 1, 1, tzinfo=UTC), datetime(2107, 12, 31, tzinfo=UTC)


class ArchiveWriter:
    """Writes one archive of at most so many bytes of content."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, allowZip64=True)
        self._max_bytes = self._room = max_bytes
        self._files = 0

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, *problem: object) -> None:
        self._zip.close()

    @property
    def room(self) -> int:
        """How many bytes may still come."""
        return self._room

    def add(self, folder: str, entries: Iterable[Entry]) -> int:
        """Put these below a folder; the number of those left out because their names cannot be written down.

        Raises CourseError `class_archive_too_large`.
        """
        left_out = 0
        for entry in entries:
            name = f"{folder}/{entry.path}"
            if entry.is_folder:
                continue
            if not _can_be_written(name):
                left_out += 1
                continue
            self._write(name, entry)
        return left_out

    def finish(self, manifest: Manifest) -> None:
        """Say what it is an archive of. Raises CourseError `class_archive_too_large`."""
        text = portable.write(manifest)
        if len(text) > MAX_MANIFEST_BYTES:  # Nobody could read it.
            raise self._too_large()
        self._zip.writestr(MANIFEST, text)

    def _write(self, name: str, entry: Entry) -> None:
        self._files += 1
        if self._files > MAX_FILES:
            raise self._too_large()
        info = zipfile.ZipInfo(name, _date_of(entry))
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = (0o755 if entry.is_executable else 0o644) << 16
        with self._zip.open(info, "w", force_zip64=True) as file:
            for piece in entry.content:
                self._room -= len(piece)
                if self._room < 0:
                    raise self._too_large()
                file.write(piece)

    def _too_large(self) -> CourseError:
        return too_large(self._max_bytes)


def too_large(max_bytes: int) -> CourseError:
    """What to raise for more than this Carrel keeps of one class."""
    return CourseError("class_archive_too_large", megabytes=max(1, max_bytes // 1_000_000), files=MAX_FILES)


def read_archive(path: Path, *, max_bytes: int) -> Manifest:
    """What the archive is of, if it could be unpacked as it is.

    Raises CourseError `class_archive_unreadable`, `class_archive_refused` with the name of what should not be in it,
    `class_archive_too_large`, and what `portable.read` raises.
    """
    with _opened(path) as archive:
        _check(archive, max_bytes, beside=MANIFEST)
        return portable.read(_manifest(archive))


@contextmanager
def opened_archive(path: Path, *, max_bytes: int) -> Iterator[ArchiveReader]:
    """An archive to take files out of. Raises as `read_archive` does, also while files are read."""
    with _opened(path) as archive:
        _check(archive, max_bytes, beside=MANIFEST)
        manifest = portable.read(_manifest(archive))
        yield ArchiveReader(archive, manifest)


class ArchiveReader:
    """The files of an archive that was looked at, folder by folder."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._zip = archive
        self.manifest = manifest
        self._infos: dict[str, list[zipfile.ZipInfo]] = {files.folder: [] for files in manifest.files}
        for info in archive.infolist():
            above = (str(folder) for folder in PurePosixPath(info.filename).parents)
            folder = next((name for name in above if name in self._infos), None)
            if folder is not None and not info.is_dir():
                self._infos[folder].append(info)

    def entries(self, folder: str) -> Iterator[Entry]:
        """The files of one of its folders. What is in one is read whenever somebody asks for it."""
        for info in self._infos.get(folder, ()):
            yield Entry(
                PurePosixPath(info.filename).relative_to(folder),
                size=info.file_size,
                is_executable=bool(info.external_attr >> 16 & 0o100),
                modified_at=_seconds_of(info),
                content=_Content(self._zip, info),
            )

    def size(self, folder: str) -> int:
        """How many bytes the files of a folder are."""
        return sum(info.file_size for info in self._infos.get(folder, ()))

    def stream_size(self, folder: str) -> int:
        """How large they are at most as a stream, with what that says of each."""
        return self.size(folder) + _HEADERS * (1 + len(self._infos.get(folder, ())))


def entries_of(file: IO[bytes], *, max_bytes: int) -> Iterator[Entry]:
    """The files of a zip file that is of no class, folders left out; believed as little as one that is.

    Each is read once, before the next is asked for. Raises as `read_archive` does.
    """
    with _opened(file) as archive:
        _check(archive, max_bytes)
        for info in archive.infolist():
            if not info.is_dir():
                yield Entry(PurePosixPath(info.filename), size=info.file_size, content=_content(archive, info))


def _manifest(archive: zipfile.ZipFile) -> bytes:
    try:
        info = archive.getinfo(MANIFEST)
    except KeyError as error:
        raise CourseError("class_archive_unreadable") from error
    if info.file_size > MAX_MANIFEST_BYTES:
        raise CourseError("class_archive_invalid", where=MANIFEST)
    return b"".join(_content(archive, info))


def _check(archive: zipfile.ZipFile, max_bytes: int, *, beside: str = "") -> None:
    infos = archive.infolist()
    size = sum(info.file_size for info in infos if info.filename != beside)  # That is bounded by itself.
    if len(infos) > MAX_FILES + 1 or size > max_bytes:
        raise too_large(max_bytes)
    seen: set[str] = set()
    for info in infos:
        if not _is_plain(info) or info.filename.casefold() in seen:
            raise CourseError("class_archive_refused", file=_shown(info.filename))
        seen.add(info.filename.casefold())


def _is_plain(info: zipfile.ZipInfo) -> bool:
    """Whether it is an ordinary file or folder at an ordinary place, of a size that could be true."""
    name = info.filename
    kind = stat.S_IFMT(info.external_attr >> 16)
    parts = name.rstrip("/").split("/")
    return (
        _can_be_written(name)
        and not name.startswith("/")
        and "\\" not in name
        and all(part not in ("", ".", "..") for part in parts)
        and kind in (0, stat.S_IFREG, stat.S_IFDIR)
        and not info.flag_bits & 0x1  # Encrypted.
        and info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        and info.file_size <= MAX_RATIO * max(info.compress_size, 1000)
    )


def _can_be_written(name: str) -> bool:
    try:
        return len(name.encode()) <= _MAX_NAME_BYTES and "\0" not in name
    except UnicodeEncodeError:  # Bytes that are no text.
        return False


def _shown(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()[:120]


@contextmanager
def _opened(file: Path | IO[bytes]) -> Iterator[zipfile.ZipFile]:
    with _damage_reported():
        archive = zipfile.ZipFile(file)
    with archive:
        yield archive


class _Content:
    """What is in a file, read anew each time."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        self._zip, self._info = archive, info

    def __iter__(self) -> Iterator[bytes]:
        return _content(self._zip, self._info)


def _date_of(entry: Entry) -> tuple[int, int, int, int, int, int]:
    """When a file was changed, in UTC, as far as zip files can say it."""
    moment = min(max(datetime.fromtimestamp(entry.modified_at, UTC), _EARLIEST), _LATEST)
    return moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second


def _seconds_of(info: zipfile.ZipInfo) -> float:
    try:
        return datetime(*info.date_time, tzinfo=UTC).timestamp()
    except ValueError:  # Such as the thirtieth of February.
        return _EARLIEST.timestamp()


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """What is in a file, and no more than it claims."""
    room = info.file_size
    with _damage_reported(), archive.open(info) as file:
        while piece := file.read(_PIECE):
            room -= len(piece)
            if room < 0:
                raise CourseError("class_archive_refused", file=_shown(info.filename))
            yield piece


@contextmanager
def _damage_reported() -> Iterator[None]:
    """What the zipfile module says of files it cannot read, in our words."""
    try:
        yield
    except _DAMAGE as error:
        raise CourseError("class_archive_unreadable", detail=str(error)) from error
