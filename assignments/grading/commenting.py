"""What graders say of the cells of a submission, in new words or kept ones: never into somebody else's grading."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import User
from assignments.errors import AssignmentError
from assignments.grading import marking, rubrics
from assignments.grading.answering import notebook_of
from assignments.grading.marking import Place
from assignments.grading.points import CellKey
from assignments.models import Cell, CellComment, Submission
from assignments.notebooks.cells import names_of, read


@transaction.atomic
def say(
    submission: Submission, *, notebook: str, cell: str, text: str, by: User, now: datetime, is_kept: bool = False
) -> CellComment:
    """Say something about a cell of a notebook, or without one about all of it; `is_kept` keeps the words for reuse.

    Raises AssignmentError `cell_unknown`, `cell_held` and `comment_empty`, and what reading the notebook raises.
    """
    _check_there(submission, notebook, cell)
    marking.check_free(Place(submission.pk, CellKey(notebook, cell)), by=by, now=now)
    said = marking.comment(submission, notebook=notebook, cell=cell, text=text, by=by, now=now)
    if is_kept:
        rubrics.save_comment(submission.assignment.course, text=text, by=by, now=now)
    return said


def change(said: CellComment, *, text: str, by: User, now: datetime) -> None:
    """Say it otherwise; without a text, not at all. Raises AssignmentError `comment_of_another` and `cell_held`."""
    marking.check_free(Place(said.submission_id, CellKey(said.notebook, said.cell)), by=by, now=now)
    marking.change_comment(said, text=text, by=by, now=now)


def _check_there(submission: Submission, notebook: str, cell: str) -> None:
    release = submission.autograding.release_id if submission.autograding is not None else submission.release_id
    if "\0" in cell or not Cell.objects.filter(release=release, notebook=notebook).exists():
        raise AssignmentError("cell_unknown")  # A student's notebook may call a cell what no database takes.
    if cell and cell not in names_of(read(notebook_of(submission, notebook), name=notebook)):
        raise AssignmentError("cell_unknown")
