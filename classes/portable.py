"""A class as it travels from one Carrel to another: what its archive says, written and read. Pure.

An archive is a zip file with `class.json` in it, in the format that docs/class-archives.md describes. What is read may
have been made by anybody: nothing is believed but what this module has looked at, and nothing is too long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any, TypeVar

from classes.errors import CourseError
from classes.models import Colour, Role
from classes.models.course import MAX_TITLE
from classes.models.lesson import MAX_READY_MINUTES

FORMAT, VERSION = "carrel-class", 1
MANIFEST = "class.json"
MAX_MANIFEST_BYTES = 50_000_000
MAX_MEMBERS, MAX_LESSONS, MAX_ROWS = 5_000, 1_000, 100_000
MAX_FILES_HANDED_IN = 1_000
KINDS = ("shared", "common", "hand_in", "work")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FOLDER = re.compile(r"(?:[A-Za-z0-9._-]+/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")
_LARGEST = 2_000_000_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a class is. References are written as in launch links; empty where there is none."""

    title: str
    code: str = ""
    term: str = ""
    description: str = ""
    colour: str = Colour.BLUE
    starts_on: date | None = None
    ends_on: date | None = None
    repository: str = ""
    teacher_repository: str = ""
    commit: str = ""
    """The version it worked with, for people to read."""
    memory_mb: int | None = None
    cpus: float | None = None
    idle_minutes: int | None = None
    running_servers: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in the class, by what they are called there."""

    username: str
    email: str = ""
    name: str = ""
    role: str = Role.STUDENT
    section: str = ""
    joined_at: datetime | None = None
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LessonFacts:
    """A lesson, in its place among the others."""

    title: str
    summary: str = ""
    path: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    published_at: datetime | None = None
    ready_minutes: int | None = None
    """How long before it begins everybody's server is to be running."""


@dataclass(frozen=True, slots=True)
class Told:
    """An announcement."""

    title: str
    text: str = ""
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """How far a member, by username, came in a lesson, by its place."""

    member: str
    lesson: int
    opened_at: datetime
    last_opened_at: datetime
    cells: int = 0
    executed_cells: int = 0
    validated_cells: int = 0
    tests: int = 0


@dataclass(frozen=True, slots=True)
class Files:
    """A folder of the archive with files in it.

    `kind` is `shared`, `common`, `hand_in` for what was handed in by whomever, or `work` of a member in a server.
    """

    kind: str
    folder: str
    member: str = ""
    server: str = ""


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What a member, by username, handed in: a receipt. `folder` is where it is among all that was handed in."""

    member: str
    path: str
    folder: str
    asked_at: datetime
    received_at: datetime
    contents: tuple[tuple[str, int, str], ...] = ()
    """Each file's name, bytes and SHA-256."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that an archive says of a class."""

    facts: Facts
    exported_at: datetime
    sections: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()
    lessons: tuple[LessonFacts, ...] = ()
    announcements: tuple[Told, ...] = ()
    visits: tuple[Visit, ...] = ()
    hand_ins: tuple[HandedIn, ...] = ()
    files: tuple[Files, ...] = ()


def write(manifest: Manifest) -> bytes:
    """As it stands in `class.json`."""
    content = asdict(manifest)
    content["class"] = content.pop("facts")
    text = json.dumps({"format": FORMAT, "version": VERSION, **content}, indent=1, ensure_ascii=False, default=_iso)
    return text.encode()


def read(data: bytes) -> Manifest:
    """What a `class.json` says.

    Raises CourseError `class_archive_unreadable`, `class_archive_newer`, or `class_archive_invalid` with what is wrong
    and where.
    """
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CourseError("class_archive_unreadable", detail=str(error)) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CourseError("class_archive_unreadable")
    if content.get("version") != VERSION:
        raise CourseError("class_archive_newer", version=str(content.get("version"))[:20])
    manifest = _manifest(_Object(content, ""))
    _check_names(manifest)
    return manifest


# --- Reading -----------------------------------------------------------------------------------------------


def _manifest(content: _Object) -> Manifest:
    return Manifest(
        facts=_facts(content.object("class")),
        exported_at=content.time("exported_at"),
        sections=tuple(content.texts("sections", 60, MAX_LESSONS)),
        members=content.rows("members", _member, MAX_MEMBERS),
        lessons=content.rows("lessons", _lesson, MAX_LESSONS),
        announcements=content.rows("announcements", _told, MAX_LESSONS),
        visits=content.rows("visits", _visit, MAX_ROWS),
        hand_ins=content.rows("hand_ins", _handed_in, MAX_ROWS),
        files=content.rows("files", _files, 2 * MAX_MEMBERS),
    )


