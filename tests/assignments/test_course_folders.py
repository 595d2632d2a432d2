"""Archives of courses are unpacked as little as they can be believed."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assignments.course_directories.folders import CourseFolder, unpacked
from assignments.errors import AssignmentError
from assignments.files import Limits

FILES = {
    "gradebook.db": b"a database",
    "autotests.yml": b"python3:",
    "nbgrader_config.py": b"import os",
    "source/header.ipynb": b"{}",
    "source/ps 1/problem1.ipynb": b"{}",
    "source/ps 1/data/a.csv": b"1",
    "source/ps 1/.ipynb_checkpoints/problem1.ipynb": b"{}",
    "release/ps 1/problem1.ipynb": b"{ }",
    "submitted/ada/ps 1/problem1.ipynb": b"{  }",
    "submitted/ada/ps 1/timestamp.txt": b"2026-03-01 11:00:00 UTC",
    "autograded/grace/ps 1/problem1.ipynb": b"{   }",
    "feedback/ada/ps 1/problem1.html": b"<p>",
}
LIMITS = Limits()
Pack = Callable[[dict[str, bytes]], bytes]


def _zip(files: dict[str, bytes], top: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(top + path, content)
    return buffer.getvalue()


def _tar(files: dict[str, bytes], top: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(top + path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _unpacked(content: bytes, tmp_path: Path, *, max_bytes: int = 1_000_000) -> CourseFolder:
    archive, into = tmp_path / "archive", tmp_path / "into"
    archive.write_bytes(content)
    into.mkdir()
    return unpacked(archive, into, max_bytes=max_bytes)


@pytest.mark.parametrize("top", ["", "course101/", "home/course101/"])
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_course_is_found_however_it_was_packed(kind: str, top: str, tmp_path: Path) -> None:
    content = _zip(FILES, top) if kind == "zip" else _tar(FILES, top)

    course = _unpacked(gzip.compress(content) if kind == "tar.gz" else content, tmp_path)

    assert course.gradebook is not None
    assert course.gradebook.read_bytes() == b"a database"
    assert course.assignments() == ["ps 1"]
    assert course.students("ps 1") == ["ada", "grace"]
    source = course.bundle("source", "ps 1", limits=LIMITS)
    assert [file.path for file in source] == ["data/a.csv", "problem1.ipynb"]
    submitted = course.bundle("submitted", "ps 1", "ada", limits=LIMITS)
    assert [(file.path, file.content) for file in submitted] == [("problem1.ipynb", b"{  }")]
    assert course.timestamp("ps 1", "ada") == datetime(2026, 3, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01 11:00:00.5 UTC", datetime(2026, 3, 1, 11, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-03-01 11:00:00\n", datetime(2026, 3, 1, 11, tzinfo=UTC)),
        ("2026-03-01 12:00:00 +0100", datetime(2026, 3, 1, 11, tzinfo=UTC)),
        ("2026-03-01 03:00:00 America/Los_Angeles", datetime(2026, 3, 1, 11, tzinfo=UTC)),
        ("2026-03-01 11:00:00 ../../etc/passwd", None),
        ("2026-03-01 11:00:00 Nowhere/Land", None),
        ("0001-01-01 00:00:00 UTC", None),
        ("9999-12-31 23:59:59 UTC", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_moment_is_read_as_nbgrader_writes_it(text: str, moment: datetime | None, tmp_path: Path) -> None:
    place = "submitted/ada/ps1/timestamp.txt"

    assert _unpacked(_zip({place: text.encode()}), tmp_path).timestamp("ps1", "ada") == moment


def test_files_are_written_under_numbers_only(tmp_path: Path) -> None:
    _unpacked(_zip(FILES), tmp_path)

    assert all(path.name.isdigit() for path in (tmp_path / "into").iterdir())


@pytest.mark.parametrize("path", ["../source/ps1/a.ipynb", "/source/ps1/a.ipynb", "source/../../a.ipynb"])
@pytest.mark.parametrize("pack", [_zip, _tar])
def test_way_out_of_the_folder_is_refused(path: str, pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(AssignmentError, match="files_refused"):
        _unpacked(pack({"gradebook.db": b"x", path: b"{}"}), tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "into"]


def test_links_are_left_out(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("source/ps1/secret.ipynb")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("source/ps1/a.ipynb"))

    course = _unpacked(buffer.getvalue(), tmp_path)

    assert [file.path for file in course.bundle("source", "ps1", limits=LIMITS)] == ["a.ipynb"]


@pytest.mark.parametrize("pack", [_zip, _tar])
def test_more_than_may_be_is_refused(pack: Pack, tmp_path: Path) -> None:
    content = pack({"gradebook.db": b"x", "source/ps1/a.bin": bytes(range(256))})

    with pytest.raises(AssignmentError, match="course_too_large"):
        _unpacked(content, tmp_path, max_bytes=256)


def test_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    bomb = gzip.compress(_tar({"source/ps1/a.bin": b"0" * 5_000_000}))

    with pytest.raises(AssignmentError, match="course_too_large"):
        _unpacked(bomb, tmp_path, max_bytes=1000)

    assert sum(path.stat().st_size for path in (tmp_path / "into").iterdir()) < 1_000_000


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", gzip.compress(b"no archive", mtime=0)[:-4], b"PK\x03\x04 broken"],
    ids=["nothing", "words", "half a gzip", "half a zip"],
)
def test_what_is_no_archive_is_said(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(AssignmentError, match=r"files_unreadable|course_unrecognised"):
        _unpacked(content, tmp_path)


def test_archive_of_something_else_is_said(tmp_path: Path) -> None:
    with pytest.raises(AssignmentError, match="course_unrecognised"):
        _unpacked(_zip({"holiday/picture.png": b"x"}), tmp_path)


def test_file_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for _time in range(2):
            archive.addfile(tarfile.TarInfo("source/ps1/a.ipynb"))

    with pytest.raises(AssignmentError, match="files_refused"):
        _unpacked(buffer.getvalue(), tmp_path)
