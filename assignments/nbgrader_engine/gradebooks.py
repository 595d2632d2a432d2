"""A course's whole gradebook to plain values, and plain values to a gradebook that nbgrader opens."""

from __future__ import annotations

import datetime
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from nbgrader import dbutil
from nbgrader.api import Gradebook

from assignments.nbgrader_engine.cells import kind_of, metadata_of
from assignments.nbgrader_engine.courses import COURSE, gradebook_version
from assignments.nbgrader_engine.failures import EngineError, explained

_STUDENT_FIELDS = ("first_name", "last_name", "email", "lms_user_id")


def read_gradebook(gradebook: Path) -> dict[str, Any]:
    """Everything in a gradebook.db. The file itself stays as it is; a copy is brought up to date if it is old."""
    copy = Path("imported.db").absolute()
    shutil.copyfile(gradebook, copy)
    _upgrade(copy)
    with explained("", otherwise="gradebook_unreadable"), Gradebook(f"sqlite:///{copy}", COURSE) as opened:
        read = {
            "students": [
                {"id": student.id, **{name: getattr(student, name) or "" for name in _STUDENT_FIELDS}}
                for student in sorted(opened.students, key=lambda each: str(each.id))
            ],
            "assignments": [_read_assignment(assignment) for assignment in opened.assignments],
            "submissions": [
                _read_submission(assignment.name, submission)
                for assignment in opened.assignments
                for submission in assignment.submissions
            ],
        }
        return _as_text(read)  # type: ignore[no-any-return]


