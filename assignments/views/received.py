"""What was received of a submission: exactly that, to be looked at and to be taken away again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from assignments import artefacts, files
from assignments.context import AssignmentRequest, assignment_view
from assignments.deadlines import standing
from assignments.models import Submission
from assignments.notebooks.doctoring import Repair
from assignments.policies import can_read, can_read_receipt
from assignments.submitting.submissions import allowance_of
from assignments.views.at_answer import whose
from classes.errors import CourseError
from classes.notebooks import MAX_TEXT, read_notebook
from classes.views.answers import download
from environments.errors import EnvironmentsError

CELLS_SHOWN = 300


@assignment_view()
@require_safe
def submission_detail(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """What was received, when, what was put right in it, and the receipt for it."""
    submission = submission_or_404(request, submission_id)
    repairs = [Repair.from_json(stored) for stored in submission.repairs]
    allowance = allowance_of(request.assignment, submission.membership)
    facts = {
        "stands": standing(request.assignment.schedule, submission.submitted_at, allowance),
        "losses": [repair for repair in repairs if repair.is_loss],
        "repairs": [repair for repair in repairs if not repair.is_loss],
        "has_receipt": can_read_receipt(request.standing, submission),
        "called": whose(request, submission),
        "is_back": hasattr(submission, "feedback") or request.standing.is_staff,
    }
    return render(request, "assignments/submission.html", _facts(request, submission) | facts)


@assignment_view()
@require_safe
@never_cache
def submission_download(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """Exactly what was received, as one file."""
    submission = submission_or_404(request, submission_id)
    try:
        content = artefacts.read(submission.bundle)
    except EnvironmentsError as error:
        return _refused(request, submission, error)
    name = f"{request.assignment.name}-{submission.attempt}.tar"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type="application/x-tar", headers=headers)


@assignment_view()
@require_safe
@never_cache
def submission_file(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """One file of it: a notebook cell by cell, anything else as text."""
    submission, path = submission_or_404(request, submission_id), request.GET.get("path", "")
    try:
        content = _content(submission, path)
    except EnvironmentsError as error:
        return _refused(request, submission, error)
    facts = _facts(request, submission) | {"path": path} | _shown(content, path)
    return render(request, "assignments/submission_file.html", facts)


@assignment_view()
@require_safe
@never_cache
def submission_file_download(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """One file of it, as it is."""
    submission, path = submission_or_404(request, submission_id), request.GET.get("path", "")
    try:
        return download(_content(submission, path), path)
    except EnvironmentsError as error:
        return _refused(request, submission, error)


def submission_or_404(request: AssignmentRequest, submission_id: UUID) -> Submission:
    """The submission to this assignment, for those who may see it."""
    submissions = request.assignment.submissions.select_related("membership__person", "release", "feedback")
    submission = get_object_or_404(submissions, pk=submission_id)
    submission.assignment = request.assignment
    if not can_read(request.standing, submission):
        raise Http404
    return submission


def _content(submission: Submission, path: str) -> bytes:
    """What is in a file that was received. 404 if there is no such."""
    content = files.from_tar([artefacts.read(submission.bundle)], limits=files.KEPT).bundle.read(path)
    if content is None:
        raise Http404
    return content


def _shown(content: bytes, path: str) -> dict[str, Any]:
    if path.endswith(files.SUFFIX):
        try:
            cells = read_notebook(content)
        except CourseError as error:
            return {"unreadable": error.explain()}
        return {"is_notebook": True, "cells": cells[:CELLS_SHOWN], "is_cut": len(cells) > CELLS_SHOWN}
    head = content[: 4 * MAX_TEXT]
    if b"\0" in head:
        return {"is_binary": True}
    text = head.decode(errors="replace")
    return {"text": text[:MAX_TEXT], "is_cut": len(content) > len(head) or len(text) > MAX_TEXT}


def _refused(request: AssignmentRequest, submission: Submission, error: EnvironmentsError) -> HttpResponse:
    facts = _facts(request, submission) | {"reason": error.explain()}
    return render(request, "assignments/submission_file.html", facts, status=error.status)


def _facts(request: AssignmentRequest, submission: Submission) -> dict[str, Any]:
    return {
        "course": request.course,
        "standing": request.standing,
        "assignment": request.assignment,
        "submission": submission,
        "here": "work",
        "now": timezone.now(),
    }
