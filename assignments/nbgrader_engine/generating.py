"""Makes the students' version of an assignment, and the gradebook it is graded by."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import InstantiateTests

from assignments.nbgrader_engine.autotests import instantiating
from assignments.nbgrader_engine.cells import rows_of
from assignments.nbgrader_engine.courses import Run, ScratchCourse, recording, run
from assignments.nbgrader_engine.failures import EngineError
from assignments.nbgrader_engine.notebooks import copy_files, notebooks_in, read_notebook, write_notebook

AUTOTESTS = "autotests.yml"


def generate(source: Path, *, name: str, into: Path, execute: Run | None) -> dict[str, Any]:
    """Write `release/` and `gradebook.db` into a folder, and say which cells there are."""
    course = ScratchCourse(name)
    folder = course.folder("source", ".")
    copy_files(source, folder)
    found = notebooks_in(folder)
    if not found:
        raise EngineError("source_without_notebooks")
    for path in found.values():
        notebook = read_notebook(path)
        path.unlink()
        write_notebook(notebook, path)
    if (folder / AUTOTESTS).exists():  # In the course's folder it is found, and does not travel with the release.
        (folder / AUTOTESTS).rename(course.root / AUTOTESTS)
    log = _convert(course, execute)
    shutil.move(course.root / "release" / name, into / "release")
    shutil.move(course.database, into / "gradebook.db")
    return {"cells": _rows(into, course), "log": log}


def _convert(course: ScratchCourse, execute: Run | None) -> str:
    directory = course.directory(".")
    converter = recording(GenerateAssignment)(coursedir=directory, config=course.config)
    replaced = instantiating(execute)
    converter.preprocessors = [replaced if each is InstantiateTests else each for each in converter.preprocessors]
    return run(converter, otherwise="generate_failed")


def _rows(made: Path, course: ScratchCourse) -> list[dict[str, Any]]:
    course.database = made / "gradebook.db"
    rows: list[dict[str, Any]] = []
    with course.gradebook() as gradebook:
        for notebook in sorted(gradebook.find_assignment(course.name).notebooks, key=lambda each: each.name):
            cells = read_notebook(made / "release" / f"{notebook.name}.ipynb").cells
            positions = {cell.metadata.get("nbgrader", {}).get("grade_id"): index for index, cell in enumerate(cells)}
            rows.extend(rows_of(notebook, positions))
    return rows
