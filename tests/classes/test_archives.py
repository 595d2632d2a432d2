"""The zip file a class travels in: whole, bounded, and refused where it could do harm."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest

from classes import archives, portable
from classes.archives import ArchiveWriter, opened_archive, read_archive
from classes.errors import CourseError
from classes.portable import Facts, Files, Manifest
from environments.volumes.archive import Entry

MEGABYTE = 1_000_000
MANIFEST = Manifest(Facts("Waves"), datetime(2026, 3, 2, tzinfo=UTC), files=(Files("shared", "shared"),))


def entry(path: str, content: bytes = b"") -> Entry:
    return Entry(PurePosixPath(path), size=len(content), content=[content])


def content_of(path: Path, folder: str = "shared") -> dict[str, bytes]:
    """What is in a folder of an archive."""
    with opened_archive(path, max_bytes=MEGABYTE) as archive:
        return {str(it.path): b"".join(it.content) for it in archive.entries(folder)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "class.zip"


def test_holds_what_was_put_into_it(path: Path) -> None:
    with ArchiveWriter(path, max_bytes=MEGABYTE) as archive:
        archive.add("shared", [entry("a.txt", b"one"), Entry(PurePosixPath("b"), is_folder=True), entry("b/c", b"two")])
        archive.finish(MANIFEST)

    manifest = read_archive(path, max_bytes=MEGABYTE)
    assert manifest == MANIFEST
    assert content_of(path) == {"a.txt": b"one", "b/c": b"two"}


def test_keeps_when_files_were_changed_and_which_can_be_run(path: Path) -> None:
    changed_at = datetime(2026, 3, 2, 9, 30, 12, tzinfo=UTC).timestamp()
    program = Entry(PurePosixPath("run.sh"), size=1, is_executable=True, modified_at=changed_at, content=[b"x"])
    with ArchiveWriter(path, max_bytes=MEGABYTE) as archive:
        archive.add("shared", [program, entry("notes.md")])
        archive.finish(MANIFEST)

    with opened_archive(path, max_bytes=MEGABYTE) as opened:
        found = {str(it.path): (it.is_executable, it.modified_at) for it in opened.entries("shared")}

    assert found["run.sh"] == (True, changed_at)
    assert found["notes.md"][0] is False


def test_reads_a_file_whose_date_cannot_be(path: Path) -> None:
    zipped(path, lambda file: file.writestr(zipfile.ZipInfo("shared/a", (2026, 2, 31, 0, 0, 0)), "x"))

    assert content_of(path) == {"a": b"x"}


def test_refuses_what_is_gone(path: Path) -> None:
    with pytest.raises(CourseError, match="class_archive_unreadable"):
        read_archive(path, max_bytes=MEGABYTE)


def test_leaves_out_names_that_are_no_text(path: Path) -> None:
    with ArchiveWriter(path, max_bytes=MEGABYTE) as archive:
        left_out = archive.add("shared", [entry("a\udcff"), entry("b")])
        archive.finish(MANIFEST)

    assert left_out == 1
    assert set(content_of(path)) == {"b"}


def test_stops_writing_when_there_is_too_much(path: Path) -> None:
    with ArchiveWriter(path, max_bytes=10) as archive, pytest.raises(CourseError, match="class_archive_too_large"):
        archive.add("shared", [entry("a", b"12345"), entry("b", b"678901")])


def test_stops_writing_when_there_are_too_many(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_FILES", 2)

    with ArchiveWriter(path, max_bytes=10) as archive, pytest.raises(CourseError, match="class_archive_too_large"):
        archive.add("shared", [entry("a"), entry("b"), entry("c")])


def zipped(path: Path, fill: Callable[[zipfile.ZipFile], None]) -> Path:
    """A zip file with a good `class.json` and whatever `fill` puts beside it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("class.json", portable.write(MANIFEST))
        fill(file)
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "names", [["../a"], ["/a"], ["shared/../../a"], ["shared//a"], ["a\\b"], ["s/a", "s/A"], ["./a"]]
)
def test_refuses_names_that_lead_elsewhere_or_are_there_twice(path: Path, names: list[str]) -> None:
    def fill(file: zipfile.ZipFile) -> None:
        for name in names:
            file.writestr(name, "x")

    with pytest.raises(CourseError, match="class_archive_refused"):
        read_archive(zipped(path, fill), max_bytes=MEGABYTE)


@pytest.mark.parametrize("kind", [0o120777, 0o020666, 0o010644], ids=["link", "device", "pipe"])
def test_refuses_what_is_no_plain_file(path: Path, kind: int) -> None:
    info = zipfile.ZipInfo("shared/a")
    info.external_attr = kind << 16

    with pytest.raises(CourseError, match="class_archive_refused"):
        read_archive(zipped(path, lambda file: file.writestr(info, "/etc/passwd")), max_bytes=MEGABYTE)


def test_refuses_a_bomb_by_what_it_claims(path: Path) -> None:
    with pytest.raises(CourseError, match="class_archive_too_large"):
        read_archive(zipped(path, lambda file: file.writestr("shared/a", bytes(40 * MEGABYTE))), max_bytes=MEGABYTE)


def test_refuses_a_bomb_by_how_small_it_is_packed(path: Path) -> None:
    bomb = zipped(path, lambda file: file.writestr("shared/a", bytes(40 * MEGABYTE)))

    with pytest.raises(CourseError, match="class_archive_refused"):
        read_archive(bomb, max_bytes=100 * MEGABYTE)


def test_reads_no_more_of_a_file_than_it_claims(path: Path) -> None:
    lying = zipped(path, lambda file: file.writestr("shared/a", bytes(100_000)))
    data = lying.read_bytes()
    lying.write_bytes(data.replace(struct.pack("<L", 100_000), struct.pack("<L", 10)))

    with opened_archive(lying, max_bytes=MEGABYTE) as archive:
        read = sum(len(piece) for it in archive.entries("shared") for piece in _pieces(it))

    assert read <= 10


def _pieces(it: Entry) -> list[bytes]:
    try:
        return list(it.content)
    except CourseError:
        return []


def test_refuses_too_many_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_FILES", 2)

    def fill(file: zipfile.ZipFile) -> None:
        for number in range(3):
            file.writestr(f"shared/{number}", "")

    with pytest.raises(CourseError, match="class_archive_too_large"):
        read_archive(zipped(path, fill), max_bytes=MEGABYTE)


def test_refuses_a_zip_file_of_something_else(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("holiday.jpg", "x")

    with pytest.raises(CourseError, match="class_archive_unreadable"):
        read_archive(path, max_bytes=MEGABYTE)


@pytest.mark.parametrize("keep", [0, 10, 100, -30])
def test_refuses_a_truncated_file(path: Path, keep: int) -> None:
    whole = zipped(path, lambda file: file.writestr("shared/a", "x" * 500)).read_bytes()
    path.write_bytes(whole[:keep])

    with pytest.raises(CourseError, match="class_archive_unreadable"):
        read_archive(path, max_bytes=MEGABYTE)


def test_refuses_damage_inside(path: Path) -> None:
    data = bytearray(zipped(path, lambda file: None).read_bytes())
    data[60:70] = bytes(10)
    path.write_bytes(data)

    with pytest.raises(CourseError, match="class_archive_unreadable"):
        read_archive(path, max_bytes=MEGABYTE)
