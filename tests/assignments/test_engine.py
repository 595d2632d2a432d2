"""The engine's calls one by one: what they make, what they withstand, and what they leave."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from assignments.errors import REASONS, AssignmentError
from assignments.running import engine, engine_values
from assignments.running.engine import (
    CellRow,
    Mark,
    Marks,
    ScoredCell,
    StoredAssignment,
    StoredCell,
    StoredCourse,
    StoredMark,
    StoredNotebook,
    StoredPenalty,
    StoredStudent,
    StoredSubmission,
)
from config.env import BASE_DIR
from tests.assignments.nbgrader_files import APPS, put

_PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def _cell(make: Callable[..., Any], grade_id: str, source: str, **flags: Any) -> Any:
    given = {
        "schema_version": 3,
        "grade": False,
        "solution": False,
        "locked": False,
        "task": False,
        "grade_id": grade_id,
    }
    return make(source, metadata={"nbgrader": {**given, **flags}})


def _answer(source: str = "x = 1") -> Any:
    return _cell(new_code_cell, "answer", source, solution=True)


def _tests(source: str = "assert x == 1", points: float = 2) -> Any:
    return _cell(new_code_cell, "tests", source, grade=True, locked=True, points=points)


def _manual() -> Any:
    return _cell(new_markdown_cell, "essay", "because", grade=True, solution=True, points=3)


def _read_only() -> Any:
    return _cell(new_code_cell, "setup", "import math", locked=True)


def _put(folder: Path, *cells: Any, name: str = "p1") -> Path:
    folder.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=list(cells), metadata=_PYTHON), folder / f"{name}.ipynb")
    return folder


def _read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def _ids(path: Path) -> list[str | None]:
    return [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in _read(path).cells]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of one notebook: something to read, an answer, its tests, and an essay."""
    folder = tmp_path_factory.mktemp("release")
    tests = _tests("assert x == 1\n### BEGIN HIDDEN TESTS\nassert type(x) is int\n### END HIDDEN TESTS")
    source = _put(folder / "source", _read_only(), _answer(), tests, _manual())
    (source / "data").mkdir()
    (source / "data" / "table.csv").write_text("1,2")
    engine.generate(source, name="ps1", into=folder / "made")
    return folder / "made"


def _sanitised(release: Path, folder: Path, *cells: Any) -> Path:
    submitted = _put(folder / "submitted", *cells)
    engine.sanitise(submitted, gradebook=release / "gradebook.db", name="ps1", into=folder / "sanitised")
    return folder / "sanitised" / "p1.ipynb"


def _scored(release: Path, folder: Path, *outputs: Any) -> dict[str, ScoredCell]:
    """What the release's own notebook scores when its tests say this."""
    notebook = _read(release / "release" / "p1.ipynb")
    notebook.cells[2].outputs = list(outputs)
    (folder / "executed").mkdir()
    nbformat.write(notebook, folder / "executed" / "p1.ipynb")
    gradebook = release / "gradebook.db"
    scored = engine.score(folder / "executed", gradebook=gradebook, name="ps1", into=folder / "graded")
    return {cell.grade_id: cell for cell in scored.cells}


def _result(text: str) -> Any:
    return new_output("execute_result", {"text/plain": text}, execution_count=1)


# --- Releases ----------------------------------------------------------------------------------------------------


def test_generate_takes_solutions_and_hidden_tests_out(release: Path) -> None:
    released = _read(release / "release" / "p1.ipynb")

    assert "raise NotImplementedError()" in released.cells[1].source
    assert released.cells[2].source == "assert x == 1"


def test_generate_copies_the_data(release: Path) -> None:
    assert (release / "release" / "data" / "table.csv").read_text() == "1,2"


def test_generate_says_what_each_cell_is(tmp_path: Path) -> None:
    task = _cell(new_markdown_cell, "draw", "Draw it.", task=True, locked=True, points=4)
    source = _put(tmp_path / "source", _read_only(), new_markdown_cell("hello"), _answer(), _tests(), _manual(), task)

    made = engine.generate(source, name="ps1", into=tmp_path / "made")

    assert made.cells == (
        CellRow("p1", "setup", "read-only", 0, 0, "import math"),
        CellRow("p1", "answer", "answer", 0, 2, "# YOUR CODE HERE\nraise NotImplementedError()"),
        CellRow("p1", "tests", "tests", 2, 3, "assert x == 1"),
        CellRow("p1", "essay", "manual", 3, 4, "YOUR ANSWER HERE"),
        CellRow("p1", "draw", "task", 4, 5, "Draw it."),
    )


