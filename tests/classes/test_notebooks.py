"""What is read of a saved notebook, whoever made it and for whatever purpose."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classes.errors import CourseError
from classes.notebooks import (
    MAX_BYTES,
    MAX_CELLS,
    MAX_TEXT,
    Kind,
    Output,
    Progress,
    Shows,
    progress_of,
    read_notebook,
)
from tests.classes.notebook_files import code, error, notebook

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n and the rest").decode()
TEST: dict[str, Any] = {"nbgrader": {"grade": True, "solution": False, "locked": True, "points": 2}}
ANSWER: dict[str, Any] = {"nbgrader": {"grade": True, "solution": True, "locked": False, "points": 2}}
PRINTED = {"output_type": "stream", "name": "stdout", "text": ["2\n"]}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
almost_cells = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw", "x"]) | anything,
        "source": st.text() | st.lists(st.text()) | anything,
        "execution_count": st.integers() | anything,
        "metadata": st.fixed_dictionaries({}, optional={"nbgrader": anything, "tags": anything}) | anything,
        "outputs": anything
        | st.lists(
            st.fixed_dictionaries(
                {"output_type": st.sampled_from(["stream", "error", "display_data", "execute_result"])},
                optional={
                    "text": anything,
                    "traceback": anything,
                    "data": st.dictionaries(st.sampled_from(["text/plain", "text/html", "image/png"]), anything),
                },
            )
        ),
    },
)


def shown(*outputs: dict[str, Any]) -> tuple[Output, ...]:
    """What is kept of these outputs of one cell."""
    [cell] = read_notebook(notebook(code(count=1, outputs=outputs)))
    return cell.outputs


def test_progress_counts_cells_with_code_and_those_that_have_run() -> None:
    text = {"cell_type": "markdown", "source": "# Hello", "metadata": {}}
    cells = read_notebook(notebook(text, code(), code(count=3), code(outputs=[PRINTED]), code("  \n")))

    assert progress_of(cells) == Progress(cells=3, executed=2)


@pytest.mark.parametrize(
    ("metadata", "tests"),
    [
        (TEST, 1),
        (ANSWER, 0),
        ({"nbgrader": {"grade": False, "locked": True}}, 0),
        ({"tags": ["test"]}, 1),
        ({"tags": ["check"]}, 1),
        ({"tags": ["other"]}, 0),
        ({}, 0),
    ],
)
def test_progress_counts_cells_that_test_an_answer(metadata: dict[str, Any], tests: int) -> None:
    assert progress_of(read_notebook(notebook(code(**metadata)))).tests == tests


def test_progress_counts_a_test_as_passed_only_when_it_ran_without_an_error() -> None:
    cells = [code(**TEST), code(count=1, **TEST), code(count=2, outputs=[PRINTED, error()], **TEST)]

    assert progress_of(read_notebook(notebook(*cells))) == Progress(
        cells=3, executed=2, tests=3, validated=1, failing=1
    )


def test_progress_sees_an_error_behind_many_outputs() -> None:
    cells = read_notebook(notebook(code(count=1, outputs=[PRINTED] * 500 + [error()], **TEST)))

    assert progress_of(cells).failing == 1
    assert len(cells[0].outputs) <= 51


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no json",
        b"\xff\xfe\x00",
        b"[]",
        b"{}",
        b'{"cells": {}}',
        b'{"worksheets": []}',
        b"[" * 100_000,
        b'{"cells":' + b"[" * 90_000 + b"]" * 90_000 + b"}",
        b'{"cells": [' + b"[]," * 250_000 + b"0]}",
        b'{"cells": [' + b"0," * MAX_CELLS + b"0]}",
        b" " * MAX_BYTES + b"{}",
        b'{"cells": ' + b"9" * 10_000 + b"}",
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_read_refuses_what_is_no_notebook(raw: bytes) -> None:
    with pytest.raises(CourseError, match="notebook_unreadable"):
        read_notebook(raw)


@given(st.binary() | st.dictionaries(st.text(), anything).map(lambda value: json.dumps(value).encode()))
def test_read_of_anything_is_cells_or_a_refusal(raw: bytes) -> None:
    with suppress(CourseError):
        cells = read_notebook(raw)

        assert progress_of(cells).cells <= len(cells)


@given(st.lists(almost_cells, max_size=4))
def test_read_of_almost_a_notebook_keeps_counts_within_each_other(cells: list[dict[str, Any]]) -> None:
    read = read_notebook(notebook(*cells))
    progress = progress_of(read)

    assert len(read) == len(cells)
    assert 0 <= progress.validated <= progress.tests <= progress.cells
    assert 0 <= progress.executed <= progress.cells <= len(cells)
    assert all(
        len(output.text) <= MAX_TEXT + 2 for cell in read for output in cell.outputs if output.shows != "picture"
    )


@pytest.mark.parametrize("mime", ["text/html", "image/svg+xml", "application/javascript", "text/latex", "image/jpeg"])
def test_read_keeps_nothing_that_a_page_could_run(mime: str) -> None:
    hostile = {"output_type": "display_data", "data": {mime: "<script>alert(1)</script>"}}

    assert shown(hostile) == (Output(Shows.LEFT_OUT),)


def test_read_keeps_text_and_pictures() -> None:
    result = {"output_type": "execute_result", "data": {"text/plain": ["2"], "text/html": "<b>2</b>"}}
    picture = {"output_type": "display_data", "data": {"image/png": PNG[:8] + "\n" + PNG[8:], "text/plain": "<Figure>"}}

    assert shown(PRINTED, result, picture) == (
        Output(Shows.TEXT, "2\n"),
        Output(Shows.TEXT, "2"),
        Output(Shows.PICTURE, PNG),
    )


@pytest.mark.parametrize(
    "encoded", ["", "%%%", "é", base64.b64encode(b"<svg onload=x>").decode(), PNG + '" onerror="x']
)
def test_read_takes_nothing_else_for_a_picture(encoded: str) -> None:
    assert shown({"output_type": "display_data", "data": {"image/png": encoded}}) == (Output(Shows.LEFT_OUT),)


def test_read_takes_the_colours_from_an_error() -> None:
    assert shown(error()) == (Output(Shows.ERROR, "NameError\nx is not defined"),)


def test_read_cuts_long_texts() -> None:
    [cell] = read_notebook(notebook({"cell_type": "markdown", "source": "x" * 50_000}))

    assert (cell.kind, len(cell.source)) == (Kind.TEXT, MAX_TEXT + 2)
