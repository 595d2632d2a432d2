"""Notebooks for tests, cell by cell, as nbgrader marks them."""

from __future__ import annotations

import json
from typing import Any

Cell = dict[str, Any]
Notebook = dict[str, Any]


def marked(grade_id: str, source: str, *, cell_type: str = "code", **flags: Any) -> Cell:
    grading = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": False,
        "solution": False,
        "locked": False,
        "task": False,
        **flags,
    }
    return cell(source, cell_type=cell_type, metadata={"nbgrader": grading})


def cell(source: str, *, cell_type: str = "code", metadata: dict[str, Any] | None = None) -> Cell:
    made: Cell = {"cell_type": cell_type, "metadata": metadata or {}, "source": source}
    return {**made, "outputs": [], "execution_count": None} if cell_type == "code" else made


def answer(grade_id: str, source: str = "raise NotImplementedError") -> Cell:
    return marked(grade_id, source, solution=True)


def checks(grade_id: str, source: str = "", points: float = 1) -> Cell:
    return marked(grade_id, source or f"assert {grade_id}", grade=True, locked=True, points=points)


def manual(grade_id: str, source: str = "YOUR ANSWER HERE", points: float = 2) -> Cell:
    return marked(grade_id, source, cell_type="markdown", grade=True, solution=True, points=points)


def read_only(grade_id: str, source: str = "") -> Cell:
    return marked(grade_id, source or f"# {grade_id}", locked=True, cell_type="markdown")


def text(source: str) -> Cell:
    return cell(source, cell_type="markdown")


def notebook(*cells: Cell, minor: int = 4, kernel: str = "python3") -> Notebook:
    metadata = {"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}}
    return json.loads(  # type: ignore[no-any-return]
        json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": minor})
    )


def raw(*cells: Cell, **kwargs: Any) -> bytes:
    return json.dumps(notebook(*cells, **kwargs)).encode()
