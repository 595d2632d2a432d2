"""The files of a release or of a submission, as one value: what is taken of what arrives, and how they travel. Pure.

A *bundle* is a set of ordinary files. It is written in one way only, as an uncompressed tar in which they are sorted
and of no particular time, owner or mode, so that its sha256 names it; folders follow from the paths, and empty ones
are none.

What arrives may be anything. What an honest folder may well have in it and a bundle cannot (links, names that are no
text, two names that differ in case only) is left out, and said; what programs leave behind is left out without a word;
what only an attack or an accident makes (ways out of the folder, a name that is there twice, a bomb) is refused whole.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from assignments.errors import AssignmentError
from classes.archives import entries_of
from environments.errors import UserError
from environments.volumes.archive import Entry, check_path, pack, printable, unpack

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

SUFFIX = ".ipynb"
JUNK = frozenset(
    {
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
        "__MACOSX",
        "__pycache__",
    }
)
"""What programs leave behind and nobody hands in."""
MAX_PATH_BYTES = 1000
MAX_LEFT_OUT = 50
"""So many of the files left out are named."""
_BLOCK = 512
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")

LEFT_OUT_WORDS: dict[str, _StrPromise] = {
    "not_a_file": _("“{path}” was left out: it is a link or something else that is no ordinary file."),
    "not_text": _("“{path}” was left out: its name is no text that every computer can read, or is too long."),
    "same_name": _("“{path}” was left out: another name differs from it in upper and lower case only."),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be handed in at once."""

    max_bytes: int = 100_000_000
    max_files: int = 1000


KEPT = Limits(max_bytes=1 << 40, max_files=1_000_000)
"""For what was bounded when it came, and is read again."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of a bundle."""

    path: str
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """What names its content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that did not get into a bundle, and why. `code` is a key of `LEFT_OUT_WORDS`."""

    code: str
    path: str

    def __str__(self) -> str:
        return str(LEFT_OUT_WORDS[self.code]).format(path=self.path)


@dataclass(frozen=True)
class Bundle:
    """Files with clean relative paths, sorted by these. Made by the functions of this module."""

    files: tuple[File, ...] = ()

    def __iter__(self) -> Iterator[File]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def tar(self) -> bytes:
        """As it is kept and travels: of equal bundles equal bytes."""
        return b"".join(
            pack(
                Entry(PurePosixPath(file.path), size=len(file.content), modified_at=0, content=(file.content,))
                for file in self.files
            )
        )

    @cached_property
    def sha256(self) -> str:
        """The name of exactly these files."""
        return hashlib.sha256(self.tar).hexdigest()

    @property
    def notebooks(self) -> tuple[str, ...]:
        """The names of the notebooks at the top, without their suffix."""
        names = (file.path for file in self.files if "/" not in file.path and file.path.endswith(SUFFIX))
        return tuple(name.removesuffix(SUFFIX) for name in names if name != SUFFIX)

    def read(self, path: str) -> bytes | None:
        """What is in a file; None if there is no such."""
        return next((file.content for file in self.files if file.path == path), None)

    def notebook(self, name: str) -> bytes:
        """The notebook of this name, at the top. Raises AssignmentError `notebook_missing`."""
        content = self.read(name + SUFFIX)
        if content is None:
            raise AssignmentError("notebook_missing", notebook=printable(name))
        return content


NO_FILES = Bundle().sha256
"""The name of no files at all: what there is of a submission of which only the grade was brought here."""


@dataclass(frozen=True, slots=True)
class Received:
    """What came of the files that somebody sent."""

    bundle: Bundle
    left_out: tuple[LeftOut, ...] = ()
    """The first of them, by path."""


def from_tar(stream: Iterable[bytes], *, limits: Limits, prefer: Collection[str] = ()) -> Received:
    """The bundle in an uncompressed tar. Of two names that differ in case only, that among `prefer` stays.

    Raises AssignmentError `files_unreadable`, `files_refused`, `files_too_large` and `files_too_many`.
    """
    links: list[str] = []
    most = limits.max_bytes + 2 * _BLOCK * (limits.max_files + 1)
    with _in_our_words(limits):
        return _collect(unpack(stream, max_bytes=most, leave_out=links.append), links, limits, prefer)


def file_in(tar: bytes, path: str) -> bytes | None:
    """What is in a file of a bundle as it is kept (`Bundle.tar`); None if there is no such.

    Only for what this module wrote: nothing is checked, so it takes a third of the time of `from_tar`.
    """
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
        member = next((one for one in archive if one.name == path), None)
        content = archive.extractfile(member) if member is not None else None
        return content.read() if content is not None else None