def test_generate_leaves_links_out(tmp_path: Path) -> None:
    source = _put(tmp_path / "source", _answer(), _tests())
    (source / "passwords").symlink_to("/etc/passwd")

    engine.generate(source, name="ps1", into=tmp_path / "made")

    assert [path.name for path in (tmp_path / "made" / "release").iterdir()] == ["p1.ipynb"]


def test_generate_again_leaves_what_was_there(release: Path, tmp_path: Path) -> None:
    before = (release / "gradebook.db").read_bytes()

    with pytest.raises(FileExistsError):
        engine.generate(_put(tmp_path / "source", _answer()), name="ps1", into=release)

    assert (release / "gradebook.db").read_bytes() == before


def test_generate_without_a_kernel_refuses_tests_that_need_one(tmp_path: Path) -> None:
    source = put("autotest-simple.ipynb", tmp_path / "source", beside=("autotests.yml",))

    with pytest.raises(AssignmentError) as raised:
        engine.generate(source, name="ps1", into=tmp_path / "made")

    assert raised.value.code == "autotests_need_kernel"


def test_generate_asks_for_code_to_be_run_rather_than_running_it(tmp_path: Path) -> None:
    source = put("autotest-simple.ipynb", tmp_path / "source", beside=("autotests.yml",))
    asked: list[str] = []

    def run(snippet: engine.Snippet) -> list[dict[str, Any]]:
        asked.append(f"{snippet.notebook} {snippet.kernel}")
        return [{"output_type": "execute_result", "data": {"text/plain": "'41 or so'"}}]

    made = engine.generate(source, name="ps1", into=tmp_path / "made", run=run)

    assert set(asked) == {"p1 python3"}
    assert any("41 or so" in cell.source for cell in made.cells)
    assert not (tmp_path / "made" / "release" / "autotests.yml").exists()


def test_generate_says_which_of_the_instructors_code_failed(tmp_path: Path) -> None:
    source = put("autotest-simple.ipynb", tmp_path / "source", beside=("autotests.yml",))

    def run(_snippet: engine.Snippet) -> list[dict[str, Any]]:
        return [{"output_type": "error", "ename": "NameError", "evalue": "no such thing", "traceback": []}]

    with pytest.raises(AssignmentError) as raised:
        engine.generate(source, name="ps1", into=tmp_path / "made", run=run)

    assert raised.value.code == "autotests_failed"
    assert "no such thing" in raised.value.explain().sentence


@pytest.mark.parametrize("name", ["", "a+b", "../up", "*", "a/b", ".hidden", "a b"])
def test_generate_refuses_names_that_mean_something_else_to_nbgrader(name: str, tmp_path: Path) -> None:
    with pytest.raises(AssignmentError) as raised:
        engine.generate(tmp_path, name=name, into=tmp_path / "made")

    assert raised.value.code == "assignment_name_invalid"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"no notebook", "notebook_not_json"),
        (b"\xff\xfe", "notebook_not_json"),
        (b"[" * 100_000, "notebook_not_json"),
        (b"[]", "notebook_invalid"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 3}', "notebook_invalid"),
    ],
)
def test_generate_refuses_what_is_no_notebook(content: bytes, code: str, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "p1.ipynb").write_bytes(content)

    with pytest.raises(AssignmentError) as raised:
        engine.generate(tmp_path / "source", name="ps1", into=tmp_path / "made")

    assert (raised.value.code, raised.value.facts["notebook"]) == (code, "p1")


# --- What is handed in -------------------------------------------------------------------------------------------


def test_sanitise_restores_the_hidden_tests(release: Path, tmp_path: Path) -> None:
    path = _sanitised(release, tmp_path, _answer(), _tests("pass"))

    assert "assert type(x) is int" in _read(path).cells[2].source


def test_sanitise_keeps_answers(release: Path, tmp_path: Path) -> None:
    path = _sanitised(release, tmp_path, _read_only(), _answer("x = 7"), _tests(), _manual())

    assert [cell.source for cell in _read(path).cells][1::2] == ["x = 7", "because"]


def test_sanitise_puts_deleted_cells_back_in_their_places(release: Path, tmp_path: Path) -> None:
    path = _sanitised(release, tmp_path, new_markdown_cell("my own"), _answer())

    assert _ids(path) == ["setup", None, "answer", "tests", "essay"]


