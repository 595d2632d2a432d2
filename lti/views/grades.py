"""Grades on their way to learning platforms, as a teacher sees them, and sending them again."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assignments.context import AssignmentRequest, assignment_view
from assignments.policies import can_publish
from classes.models import Role
from environments.errors import EnvironmentsError
from lti.errors import LtiFailure
from lti.models import LineItem, Score
from lti.passback import drift, line_items, outbox
from lti.passback.drift import Which
from lti.passback.states import FILTERS, columns_of, left_out, scores_of

STUDENTS_ON_A_PAGE = 50


@assignment_view(Role.TEACHER)
@require_safe
@never_cache
def grade_states(request: AssignmentRequest) -> HttpResponse:
    """What is there, what is on its way, what was not taken and why."""
    columns = columns_of(request.assignment)
    shown = request.GET.get("show", "")
    shown = shown if shown in FILTERS else ""
    page = Paginator(scores_of(request.assignment, shown), STUDENTS_ON_A_PAGE).get_page(request.GET.get("page"))
    facts = {
        "columns": columns,
        "names": ", ".join(dict.fromkeys(column.context.deployment.platform.name for column in columns)),
        "shown": shown,
        "page": page,
        "left_out": left_out(request.assignment),
        "is_waiting": any(column.on_its_way for column in columns),
    }
    return _render(request, "lti/grade_states.html", facts)


@assignment_view(Role.TEACHER)
@require_POST
def grade_resend(request: AssignmentRequest, score_id: UUID) -> HttpResponse:
    """Send one grade once more. Where more stands over there, only after it was seen."""
    _check_may_send(request)
    rows = Score.objects.select_related("person", "line_item__context__deployment__platform")
    score = get_object_or_404(rows, pk=score_id, line_item__assignment=request.assignment)
    if request.POST.get("even") != "lower" and _would_lower(score):
        messages.warning(request, _("More points stand there than here, so nothing was sent. Look at both first."))
        return redirect("lti:grade-compare", request.course.slug, request.assignment.name, score.line_item_id)
    outbox.resend(Score.objects.filter(pk=score.pk))
    messages.success(request, _("It is on its way."))
    return _back(request)


@assignment_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def grade_compare(request: AssignmentRequest, line_item_id: UUID) -> HttpResponse:
    """What stands over there beside what should; POST sends what is missing, what is behind, or all that differs."""
    line_item, now = _line_item(request, line_item_id), timezone.now()
    comparison = error = None
    try:
        if request.method == "POST":
            _check_may_send(request)
            which = request.POST.get("which", "")
            count = drift.send_again(line_item, Which(which if which in set(Which) else Which.MISSING), now=now)
            words = ngettext("%(n)d grade is on its way.", "%(n)d grades are on their way.", count)
            messages.success(request, words % {"n": count})
            return _back(request)
        comparison = drift.compare(line_item, now=now)
    except EnvironmentsError as trouble:
        error = trouble
    facts = {"line_item": line_item, "comparison": comparison, "trouble": error.explain() if error else None}
    status = 200 if error is None or request.method != "POST" else error.status
    return _render(request, "lti/grade_compare.html", facts, status=status)


@assignment_view(Role.TEACHER)
@require_POST
def column_again(request: AssignmentRequest, line_item_id: UUID) -> HttpResponse:
    """Have a column that is gone made anew, or try again with one that was given up."""
    _check_may_send(request)
    line_item = _line_item(request, line_item_id)
    if line_item.state == LineItem.State.GONE:
        outbox.make_anew(line_item)
        messages.success(request, _("The column is made anew, and all grades are on their way."))
    else:
        line_items.reopen(line_item)
        outbox.send_soon([line_item.platform.pk], at_once=True)
        messages.success(request, _("The grades are on their way again."))
    return _back(request)


def _line_item(request: AssignmentRequest, key: UUID) -> LineItem:
    columns = LineItem.objects.select_related("context__deployment__platform", "assignment")
    return get_object_or_404(columns, pk=key, assignment=request.assignment, context__course=request.course)


def _check_may_send(request: AssignmentRequest) -> None:
    if not can_publish(request.standing):
        raise PermissionDenied


def _would_lower(score: Score) -> bool:
    """Not where the platform does not answer: the grade waits then, and so did the teacher."""
    try:
        return drift.would_lower(score, now=timezone.now())
    except LtiFailure:
        return False


def _back(request: AssignmentRequest) -> HttpResponse:
    return redirect("lti:grade-states", request.course.slug, request.assignment.name)


def _render(
    request: AssignmentRequest, template: str, facts: Mapping[str, object], *, status: int = 200
) -> HttpResponse:
    around = {
        "course": request.course,
        "standing": request.standing,
        "assignment": request.assignment,
        "here": "work",
        "now": timezone.now(),
        "can_send": can_publish(request.standing),
    }
    return render(request, template, {**around, **facts}, status=status)
