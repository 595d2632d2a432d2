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


def notebooks_in(folder: Path) -> dict[str, Path]:
    """The notebooks at the top of a folder by name, without `.ipynb`."""
    paths = sorted(path for path in folder.iterdir() if path.suffix == ".ipynb" and not path.name.startswith("."))
    return {path.stem: path for path in paths if stat.S_ISREG(path.lstat().st_mode)}


def read_notebook(path: Path) -> Any:
    """A valid notebook of the newest format, whatever version it was written in."""
    name = path.stem
    if path.stat().st_size > MAX_NOTEBOOK_BYTES:
        raise EngineError("notebook_too_large", notebook=name, most=str(MAX_NOTEBOOK_BYTES // 1_000_000))
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise EngineError("notebook_not_json", notebook=name, detail=str(error)[:500]) from error
    try:
        notebook = nbformat.reads(json.dumps(document), as_version=4)
        _, notebook = normalize(notebook)
        nbformat.validate(notebook)
    except Exception as error:
        raise EngineError("notebook_invalid", notebook=name, detail=str(error)[:500]) from error
    return notebook


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