def test_sanitise_takes_the_last_of_copied_cells(release: Path, tmp_path: Path) -> None:
    path = _sanitised(release, tmp_path, _read_only(), _answer("x = 0"), _answer("x = 1"), _tests(), _manual())

    assert _ids(path) == ["setup", None, "answer", "tests", "essay"]


@pytest.mark.parametrize(
    "claimed",
    [
        {"grade_id": "tests", "grade": False, "solution": True, "locked": False, "schema_version": 3},
        {"grade_id": "tests", "grade": True, "solution": False, "locked": True, "points": 1000, "schema_version": 3},
        {"grade_id": "tests", "schema_version": 99},
        {"grade_id": "tests", "grade": "yes", "anything": {"else": []}},
    ],
)
def test_sanitise_believes_no_metadata(claimed: dict[str, Any], release: Path, tmp_path: Path) -> None:
    tests = new_code_cell("pass", metadata={"nbgrader": claimed})

    path = _sanitised(release, tmp_path, _read_only(), _answer(), tests, _manual())

    restored = _read(path).cells[2].metadata.nbgrader
    assert (restored.grade, restored.solution, restored.points, restored.schema_version) == (True, False, 2, 3)


@pytest.mark.parametrize("claimed", [{}, [], "tests", {"grade_id": 3}, {"grade_id": "no such", "grade": True}])
def test_sanitise_takes_unknown_metadata_for_none(claimed: Any, release: Path, tmp_path: Path) -> None:
    path = _sanitised(release, tmp_path, new_code_cell("pass", metadata={"nbgrader": claimed}), _answer())

    assert _ids(path) == ["setup", None, "answer", "tests", "essay"]


def test_sanitise_gives_cells_their_type_back(release: Path, tmp_path: Path) -> None:
    as_text = new_markdown_cell("x = 1", metadata=_answer().metadata)

    path = _sanitised(release, tmp_path, _read_only(), as_text, _tests(), _manual())

    assert _read(path).cells[1].cell_type == "code"


def test_sanitise_without_any_of_the_notebooks_names_them(release: Path, tmp_path: Path) -> None:
    submitted = _put(tmp_path / "submitted", _answer(), name="Untitled")

    with pytest.raises(AssignmentError) as raised:
        engine.sanitise(submitted, gradebook=release / "gradebook.db", name="ps1", into=tmp_path / "sanitised")

    assert raised.value.code == "submission_without_notebooks"
    assert "p1" in raised.value.explain().next_step


# --- Points ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "points", "oddity"),
    [
        (_result("1.5"), 1.5, None),
        (_result("1000"), 2, "credit_above_points"),
        (_result("inf"), 2, "credit_above_points"),
        (_result("-1"), 2, "credit_negative"),
        (_result("'fine'"), 2, "credit_no_number"),
        (new_output("execute_result", {"text/html": "<b>2</b>"}, execution_count=1), 2, "credit_no_number"),
        (new_output("stream", name="stderr", text="a warning"), 0, None),
        (new_output("stream", name="stdout", text="fine"), 2, None),
        (new_output("error", ename="AssertionError", evalue="", traceback=[]), 0, None),
    ],
)
def test_score_by_what_a_test_says(
    output: Any, points: float, oddity: str | None, release: Path, tmp_path: Path
) -> None:
    cell = _scored(release, tmp_path, output)["tests"]

    assert (cell.auto_points, cell.oddity) == (points, oddity)


def test_score_of_an_unanswered_essay_is_nothing(release: Path, tmp_path: Path) -> None:
    essay = _scored(release, tmp_path)["essay"]

    assert (essay.auto_points, essay.needs_manual, essay.is_unanswered) == (0, False, True)


def test_score_of_a_missing_notebook_is_nothing(tmp_path: Path) -> None:
    source = _put(_put(tmp_path / "source", _answer(), _tests()), _answer(), _tests(points=5), name="p2")
    engine.generate(source, name="ps1", into=tmp_path / "made")
    _put(tmp_path / "executed", _answer(), _tests())

    gradebook = tmp_path / "made" / "gradebook.db"
    scored = engine.score(tmp_path / "executed", gradebook=gradebook, name="ps1", into=tmp_path / "graded")

    assert scored.missing == ("p2",)
    assert [(cell.notebook, cell.auto_points, cell.needs_manual) for cell in scored.cells] == [
        ("p1", 2, False),
        ("p2", 0, False),
    ]


# --- Feedback ----------------------------------------------------------------------------------------------------


