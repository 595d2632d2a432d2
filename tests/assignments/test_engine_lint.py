"""What is found in an assignment without running it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from assignments.running import engine
from assignments.running.engine import Finding
from tests.assignments.nbgrader_files import REFUSED, put

_PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
_SECRET = "total = sum(range(12)) // 3"


def _marked(cell: Any, **flags: Any) -> Any:
    given = {"schema_version": 3, "grade": False, "solution": False, "locked": False, "task": False, "grade_id": "it"}
    cell.metadata["nbgrader"] = {**given, **flags}
    return cell


def _tests(source: str, **flags: Any) -> Any:
    return _marked(new_code_cell(source), **{"grade": True, "locked": True, "points": 2, **flags})


def _answer(source: str, **flags: Any) -> Any:
    return _marked(new_code_cell(source), **{"solution": True, "grade_id": "answer", **flags})


def _found(folder: Path, *cells: Any, metadata: Any = _PYTHON) -> list[Finding]:
    source = folder / "source"
    source.mkdir()
    nbformat.write(new_notebook(cells=list(cells), metadata=metadata), source / "p1.ipynb")
    return list(engine.lint(source, name="ps1").findings)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param([_tests("x = 1", grade_id="")], {("id_missing", "error")}, id="no id"),
        pytest.param([_tests("x = 1", grade_id="a b")], {("id_invalid", "error")}, id="bad id"),
        pytest.param([_tests("x = 1"), _tests("x = 2")], {("id_duplicate", "error")}, id="id twice"),
        pytest.param([_tests("x = 1", points=None)], {("points_missing", "error")}, id="no points"),
        pytest.param([_tests("x = 1", points=-1)], {("points_invalid", "error")}, id="points below zero"),
        pytest.param([_tests("x = 1", schema_version=2)], {("schema_too_old", "error")}, id="old"),
        pytest.param([_tests("x = 1", schema_version=4)], {("schema_too_new", "error")}, id="new"),
        pytest.param(
            [_tests("x = 1"), new_code_cell("### BEGIN SOLUTION\nx\n### END SOLUTION")],
            {("solution_region_unmarked", "error")},
            id="solution in the open",
        ),
        pytest.param(
            [_tests("x = 1"), _answer("### BEGIN HIDDEN TESTS\nx\n### END HIDDEN TESTS")],
            {("hidden_tests_unmarked", "error")},
            id="hidden tests in an answer",
        ),
        pytest.param(
            [_tests("x = 1"), _answer("### BEGIN SOLUTION\nx")], {("region_broken", "error")}, id="solution without end"
        ),
        pytest.param(
            [_marked(new_markdown_cell("x"), grade=True, points=1)], {("tests_not_code", "error")}, id="tests as text"
        ),
        pytest.param(
            [_tests("x = 1"), _marked(new_markdown_cell("x"), solution=True, grade_id="b")],
            {("answer_without_points", "error")},
            id="essay without points",
        ),
        pytest.param(
            [_marked(new_code_cell("x"), task=True, points=1)], {("task_not_text", "error")}, id="task as code"
        ),
        pytest.param(
            [_tests("x = 1"), _marked(new_raw_cell("x"), locked=True, grade_id="b")],
            {("cell_raw", "error")},
            id="raw cell",
        ),
        pytest.param([_tests("-1")], {("credit_negative", "error")}, id="negative credit"),
        pytest.param([_tests("3")], {("credit_above_points", "error")}, id="too much credit"),
        pytest.param([_tests("x = 1\nscore(x)")], {("tests_end_in_call", "warning")}, id="call last"),
        pytest.param([_tests("x = 1\nx")], {("tests_end_in_value", "warning")}, id="value last"),
        pytest.param([_tests("# soon")], {("tests_empty", "warning")}, id="nothing tested"),
        pytest.param([_tests("if")], {("tests_not_python", "warning")}, id="no Python"),
        pytest.param([new_code_cell("x")], {("nothing_graded", "warning")}, id="nothing graded"),
        pytest.param(
            [_answer("x"), _marked(new_markdown_cell("x"), task=True, points=1)],
            {("no_tests", "warning")},
            id="answers nobody tests",
        ),
        pytest.param(
            [_tests("x = 1"), _answer(_SECRET), new_markdown_cell(f"Do:\n\n    {_SECRET}")],
            {("solution_in_text", "warning")},
            id="solution in text",
        ),
        pytest.param(
            [
                _tests("x = 1"),
                _answer(_SECRET),
                new_code_cell("x", outputs=[new_output("stream", name="stdout", text=_SECRET)]),
            ],
            {("solution_in_outputs", "warning")},
            id="solution in outputs",
        ),
        pytest.param(
            [_tests("x = 1"), _answer(_SECRET), new_code_cell("x", metadata={"note": _SECRET})],
            {("solution_in_metadata", "warning")},
            id="solution in metadata",
        ),
        pytest.param(
            [
                _marked(
                    new_markdown_cell("![](attachment:a.png)", attachments={"a.png": {"image/png": "AAAA"}}),
                    grade=True,
                    solution=True,
                    points=1,
                )
            ],
            {("attachment_in_answer", "warning")},
            id="picture in an answer",
        ),
        pytest.param([_tests("# AUTOTEST x")], {("autotests_missing", "error")}, id="no autotests.yml"),
        pytest.param(
            [_tests("x = 1"), new_code_cell("# AUTOTEST x")],
            {("autotests_missing", "error"), ("autotests_unmarked", "error")},
            id="autotest in the open",
        ),
    ],
)
def test_lint_finds(cells: list[Any], expected: set[tuple[str, str]], tmp_path: Path) -> None:
    found = _found(tmp_path, *cells)

    assert {(finding.code, finding.level) for finding in found} == expected


@pytest.mark.parametrize(
    "source",
    [
        "assert x == 1",
        "x = 1\nprint('Success!')",
        "numpy.testing.assert_allclose(x, 1)",
        "x = 1\nscore(x);",
        "1.5",
        "'a word'",
        "%matplotlib inline\nassert x",
        "%%timeit\nscore(x)",
    ],
)
def test_lint_finds_nothing_in_good_tests(source: str, tmp_path: Path) -> None:
    assert _found(tmp_path, _tests(source)) == []


def test_lint_says_where(tmp_path: Path) -> None:
    (found,) = _found(tmp_path, new_markdown_cell("hello"), _tests("x = 1\nscore(x)"))

    assert found == Finding("tests_end_in_call", "warning", "p1", "it", 1, {"call": "score(x)"})


def test_lint_reads_only_python_as_python(tmp_path: Path) -> None:
    other = {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}

    assert _found(tmp_path, _tests("x <- 1"), metadata=other) == []


def test_lint_finds_a_language_without_a_stub(tmp_path: Path) -> None:
    other = {"kernelspec": {"name": "bf", "display_name": "bf", "language": "brainfuck"}}

    (found,) = _found(tmp_path, _tests("+"), metadata=other)

    assert (found.code, found.facts) == ("language_unknown", {"language": "brainfuck"})


def test_lint_finds_what_is_no_notebook_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "bad.ipynb").write_text("no")
    put("submitted-unchanged.ipynb", tmp_path / "deep")

    found = engine.lint(tmp_path, name="ps1").findings

    assert [(finding.code, finding.notebook) for finding in found] == [
        ("notebook_not_json", "bad"),
        ("notebook_in_folder", "deep/p1.ipynb"),
    ]


@pytest.mark.parametrize("name", REFUSED)
def test_lint_has_errors_where_generate_refuses(name: str, tmp_path: Path) -> None:
    assert engine.lint(put(name, tmp_path / "source"), name="ps1").has_errors


@pytest.mark.parametrize("name", ["submitted-unchanged.ipynb", "test.ipynb", "test-hidden-tests.ipynb", "guide:ps1"])
def test_lint_has_no_errors_where_generate_works(name: str, tmp_path: Path) -> None:
    assert not engine.lint(put(name, tmp_path / "source"), name="ps1").has_errors
