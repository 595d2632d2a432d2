"""Notebooks of another time, brought to the format of today before anything is made of them.

Students get notebooks in today's format, and everything that reads what they give back relies on it. A source that is
older is written anew by nbgrader's own rules; one of a format that is not known yet is refused, with words, to whoever
brings it.
"""

from __future__ import annotations

import json
from typing import Any

from assignments.errors import AssignmentError
from assignments.files import SUFFIX, Bundle, File
from assignments.notebooks.cells import FORMAT, MAX_BRACKETS, MAX_BYTES, read, with_ids, write
from assignments.running import engine
from environments.scratch import scratch

SCHEMA = 3
"""The version in which nbgrader says today what a cell is."""


def modernised(bundle: Bundle) -> tuple[Bundle, tuple[str, ...]]:
    """These files with their notebooks as they are written today, and the names of those that were not.

    The same files give the same files. What is no notebook at all is left for the check to say. Raises AssignmentError
    `source_too_new` and `notebook_too_large`, and what the engine says of an old notebook that cannot be understood.
    """
    old = tuple(name for name in bundle.notebooks if _is_old(name, bundle.notebook(name)))
    if not old:
        return bundle, ()
    anew = _written_anew({f"{name}{SUFFIX}": bundle.notebook(name) for name in old})
    return Bundle(tuple(File(file.path, anew.get(file.path, file.content)) for file in bundle)), old


def _is_old(name: str, raw: bytes) -> bool:
    """Raises AssignmentError `source_too_new` and `notebook_too_large`."""
    if raw.count(b"[") + raw.count(b"{") > MAX_BRACKETS:
        raise AssignmentError("notebook_too_large", notebook=name, most=MAX_BYTES // 1_000_000)
    try:
        notebook = json.loads(raw)
    except (ValueError, RecursionError):
        return False
    version = notebook.get("nbformat") if isinstance(notebook, dict) else None
    if type(version) is not int:
        return False
    if version > FORMAT:
        raise AssignmentError("source_too_new", notebook=name)
    cells = notebook.get("cells")
    return version < FORMAT or any(_says_in_an_old_way(cell) for cell in (cells if isinstance(cells, list) else ()))


def _says_in_an_old_way(cell: Any) -> bool:
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    said = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    if not isinstance(said, dict):
        return False
    schema = said.get("schema_version", 0)
    return type(schema) is int and schema < SCHEMA


def _written_anew(notebooks: dict[str, bytes]) -> dict[str, bytes]:
    with scratch("notebooks") as place:
        source, into = place / "source", place / "anew"
        source.mkdir()
        for path, content in notebooks.items():
            (source / path).write_bytes(content)
        engine.modernise(source, into=into)
        return {path: _with_steady_ids((into / path).read_bytes(), path) for path in notebooks}


def _with_steady_ids(raw: bytes, path: str) -> bytes:
    """The notebook with ids of cells that are not new each time."""
    notebook = read(raw, name=path)
    cells = [{key: value for key, value in cell.items() if key != "id"} for cell in notebook["cells"]]
    notebook["cells"], _renewed = with_ids(cells, minor=notebook["nbformat_minor"])
    return write(notebook)
