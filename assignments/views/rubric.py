"""Changing what answers to a cell are graded by: first what that would do to grades, then doing it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from assignments.context import AssignmentRequest, assignment_view
from assignments.errors import AssignmentError
from assignments.grading import rubrics
from assignments.grading.points import CellKey
from assignments.grading.rubrics import Effect
from assignments.models import RubricItem
from assignments.views.answers import say, words_in
from assignments.views.at_answer import GRADERS, NO_NUMBER, asked, called, facts, item_at, number, to_answer, walk_in
from environments.errors import EnvironmentsError

SHOWN = 50
"""So many grades are shown one by one."""


@assignment_view(*GRADERS)
@require_POST
def rubric_change(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """Add a rubric item to a cell, change it for everybody, or retire it; asked again where grades would change."""
    submission, place = asked(request, submission_id)
    is_retiring = request.POST.get("do") == "retire"
    try:
        item = _item(request, place.key, is_retiring=is_retiring)
        effects = rubrics.effects_of(item)
        if effects and request.POST.get("sure") != _seal(effects):
            return render(
                request,
                "assignments/rubric_change.html",
                facts(request)
                | _summary(request, effects)
                | {
                    "submission": submission,
                    "cell": place.key,
                    "walk": walk_in(request.POST.get("by", "")).value,
                    "item": item,
                    "before": RubricItem.objects.filter(pk=item.pk).first(),
                    "is_retiring": is_retiring,
                    "is_other": bool(request.POST.get("sure")),
                    "sure": _seal(effects),
                },
            )
        _save(item, place.key, is_retiring=is_retiring)
    except EnvironmentsError as error:
        say(request, error)
    return to_answer(request, place)


# --- Steps -------------------------------------------------------------------------------------------------


def _item(request: AssignmentRequest, key: CellKey, *, is_retiring: bool) -> RubricItem:
    """The item as it would be. Nothing is saved."""
    if request.POST.get("item"):
        item = item_at(request, request.POST["item"])
        if (item.notebook, item.grade_id) != (key.notebook, key.grade_id):
            raise AssignmentError("cell_unknown")
        item.assignment = request.assignment
    else:
        item = RubricItem(assignment=request.assignment, notebook=key.notebook, grade_id=key.grade_id)
    if is_retiring:
        item.retired_at = item.retired_at or timezone.now()
    else:
        item.label, item.points = words_in(request, "label"), _points(request)
    return item


def _save(item: RubricItem, key: CellKey, *, is_retiring: bool) -> None:
    now = timezone.now()
    if is_retiring:
        rubrics.retire_item(item, now=now)
    elif item._state.adding:
        rubrics.add_item(item.assignment, key, label=item.label, points=item.points, now=now)
    else:
        rubrics.change_item(item, label=item.label, points=item.points, now=now)


def _summary(request: AssignmentRequest, effects: Sequence[Effect]) -> dict[str, Any]:
    changes = [effect.by for effect in effects]
    return {
        "changed": len(effects),
        "published": sum(effect.is_published for effect in effects),
        "least": min(changes),
        "most": max(changes),
        "effects": [
            {"effect": effect, "called": called(request, effect.grade.submission)} for effect in effects[:SHOWN]
        ],
        "further": max(0, len(effects) - SHOWN),
    }


def _seal(effects: Sequence[Effect]) -> str:
    """What somebody agrees to: these grades, from these points to these."""
    rows = sorted(f"{effect.grade.pk} {effect.grade.points} {effect.points:f}" for effect in effects)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _points(request: AssignmentRequest) -> Decimal:
    found = number(request.POST.get("item_points", "").replace("−", "-"))
    return NO_NUMBER if found is None else found
