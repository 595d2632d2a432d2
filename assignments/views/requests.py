"""Asking about points at the feedback, and answering there or in the list of what was asked."""

from __future__ import annotations

from decimal import Decimal
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from assignments.context import AssignmentRequest, assignment_view
from assignments.grading.marking import pseudonym
from assignments.grading.points import CellKey
from assignments.models import Assignment, RegradeRequest, Submission
from assignments.policies import can_grade
from assignments.returning.feedback import feedback_of
from assignments.returning.requests import answer, ask, close, requests_in, threads
from assignments.views.answers import back, refused, say, words_in
from assignments.views.at_answer import NO_NUMBER, number
from classes.context import CourseRequest, course_view
from classes.models import Role
from environments.errors import EnvironmentsError

PAGE = "feedback-detail"
REQUESTS_ON_A_PAGE = 25


@course_view(Role.TEACHER, Role.GRADER)
@require_safe
@never_cache
def course_request_list(request: CourseRequest) -> HttpResponse:
    """What students of the class have asked about their points."""
    return _list(request, None)


@assignment_view(Role.TEACHER, Role.GRADER)
@require_safe
@never_cache
def request_list(request: AssignmentRequest) -> HttpResponse:
    """What students have asked about their points for this assignment."""
    return _list(request, request.assignment)


@assignment_view()
@require_POST
def request_open(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """A question about one cell, of whoever submitted it."""
    submission = _own(request, submission_id)
    cell = CellKey(request.POST.get("notebook", ""), request.POST.get("cell", ""))
    try:
        ask(submission, cell, words_in(request, "text"), by=request.user, now=timezone.now())
    except EnvironmentsError as error:
        return refused(request, error, PAGE, submission.pk)
    messages.success(request, _("Sent to those who grade. Their answer will be on this page, below your notebooks."))
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
    text, ends, now = words_in(request, "text"), request.POST.get("ends", ""), timezone.now()
    try:
        if ends == "changed":
            close(asked, points=_points(request.POST.get("points", "")), words=text, by=request.user, now=now)
            messages.success(
                request, _("The points are changed. The student sees them once grades are published again.")
            )
        elif ends == "kept":
            close(asked, points=None, words=text, by=request.user, now=now)
            messages.success(request, _("Closed: the points stay as they are."))
        else:
            answer(asked, text, by=request.user, now=now)
            _say_answered(request)
    except EnvironmentsError as error:
        say(request, error)
    return _to_where_they_were(request, asked)


def _say_answered(request: AssignmentRequest) -> None:
    """New points beside an answer are an oversight: nobody gave them."""
    if request.POST.get("points", "").strip():
        messages.warning(request, _("Your answer is sent. The points stay until you press the button for it."))
    else:
        messages.success(request, _("Your answer is sent."))


def _to_where_they_were(request: AssignmentRequest, asked: RegradeRequest) -> HttpResponse:
    """The list of the class or of the assignment, or the feedback itself: whichever it was answered in."""
    match request.POST.get("list"):
        case "course":
            return redirect("assignments:course-request-list", request.course.slug)
        case "assignment":
            return back(request, "request-list")
    return back(request, PAGE, asked.submission_id)


def _list(request: CourseRequest, assignment: Assignment | None) -> HttpResponse:
    is_open = request.GET.get("show") != "closed"
    asked = requests_in(request.course, assignment=assignment, is_open=is_open)
    page = Paginator(asked, REQUESTS_ON_A_PAGE).get_page(request.GET.get("page"))
    rows = threads(cast("QuerySet[RegradeRequest]", page.object_list))
    context = {
        "course": request.course,
        "standing": request.standing,
        "here": "work",
        "assignment": assignment,
        "rows": [(asked, _student(request, asked.request.submission)) for asked in rows],
        "page": page,
        "is_open": is_open,
        "can_answer": can_grade(request.standing),
        "now": timezone.now(),
    }
    return render(request, "assignments/requests.html", context)


def _student(request: CourseRequest, submission: Submission) -> str:
    if submission.assignment.is_anonymous and not request.standing.is_teacher:
        return _("Submission %(code)s") % {"code": pseudonym(submission)}
    return submission.membership.person.get_full_name()


def _own(request: AssignmentRequest, submission_id: UUID) -> Submission:
    """What this person submitted, once feedback on it is published; 404 for all else."""
    submissions = request.assignment.submissions.select_related("membership", "release", "autograding")
    submission = get_object_or_404(submissions, pk=submission_id, membership=request.standing.membership)
    submission.assignment = request.assignment
    if request.standing.membership is None or feedback_of(submission) is None:
        raise Http404
    return submission


def _points(text: str) -> Decimal:
    found = number(text)
    return NO_NUMBER if found is None else found
