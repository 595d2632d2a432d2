"""What the pages about one answer share: what is asked for, what it is called, and the way back to it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from assignments.context import AssignmentRequest
from assignments.grading import marking
from assignments.grading.marking import Place, Walk
from assignments.grading.points import CellKey
from assignments.models import Cell, RubricItem, Submission
from assignments.policies import can_grade, can_know_whose
from assignments.views.answers import facts_of
from classes.models import Role

GRADERS = (Role.TEACHER, Role.GRADER)
NO_NUMBER = Decimal("NaN")
DIGITS = 15
"""What has more before its point is a slip of the hand, and cannot be reckoned with."""


def facts(request: AssignmentRequest) -> dict[str, Any]:
    """What every page is made with."""
    return facts_of(request) | {"can_grade": can_grade(request.standing)}


def submission_at(request: AssignmentRequest, submission_id: UUID) -> Submission:
    """The one in the address; where names are hidden, whose it is is not even read."""
    people = () if request.assignment.is_anonymous else ("membership__person",)
    rows = request.assignment.submissions.select_related("autograding", *people)
    submission = get_object_or_404(rows, pk=submission_id)
    submission.assignment = request.assignment
    return submission


def asked(request: AssignmentRequest, submission_id: UUID) -> tuple[Submission, Place]:
    """What a form is about. A class that is over, or a cell that gives nothing, is refused."""
    if not can_grade(request.standing):
        raise PermissionDenied
    submission = submission_at(request, submission_id)
    key = CellKey(request.POST.get("notebook", ""), request.POST.get("cell", ""))
    if key not in {CellKey(cell.notebook, cell.grade_id) for cell in graded_cells(submission)}:
        raise Http404
    return submission, Place(submission.pk, key)


def graded_cells(submission: Submission) -> list[Cell]:
    """Those that give points, by the release that graded it."""
    release = submission.autograding.release_id if submission.autograding is not None else submission.release_id
    return list(Cell.objects.filter(release=release, kind__in=("tests", "manual", "task")))


def item_at(request: AssignmentRequest, key: str) -> RubricItem:
    """A rubric item of this assignment."""
    return get_object_or_404(
        RubricItem.objects.select_related("assignment"), assignment=request.assignment, pk=uuid_in(key)
    )


def whose(request: AssignmentRequest, submission: Submission) -> str:
    """Who submitted it, to those who teach: its code where they may not know. Nothing to students: it is theirs."""
    if not request.standing.is_staff:
        return ""
    if can_know_whose(request.standing, submission):
        return submission.membership.person.get_full_name()
    return called(request, submission)


def called(request: AssignmentRequest, submission: Submission | None) -> str:
    """Its student, or its code where names are hidden."""
    if submission is None:
        return ""
    if request.assignment.is_anonymous:
        return _("Submission %(code)s") % {"code": marking.pseudonym(submission)}
    person = submission.membership.person
    return person.get_full_name() or person.username


def number(text: str) -> Decimal | None:
    """What somebody has typed; NaN where that is no number of points, None where it is nothing."""
    text = text.strip().replace(",", ".")
    if not text:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        return NO_NUMBER
    return found if found.is_finite() and found.adjusted() < DIGITS else NO_NUMBER


def uuid_in(text: str) -> UUID:
    """A key in a form; 404 for anything else."""
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


def walk_in(text: str) -> Walk:
    """From student to student, unless it says otherwise."""
    return Walk(text) if text in set(Walk) else Walk.PROBLEM


def to_answer(request: AssignmentRequest, place: Place, walk: Walk | None = None) -> HttpResponseRedirect:
    """Back to the page of an answer."""
    walk = walk or walk_in(request.POST.get("by", ""))
    page = reverse("assignments:cell-marking", args=[request.course.slug, request.assignment.name, place.submission_id])
    return redirect(f"{page}?{query_of(place.key, walk)}")


def query_of(key: CellKey, walk: Walk) -> str:
    """What names a cell, and the way one goes, in an address."""
    return urlencode({"notebook": key.notebook, "cell": key.grade_id, "by": walk.value})


def seen_in(text: str) -> int:
    """The last change that somebody has seen; 0 for what is no number."""
    return int(text) if text.isdecimal() and len(text) < 19 else 0
