"""Renders a graded submission as pages, from marks that come from elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat.v4
from nbgrader.converters import GenerateFeedback
from nbgrader.preprocessors import GetGrades

from assignments.nbgrader_engine.courses import STUDENT, ScratchCourse, recording, run
from assignments.nbgrader_engine.failures import EngineError
from assignments.nbgrader_engine.notebooks import notebooks_in, read_notebook, write_notebook

Marks = Mapping[str, Any]


def feedback(autograded: Path, *, gradebook: Path, name: str, marks: Marks, into: Path) -> dict[str, Any]:
    """Write a page per notebook into a folder. What must not be seen has to be out of the notebooks before."""
    course = ScratchCourse(name, gradebook=gradebook)
    known, folder = course.notebooks(), course.folder("autograded")
    for stem, path in notebooks_in(autograded).items():
        if stem in known:
            write_notebook(read_notebook(path), folder / path.name)
    others = _record(course, marks)
    converter = recording(GenerateFeedback)(coursedir=course.directory(), config=course.config)
    converter.config.HTMLExporter.sanitize_html = True
    converter.preprocessors = [
        _with_comments(others) if each is GetGrades else each for each in converter.preprocessors
    ]
    log = run(converter, otherwise="feedback_failed")
    for page in course.folder("feedback").glob("*.html"):
        shutil.copyfile(page, into / page.name)
    return {"log": log}


def _record(course: ScratchCourse, marks: Marks) -> dict[tuple[str, str], str]:
    """Put the marks into the gradebook, and return the comments on cells for which it has no place."""
    others: dict[tuple[str, str], str] = {}
    with course.gradebook() as gradebook:
        gradebook.update_or_create_student(STUDENT)
        submission = gradebook.update_or_create_submission(course.name, STUDENT)
        grades = {(notebook.name, grade.name): grade for notebook in submission.notebooks for grade in notebook.grades}
        comments = {(notebook.name, each.name): each for notebook in submission.notebooks for each in notebook.comments}
        for mark in marks["cells"]:
            place = (mark["notebook"], mark["grade_id"])
            if (grade := grades.get(place)) is not None:
                grade.manual_score, grade.extra_credit = mark["points"], mark["extra"]
                grade.needs_manual_grade = mark["points"] is None
            elif mark["points"] is not None:
                raise EngineError("mark_unplaced", notebook=place[0], cell=place[1])
            if (comment := comments.get(place)) is not None:
                comment.manual_comment = mark["comment"] or None
            elif mark["comment"]:
                others[place] = mark["comment"]
        for notebook in submission.notebooks:
            notebook.late_submission_penalty = marks["penalties"].get(notebook.name)
        gradebook.db.commit()
    return others


def _with_comments(others: Mapping[tuple[str, str], str]) -> type[GetGrades]:
    """nbgrader's preprocessor, which also shows the comments on tests and on what a student only reads."""

    class GetMarks(GetGrades):  # type: ignore[misc]
        def preprocess(self, nb: Any, resources: Any) -> Any:
            nb, resources = super().preprocess(nb, resources)
            cells: list[Any] = []
            for cell in nb.cells:
                cells.append(cell)
                grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
                if comment := others.get((resources["nbgrader"]["notebook"], grade_id)):
                    cells.append(nbformat.v4.new_markdown_cell(f"> **Comment:** {comment}".replace("\n", "\n> ")))
            nb.cells = cells
            return nb, resources

    return GetMarks
