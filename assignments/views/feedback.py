"""What came of a submission, for whoever submitted it."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from assignments.context import AssignmentRequest, assignment_view
from assignments.feedback import feedback_of, note_reading, told_of
from assignments.models import Grade
from assignments.policies import can_grade, can_read_feedback
from assignments.requests import requests_of


@assignment_view()
@require_safe
@never_cache
def feedback_detail(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """Points, comments and what hidden tests say, beside the notebooks as they were run."""
    now = timezone.now()
    submissions = request.assignment.submissions.select_related("membership", "release", "autograding")
    submission = get_object_or_404(submissions, pk=submission_id)
    submission.assignment = request.assignment
    feedback = feedback_of(submission)
    if not can_read_feedback(request.standing, submission, feedback):
        raise Http404
    is_own = request.standing.membership is not None and request.standing.membership.pk == submission.membership_id
    if is_own and feedback is not None:
        note_reading(feedback, now=now)
    facts = {
        "course": request.course,
        "standing": request.standing,
        "assignment": request.assignment,
        "here": "work",
        "submission": submission,
        "told": told_of(submission, feedback, now=now),
        "grade": Grade.objects.filter(submission=submission, published_at__isnull=False).first(),
        "requests": requests_of(submission),
        "can_ask": is_own and feedback is not None and not request.course.is_over,
        "can_answer": can_grade(request.standing),
        "now": now,
    }
    return render(request, "assignments/feedback.html", facts)
