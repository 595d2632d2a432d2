"""What students have, over the API: read, told, and worked out anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from assignments.api.exchange import AsIs
from assignments.api.places import CHANGING, OVER, STAFF, OfAssignment, OfAssignments
from assignments.grading import regrading
from assignments.grading.destinations import deliveries_by_grade
from assignments.grading.grade_files import points_csv, questions_csv
from assignments.grading.gradebook import publish_grades
from assignments.models import Autograding, Grade
from assignments.records import members_named
from assignments.serializers.grading import (
    AskedSerializer,
    GradebookRowSerializer,
    GradeSearchSerializer,
    GradeSerializer,
    PublishedSerializer,
    PublishGradesSerializer,
    TakenOverSerializer,
    TakeOverSerializer,
    TrialSerializer,
)
from classes.models import Role
from environments.api.conventions import NOT_FOUND, Pages, errors, person_of

if TYPE_CHECKING:
    from rest_framework.request import Request

CSV = "text/csv"
NO_RELEASE = "`assignment_not_released`"


def _context(request: Request, grades: Sequence[Grade] | None) -> dict[str, Any]:
    """Who asks, and how far these grades are on their way."""
    return {"person": person_of(request), "deliveries": deliveries_by_grade(grades or [])}


class GradeViewSet(OfAssignments[Grade]):
    """What students have: your own as published, and everybody's where you teach or grade."""

    queryset = Grade.objects.none()
    serializer_class = GradeSerializer
    pagination_class = Pages

    @extend_schema(
        summary="Grades",
        parameters=[GradeSearchSerializer],
        responses={200: GradeSerializer(many=True), **errors({400: "`invalid`."})},
    )
    def list(self, request: Request) -> Response:
        """Your own as they were published; everybody's where you teach, or grade and names are not hidden."""
        wish = self.asked(GradeSearchSerializer).validated_data
        found = Grade.objects.visible_to(person_of(request)).narrowed(**wish)
        found = found.select_related("assignment__course", "membership__person")
        page = self.paginate_queryset(found.order_by("assignment__course", "assignment", "pk"))
        return self.get_paginated_response(GradeSerializer(page, many=True, context=_context(request, page)).data)

    @extend_schema(summary="A grade", responses={200: GradeSerializer, **errors({404: NOT_FOUND})})
    def retrieve(self, request: Request, pk: str) -> Response:
        """What it came of stands in the history of its `submission`."""
        found = Grade.objects.visible_to(person_of(request)).select_related("assignment__course", "membership__person")
        grade = get_object_or_404(found, pk=pk)
        return Response(GradeSerializer(grade, context=_context(request, [grade])).data)


class GradebookViewSet(OfAssignment[Grade]):
    """What everybody has for one assignment."""

    queryset = Grade.objects.none()
    serializer_class = GradebookRowSerializer
    pagination_class = Pages

    @extend_schema(
        summary="The grades of an assignment",
        responses={200: GradebookRowSerializer(many=True), **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    def list(self, request: Request, pk: str) -> Response:
        """With the points of each cell, by username. For teachers, and graders where names are not hidden."""
        self.standing_for(*STAFF)
        person = person_of(request)
        found = Grade.objects.visible_to(person).filter(assignment=self.assignment)
        found = found.select_related("assignment__course", "membership__person", "submission")
        page = self.paginate_queryset(
            found.prefetch_related("submission__cell_grades").order_by("membership__person__username")
        )
        rows = GradebookRowSerializer(page, many=True, context=_context(request, page))
        return self.get_paginated_response(rows.data)

    @extend_schema(
        summary="Publish grades and feedback",
        request=PublishGradesSerializer,
        responses={200: PublishedSerializer, **errors(CHANGING | {422: "`member_unknown`."})},
    )
    def publish(self, request: Request, pk: str) -> Response:
        """Tells all students, or those named, what they have, with feedback; those with nothing graded are left out.

        For teachers. Publishing again tells them what has changed.
        """
        assignment = self.changing_for(Role.TEACHER)
        wish = self.asked(PublishGradesSerializer).validated_data
        members = members_named(assignment.course, wish["usernames"]) if "usernames" in wish else None
        told = publish_grades(
            assignment, members, by=person_of(request), now=timezone.now(), message=wish["message"].strip()
        )
        return Response(PublishedSerializer({"published": len(told)}).data)


class GradeFilesViewSet(OfAssignment[Grade]):
    """The same as tables for spreadsheets. For teachers."""

    queryset = Grade.objects.none()
    content_negotiation_class = AsIs
    renderer_classes = [JSONRenderer]

    @extend_schema(
        summary="The grades of an assignment as a table",
        responses={(200, CSV): OpenApiTypes.STR, **errors({404: NOT_FOUND})},
    )
    def points(self, request: Request, pk: str) -> HttpResponse:
        """One line for each student, as CSV in UTF-8."""
        self.standing_for(Role.TEACHER)
        return _table(points_csv(self.assignment), f"{self.assignment.name}.csv")

    @extend_schema(
        summary="The grades of an assignment as a table, cell by cell",
        responses={(200, CSV): OpenApiTypes.STR, **errors({404: NOT_FOUND})},
    )
    def questions(self, request: Request, pk: str) -> HttpResponse:
        """One line for each student, one column for each cell that gives points, as CSV in UTF-8."""
        self.standing_for(Role.TEACHER)
        return _table(questions_csv(self.assignment), f"{self.assignment.name}-cells.csv")


class RegradingViewSet(OfAssignment[Autograding]):
    """Grading anew with a corrected release. For teachers."""

    queryset = Autograding.objects.none()
    serializer_class = TrialSerializer
    pagination_class = Pages

    @extend_schema(
        summary="What grading anew would change",
        responses={200: TrialSerializer(many=True), **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    def list(self, request: Request, pk: str) -> Response:
        """What each student has and would have by the present release, those for whom it differs first."""
        self.standing_for(Role.TEACHER)
        rows = self.paginate_queryset(regrading.tried(self.assignment))
        return self.get_paginated_response(TrialSerializer(rows, many=True).data)

    @extend_schema(
        summary="Try grading anew",
        request=None,
        responses={202: AskedSerializer, **errors({404: NOT_FOUND, 409: f"{OVER}, {NO_RELEASE}."})},
    )
    def create(self, request: Request, pk: str) -> Response:
        """Has what counts graded by the present release, beside what it has: no grade changes by that."""
        asked = regrading.ask_trials(self.changing_for(Role.TEACHER), by=person_of(request), now=timezone.now())
        return Response(AskedSerializer({"asked": asked}).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="Let trials count",
        request=TakeOverSerializer,
        responses={200: TakenOverSerializer, **errors(CHANGING | {409: f"{OVER}, {NO_RELEASE}."})},
    )
    def take_over(self, request: Request, pk: str) -> Response:
        """Those named, or all that are ready; what was given by hand stays. Students see it once it is published."""
        assignment = self.changing_for(Role.TEACHER)
        wish = self.asked(TakeOverSerializer).validated_data
        chosen = set(wish["trials"]) if "trials" in wish else None
        taken = regrading.take_over(assignment, chosen, now=timezone.now())
        return Response(TakenOverSerializer({"taken_over": taken}).data)


def _table(text: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return HttpResponse(text, content_type=f"{CSV}; charset=utf-8", headers=headers)
