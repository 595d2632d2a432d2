"""Notebooks as what they are made of: read whole whoever wrote them, and what nbgrader says of each cell. Pure.

What is read has the shape that everybody relies on: cells are of a known type, their source is one text, and each is a
value of its own that can be changed.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from assignments.errors import AssignmentError

Notebook = dict[str, Any]
Cell = dict[str, Any]

MAX_BYTES = 20_000_000
MAX_CELLS = 5_000
MAX_BRACKETS = 1_000_000
"""Lists and objects cost twenty times their size in memory."""
TYPES = frozenset({"code", "markdown", "raw"})
FORMAT = 4
_FORMAT_WITH_IDS = 5


def read(raw: bytes, *, name: str, max_bytes: int = MAX_BYTES) -> Notebook:
    """The notebook in these bytes.

    Raises AssignmentError `notebook_too_large`, `notebook_unreadable` and `notebook_format_unknown`.
    """
    if len(raw) > max_bytes or raw.count(b"[") + raw.count(b"{") > MAX_BRACKETS:
        raise AssignmentError("notebook_too_large", notebook=name, most=max(1, max_bytes // 1_000_000))
    try:
        notebook = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise AssignmentError("notebook_unreadable", notebook=name, detail=str(error)) from error
    if not isinstance(notebook, dict) or not ("cells" in notebook or "nbformat" in notebook):
        raise AssignmentError("notebook_unreadable", notebook=name)
    if type(notebook.get("nbformat")) is not int or notebook["nbformat"] != FORMAT:
        raise AssignmentError("notebook_format_unknown", notebook=name)
    cells = notebook.get("cells")
    if not isinstance(cells, list) or len(cells) > MAX_CELLS:
        raise AssignmentError("notebook_unreadable", notebook=name)
    minor = notebook.get("nbformat_minor")
    notebook["nbformat_minor"] = minor if type(minor) is int and 0 <= minor <= _FORMAT_WITH_IDS else _FORMAT_WITH_IDS
    notebook["metadata"] = notebook["metadata"] if isinstance(notebook.get("metadata"), dict) else {}
    notebook["cells"] = [_shaped(cell) for cell in cells if isinstance(cell, dict)]
    return notebook


def write(notebook: Notebook) -> bytes:
    """As it is kept."""
    return json.dumps(notebook, indent=1, sort_keys=True).encode() + b"\n"


def grading_of(cell: Cell) -> Mapping[str, Any] | None:
    """What nbgrader says of a cell; None if it says nothing."""
    grading = cell["metadata"].get("nbgrader")
    return grading if isinstance(grading, Mapping) else None


def grade_id_of(cell: Cell) -> str:
    """What nbgrader calls a cell; empty if it knows nothing of it."""
    grade_id = (grading_of(cell) or {}).get("grade_id")
    return grade_id if isinstance(grade_id, str) else ""


def names_of(notebook: Notebook) -> list[str]:
    """What its cells are called, in their order: by `grade_id`, else by their id in the notebook, else by place."""
    return [grade_id_of(cell) or _id_of(cell) or f"#{place}" for place, cell in enumerate(notebook["cells"])]


def is_answer(cell: Cell) -> bool:
    """Whether students write into it."""
    return (grading_of(cell) or {}).get("solution") is True


def is_test(cell: Cell) -> bool:
    """Whether running it gives points."""
    grading = grading_of(cell) or {}
    return grading.get("grade") is True and grading.get("solution") is not True and cell["cell_type"] == "code"


def by_grade_id(cells: Iterable[Cell]) -> dict[str, Cell]:
    """The cells nbgrader knows, in their order."""
    return {grade_id_of(cell): cell for cell in cells if grade_id_of(cell)}


def plain(cell: Cell) -> Cell:
    """The same as a cell that nbgrader knows nothing of: an empty `nbgrader` would be one of a version too old."""
    metadata = {key: value for key, value in cell["metadata"].items() if key != "nbgrader"}
    return {**cell, "metadata": metadata}


def of_type(cell: Cell, cell_type: str) -> Cell:
    """The same as a cell of this type; without what only code has, unless it is code."""
    changed = {**cell, "cell_type": cell_type}
    if cell_type == "code":
        return {**{key: value for key, value in changed.items() if key != "attachments"}, **_code(cell)}
    return {key: value for key, value in changed.items() if key not in ("outputs", "execution_count")}


def same_words(one: str, other: str) -> bool:
    """Whether two sources differ in nothing but the blanks at the ends of their lines."""
    return one == other or _trimmed(one) == _trimmed(other)


def copy_of(cell: Cell) -> Cell:
    """One that can be changed without changing this."""
    return copy.deepcopy(cell)


def with_ids(cells: list[Cell], *, minor: int) -> tuple[list[Cell], int]:
    """These cells, each with an id of its own, and how many needed a new one: the later of two that share one.

    The same cells get the same ids. Notebooks of before there were ids have none.
    """
    if minor < _FORMAT_WITH_IDS:
        return [{key: value for key, value in cell.items() if key != "id"} for cell in cells], 0
    given = [cell.get("id") for cell in cells]
    taken: set[str] = set()
    result, renewed = [], 0
    for position, (cell, own) in enumerate(zip(cells, given, strict=True)):
        if not _is_id(own) or own in taken:
            own, renewed = _new_id(position, str(own), taken.union(filter(_is_id, given))), renewed + 1
        taken.add(str(own))
        result.append({**cell, "id": own})
    return result, renewed


def _id_of(cell: Cell) -> str:
    name = cell.get("id")
    return name if isinstance(name, str) and 0 < len(name) <= 64 else ""


def _new_id(position: int, former: str, taken: set[Any]) -> str:
    for number in range(len(taken) + 1):
        facts = f"{position} {number} {former}".encode(errors="replace")
        new = hashlib.sha256(facts).hexdigest()[:8]
        if new not in taken:
            return new
    raise AssertionError("more ids are taken than there are")


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 64 and value.replace("-", "").replace("_", "").isalnum()


def _trimmed(source: str) -> list[str]:
    return [line.rstrip() for line in source.strip().splitlines()]


def _shaped(cell: Cell) -> Cell:
    cell_type = cell.get("cell_type")
    metadata = cell.get("metadata")
    shaped = {
        **cell,
        "cell_type": cell_type if isinstance(cell_type, str) and cell_type in TYPES else "raw",
        "metadata": metadata if isinstance(metadata, dict) else {},
        "source": _text(cell.get("source")),
    }
    return of_type(shaped, shaped["cell_type"])


def _code(cell: Cell) -> Cell:
    outputs, count = cell.get("outputs"), cell.get("execution_count")
    return {
        "outputs": [output for output in outputs if isinstance(output, dict)] if isinstance(outputs, list) else [],
        "execution_count": count if type(count) is int else None,
    }


def _text(source: object) -> str:
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        return ""
    return source.encode(errors="replace").decode().replace("\0", "")
