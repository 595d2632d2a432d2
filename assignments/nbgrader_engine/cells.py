"""What each cell of an assignment is, by its metadata and by the gradebook."""

from __future__ import annotations

from typing import Any

from nbgrader import utils


def kind_of(*, grade: bool, solution: bool, task: bool, locked: bool) -> str | None:
    """`answer`, `tests`, `manual`, `task` or `read-only`; None for a cell that is nothing of these."""
    if task:
        return "task"
    if grade:
        return "manual" if solution else "tests"
    if solution:
        return "answer"
    return "read-only" if locked else None


def cell_kind(cell: Any) -> str | None:
    """The kind of a notebook's cell."""
    return kind_of(
        grade=utils.is_grade(cell),
        solution=utils.is_solution(cell),
        task=utils.is_task(cell),
        locked=utils.is_locked(cell),
    )


def metadata_of(notebook: Any) -> dict[str, dict[str, Any]]:
    """The metadata nbgrader gave each cell of a notebook of the gradebook, by its id, in the order of the cells."""
    graded = {cell.name: cell for cell in notebook.grade_cells}
    tasks = {cell.name: cell for cell in notebook.task_cells}
    solutions = {cell.name for cell in notebook.solution_cells}
    known: dict[str, dict[str, Any]] = {}
    for source in notebook.source_cells:
        name = source.name
        known[name] = {
            "schema_version": 3,
            "grade": name in graded,
            "solution": name in solutions,
            "task": name in tasks,
            "locked": bool(source.locked),
            "grade_id": name,
            "cell_type": source.cell_type,
            "checksum": source.checksum,
        }
        if (worth := graded.get(name) or tasks.get(name)) is not None:
            known[name]["points"] = worth.max_score
    return known


def rows_of(notebook: Any, positions: dict[str, int]) -> list[dict[str, Any]]:
    """The cells of a notebook of the gradebook as rows."""
    sources = {cell.name: cell.source or "" for cell in notebook.source_cells}
    rows = [
        {
            "notebook": notebook.name,
            "grade_id": name,
            "kind": kind_of(grade=meta["grade"], solution=meta["solution"], task=meta["task"], locked=meta["locked"]),
            "points": float(meta.get("points", 0)),
            "position": positions.get(name, 0),
            "source": sources[name],
        }
        for name, meta in metadata_of(notebook).items()
    ]
    return sorted(rows, key=lambda row: row["position"])
