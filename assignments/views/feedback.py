"""What came of a submission, for whoever submitted it."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from assignments.context import AssignmentRequest, assignment_view
from assignments.errors import AssignmentError
from assignments.grading.destinations import deliveries_of
from assignments.models import Feedback, Grade, Submission
from assignments.policies import can_grade, can_know_whose, can_read_feedback
from assignments.returning.feedback import feedback_of, history_of, note_reading, told_of
from assignments.returning.feedback_files import POLICY, feedback_files
from assignments.returning.requests import requests_of
from assignments.views.answers import refused
from assignments.views.at_answer import whose


@assignment_view()
@require_safe
@never_cache
def feedback_detail(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """Points, comments and what hidden tests say, beside the notebooks as they were run."""
    now = timezone.now()
    submission, feedback = _submission(request, submission_id)
    is_own = request.standing.membership is not None and request.standing.membership.pk == submission.membership_id
    if is_own and feedback is not None:
        note_reading(feedback, now=now)
    told = told_of(submission, feedback, now=now)
    grade = Grade.objects.filter(submission=submission, published_at__isnull=False).first()
    facts = {
        "course": request.course,
        "standing": request.standing,
        "assignment": request.assignment,
        "here": "work",
        "submission": submission,
        "called": whose(request, submission),
        "told": told,
        "history": history_of(submission, told),
        "grade": grade,
        "deliveries": deliveries_of(grade) if grade is not None else [],
        "requests": requests_of(submission),
        "can_ask": is_own and feedback is not None and not request.course.is_over,
        "can_answer": can_grade(request.standing),
        "now": now,
    }
    return render(request, "assignments/feedback.html", facts)


@assignment_view()
@require_safe
@never_cache
def feedback_file(request: AssignmentRequest, submission_id: UUID, notebook: str) -> HttpResponse:
    """The same of one notebook, as a file to be kept. Nothing in it can run, and it can reach nothing."""
    submission, _feedback = _submission(request, submission_id)
    is_named = can_know_whose(request.standing, submission)
    try:
        pages = feedback_files(submission, now=timezone.now(), is_named=is_named)
    except AssignmentError as error:
        return refused(request, error, "feedback-detail", submission.pk)
    page = pages.read(f"{notebook}.html")
    if page is None:
        raise Http404
    response = HttpResponse(page)
    name = f"{request.assignment.name}-{submission.attempt}-{notebook}.html"
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["Content-Security-Policy"] = f"{POLICY}; sandbox"
    return response


def _submission(request: AssignmentRequest, submission_id: UUID) -> tuple[Submission, Feedback | None]:
    """The submission and what is published of it, for those who may read that; 404 for everybody else."""
    submissions = request.assignment.submissions.select_related("membership__person", "release", "autograding")
    submission = get_object_or_404(submissions, pk=submission_id)
    submission.assignment = request.assignment
    feedback = feedback_of(submission)
    if not can_read_feedback(request.standing, submission, feedback):
        raise Http404
    return submission, feedback
