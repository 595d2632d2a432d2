"""What lies beside the notebooks that are run."""

from __future__ import annotations

import pytest

from assignments.files import Bundle, File
from assignments.running.grading_runs import data_of


@pytest.mark.parametrize(
    ("theirs", "kept"),
    [
        (["data.csv", "notes.txt"], ["notes.txt"]),
        (["data.csv/mine.txt", "notes.txt"], ["notes.txt"]),
        (["tables", "tables.txt"], ["tables.txt"]),
        (["tables/2026/one.csv/deep/x", "tables/2026/two.csv"], ["tables/2026/two.csv"]),
    ],
    ids=["file", "folder in place of a file", "file in place of a folder", "deep"],
)
def test_release_wins_where_a_student_has_something_else_there(theirs: list[str], kept: list[str]) -> None:
    given = ["data.csv", "tables/2026/one.csv"]

    data = data_of(_bundle(theirs, b"theirs"), _bundle(given, b"given"))

    assert {file.path: file.content for file in data} == dict.fromkeys(kept, b"theirs") | dict.fromkeys(given, b"given")


def test_notebooks_at_the_top_are_no_data() -> None:
    assert [file.path for file in data_of(_bundle(["a.ipynb", "b/c.ipynb"], b""))] == ["b/c.ipynb"]


def _bundle(paths: list[str], content: bytes) -> Bundle:
    return Bundle(tuple(File(path, content) for path in sorted(paths)))
