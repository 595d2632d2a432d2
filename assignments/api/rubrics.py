"""What answers are graded by, over the API: told, changed for everybody, and chosen for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.response import Response

from assignments.api.places import CHANGING, OVER, STAFF, OfAssignment, OfSubmission
from assignments.grading import marking, rubrics
from assignments.grading.marking import Place
from assignments.grading.points import CellKey
from assignments.models import RubricItem
from assignments.records import cells_of
from assignments.serializers.grading import CellSerializer
from assignments.serializers.rubrics import (
    AddItemSerializer,
    CellSearchSerializer,
    ChangeItemSerializer,
    ChooseItemSerializer,
    RubricChangeSerializer,
    RubricItemSerializer,
    TrialSearchSerializer,
)
from environments.api.conventions import NOT_FOUND, Pages, errors, person_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request

INVALID = "`rubric_item_invalid`."


class RubricViewSet(OfAssignment[RubricItem]):
    """What answers to cells have or lack, and what that is worth. For teachers and graders."""

    queryset = RubricItem.objects.none()
    serializer_class = RubricItemSerializer
    pagination_class = Pages

    @extend_schema(
        summary="The rubric of an assignment",
        parameters=[CellSearchSerializer],
        responses={200: RubricItemSerializer(many=True), **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    def list(self, request: Request, pk: str) -> Response:
        """Cell by cell, in their order. With `retired_at` they are offered no more, and count where chosen."""
        self.standing_for(*STAFF)
        wish = self.asked(CellSearchSerializer).validated_data
        found = RubricItem.objects.filter(assignment=self.assignment)
        found = found.filter(**{"grade_id" if name == "cell" else name: value for name, value in wish.items()})
        page = self.paginate_queryset(found.order_by("notebook", "grade_id", "position", "label", "pk"))
        return self.get_paginated_response(RubricItemSerializer(page, many=True).data)

    @extend_schema(
        summary="Add a rubric item",
        parameters=[TrialSearchSerializer],
        request=AddItemSerializer,
        responses={
            200: RubricChangeSerializer,
            201: RubricChangeSerializer,
            **errors(CHANGING | {404: "`not_found`, `cell_unknown`.", 409: f"{OVER}.", 422: INVALID}),
        },
    )
    def create(self, request: Request, pk: str) -> Response:
        """To a cell that gives points. **200** for a trial."""
        assignment, wish = self.changing_for(*STAFF), self.asked(AddItemSerializer).validated_data
        key = CellKey(wish["notebook"], wish["cell"])
        rubrics.check_cell(assignment, key)
        item = RubricItem(assignment=assignment, notebook=key.notebook, grade_id=key.grade_id)
        item.label, item.points = wish["label"], wish["points"]

        def add() -> RubricItem:
            return rubrics.add_item(assignment, key, label=item.label, points=item.points, now=timezone.now())

        return self._answer(item, add, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change a rubric item",
        parameters=[TrialSearchSerializer],
        request=ChangeItemSerializer,
        responses={200: RubricChangeSerializer, **errors(CHANGING | {409: f"{OVER}.", 422: INVALID})},
    )
    def partial_update(self, request: Request, pk: str, item_id: str) -> Response:
        """Wherever it was chosen: grades follow, also of who was graded before."""
        item, wish = self._item(), self.asked(ChangeItemSerializer).validated_data
        item.label, item.points = wish.get("label", item.label), wish.get("points", item.points)

        def change() -> RubricItem:
            return rubrics.change_item(item, label=item.label, points=item.points, now=timezone.now())

        return self._answer(item, change)

    @extend_schema(
        summary="Offer a rubric item no more",
        parameters=[TrialSearchSerializer],
        responses={200: RubricChangeSerializer, **errors({400: "`invalid`.", 404: NOT_FOUND, 409: f"{OVER}."})},
    )
    def destroy(self, request: Request, pk: str, item_id: str) -> Response:
        """Where it was chosen it still counts. Of a cell whose other items only take away, grades may change."""
        item, now = self._item(), timezone.now()
        item.retired_at = item.retired_at or now

        def retire() -> RubricItem:
            rubrics.retire_item(item, now=now)
            return item

        return self._answer(item, retire)

    def _item(self) -> RubricItem:
        found = RubricItem.objects.filter(assignment=self.changing_for(*STAFF)).select_related("assignment")
        return get_object_or_404(found, pk=self.kwargs["item_id"])

    def _answer(
        self, item: RubricItem, save: Callable[[], RubricItem], status_code: int = status.HTTP_200_OK
    ) -> Response:
        """What it does to grades, and done, unless it is only to be told."""
        sent = TrialSearchSerializer(data=self.request.query_params.dict())
        sent.is_valid(raise_exception=True)
        is_trial: bool = sent.validated_data["is_trial"]
        with transaction.atomic():
            effects = rubrics.effects_of(item)
            shown: Any = item if is_trial else save()
        if is_trial and item._state.adding:
            item.pk, status_code = None, status.HTTP_200_OK
        facts = {"item": shown, "is_trial": is_trial, "effects": effects}
        return Response(RubricChangeSerializer(facts).data, status=status_code)


class ChosenItemViewSet(OfSubmission[RubricItem]):
    """The rubric items of one submission. For teachers and graders."""

    queryset = RubricItem.objects.none()
    serializer_class = CellSerializer
    pagination_class = None

    @extend_schema(
        summary="Choose a rubric item",
        request=ChooseItemSerializer,
        responses={
            200: CellSerializer,
            **errors(
                CHANGING
                | {
                    404: "`not_found`, `cell_unknown`.",
                    409: f"{OVER}, `cell_held`: somebody grades it now, `cell_changed`: somebody else has meanwhile, "
                    "`rubric_item_toggled`: you have, `rubric_item_retired`.",
                }
            ),
        },
    )
    def create(self, request: Request, pk: str) -> Response:
        """For the answer to its cell, or take it back; nothing happens where that is so. The answer is the cell."""
        submission, wish = self.changing_for(*STAFF), self.asked(ChooseItemSerializer).validated_data
        items = RubricItem.objects.filter(assignment=submission.assignment)
        item = get_object_or_404(items.select_related("assignment"), pk=wish["item"])
        key, by = CellKey(item.notebook, item.grade_id), person_of(request)
        if (item.pk in rubrics.chosen_of(submission, key)) != wish["is_chosen"]:
            marking.toggle_item(submission, item, by=by, now=timezone.now(), seen=wish["seen"])
            marking.drop_lease(Place(submission.pk, key), by=by)
        cells = {CellKey(one.cell.notebook, one.cell.grade_id): one for one in cells_of(submission)}
        return Response(CellSerializer(cells[key]).data)
