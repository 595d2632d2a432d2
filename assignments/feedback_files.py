"""Feedback as files: a page for each notebook of a submission, to be kept beside a student's work.

They say points, comments and the message, and nothing of what tests are made of; so there is nothing to take out of
them, and no script of anybody's is in them.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.template.loader import render_to_string

from assignments.errors import AssignmentError
from assignments.files import Bundle, File
from assignments.models import CellComment, CellGrade, Feedback, Submission

TEMPLATE = "assignments/feedback_file.html"


def feedback_files(submission: Submission) -> Bundle:
    """The pages of this submission. Raises AssignmentError `feedback_not_published`."""
    feedback = Feedback.objects.filter(submission=submission).first()
    if feedback is None:
        raise AssignmentError("feedback_not_published")
    grades = list(submission.cell_grades.all())
    comments = list(submission.comments.all())
    order = {(cell.notebook, cell.grade_id): cell.position for cell in submission.release.cells.all()}
    grades.sort(key=lambda grade: order.get((grade.notebook, grade.grade_id), len(order)))
    names = submission.release.source.notebooks or sorted({grade.notebook for grade in grades})
    return Bundle(tuple(File(f"{name}.html", _page(submission, feedback, name, grades, comments)) for name in names))


def _page(
    submission: Submission,
    feedback: Feedback,
    name: str,
    grades: Sequence[CellGrade],
    comments: Sequence[CellComment],
) -> bytes:
    said: dict[str, list[CellComment]] = {}
    for comment in comments:
        if comment.notebook == name:
            said.setdefault(comment.cell, []).append(comment)
    cells = [(grade, said.pop(grade.grade_id, [])) for grade in grades if grade.notebook == name]
    others = [comment for place in said.values() for comment in place]
    page = render_to_string(
        TEMPLATE,
        {"submission": submission, "feedback": feedback, "notebook": name, "cells": cells, "others": others},
    )
    return page.encode()