def _facts(it: _Object) -> Facts:
    facts = Facts(
        title=it.text("title", MAX_TITLE, needed=True),
        code=it.text("code", 40),
        term=it.text("term", 60),
        description=it.text("description", 2000, lines=True),
        colour=it.choice("colour", Colour.values, Colour.BLUE),
        starts_on=it.day("starts_on"),
        ends_on=it.day("ends_on"),
        repository=it.text("repository", 1000),
        teacher_repository=it.text("teacher_repository", 1000),
        commit=it.text("commit", 64),
        memory_mb=it.number("memory_mb"),
        cpus=it.amount("cpus"),
        idle_minutes=it.number("idle_minutes"),
        running_servers=it.number("running_servers"),
    )
    if facts.starts_on and facts.ends_on and facts.ends_on < facts.starts_on:
        raise it.wrong("ends_on")
    return facts


def _member(it: _Object) -> Member:
    return Member(
        username=it.text("username", 150, needed=True),
        email=it.text("email", 254),
        name=it.text("name", 150),
        role=it.choice("role", Role.values, Role.STUDENT),
        section=it.text("section", 60),
        joined_at=it.time_or_none("joined_at"),
        left_at=it.time_or_none("left_at"),
    )


def _lesson(it: _Object) -> LessonFacts:
    lesson = LessonFacts(
        title=it.text("title", MAX_TITLE, needed=True),
        summary=it.text("summary", 2000, lines=True),
        path=it.text("path", 500),
        starts_at=it.time_or_none("starts_at"),
        ends_at=it.time_or_none("ends_at"),
        published_at=it.time_or_none("published_at"),
        ready_minutes=it.number("ready_minutes"),
    )
    if lesson.ready_minutes is not None and not 1 <= lesson.ready_minutes <= MAX_READY_MINUTES:
        raise it.wrong("ready_minutes")
    if lesson.starts_at and lesson.ends_at and lesson.ends_at < lesson.starts_at:
        raise it.wrong("ends_at")
    if lesson.path.startswith("/") or "\\" in lesson.path or ".." in lesson.path.split("/"):
        raise it.wrong("path")
    return lesson


def _told(it: _Object) -> Told:
    return Told(
        title=it.text("title", MAX_TITLE, needed=True),
        text=it.text("text", 5000, lines=True),
        published_at=it.time_or_none("published_at"),
    )


def _visit(it: _Object) -> Visit:
    counts = {name: it.number(name) or 0 for name in ("cells", "executed_cells", "validated_cells", "tests")}
    if counts["executed_cells"] > counts["cells"] or counts["validated_cells"] > counts["tests"]:
        raise it.wrong("cells")
    return Visit(
        member=it.text("member", 150, needed=True),
        lesson=it.number("lesson") or 0,
        opened_at=it.time("opened_at"),
        last_opened_at=it.time("last_opened_at"),
        **counts,
    )


def _handed_in(it: _Object) -> HandedIn:
    return HandedIn(
        member=it.text("member", 150, needed=True),
        path=it.clean_path("path", 500),
        folder=it.clean_path("folder", 300),
        asked_at=it.time("asked_at"),
        received_at=it.time("received_at"),
        contents=tuple(it.digests("contents", MAX_FILES_HANDED_IN)),
    )


def _files(it: _Object) -> Files:
    folder = it.text("folder", 300, needed=True)
    if not _FOLDER.fullmatch(folder) or ".." in folder.split("/") or folder == MANIFEST:
        raise it.wrong("folder")
    return Files(
        kind=it.choice("kind", KINDS, ""),
        folder=folder,
        member=it.text("member", 150),
        server=it.text("server", 40),
    )