def _page(release: Path, folder: Path, marks: Marks) -> str:
    _scored(release, folder)
    gradebook = release / "gradebook.db"
    engine.feedback(folder / "graded", gradebook=gradebook, name="ps1", marks=marks, into=folder / "feedback")
    return (folder / "feedback" / "p1.html").read_text()


def test_feedback_shows_the_marks_it_is_given(release: Path, tmp_path: Path) -> None:
    marks = Marks((Mark("p1", "tests", 1.5), Mark("p1", "essay", 2, extra=0.25, comment="Well *said*.")))

    page = _page(release, tmp_path, marks)

    assert "Score: 3.75 / 5.0" in page
    assert "Well <em>said</em>." in page


def test_feedback_shows_comments_on_tests(release: Path, tmp_path: Path) -> None:
    page = _page(release, tmp_path, Marks((Mark("p1", "tests", 0, comment="Look at the type."),)))

    assert "Look at the type." in page


def test_feedback_takes_penalties_off(release: Path, tmp_path: Path) -> None:
    page = _page(release, tmp_path, Marks((Mark("p1", "tests", 2), Mark("p1", "essay", 3)), penalties={"p1": 1.0}))

    assert "Score: 4.0 / 5.0" in page


def test_feedback_refuses_points_for_a_cell_that_has_none(release: Path, tmp_path: Path) -> None:
    with pytest.raises(AssignmentError) as raised:
        _page(release, tmp_path, Marks((Mark("p1", "elsewhere", 2),)))

    assert raised.value.code == "mark_unplaced"


# --- Validating --------------------------------------------------------------------------------------------------


def test_validate_names_the_cells_that_fail(tmp_path: Path) -> None:
    tests = _tests()
    tests.outputs = [new_output("error", ename="AssertionError", evalue="", traceback=["it is not 1"])]

    found = engine.validate(_put(tmp_path / "run", _answer(), tests) / "p1.ipynb")

    assert [(cell.source, cell.error) for cell in found.failed] == [("assert x == 1", "it is not 1")]


def test_validate_names_tests_that_were_changed(release: Path, tmp_path: Path) -> None:
    notebook = _read(release / "release" / "p1.ipynb")
    notebook.cells[2].source = "pass"
    nbformat.write(notebook, tmp_path / "p1.ipynb")

    assert engine.validate(tmp_path / "p1.ipynb").changed == ("pass",)


# --- Courses of nbgrader's ---------------------------------------------------------------------------------------

_COURSE = StoredCourse(
    students=(StoredStudent("ada", "Ada", "Lovelace", "ada@example.org", "17"), StoredStudent("bob")),
    assignments=(
        StoredAssignment(
            "ps1",
            datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
            (
                StoredNotebook(
                    "p1",
                    '{"name": "python3"}',
                    (
                        StoredCell("setup", "read-only", 0, "code", "import math", "a" * 32),
                        StoredCell("answer", "answer", 0, "code", "# YOUR CODE HERE", ""),
                        StoredCell("tests", "tests", 2, "code", "assert x", "b" * 32),
                        StoredCell("essay", "manual", 3, "markdown", "YOUR ANSWER HERE", "c" * 32),
                        StoredCell("draw", "task", 4, "markdown", "Draw it.", "d" * 32),
                    ),
                ),
            ),
        ),
    ),
    submissions=(
        StoredSubmission(
            "ps1",
            "ada",
            datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
            3600.0,
            (
                StoredMark("p1", "tests", 2.0, None, None, False, ""),
                StoredMark("p1", "essay", None, 2.5, 0.5, False, "Good"),
                StoredMark("p1", "draw", None, None, None, True, ""),
                StoredMark("p1", "answer", None, None, None, False, ""),
            ),
            (StoredPenalty("p1", 1.0),),
        ),
    ),
)


def test_write_gradebook_writes_what_read_gradebook_reads(tmp_path: Path) -> None:
    engine.write_gradebook(_COURSE, into=tmp_path / "course")

    found = engine.read_gradebook(tmp_path / "course" / "gradebook.db")

    assert (found.students, found.assignments) == (_COURSE.students, _COURSE.assignments)
    (submission,) = found.submissions
    assert {*submission.marks} == {*_COURSE.submissions[0].marks}
    assert (submission.submitted_at, submission.extension_seconds) == (datetime(2026, 3, 2, 8, tzinfo=UTC), 3600)
    assert submission.penalties == (StoredPenalty("p1", 1.0),)


