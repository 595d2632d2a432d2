"""A course directory of nbgrader as somebody has packed it: what of it matters, and where it is. Nothing is believed.

What an archive says its files are called never becomes the name of a file here: each is written under a number, and
found again by what it was called. A folder around the whole, as when somebody has compressed one, is taken off.
"""

from __future__ import annotations

import gzip
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from assignments.errors import AssignmentError
from assignments.files import JUNK, SUFFIX, Bundle, Limits, from_files
from classes.archives import entries_of
from classes.moments import is_far_away
from environments.errors import UserError
from environments.volumes.archive import Entry, printable, unpack

GRADEBOOK = "gradebook.db"
AUTOTESTS = "autotests.yml"
TIMESTAMP = "timestamp.txt"
STEPS = ("source", "release", "submitted", "autograded")
"""The folders of nbgrader's that something is taken of; feedback is made anew here."""
MAX_FILES = 100_000
MOST_AROUND = 2
"""So many folders may lie around the whole."""
_PIECE = 1 << 18
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class CourseFolder:
    """An archive unpacked: where each file lies, by its path in the course directory."""

    files: dict[str, Path]

    @property
    def gradebook(self) -> Path | None:
        """nbgrader's database; None if there is none."""
        return self.files.get(GRADEBOOK)

    def assignments(self, step: str = "source") -> list[str]:
        """The names of the assignments that have files in this step."""
        place = 1 if step in ("source", "release") else 2
        paths = (path.split("/") for path in self.files)
        return sorted({parts[place] for parts in paths if parts[0] == step and len(parts) > place + 1})

    def students(self, assignment: str) -> list[str]:
        """Who has something in it, submitted or graded."""
        paths = (path.split("/") for path in self.files)
        found = (parts for parts in paths if parts[0] in STEPS[2:] and len(parts) > 3 and parts[2] == assignment)
        return sorted({parts[1] for parts in found})

    def bundle(self, step: str, assignment: str, student: str = "", *, limits: Limits) -> Bundle:
        """The files of an assignment in one step; no files where there is no such folder.

        Raises AssignmentError as `files.from_files` does.
        """
        top = "/".join(filter(None, (step, student, assignment))) + "/"
        paths = {path: place for path, place in self.files.items() if path.startswith(top)}
        if sum(place.stat().st_size for place in paths.values()) > limits.max_bytes:
            raise AssignmentError("files_too_large", megabytes=max(1, limits.max_bytes // 1_000_000))
        named = ((path.removeprefix(top), place) for path, place in paths.items())
        contents = ((path, place.read_bytes()) for path, place in named if path != TIMESTAMP)
        return from_files(contents, limits=limits).bundle

    def timestamp(self, assignment: str, student: str) -> datetime | None:
        """When it was handed in, as nbgrader has written it down; None if it has not, or for a year nobody means."""
        place = self.files.get(f"submitted/{student}/{assignment}/{TIMESTAMP}")
        moment = _moment(place.read_bytes()[:100].decode("ascii", "replace")) if place is not None else None
        return None if moment is None or is_far_away(moment) else moment


def _moment(text: str) -> datetime | None:
    """A date, a time, and a zone as an offset or by its name; UTC where there is none."""
    day, _, rest = text.strip().partition(" ")
    clock, _, zone = rest.partition(" ")
    try:
        moment = datetime.fromisoformat(f"{day} {clock}")
        if moment.tzinfo is not None or not zone:
            return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        if zone[0] in "+-":
            return datetime.fromisoformat(f"{day} {clock}{zone}")
        return moment.replace(tzinfo=ZoneInfo(zone))
    except (ValueError, ZoneInfoNotFoundError, OSError):
        return None


def unpacked(archive: Path, into: Path, *, max_bytes: int) -> CourseFolder:
    """Unpack a .zip, .tar or .tar.gz into an empty folder.

    Raises AssignmentError `files_unreadable`, `files_refused`, `course_too_large`, and `course_unrecognised` where
    nothing of a course directory is in it.
    """
    found: dict[str, Path] = {}
    room = max_bytes
    with _in_our_words(max_bytes):
        for number, entry in enumerate(_entries(archive, max_bytes)):
            path = str(entry.path)
            room -= entry.size
            if number >= MAX_FILES or room < 0:
                raise _too_large(max_bytes)
            if entry.is_folder or not _is_wanted(entry.path):
                continue
            if path in found:
                raise AssignmentError("files_refused", path=printable(path))
            found[path] = into / str(number)
            with found[path].open("xb") as file:
                file.writelines(entry.content)
    return CourseFolder(_without_what_is_around(found))


def _entries(archive: Path, max_bytes: int) -> Iterator[Entry]:
    with archive.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start[:2] == b"PK":
            yield from entries_of(file, max_bytes=max_bytes)
        else:
            most = max_bytes + 2 * _BLOCK * MAX_FILES
            yield from unpack(_pieces(archive, is_gzip=start[:2] == b"\x1f\x8b"), max_bytes=most, leave_out=_nothing)


def _pieces(archive: Path, *, is_gzip: bool) -> Iterator[bytes]:
    """Bit by bit: what a bomb would become is never in memory, and counted by whoever reads it."""
    with gzip.open(archive) if is_gzip else archive.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _nothing(_name: str) -> None:
    """Links and devices are left out."""


def _is_wanted(path: PurePosixPath) -> bool:
    parts = path.parts
    if not JUNK.isdisjoint(parts) or not str(path).isprintable():  # Bytes that are no text are not.
        return False
    is_one = parts[-1] in (GRADEBOOK, AUTOTESTS) and len(parts) <= MOST_AROUND + 1
    return is_one or any(step in parts[: MOST_AROUND + 1] for step in STEPS)


def _without_what_is_around(found: dict[str, Path]) -> dict[str, Path]:
    """Raises AssignmentError `course_unrecognised`."""
    paths = [PurePosixPath(path).parts for path in found]
    tops = {
        parts[:depth]
        for parts in paths
        for depth in range(MOST_AROUND + 1)
        if parts[depth:] == (GRADEBOOK,) or (len(parts) > depth + 2 and parts[depth] in STEPS)
    }
    if not tops:
        raise AssignmentError("course_unrecognised")
    top = min(tops, key=lambda parts: (len(parts), parts))
    return {"/".join(parts[len(top) :]): found["/".join(parts)] for parts in paths if parts[: len(top)] == top}


@contextmanager
def _in_our_words(max_bytes: int) -> Iterator[None]:
    codes = {
        "volume_archive_invalid": "files_unreadable",
        "class_archive_unreadable": "files_unreadable",
        "volume_path_invalid": "files_refused",
        "class_archive_refused": "files_refused",
    }
    try:
        yield
    except AssignmentError:
        raise
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise AssignmentError("files_unreadable", detail=str(error)) from error
    except UserError as error:
        code = codes.get(error.code)
        if code is None:
            raise _too_large(max_bytes) from error
        place = error.facts.get("path", error.facts.get("file", ""))
        raise AssignmentError(
            code, detail=error.detail, **({"path": place} if code == "files_refused" else {})
        ) from error


def _too_large(max_bytes: int) -> AssignmentError:
    return AssignmentError("course_too_large", megabytes=max(1, max_bytes // 1_000_000), files=MAX_FILES)


def has_autotests(bundle: Bundle) -> bool:
    """Whether tests in it are still to be written by running it."""
    return any(b"AUTOTEST" in file.content for file in bundle if file.path.endswith(SUFFIX))


def store(pieces: Iterable[bytes], path: Path, *, max_bytes: int) -> int:
    """Write what somebody sends to a new file; how many bytes. Raises AssignmentError `course_too_large`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    size = 0
    try:
        with path.open("xb") as file:
            for piece in pieces:
                size += len(piece)
                if size > max_bytes:
                    raise _too_large(max_bytes)
                file.write(piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return size


def pack_tree(folder: Path, into: Path) -> None:
    """Make a zip file of a folder that was written here."""
    draft = shutil.make_archive(str(into.with_suffix(".part")), "zip", folder)
    Path(draft).replace(into)
