"""Notebooks as the driver gets them: sanitised, with nbgrader's metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbgrader

FIXTURES = Path(nbgrader.__file__).parent / "tests"
Node = dict[str, Any]


def code(source: str, **metadata: Any) -> Node:
    """A cell of code that nbgrader does not know."""
    return {"cell_type": "code", "source": source, "metadata": metadata, "outputs": [], "execution_count": None}


def answer(source: str, grade_id: str = "answer") -> Node:
    """An answer that is graded by tests."""
    return code(source, nbgrader=_about(grade_id, solution=True))


def checks(source: str, grade_id: str = "test", *, points: float = 1, **metadata: Any) -> Node:
    """A cell of tests; called otherwise lest pytest take it for one."""
    return code(source, nbgrader=_about(grade_id, grade=True, locked=True, points=points), **metadata)


def text(source: str) -> Node:
    """A cell of text."""
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def notebook(*cells: Node, kernel: str = "python3", language: str = "python") -> Node:
    """A notebook with these cells."""
    kernelspec = {"name": kernel, "display_name": kernel, "language": language}
    return {"cells": list(cells), "metadata": {"kernelspec": kernelspec}, "nbformat": 4, "nbformat_minor": 4}


def fixture(name: str) -> Node:
    """One of nbgrader's own notebooks for tests, by its path below `tests`."""
    loaded: Node = json.loads((FIXTURES / name).read_text())
    return loaded


def outputs(executed: Node, position: int) -> list[Node]:
    """What a cell has put out."""
    found: list[Node] = executed["cells"][position]["outputs"]
    return found


def errors(executed: Node, position: int) -> list[str]:
    """The names of the errors of a cell."""
    return [output["ename"] for output in outputs(executed, position) if output["output_type"] == "error"]


def printed(executed: Node, position: int, stream: str = "stdout") -> str:
    """What a cell has printed."""
    return "".join(output["text"] for output in outputs(executed, position) if output.get("name") == stream)


def _about(grade_id: str, **facts: Any) -> Node:
    return {"schema_version": 3, "grade_id": grade_id, "grade": False, "solution": False, "locked": False, **facts}