def test_write_gradebook_writes_one_that_grades(release: Path, tmp_path: Path) -> None:
    engine.write_gradebook(engine.read_gradebook(release / "gradebook.db"), into=tmp_path / "course")

    path = _sanitised(tmp_path / "course", tmp_path, _answer(), _tests("pass"))

    assert "assert type(x) is int" in _read(path).cells[2].source


def test_read_gradebook_reads_old_ones_and_leaves_them_alone(tmp_path: Path) -> None:
    old = tmp_path / "gradebook.db"
    old.write_bytes((APPS / "gradebook.db").read_bytes())

    found = engine.read_gradebook(old)

    assert found == StoredCourse()
    assert old.read_bytes() == (APPS / "gradebook.db").read_bytes()


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\x00" + b"x" * 4096])
def test_read_gradebook_refuses_what_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "gradebook.db").write_bytes(content)

    with pytest.raises(AssignmentError) as raised:
        engine.read_gradebook(tmp_path / "gradebook.db")

    assert raised.value.code == "gradebook_unreadable"


# --- Processes ---------------------------------------------------------------------------------------------------


def _standing_by() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "assignments.nbgrader_engine" in " ".join(child.cmdline())]


def test_a_call_after_the_engine_was_killed_is_answered(release: Path, tmp_path: Path) -> None:
    for process in _standing_by():
        process.kill()

    path = _sanitised(release, tmp_path, _answer())

    assert path.exists()


def test_a_call_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = put("autotest-simple.ipynb", tmp_path / "source", beside=("autotests.yml",))
    monkeypatch.setattr(engine, "LONG_CALL_SECONDS", 0.5)
    never = threading.Event()

    def run(_snippet: engine.Snippet) -> list[dict[str, Any]]:
        while len(_standing_by()) > 1 and not never.wait(0.05):
            """Until the fork that asked has been ended."""
        return []

    with pytest.raises(AssignmentError) as raised:
        engine.generate(source, name="ps1", into=tmp_path / "made", run=run)

    assert raised.value.code == "engine_too_slow"
    assert len(_standing_by()) <= 1


def test_a_call_leaves_no_files_behind(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    _sanitised(release, tmp_path, _answer())

    assert not list((tmp_path / "temporary").glob("carrel-engine-[!h]*"))


def test_an_engine_gets_nothing_of_our_environment(
    monkeypatch: pytest.MonkeyPatch, release: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET_KEY", "do not tell")
    engine._engines.end()

    _sanitised(release, tmp_path, _answer())

    assert not any("SECRET_KEY" in process.environ() for process in _standing_by())


def test_an_engine_ends_with_its_owner(tmp_path: Path) -> None:
    owner = os.fork()
    if not owner:
        try:
            engine.lint(tmp_path, name="ps1")
            (tmp_path / "standing-by").write_text(str(_standing_by()[0].pid))
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(owner, 0)

    with_nobody = psutil.Process(int((tmp_path / "standing-by").read_text()))

    psutil.wait_procs([with_nobody], timeout=30)
    assert not with_nobody.is_running() or with_nobody.status() == psutil.STATUS_ZOMBIE


# --- Values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"cells": [], "log": 3},
        {"cells": {}, "log": ""},
        {"cells": [{"notebook": "p1"}], "log": ""},
        {"cells": [], "log": "", "more": 1},
    ],
)
def test_from_json_refuses_what_is_not_the_value(answer: object) -> None:
    with pytest.raises(ValueError, match=r"unexpected|has"):
        engine_values.from_json(engine.Generated, answer)


def test_from_json_reads_what_to_json_writes() -> None:
    assert engine_values.from_json(StoredCourse, engine_values.to_json(_COURSE)) == _COURSE


def test_every_code_of_the_engine_has_words() -> None:
    folder = Path(engine.__file__).parent / "nbgrader_engine"
    text = "".join(path.read_text() for path in folder.glob("*.py") if path.name != "linting.py")
    raised = {part.split('"')[1] for part in text.split("EngineError(")[1:] if part.lstrip().startswith('"')}

    assert raised <= {*REASONS}


def test_engine_started_by_hand_leaves_the_home_it_finds_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "assignments.nbgrader_engine", "serve"]
    place = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(BASE_DIR)}

    with theirs, subprocess.Popen(command, stdin=theirs.fileno(), cwd=tmp_path, env=place) as process:
        theirs.close()
        ours.close()
        process.wait(timeout=60)

    assert (tmp_path / "precious").read_text() == "mine"
