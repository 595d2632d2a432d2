"""Feedback as files: a page for each notebook of a submission, to be kept beside a student's work.

They say what the page of the feedback says (`feedback.told_of`): points, comments, and the cells as text and pictures.
No script is in them, and they forbid themselves any, wherever they are opened: beside a notebook server, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string

from assignments.errors import AssignmentError
from assignments.files import Bundle, File
from assignments.models import Submission
from assignments.returning.feedback import ToldNotebook, feedback_of, told_of

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a page may load: the pictures and the style that are in it."""
TEMPLATE = "assignments/feedback_file.html"


def feedback_files(submission: Submission, *, now: datetime, is_named: bool = True) -> Bundle:
    """The pages of this submission, with its student's name unless that is hidden from whoever asks.

    Raises AssignmentError `feedback_not_published`.
    """
    feedback = feedback_of(submission)
    if feedback is None:
        raise AssignmentError("feedback_not_published")
    told = told_of(submission, feedback, now=now)
    facts = {"submission": submission, "told": told, "is_named": is_named, "policy": POLICY}
    pages = {f"{notebook.name}.html": _page(facts, notebook) for notebook in told.notebooks}
    return Bundle(tuple(File(path, pages[path]) for path in sorted(pages)))


def _page(facts: Mapping[str, Any], notebook: ToldNotebook) -> bytes:
    return render_to_string(TEMPLATE, {**facts, "notebook": notebook}).encode()
