"""Feedback as files: a page for each notebook of a submission, to be kept beside a student's work.

They say what the page of the feedback says of points and comments (`feedback.told_of`), and show no notebook; so there
is nothing to take out of them, and no script of anybody's is in them.
"""

from __future__ import annotations

from datetime import datetime

from django.template.loader import render_to_string

from assignments.errors import AssignmentError
from assignments.feedback import Told, ToldNotebook, feedback_of, told_of
from assignments.files import Bundle, File
from assignments.models import Submission

TEMPLATE = "assignments/feedback_file.html"


def feedback_files(submission: Submission, *, now: datetime) -> Bundle:
    """The pages of this submission. Raises AssignmentError `feedback_not_published`."""
    feedback = feedback_of(submission)
    if feedback is None:
        raise AssignmentError("feedback_not_published")
    told = told_of(submission, feedback, now=now)
    pages = {f"{notebook.name}.html": _page(submission, told, notebook) for notebook in told.notebooks}
    return Bundle(tuple(File(path, pages[path]) for path in sorted(pages)))


def _page(submission: Submission, told: Told, notebook: ToldNotebook) -> bytes:
    cells = [cell for cell in notebook.cells if cell.points is not None or cell.comments]
    page = render_to_string(TEMPLATE, {"submission": submission, "told": told, "notebook": notebook, "cells": cells})
    return page.encode()
