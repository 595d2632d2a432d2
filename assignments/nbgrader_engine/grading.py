"""The trusted halves of grading: an instructor's cells restored before anything runs, and outputs turned into points.

Between the two, somebody else runs the notebook. What comes back counts only as outputs: cells are restored
a second time before they are looked at.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nbformat.v4
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    LimitOutput,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)

from assignments.nbgrader_engine.cells import kind_of, metadata_of
from assignments.nbgrader_engine.courses import STUDENT, ScratchCourse, recording, run
from assignments.nbgrader_engine.failures import EngineError
from assignments.nbgrader_engine.notebooks import notebooks_in, read_notebook, write_notebook


def sanitise(submitted: Path, *, gradebook: Path, name: str, into: Path) -> dict[str, Any]:
    """Write the notebooks as they are to be run into a folder: the instructor's cells as they were, no outputs."""
    course = _course(submitted, gradebook=gradebook, name=name, is_submitted=True)
    log = _autograde(course, sanitizing=[ClearOutput, OverwriteKernelspec, RestoreCells, CheckCellMetadata], grading=[])
    _take_autograded(course, into)
    return {"log": log}


def score(executed: Path, *, gradebook: Path, name: str, into: Path) -> dict[str, Any]:
    """Write the notebooks as they were graded into a folder, and say what each cell got."""
    course = _course(executed, gradebook=gradebook, name=name)
    SaveGrades.odd = {}
    log = _autograde(
        course,
        sanitizing=[OverwriteKernelspec, RestoreCells, CheckCellMetadata],
        grading=[LimitOutput, SaveGrades, CheckCellMetadata],
    )
    _take_autograded(course, into)
    return {**_scored(course), "log": log}


class RestoreCells(OverwriteCells):  # type: ignore[misc]
    """nbgrader's preprocessor, which also withstands cells that were copied, retagged, retyped or deleted.

    The metadata of a cell is what the gradebook says, whatever the submission claims. Of several cells with one id
    the last counts, as with nbgrader. Deleted cells that a student may not edit are put back.
    """

    def preprocess(self, nb: Any, resources: Any) -> Any:
        place = resources["nbgrader"]
        with Gradebook(place["db_url"]) as gradebook:
            notebook = gradebook.find_notebook(place["notebook"], place["assignment"])
            known, sources = metadata_of(notebook), {cell.name: cell for cell in notebook.source_cells}
            nb.cells = _with_missing(_retagged(nb.cells, known), known, sources)
        return super().preprocess(nb, resources)


def _retagged(cells: list[Any], known: dict[str, dict[str, Any]]) -> list[Any]:
    """The cells with the gradebook's metadata, and those it does not know with none."""
    seen: set[str] = set()
    retagged = []
    for cell in reversed(cells):
        claimed = cell.metadata.pop("nbgrader", None)
        grade_id = claimed.get("grade_id") if isinstance(claimed, dict) else None
        if isinstance(grade_id, str) and grade_id in known and grade_id not in seen:
            seen.add(grade_id)
            cell = _retyped(cell, known[grade_id]["cell_type"])
            cell.metadata["nbgrader"] = nbformat.from_dict(known[grade_id])
        retagged.append(cell)
    return retagged[::-1]


def _retyped(cell: Any, cell_type: str) -> Any:
    return cell if cell.cell_type == cell_type else _new_cell(cell_type, source=cell.source, metadata=cell.metadata)


def _new_cell(cell_type: str, **parts: Any) -> Any:
    return nbformat.v4.new_code_cell(**parts) if cell_type == "code" else nbformat.v4.new_markdown_cell(**parts)


def _with_missing(cells: list[Any], known: dict[str, dict[str, Any]], sources: dict[str, Any]) -> list[Any]:
    """The cells, and after the one each followed, those that were deleted: answers only if they are graded by hand."""
    cells, after = list(cells), -1
    places = {cell.metadata["nbgrader"]["grade_id"]: cell for cell in cells if "nbgrader" in cell.metadata}
    for grade_id, metadata in known.items():
        if (there := places.get(grade_id)) is not None:
            after = next(index for index, cell in enumerate(cells) if cell is there)
        elif metadata["grade"] or metadata["task"] or metadata["locked"]:
            after += 1
            source = sources[grade_id].source or ""
            restored = _new_cell(metadata["cell_type"], source=source)
            restored.metadata["nbgrader"] = nbformat.from_dict(metadata)
            cells.insert(after, restored)
    return cells