def _as_text(value: Any) -> Any:
    """The same without the character that no database takes."""
    if isinstance(value, dict):
        return {key: _as_text(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_text(each) for each in value]
    return value.replace("\0", "") if isinstance(value, str) else value


def _upgrade(path: Path) -> None:
    try:
        with closing(sqlite3.connect(path)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            others = database.execute("SELECT name FROM sqlite_master WHERE type NOT IN ('table', 'index')").fetchall()
            if others:  # nbgrader has none, and they would do something while it is brought up to date.
                raise EngineError("gradebook_unreadable", detail=f"views and triggers: {others}"[:500])
            if "assignment" not in tables:
                raise EngineError("gradebook_unreadable", detail=f"tables: {sorted(tables)}"[:500])
            has_version = "alembic_version" in tables  # Those of nbgrader 0.4 and older have none.
            found = {*database.execute("SELECT version_num FROM alembic_version")} if has_version else set()
        if found != {(gradebook_version(),)}:
            dbutil.upgrade(f"sqlite:///{path}")
    except (sqlite3.DatabaseError, subprocess.CalledProcessError, OSError) as error:
        raise EngineError("gradebook_unreadable", detail=str(error)[:500]) from error


def _read_assignment(assignment: Any) -> dict[str, Any]:
    return {
        "name": assignment.name,
        "due_at": _iso(assignment.duedate),
        "notebooks": [
            {"name": notebook.name, "kernelspec": notebook.kernelspec or "{}", "cells": _read_cells(notebook)}
            for notebook in sorted(assignment.notebooks, key=lambda each: each.name)
        ],
    }


def _read_cells(notebook: Any) -> list[dict[str, Any]]:
    sources = {cell.name: cell.source or "" for cell in notebook.source_cells}
    return [
        {
            "grade_id": name,
            "kind": kind_of(**{key: meta[key] for key in ("grade", "solution", "task", "locked")}) or "read-only",
            "points": float(meta.get("points", 0)),
            "cell_type": meta["cell_type"],
            "source": sources[name],
            "checksum": meta["checksum"] or "",
        }
        for name, meta in metadata_of(notebook).items()
    ]


def _read_submission(assignment: str, submission: Any) -> dict[str, Any]:
    extension = submission.extension
    return {
        "assignment": assignment,
        "student": submission.student.id,
        "submitted_at": _iso(submission.timestamp),
        "extension_seconds": extension.total_seconds() if extension else 0.0,
        "marks": [mark for notebook in submission.notebooks for mark in _read_marks(notebook)],
        "penalties": [
            {"notebook": notebook.name, "points": float(notebook.late_submission_penalty)}
            for notebook in submission.notebooks
            if notebook.late_submission_penalty
        ],
    }


def _read_marks(notebook: Any) -> list[dict[str, Any]]:
    grades = {grade.name: grade for grade in notebook.grades}
    comments = {comment.name: comment for comment in notebook.comments}
    return [
        {
            "notebook": notebook.name,
            "grade_id": name,
            "auto_points": getattr(grades.get(name), "auto_score", None),
            "manual_points": getattr(grades.get(name), "manual_score", None),
            "extra": getattr(grades.get(name), "extra_credit", None),
            "needs_manual": bool(getattr(grades.get(name), "needs_manual_grade", False)),
            "comment": getattr(comments.get(name), "comment", None) or "",
        }
        for name in dict.fromkeys([*grades, *comments])
    ]


def write_gradebook(course: dict[str, Any], *, into: Path) -> dict[str, Any]:
    """Write `gradebook.db` into a folder."""
    path = Path("exported.db").absolute()
    with explained("", otherwise="gradebook_unwritable"), Gradebook(f"sqlite:///{path}", COURSE) as gradebook:
        for student in course["students"]:
            gradebook.add_student(student["id"], **{name: student[name] or None for name in _STUDENT_FIELDS})
        for assignment in course["assignments"]:
            _write_assignment(gradebook, assignment)
        for submission in course["submissions"]:
            _write_submission(gradebook, submission)
    shutil.move(path, into / "gradebook.db")
    return {}


def _write_assignment(gradebook: Gradebook, assignment: dict[str, Any]) -> None:
    name = assignment["name"]
    gradebook.add_assignment(name, course_id=COURSE, duedate=_naive(assignment["due_at"]))
    for notebook in assignment["notebooks"]:
        gradebook.add_notebook(notebook["name"], name, kernelspec=notebook["kernelspec"])
        for cell in notebook["cells"]:
            _write_cell(gradebook, cell, (cell["grade_id"], notebook["name"], name))


def _write_cell(gradebook: Gradebook, cell: dict[str, Any], place: tuple[str, str, str]) -> None:
    kind, worth = cell["kind"], {"max_score": cell["points"], "cell_type": cell["cell_type"]}
    if kind in ("tests", "manual"):
        gradebook.add_grade_cell(*place, **worth)
    if kind in ("answer", "manual"):
        gradebook.add_solution_cell(*place)
    if kind == "task":
        gradebook.add_task_cell(*place, **worth)
    gradebook.add_source_cell(
        *place,
        cell_type=cell["cell_type"],
        locked=kind in ("tests", "task", "read-only"),
        source=cell["source"],
        checksum=cell["checksum"] or None,
    )


def _write_submission(gradebook: Gradebook, row: dict[str, Any]) -> None:
    submission = gradebook.add_submission(
        row["assignment"],
        row["student"],
        timestamp=_naive(row["submitted_at"]),
        extension=datetime.timedelta(seconds=row["extension_seconds"]) or None,
    )
    grades = {(notebook.name, grade.name): grade for notebook in submission.notebooks for grade in notebook.grades}
    comments = {(notebook.name, each.name): each for notebook in submission.notebooks for each in notebook.comments}
    for mark in row["marks"]:
        place = (mark["notebook"], mark["grade_id"])
        if (grade := grades.get(place)) is not None:
            grade.auto_score, grade.manual_score, grade.extra_credit = (
                mark["auto_points"],
                mark["manual_points"],
                mark["extra"],
            )
            grade.needs_manual_grade = mark["needs_manual"]
        if (comment := comments.get(place)) is not None and mark["comment"]:
            comment.manual_comment = mark["comment"]
    penalties = {penalty["notebook"]: penalty["points"] for penalty in row["penalties"]}
    for notebook in submission.notebooks:
        notebook.late_submission_penalty = penalties.get(notebook.name)
    gradebook.db.commit()


def _iso(moment: datetime.datetime | None) -> str | None:
    """nbgrader keeps UTC without saying so."""
    return moment.replace(tzinfo=datetime.UTC).isoformat() if moment else None


def _naive(moment: str | None) -> datetime.datetime | None:
    return datetime.datetime.fromisoformat(moment).astimezone(datetime.UTC).replace(tzinfo=None) if moment else None
