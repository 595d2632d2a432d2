"""Reads notebooks that anybody may have written, and moves files without following links."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat.validator import normalize

from assignments.nbgrader_engine.failures import EngineError

MAX_NOTEBOOK_BYTES = 64_000_000
_OF_CELLS = ("tags", "name", "collapsed", "scrolled", "jupyter", "execution", "format")
_OF_NOTEBOOKS = ("title", "authors", "orig_nbformat", "language_info")
"""Metadata that has rules and decides about nothing here."""
_KEPT = frozenset({"id", "cell_type", "source", "metadata"})


def notebooks_in(folder: Path) -> dict[str, Path]:
    """The notebooks at the top of a folder by name, without `.ipynb`."""
    paths = sorted(path for path in folder.iterdir() if path.suffix == ".ipynb" and not path.name.startswith("."))
    return {path.stem: path for path in paths if stat.S_ISREG(path.lstat().st_mode)}


def read_notebook(path: Path, *, is_submitted: bool = False) -> Any:
    """A valid notebook of the newest format, whatever version it was written in.

    Of one that was submitted, whatever is wrong beside cells and what is in them is left out rather than refused.
    """
    name = path.stem
    if path.stat().st_size > MAX_NOTEBOOK_BYTES:
        raise EngineError("notebook_too_large", notebook=name, most=str(MAX_NOTEBOOK_BYTES // 1_000_000))
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise EngineError("notebook_not_json", notebook=name, detail=str(error)[:500]) from error
    if is_submitted:
        _forget_what_cannot_be_read(document)
    try:
        notebook = nbformat.reads(json.dumps(document), as_version=4)
        _, notebook = normalize(notebook)
        if is_submitted and not nbformat.validator.isvalid(notebook):
            _strip(notebook)
        nbformat.validate(notebook)
    except Exception as error:
        raise EngineError("notebook_invalid", notebook=name, detail=str(error)[:500]) from error
    return notebook


def _strip(notebook: Any) -> None:
    """Leave what is graded: a tag that is there twice, or an output that is none, is no reason to refuse work."""
    for place, keys in ((notebook, _OF_NOTEBOOKS), *((cell, _OF_CELLS) for cell in notebook.cells)):
        for key in keys:
            place.metadata.pop(key, None)
    for cell in notebook.cells:
        for key in cell.keys() - _KEPT:
            del cell[key]
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def _forget_what_cannot_be_read(document: Any) -> None:
    """Outputs, since it is run anew, and attachments that are none: either would keep the whole from being read."""
    cells = document.get("cells") if isinstance(document, dict) else None
    for cell in cells if isinstance(cells, list) else ():
        if not isinstance(cell, dict):
            continue
        if cell.get("cell_type") == "code":
            cell.update(outputs=[], execution_count=None)
        attached = cell.get("attachments", {})
        if not isinstance(attached, dict) or not all(isinstance(one, dict) for one in attached.values()):
            del cell["attachments"]


def write_notebook(notebook: Any, path: Path) -> None:
    """Write it where no file is yet."""
    with path.open("x", encoding="utf-8") as file:
        nbformat.write(notebook, file)


def copy_files(source: Path, target: Path) -> None:
    """Copy a tree of regular files. Links, devices and the like are left out."""
    for path in _files(source):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place, follow_symlinks=False)


def _files(folder: Path) -> Iterator[Path]:
    for parent, _folders, names in os.walk(folder):
        for path in (Path(parent, name) for name in sorted(names)):
            if stat.S_ISREG(path.lstat().st_mode):
                yield path
