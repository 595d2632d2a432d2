"""What an archive says of a class: written, read again, and refused where it cannot be."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from classes.errors import CourseError
from classes.portable import Facts, Files, HandedIn, LessonFacts, Manifest, Member, Told, Visit, read, write

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
MANIFEST = Manifest(
    facts=Facts("Waves", code="PHYS-2", starts_on=date(2026, 3, 1), repository="gh/ada/waves/main", cpus=1.5),
    exported_at=NOW,
    sections=("Group A",),
    members=(Member("ada", "ada@example.org", role="teacher"), Member("bob", section="Group A", joined_at=NOW)),
    lessons=(LessonFacts("Ripples", path="1.ipynb", starts_at=NOW, published_at=NOW, ready_minutes=10),),
    announcements=(Told("Welcome", "Line\nand line.", NOW),),
    visits=(Visit("bob", 0, NOW, NOW, cells=5, executed_cells=3),),
    hand_ins=(HandedIn("bob", "report.md", "bob/2026-03-02", NOW, NOW, (("report.md", 5, "0" * 64),)),),
    files=(Files("shared", "shared"), Files("work", "work/0001", "bob", "waves")),
)


def test_reads_what_was_written() -> None:
    assert read(write(MANIFEST)) == MANIFEST


def changed(place: list[Any], value: object) -> bytes:
    """The archive's text with something else at one place."""
    content = json.loads(write(MANIFEST))
    at = content
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["class"], "Waves"),
        (["class", "title"], ""),
        (["class", "title"], "x" * 121),
        (["class", "title"], "a\nb"),
        (["class", "title"], 7),
        (["class", "colour"], "plaid"),
        (["class", "ends_on"], "2025-01-01"),
        (["class", "starts_on"], "tomorrow"),
        (["class", "memory_mb"], -1),
        (["class", "memory_mb"], 10**12),
        (["class", "memory_mb"], True),
        (["class", "cpus"], 0),
        (["class", "cpus"], 1e999),
        (["exported_at"], None),
        (["exported_at"], "2026-03-02T09:00:00"),
        (["sections"], ["A", "a"]),
        (["sections"], "A"),
        (["sections"], [""]),
        (["members"], [{}]),
        (["members"], [7]),
        (["members"], [{"username": "bob"}, {"username": "BOB"}]),
        (["members", 0, "role"], "dean"),
        (["members", 1, "section"], "Group Z"),
        (["lessons", 0, "path"], "../../etc/passwd"),
        (["lessons", 0, "path"], "/etc/passwd"),
        (["lessons", 0, "ends_at"], "2025-01-01T00:00:00+00:00"),
        (["lessons", 0, "ready_minutes"], 0),
        (["lessons", 0, "ready_minutes"], 61),
        (["lessons"], [{"title": "x"}] * 1001),
        (["announcements", 0, "text"], "x" * 5001),
        (["announcements", 0, "text"], "\x00"),
        (["visits", 0, "member"], "nobody"),
        (["visits", 0, "lesson"], 1),
        (["visits", 0, "executed_cells"], 6),
        (["files", 0, "folder"], "../shared"),
        (["files", 0, "folder"], "/shared"),
        (["files", 0, "folder"], "work/0001"),
        (["files", 0, "kind"], "home"),
        (["files", 1, "folder"], "shared/inside"),
        (["hand_ins", 0, "member"], "nobody"),
        (["hand_ins", 0, "folder"], "../bob"),
        (["hand_ins", 0, "path"], "/etc/passwd"),
        (["hand_ins", 0, "received_at"], None),
        (["hand_ins", 0, "contents"], [["a", -1, "0" * 64]]),
        (["hand_ins", 0, "contents"], [["a", 1, "xyz"]]),
        (["hand_ins", 0, "contents"], [["a"]]),
        (["hand_ins"], [{}]),
    ],
    ids=str,
)
def test_refuses_what_cannot_be(place: list[Any], value: object) -> None:
    with pytest.raises(CourseError, match="class_archive_invalid"):
        read(changed(place, value))


def test_reads_lessons_of_an_archive_made_before_servers_could_be_ready() -> None:
    content = json.loads(write(MANIFEST))
    del content["lessons"][0]["ready_minutes"]

    assert read(json.dumps(content).encode()).lessons[0].ready_minutes is None


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"{}", b'"x"', b"[" * 100_000])
def test_refuses_what_is_something_else(data: bytes) -> None:
    with pytest.raises(CourseError, match="class_archive_unreadable"):
        read(data)


@pytest.mark.parametrize("version", [0, 2, "1", None, [1]])
def test_refuses_another_version(version: object) -> None:
    with pytest.raises(CourseError, match="class_archive_newer"):
        read(changed(["version"], version))


def test_says_where_it_is_wrong() -> None:
    with pytest.raises(CourseError) as refused:
        read(changed(["members", 1, "role"], "dean"))

    assert "members[1].role" in refused.value.explain().sentence