def _check_names(manifest: Manifest) -> None:
    """Names that others refer to are there once, and what is referred to is there."""
    members = [member.username.casefold() for member in manifest.members]
    for what, names in (
        ("sections", [name.casefold() for name in manifest.sections]),
        ("members", members),
        ("files", [files.folder.casefold() for files in manifest.files]),
        ("hand_ins", [it.folder for it in manifest.hand_ins]),
        ("visits", [(visit.member.casefold(), visit.lesson) for visit in manifest.visits]),
    ):
        if len(set(names)) != len(names):
            raise CourseError("class_archive_invalid", where=what)
    sections, known = set(manifest.sections), set(members)
    if any(member.section and member.section not in sections for member in manifest.members):
        raise CourseError("class_archive_invalid", where="members.section")
    if any(it.member.casefold() not in known for it in manifest.hand_ins):
        raise CourseError("class_archive_invalid", where="hand_ins.member")
    folders = {files.folder.casefold() for files in manifest.files}
    if any(str(above) in folders for folder in folders for above in PurePosixPath(folder).parents):
        raise CourseError("class_archive_invalid", where="files.folder")
    for visit in manifest.visits:
        if visit.member.casefold() not in known or visit.lesson >= len(manifest.lessons):
            raise CourseError("class_archive_invalid", where="visits")


@dataclass(frozen=True)
class _Object:
    """A JSON object of an archive, read with suspicion."""

    content: dict[str, Any]
    place: str

    def wrong(self, name: str) -> CourseError:
        """What to raise for a value that cannot be."""
        return CourseError("class_archive_invalid", where=f"{self.place}.{name}".lstrip("."))

    def object(self, name: str) -> _Object:
        content = self.content.get(name)
        if not isinstance(content, dict):
            raise self.wrong(name)
        return _Object(content, name)

    def rows(self, name: str, read_one: Callable[[_Object], T], most: int) -> tuple[T, ...]:
        rows = self._list(name, most)
        if not all(isinstance(row, dict) for row in rows):
            raise self.wrong(name)
        return tuple(read_one(_Object(row, f"{name}[{number}]")) for number, row in enumerate(rows))

    def texts(self, name: str, longest: int, most: int) -> list[str]:
        rows = self._list(name, most)
        return [_Object({name: row}, self.place).text(name, longest, needed=True) for row in rows]

    def text(self, name: str, longest: int, *, needed: bool = False, lines: bool = False) -> str:
        value = self.content.get(name, "")
        if not isinstance(value, str) or len(value) > longest or (needed and not value.strip()):
            raise self.wrong(name)
        visible = value.replace("\n", "").replace("\r", "").replace("\t", "") if lines else value
        if not visible.isprintable():
            raise self.wrong(name)
        return value

    def clean_path(self, name: str, longest: int) -> str:
        value = self.text(name, longest, needed=True)
        if "\\" in value or any(part in ("", ".", "..") for part in value.split("/")):
            raise self.wrong(name)
        return value

    def digests(self, name: str, most: int) -> list[tuple[str, int, str]]:
        rows = self._list(name, most)
        for row in rows:
            match row:
                case [str(file), int(size), str(digest)] if size >= 0 and file.isprintable() and len(file) <= 1000:
                    if isinstance(size, bool) or not _DIGEST.fullmatch(digest):
                        raise self.wrong(name)
                case _:
                    raise self.wrong(name)
        return [tuple(row) for row in rows]

    def choice(self, name: str, values: Any, otherwise: str) -> str:
        value = self.content.get(name, otherwise)
        if not isinstance(value, str) or value not in values:
            raise self.wrong(name)
        return value

    def number(self, name: str) -> int | None:
        value = self.content.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
            raise self.wrong(name)
        return value

    def amount(self, name: str) -> float | None:
        value = self.content.get(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 10_000:
            raise self.wrong(name)
        return float(value)

    def day(self, name: str) -> date | None:
        return self._parsed(name, date.fromisoformat)

    def time(self, name: str) -> datetime:
        value = self.time_or_none(name)
        if value is None:
            raise self.wrong(name)
        return value

    def time_or_none(self, name: str) -> datetime | None:
        value = self._parsed(name, datetime.fromisoformat)
        if value is not None and (value.tzinfo is None or not 1970 <= value.year <= 9000):
            raise self.wrong(name)
        return value

    def _parsed(self, name: str, parse: Callable[[str], T]) -> T | None:
        value = self.content.get(name)
        if value is None:
            return None
        try:
            return parse(value)
        except (TypeError, ValueError) as error:
            raise self.wrong(name) from error

    def _list(self, name: str, most: int) -> list[Any]:
        rows = self.content.get(name, [])
        if not isinstance(rows, list) or len(rows) > most:
            raise self.wrong(name)
        return rows


def _iso(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"nothing that an archive holds: {value!r}")
