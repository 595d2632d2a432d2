"""Grading by hand: how far an assignment is, and one answer at a time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from assignments.context import AssignmentRequest, assignment_view
from assignments.errors import AssignmentError
from assignments.grading import commenting, marking, rubrics
from assignments.grading.answering import answers_of
from assignments.grading.comparing import compared
from assignments.grading.marking import Place, Walk
from assignments.grading.points import CellKey
from assignments.models import Cell, CellGrade, GradeChange, RubricItem, SavedComment, Submission
from assignments.policies import can_grade, can_publish
from assignments.views.answers import say, words_in
from assignments.views.at_answer import (
    GRADERS,
    asked,
    called,
    facts,
    graded_cells,
    item_at,
    number,
    query_of,
    seen_in,
    submission_at,
    to_answer,
    uuid_in,
    walk_in,
)
from assignments.views.marked_notebook import flags_of, shown_cells
from environments.errors import EnvironmentsError

STUDENTS_ON_A_PAGE = 100
SAVED_SHOWN = 12
HISTORY_SHOWN = 10


@assignment_view(*GRADERS)
@require_safe
def grading_overview(request: AssignmentRequest) -> HttpResponse:
    """Its problems and its students, and what of each is still to be graded."""
    students = Paginator(marking.submissions_of(request.assignment), STUDENTS_ON_A_PAGE)
    page = students.get_page(request.GET.get("page"))
    for grade in page.object_list:
        grade.called = called(request, grade.submission)  # type: ignore[attr-defined]
    problems = marking.problems(request.assignment)
    context = {
        "problems": problems,
        "to_do": sum(problem.to_do for problem in problems),
        "page": page,
        "can_publish": can_publish(request.standing),
    }
    return render(request, "assignments/grading.html", facts(request) | context)


@assignment_view(*GRADERS)
@require_safe
@never_cache
def grading_next(request: AssignmentRequest) -> HttpResponse:
    """To the next answer that waits for somebody and that nobody has; or just to the next."""
    after = None
    if request.GET.get("cell"):
        key = CellKey(request.GET.get("notebook", ""), request.GET["cell"])
        try:
            after = Place(UUID(request.GET.get("after") or str(UUID(int=0))), key)
        except ValueError as error:
            raise Http404 from error
        if "\0" in key.notebook + key.grade_id:
            raise Http404
    walk, is_back, is_any = walk_in(request.GET.get("by", "")), *map(bool, map(request.GET.get, ("back", "any")))
    return _to_next(request, after, walk=walk, is_back=is_back, is_any=is_any)


@assignment_view(*GRADERS)
@require_safe
@never_cache
def cell_marking(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """One answer in its notebook, what it has, and what it can be given. Whoever opens it has it for a while."""
    submission = submission_at(request, submission_id)
    cells = graded_cells(submission)
    rows = {CellKey(row.notebook, row.grade_id): row for row in submission.cell_grades.all()}
    key = _key(request, cells, rows)
    cell = next(one for one in cells if (one.notebook, one.grade_id) == (key.notebook, key.grade_id))
    held = _held(request, Place(submission.pk, key))
    comments = submission.comments.filter(notebook=key.notebook).select_related("by")
    walk = walk_in(request.GET.get("by", ""))
    done, everybody = marking.progress_of(request.assignment, key)
    context: dict[str, Any] = {
        "submission": submission,
        "called": called(request, submission),
        "walk": walk.value,
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
        "done": done,
        "everybody": everybody,
        "done_percent": 100 * done // everybody if everybody else 0,
        "earlier": _earlier(request, submission, key),
        "requests": submission.regrade_requests.filter(notebook=key.notebook, grade_id=key.grade_id),
        "renew_seconds": int(marking.LEASE.total_seconds() / 3),
        "at": request.GET.get("at") or key.grade_id,
        "is_at_chosen": bool(request.GET.get("at")),
        "here_query": query_of(key, walk),
    }
    try:
        context["shown"] = shown_cells(submission, key.notebook, key.grade_id, comments=comments)
    except EnvironmentsError as error:
        context["unreadable"] = error.explain()
    return render(request, "assignments/cell_marking.html", facts(request) | context)


@assignment_view(*GRADERS)
@require_POST
def cell_mark(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """Give points, extra credit or a rubric item, take back, or undo; and go on where that was asked for."""
    submission, place = asked(request, submission_id)
    what = request.POST.get("do", "")
    try:
        _mark(request, submission, place.key, what)
    except EnvironmentsError as error:
        say(request, error)
        return to_answer(request, place)
    if what != "next":
        return to_answer(request, place)
    marking.drop_lease(place, by=request.user)
    return _to_next(request, place, walk=walk_in(request.POST.get("by", "")))


@assignment_view(*GRADERS)
@require_POST
def cell_comment(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """Say something about any cell of the notebook, in new words or kept ones; or take back what one has said."""
    submission, place = asked(request, submission_id)
    try:
        if request.POST.get("remove"):
            said = get_object_or_404(submission.comments, pk=uuid_in(request.POST["remove"]))
            commenting.change(said, text="", by=request.user, now=timezone.now())
        else:
            _comment(request, submission, place.key.notebook)
    except EnvironmentsError as error:
        say(request, error)
    return to_answer(request, place)


@assignment_view(*GRADERS)
@require_POST
def cell_lease(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """Keep an answer while its page is open, or let others have it."""
    _, place = asked(request, submission_id)
    if request.POST.get("drop"):
        marking.drop_lease(place, by=request.user)
        return HttpResponse(status=204)
    try:
        marking.take_lease(place, by=request.user, now=timezone.now())
    except AssignmentError as error:
        words = error.explain()
        return JsonResponse({"code": error.code, "detail": f"{words.sentence} {words.next_step}"}, status=error.status)
    return HttpResponse(status=204)


# --- Steps -------------------------------------------------------------------------------------------------


def _mark(request: AssignmentRequest, submission: Submission, key: CellKey, what: str) -> None:
    now, by, seen = timezone.now(), request.user, seen_in(request.POST.get("seen", ""))
    why = words_in(request, "why")
    if what == "undo":
        marking.undo(submission, key, by=by, now=now)
    elif what.startswith("item:"):
        item = item_at(request, what.removeprefix("item:"))
        marking.toggle_item(submission, item, by=by, now=now, seen=seen)
    elif what == "withdraw":
        marking.give_points(submission, key, None, by=by, now=now, seen=seen, why=why)
    elif what in ("full", "none"):
        most = next(cell.points for cell in graded_cells(submission) if CellKey(cell.notebook, cell.grade_id) == key)
        points = most if what == "full" else Decimal(0)
        marking.give_points(submission, key, points, by=by, now=now, seen=seen, why=why)
    else:
        _give_what_is_new(request, submission, key, seen=seen, why=why)


def _give_what_is_new(request: AssignmentRequest, submission: Submission, key: CellKey, *, seen: int, why: str) -> None:
    """Only what differs from what the cell has: going on with a form that nobody touched grades nothing."""
    row = submission.cell_grades.filter(notebook=key.notebook, grade_id=key.grade_id).first()
    points, extra = number(request.POST.get("points", "")), number(request.POST.get("extra", ""))
    now, by = timezone.now(), request.user
    if points is not None and (row is None or row.needs_manual or points != row.points - row.extra):
        marking.give_points(submission, key, points, by=by, now=now, seen=seen, why=why)
    if (extra or 0) != (row.extra if row is not None else 0):
        marking.give_extra(submission, key, extra, by=by, now=now, seen=seen, why=why)


def _comment(request: AssignmentRequest, submission: Submission, notebook: str) -> None:
    text = words_in(request, "text")
    if request.POST.get("saved"):
        kept = SavedComment.objects.filter(course=request.course, pk=uuid_in(request.POST["saved"])).first()
        if kept is None:  # Somebody has removed it since this page was opened.
            raise AssignmentError("comment_kept_no_more")
        text = kept.text
    commenting.say(
        submission,
        notebook=notebook,
        cell=request.POST.get("at", ""),
        text=text,
        by=request.user,
        now=timezone.now(),
        is_kept=bool(request.POST.get("keep")),
    )


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


def _earlier(request: AssignmentRequest, submission: Submission, key: CellKey) -> dict[str, Any]:
    """The attempts before this one, and what has changed since the one that was asked for."""
    before = Submission.objects.filter(assignment=request.assignment, membership=submission.membership_id)
    attempts = {one.attempt: one for one in before.filter(attempt__lt=submission.attempt).select_related("autograding")}
    wanted = request.GET.get("compare", "")
    other = attempts.get(int(wanted)) if wanted.isdecimal() and len(wanted) < 6 else None
    if wanted and other is None:
        raise Http404
    found: dict[str, Any] = {"attempts": sorted(attempts, reverse=True), "compared": other}
    if other is not None:
        answers = answers_of([other, submission], key)
        found["lines"] = compared(answers[other.pk].source, answers[submission.pk].source)
    return found


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


def _to_next(
    request: AssignmentRequest, after: Place | None, *, walk: Walk, is_back: bool = False, is_any: bool = False
) -> HttpResponseRedirect:
    now, by = timezone.now(), request.user
    place = marking.next_place(request.assignment, after, by=by, now=now, walk=walk, is_back=is_back, is_any=is_any)
    if place is None and is_any:
        place = after
    if place is not None:
        return to_answer(request, place, walk)
    messages.success(request, _("Nothing is left that waits for you to grade it."))
    return redirect("assignments:grading-overview", request.course.slug, request.assignment.name)