def from_zip(raw: bytes, *, limits: Limits, prefer: Collection[str] = ()) -> Received:
    """The bundle in a zip file. As `from_tar`, but that links in it are refused.

    The folder that everything is in, as when somebody has compressed a folder, is taken off.
    """
    with _in_our_words(limits):
        received = _collect(entries_of(io.BytesIO(raw), max_bytes=limits.max_bytes), [], limits, prefer)
    return Received(_unwrapped(received.bundle), received.left_out)


def from_archive(raw: bytes, *, limits: Limits, prefer: Collection[str] = ()) -> Received:
    """The bundle in a tar or zip file, whichever it is."""
    if raw.startswith(_ZIP_STARTS):
        return from_zip(raw, limits=limits, prefer=prefer)
    return from_tar([raw], limits=limits, prefer=prefer)


def from_files(files: Iterable[tuple[str, bytes]], *, limits: Limits, prefer: Collection[str] = ()) -> Received:
    """The bundle of these files, by path. As `from_tar`."""
    with _in_our_words(limits):
        return _collect(
            (Entry(check_path(path), size=len(content), content=(content,)) for path, content in files),
            [],
            limits,
            prefer,
        )


def _collect(entries: Iterable[Entry], links: list[str], limits: Limits, prefer: Collection[str]) -> Received:
    found: dict[str, bytes] = {}
    nameless: list[str] = []
    room = limits.max_bytes
    for number, entry in enumerate(entries):
        path = str(entry.path)
        if number >= 2 * limits.max_files:
            raise AssignmentError("files_too_many", most=limits.max_files)
        if entry.is_folder or not JUNK.isdisjoint(entry.path.parts):
            continue
        room -= entry.size
        if room < 0:
            raise too_large(limits)
        if not _is_text(path):
            nameless.append(printable(path))
        elif path in found or path == ".":
            raise AssignmentError("files_refused", path=printable(path))
        else:
            found[path] = b"".join(entry.content)
    return _received(found, links, nameless, limits, prefer)


def _received(
    found: dict[str, bytes], links: Iterable[str], nameless: Iterable[str], limits: Limits, prefer: Collection[str]
) -> Received:
    if len(found) > limits.max_files:
        raise AssignmentError("files_too_many", most=limits.max_files)
    kept, clashing = _without_clashes(sorted(found, key=lambda path: (path not in prefer, path)))
    left_out = [
        *(LeftOut("not_a_file", path) for path in links if JUNK.isdisjoint(path.split("/"))),
        *(LeftOut("not_text", path) for path in nameless),
        *(LeftOut("same_name", path) for path in clashing),
    ]
    left_out.sort(key=lambda one: (one.path, one.code))
    bundle = Bundle(tuple(File(path, found[path]) for path in sorted(kept)))
    return Received(bundle, tuple(left_out[:MAX_LEFT_OUT]))


def _without_clashes(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """These paths, and those of them that a computer which ignores case would take for one before.

    Raises AssignmentError `files_refused` for a file that is a folder too.
    """
    files: set[str] = set()
    folders: set[str] = set()
    spelt: dict[str, str] = {}
    clashing = []
    for path in paths:
        above = [str(folder) for folder in PurePosixPath(path).parents][:-1]
        if path in folders or not files.isdisjoint(above):
            raise AssignmentError("files_refused", path=printable(path))
        if any(spelt.get(_folded(place), place) != place for place in (path, *above)):
            clashing.append(path)
            continue
        spelt.update((_folded(place), place) for place in (path, *above))
        files.add(path)
        folders.update(above)
    return sorted(files), clashing


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def _is_text(path: str) -> bool:
    try:
        size = len(path.encode())
    except UnicodeEncodeError:  # Bytes that are no text.
        return False
    return size <= MAX_PATH_BYTES and "\\" not in path and path.isprintable()


def _unwrapped(bundle: Bundle) -> Bundle:
    """Without the folder that everything is in."""
    tops = {file.path.partition("/")[0] for file in bundle}
    if len(tops) != 1 or any("/" not in file.path for file in bundle):
        return bundle
    return Bundle(tuple(File(file.path.partition("/")[2], file.content) for file in bundle))


_CODES = {
    "volume_archive_invalid": "files_unreadable",
    "class_archive_unreadable": "files_unreadable",
    "volume_path_invalid": "files_refused",
    "class_archive_refused": "files_refused",
}


@contextmanager
def _in_our_words(limits: Limits) -> Iterator[None]:
    """What those who read archives say of them, as it is said of an assignment."""
    try:
        yield
    except AssignmentError:
        raise
    except UserError as error:
        code = _CODES.get(error.code)
        if code is None:
            raise too_large(limits) from error
        place = error.facts.get("path", error.facts.get("file", ""))
        facts = {"path": place} if code == "files_refused" else {}
        raise AssignmentError(code, detail=error.detail, **facts) from error


def too_large(limits: Limits) -> AssignmentError:
    """What to raise for more than these allow."""
    return AssignmentError("files_too_large", megabytes=max(1, limits.max_bytes // 1_000_000))
