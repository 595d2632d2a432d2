"""Grading by hand: how far an assignment is, and one answer at a time."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from assignments import marking, rubrics
from assignments.context import AssignmentRequest, assignment_view
from assignments.errors import AssignmentError
from assignments.marking import Place, Walk
from assignments.models import Cell, CellGrade, GradeChange, RubricItem, SavedComment, Submission
from assignments.points import CellKey
from assignments.policies import can_grade
from assignments.views.answers import facts_of
from assignments.views.marked_notebook import flags_of, names_in, notebook_of, shown_cells
from classes.models import Role
from environments.errors import EnvironmentsError

STUDENTS_ON_A_PAGE = 100
SAVED_SHOWN = 12
HISTORY_SHOWN = 10
GRADERS = (Role.TEACHER, Role.GRADER)


@assignment_view(*GRADERS)
@require_safe
def grading_overview(request: AssignmentRequest) -> HttpResponse:
    """Its problems and its students, and what of each is still to be graded."""
    students = Paginator(marking.submissions_of(request.assignment), STUDENTS_ON_A_PAGE)
    page = students.get_page(request.GET.get("page"))
    for grade in page.object_list:
        grade.called = _called(request, grade.submission)  # type: ignore[attr-defined]
    return render(
        request,
        "assignments/grading.html",
        _facts(request) | {"problems": marking.problems(request.assignment), "page": page},
    )


@assignment_view(*GRADERS)
@require_safe
@never_cache
def grading_next(request: AssignmentRequest) -> HttpResponse:
    """To the next answer that waits for somebody and that nobody has."""
    after = None
    if request.GET.get("cell"):
        key = CellKey(request.GET.get("notebook", ""), request.GET["cell"])
        try:
            after = Place(UUID(request.GET.get("after") or str(UUID(int=0))), key)
        except ValueError as error:
            raise Http404 from error
    return _to_next(request, after, is_back=bool(request.GET.get("back")), walk=_walk(request.GET.get("by", "")))


@assignment_view(*GRADERS)
@require_safe
@never_cache
def cell_marking(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """One answer in its notebook, what it has, and what it can be given. Whoever opens it has it for a while."""
    submission = _submission(request, submission_id)
    cells = _graded_cells(submission)
    rows = {CellKey(row.notebook, row.grade_id): row for row in submission.cell_grades.all()}
    key = _key(request, cells, rows)
    cell = next(one for one in cells if (one.notebook, one.grade_id) == (key.notebook, key.grade_id))
    held = _held(request, Place(submission.pk, key))
    comments = submission.comments.filter(notebook=key.notebook).select_related("by")
    context: dict[str, Any] = {
        "submission": submission,
        "called": _called(request, submission),
        "walk": _walk(request.GET.get("by", "")).value,
        "cell": cell,
        "cells": [
            {"cell": one, "row": rows.get(CellKey(one.notebook, one.grade_id)), "is_here": one.pk == cell.pk}
            for one in cells
        ],
        "row": rows.get(key),
        "points": _present(rows.get(key)),
        "seen": marking.latest_change(submission, key),
        "held": held,
        "may_grade": can_grade(request.standing) and held is None,
        "items": _items(request, submission, key),
        "history": _history(submission, key),
        "saved": SavedComment.objects.filter(course=request.course)[:SAVED_SHOWN],
        "flags": flags_of(submission, key.notebook).get("", []),
        "renew_seconds": int(marking.LEASE.total_seconds() / 3),
        "at": request.GET.get("at") or key.grade_id,
    }
    try:
        context["shown"] = shown_cells(submission, key.notebook, key.grade_id, comments=comments)
    except EnvironmentsError as error:
        context["unreadable"] = error.explain()
    return render(request, "assignments/cell_marking.html", _facts(request) | context)


@assignment_view(*GRADERS)
@require_POST
def cell_mark(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """Give points, extra credit or a rubric item, take back, or undo; and go on where that was asked for."""
    submission, place = _asked(request, submission_id)
    what = request.POST.get("do", "")
    try:
        _mark(request, submission, place.key, what)
    except EnvironmentsError as error:
        _say(request, error)
        return _to(request, place)
    if what != "next":
        return _to(request, place)
    marking.drop_lease(place, by=request.user)
    return _to_next(request, place, walk=_walk(request.POST.get("by", "")))


@assignment_view(*GRADERS)
@require_POST
def cell_comment(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """Say something about any cell of the notebook, in new words or kept ones; or take back what one has said."""
    submission, place = _asked(request, submission_id)
    try:
        if request.POST.get("remove"):
            said = get_object_or_404(submission.comments, pk=_uuid(request.POST["remove"]))
            marking.change_comment(said, text="", by=request.user, now=timezone.now())
        else:
            _comment(request, submission, place.key.notebook)
    except EnvironmentsError as error:
        _say(request, error)
    return _to(request, place)


@assignment_view(*GRADERS)
@require_POST
def cell_lease(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """Keep an answer while its page is open, or let others have it."""
    _, place = _asked(request, submission_id)
    if request.POST.get("drop"):
        marking.drop_lease(place, by=request.user)
        return HttpResponse(status=204)
    try:
        marking.take_lease(place, by=request.user, now=timezone.now())
    except AssignmentError as error:
        words = error.explain()
        return JsonResponse({"code": error.code, "detail": f"{words.sentence} {words.next_step}"}, status=error.status)
    return HttpResponse(status=204)


@assignment_view(*GRADERS)
@require_POST
def rubric_change(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """Add a rubric item to a cell, change it for everybody, or retire it."""
    _, place = _asked(request, submission_id)
    now, label = timezone.now(), request.POST.get("label", "")
    try:
        if not request.POST.get("item"):
            rubrics.add_item(request.assignment, place.key, label=label, points=_item_points(request), now=now)
        elif request.POST.get("do") == "retire":
            rubrics.retire_item(_item(request, request.POST["item"]), now=now)
        else:
            item = _item(request, request.POST["item"])
            rubrics.change_item(item, label=label, points=_item_points(request), now=now)
    except EnvironmentsError as error:
        _say(request, error)
    return _to(request, place)


# --- Steps -------------------------------------------------------------------------------------------------


def _mark(request: AssignmentRequest, submission: Submission, key: CellKey, what: str) -> None:
    now, by, seen = timezone.now(), request.user, int(request.POST.get("seen") or 0)
    why = request.POST.get("why", "")
    if what == "undo":
        marking.undo(submission, key, by=by, now=now)
    elif what.startswith("item:"):
        item = _item(request, what.removeprefix("item:"))
        marking.toggle_item(submission, item, by=by, now=now, seen=seen)
    elif what == "withdraw":
        marking.give_points(submission, key, None, by=by, now=now, seen=seen, why=why)
    elif what in ("full", "none"):
        most = next(cell.points for cell in _graded_cells(submission) if CellKey(cell.notebook, cell.grade_id) == key)
        points = most if what == "full" else Decimal(0)
        marking.give_points(submission, key, points, by=by, now=now, seen=seen, why=why)
    else:
        _give_what_is_new(request, submission, key, seen=seen, why=why)


def _give_what_is_new(request: AssignmentRequest, submission: Submission, key: CellKey, *, seen: int, why: str) -> None:
    """Only what differs from what the cell has: going on with a form that nobody touched grades nothing."""
    row = submission.cell_grades.filter(notebook=key.notebook, grade_id=key.grade_id).first()
    points, extra = _number(request.POST.get("points", "")), _number(request.POST.get("extra", ""))
    now, by = timezone.now(), request.user
    if points is not None and (row is None or row.needs_manual or points != row.points - row.extra):
        marking.give_points(submission, key, points, by=by, now=now, seen=seen, why=why)
    if (extra or 0) != (row.extra if row is not None else 0):
        marking.give_extra(submission, key, extra, by=by, now=now, seen=seen, why=why)


def _comment(request: AssignmentRequest, submission: Submission, notebook: str) -> None:
    cell, text, now = request.POST.get("at", ""), request.POST.get("text", ""), timezone.now()
    if cell and cell not in names_in(notebook_of(submission, notebook), notebook):
        raise AssignmentError("cell_unknown")
    if request.POST.get("saved"):
        text = get_object_or_404(SavedComment, course=request.course, pk=_uuid(request.POST["saved"])).text
    marking.comment(submission, notebook=notebook, cell=cell, text=text, by=request.user, now=now)
    if request.POST.get("keep"):
        rubrics.save_comment(request.course, text=text, by=request.user, now=now)


def _facts(request: AssignmentRequest) -> dict[str, Any]:
    return facts_of(request) | {"can_grade": can_grade(request.standing)}


def _submission(request: AssignmentRequest, submission_id: UUID) -> Submission:
    people = () if request.assignment.is_anonymous else ("membership__person",)
    rows = request.assignment.submissions.select_related("autograding", *people)
    submission = get_object_or_404(rows, pk=submission_id)
    submission.assignment = request.assignment
    return submission


def _asked(request: AssignmentRequest, submission_id: UUID) -> tuple[Submission, Place]:
    """What a form is about. A class that is over, or a cell that gives nothing, is refused."""
    if not can_grade(request.standing):
        raise PermissionDenied
    submission = _submission(request, submission_id)
    key = CellKey(request.POST.get("notebook", ""), request.POST.get("cell", ""))
    if key not in {CellKey(cell.notebook, cell.grade_id) for cell in _graded_cells(submission)}:
        raise Http404
    return submission, Place(submission.pk, key)


def _graded_cells(submission: Submission) -> list[Cell]:
    release = submission.autograding.release_id if submission.autograding is not None else submission.release_id
    return list(Cell.objects.filter(release=release, kind__in=("tests", "manual", "task")))


def _key(request: AssignmentRequest, cells: list[Cell], rows: dict[CellKey, CellGrade]) -> CellKey:
    """The cell in the address; else the first that waits, else the first."""
    keys = [CellKey(cell.notebook, cell.grade_id) for cell in cells]
    if request.GET.get("cell"):
        key = CellKey(request.GET.get("notebook", ""), request.GET["cell"])
        if key not in keys:
            raise Http404
        return key
    if not keys:
        raise Http404
    return next((key for key in keys if key in rows and rows[key].needs_manual), keys[0])


def _held(request: AssignmentRequest, place: Place) -> Any:
    """Why it cannot be graded now, in words, or None; taken for this person otherwise."""
    if not can_grade(request.standing):
        return None
    try:
        marking.take_lease(place, by=request.user, now=timezone.now())
    except AssignmentError as error:
        return error.explain()
    return None


def _items(request: AssignmentRequest, submission: Submission, key: CellKey) -> list[dict[str, Any]]:
    """What is offered, and what is no longer and yet was chosen; the first nine have a key."""
    chosen = rubrics.chosen_of(submission, key)
    rows = RubricItem.objects.filter(assignment=request.assignment, notebook=key.notebook, grade_id=key.grade_id)
    offered = [item for item in rows if item.retired_at is None or item.pk in chosen]
    return [
        {"item": item, "is_chosen": item.pk in chosen, "digit": number if number < 10 else None}
        for number, item in enumerate(offered, start=1)
    ]


def _history(submission: Submission, key: CellKey) -> list[GradeChange]:
    rows = submission.changes.filter(notebook=key.notebook, grade_id=key.grade_id)
    return list(rows.select_related("by", "rubric_item").order_by("-pk")[:HISTORY_SHOWN])


def _present(row: CellGrade | None) -> Decimal | None:
    """What stands in the field: nothing as long as nobody has said anything."""
    return None if row is None or row.origin == "nobody" else row.points - row.extra


def _called(request: AssignmentRequest, submission: Submission | None) -> str:
    if submission is None:
        return ""
    if request.assignment.is_anonymous:
        return _("Submission %(code)s") % {"code": marking.pseudonym(submission)}
    person = submission.membership.person
    return person.get_full_name() or person.username


def _number(text: str) -> Decimal | None:
    text = text.strip().replace(",", ".")
    if not text:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


def _item_points(request: AssignmentRequest) -> Decimal:
    return _number(request.POST.get("item_points", "").replace("−", "-")) or Decimal("NaN")


def _item(request: AssignmentRequest, key: str) -> RubricItem:
    return get_object_or_404(
        RubricItem.objects.select_related("assignment"), assignment=request.assignment, pk=_uuid(key)
    )


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


def _walk(text: str) -> Walk:
    return Walk(text) if text in set(Walk) else Walk.PROBLEM


def _say(request: AssignmentRequest, error: EnvironmentsError) -> None:
    words = error.explain()
    messages.error(request, f"{words.sentence} {words.next_step}")


def _to(request: AssignmentRequest, place: Place, walk: Walk | None = None) -> HttpResponseRedirect:
    walk = walk or _walk(request.POST.get("by", ""))
    page = reverse("assignments:cell-marking", args=[request.course.slug, request.assignment.name, place.submission_id])
    query = urlencode({"notebook": place.key.notebook, "cell": place.key.grade_id, "by": walk.value})
    return redirect(f"{page}?{query}")


def _to_next(
    request: AssignmentRequest, after: Place | None, *, walk: Walk, is_back: bool = False
) -> HttpResponseRedirect:
    now = timezone.now()
    place = marking.next_place(request.assignment, after, by=request.user, now=now, walk=walk, is_back=is_back)
    if place is not None:
        return _to(request, place, walk)
    messages.success(request, _("Nothing is left that waits for you to grade it."))
    return redirect("assignments:grading-overview", request.course.slug, request.assignment.name)