class SaveGrades(SaveAutoGrades):  # type: ignore[misc]
    """nbgrader's preprocessor, for which one odd number does not end the grading of everything.

    A number above the cell's points gives those points, and something without a text gives what text that is
    no number gives with nbgrader: all of them. Both are reported in `odd`.
    """

    odd: dict[tuple[str, str], str] = {}

    def _add_score(self, cell: Any, resources: Any) -> None:
        metadata = cell.metadata["nbgrader"]
        if (why := _oddity(cell)) is not None:
            self.odd[self.notebook_id, metadata["grade_id"]] = why
        try:
            super()._add_score(cell, resources)
        except (ValueError, KeyError, TypeError):
            place = (metadata["grade_id"], self.notebook_id, self.assignment_id, self.student_id)
            grade = self.gradebook.find_grade(*place)
            grade.auto_score, grade.needs_manual_grade = float(metadata["points"]), False
            self.gradebook.db.commit()


def _oddity(cell: Any) -> str | None:
    """What is strange about the partial credit a test cell gave; None where it gave none or a usable one."""
    result = next((output for output in cell.get("outputs", []) if output.output_type == "execute_result"), None)
    if result is None or cell.metadata["nbgrader"]["solution"]:
        return None
    try:
        credit = float(result["data"]["text/plain"])
    except (KeyError, TypeError, ValueError):
        return "credit_no_number"
    if credit > float(cell.metadata["nbgrader"]["points"]):
        return "credit_above_points"
    return None if credit >= 0 else "credit_negative"


# --- One assignment of one student -------------------------------------------------------------------------------


def _course(folder: Path, *, gradebook: Path, name: str, is_submitted: bool = False) -> ScratchCourse:
    """A course in which those notebooks of the folder are submitted that the gradebook knows."""
    course = ScratchCourse(name, gradebook=gradebook)
    course.folder("source", ".")
    known, submitted = course.notebooks(), course.folder("submitted")
    found = {stem: path for stem, path in notebooks_in(folder).items() if stem in known}
    if not found:
        raise EngineError("submission_without_notebooks", expected=", ".join(sorted(known))[:300])
    for path in found.values():
        write_notebook(read_notebook(path, is_submitted=is_submitted), submitted / path.name)
    return course


def _autograde(course: ScratchCourse, *, sanitizing: list[type], grading: list[type]) -> str:
    converter = recording(Autograde)(coursedir=course.directory(), config=course.config)
    converter.create_student = True
    converter.sanitize_preprocessors, converter.autograde_preprocessors = sanitizing, grading
    return run(converter, otherwise="submission_unusable")


def _take_autograded(course: ScratchCourse, into: Path) -> None:
    for path in notebooks_in(course.folder("autograded")).values():
        shutil.copyfile(path, into / path.name)


def _scored(course: ScratchCourse) -> dict[str, Any]:
    graded = notebooks_in(course.folder("autograded"))
    with course.gradebook() as gradebook:
        notebooks = sorted(gradebook.find_submission(course.name, STUDENT).notebooks, key=lambda each: each.name)
        return {
            "cells": [row for notebook in notebooks for row in _scored_cells(notebook)],
            "missing": [notebook.name for notebook in notebooks if notebook.name not in graded],
        }


def _scored_cells(notebook: Any) -> list[dict[str, Any]]:
    """The cells with points, from top to bottom."""
    grades = {grade.name: grade for grade in notebook.grades}
    unanswered = {comment.name for comment in notebook.comments if comment.auto_comment == "No response."}
    return [
        {
            "notebook": notebook.name,
            "grade_id": name,
            "kind": kind_of(**{key: known[key] for key in ("grade", "solution", "task", "locked")}),
            "max_points": float(grades[name].max_score),
            "auto_points": None if grades[name].auto_score is None else float(grades[name].auto_score),
            "needs_manual": bool(grades[name].needs_manual_grade),
            "is_unanswered": name in unanswered,
            "oddity": SaveGrades.odd.get((notebook.name, name)),
        }
        for name, known in metadata_of(notebook.notebook).items()
        if name in grades
    ]
