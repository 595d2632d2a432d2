"""Asking about points at the feedback, and answering there."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_POST

from assignments.context import AssignmentRequest, assignment_view
from assignments.feedback import feedback_of
from assignments.models import RegradeRequest, Submission
from assignments.points import CellKey
from assignments.requests import answer, ask, close
from assignments.views.answers import back, refused
from classes.models import Role
from environments.errors import EnvironmentsError

PAGE = "feedback-detail"


@assignment_view()
@require_POST
def request_open(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """A question about one cell, of whoever submitted it."""
    submission = _own(request, submission_id)
    cell = CellKey(request.POST.get("notebook", ""), request.POST.get("cell", ""))
    try:
        ask(submission, cell, request.POST.get("text", ""), by=request.user, now=timezone.now())
    except EnvironmentsError as error:
        return refused(request, error, PAGE, submission.pk)
    return back(request, PAGE, submission.pk)


@assignment_view(Role.TEACHER, Role.GRADER)
@require_POST
def request_answer(request: AssignmentRequest, request_id: UUID) -> HttpResponse:
    """An answer in the thread, with which it may end."""
    asked = get_object_or_404(
        RegradeRequest.objects.select_related("submission__assignment__course", "submission__membership"),
        pk=request_id,
        submission__assignment=request.assignment,
    )
    text, ends, now = request.POST.get("text", ""), request.POST.get("ends", ""), timezone.now()
    try:
        if ends == "changed":
            close(asked, points=_points(request.POST.get("points", "")), words=text, by=request.user, now=now)
        elif ends == "kept":
            close(asked, points=None, words=text, by=request.user, now=now)
        else:
            answer(asked, text, by=request.user, now=now)
    except EnvironmentsError as error:
        return refused(request, error, PAGE, asked.submission_id)
    return back(request, PAGE, asked.submission_id)


def _own(request: AssignmentRequest, submission_id: UUID) -> Submission:
    """What this person submitted, once feedback on it is published; 404 for all else."""
    submissions = request.assignment.submissions.select_related("membership", "release", "autograding")
    submission = get_object_or_404(submissions, pk=submission_id, membership=request.standing.membership)
    submission.assignment = request.assignment
    if request.standing.membership is None or feedback_of(submission) is None:
        raise Http404
    return submission


def _points(text: str) -> Decimal:
    try:
        return Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        return Decimal("NaN")
