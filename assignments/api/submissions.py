"""What students submitted, and how it is graded, over the API."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from assignments import artefacts
from assignments.api.exchange import TAR, AsIs, tar_of
from assignments.api.places import CHANGING, OVER, STAFF, OfAssignment, OfAssignments, OfSubmission
from assignments.errors import AssignmentError
from assignments.grading import autograding, marking
from assignments.grading.marking import Place
from assignments.grading.points import CellKey, ChangeKind
from assignments.grading.progress import progress_of
from assignments.models import CellGrade, GradeChange, RegradeRequest, Submission
from assignments.policies import can_grade_everything_again, is_own
from assignments.records import cells_of, request_records, submission_records, submissions_with_all
from assignments.returning import requests
from assignments.returning.feedback import feedback_of
from assignments.serializers.grading import (
    AnswerSerializer,
    AskAgainSerializer,
    AskedSerializer,
    CellSerializer,
    ChangeSerializer,
    CloseRequestSerializer,
    GivePointsSerializer,
    GradingStateSerializer,
    RequestSearchSerializer,
    RequestSerializer,
    SubmissionDetailSerializer,
    SubmissionSearchSerializer,
    SubmissionSerializer,
)
from assignments.turnout import turnout_of
from environments.api.conventions import NOT_FOUND, Pages, errors, person_of

if TYPE_CHECKING:
    from rest_framework.request import Request

NO_RELEASE = "`assignment_not_released`"


class SubmissionListViewSet(OfAssignments[Submission]):
    """What was submitted: yours, and everybody's where you teach or grade."""

    queryset = Submission.objects.none()
    serializer_class = SubmissionSerializer
    pagination_class = Pages

    @extend_schema(
        summary="What was submitted",
        parameters=[SubmissionSearchSerializer],
        responses={200: SubmissionSerializer(many=True), **errors({400: "`invalid`."})},
    )
    def list(self, request: Request) -> Response:
        """The last first: your own, and everybody's where you teach or grade."""
        wish, person = self.asked(SubmissionSearchSerializer).validated_data, person_of(request)
        found = Submission.objects.visible_to(person).narrowed(person, **wish)
        page = self.paginate_queryset(submissions_with_all(found).order_by("-submitted_at", "pk"))
        records = submission_records(person, page or [])
        return self.get_paginated_response(SubmissionSerializer(records, many=True).data)


class SubmissionViewSet(OfSubmission[Submission]):
    """One of them."""

    queryset = Submission.objects.none()
    serializer_class = SubmissionDetailSerializer
    pagination_class = None

    @extend_schema(summary="A submission", responses={200: SubmissionDetailSerializer, **errors({404: NOT_FOUND})})
    def retrieve(self, request: Request, pk: str) -> Response:
        """What was received, file by file, the receipt, and how far its grading is."""
        self.submission_for()
        return Response(SubmissionDetailSerializer(self.record).data)

    @extend_schema(
        summary="Grade a submission by its tests",
        request=None,
        responses={
            202: SubmissionDetailSerializer,
            **errors({404: NOT_FOUND, 409: f"{OVER}, {NO_RELEASE}, `submission_has_no_files`."}),
        },
    )
    def grade(self, request: Request, pk: str) -> Response:
        """By those of the present release; asking while that is under way is asking once. For teachers and graders."""
        submission = self.changing_for(*STAFF)
        autograding.ask_autograding(submission, by=person_of(request), now=timezone.now())
        submission.refresh_from_db(fields=["state"])
        return Response(SubmissionDetailSerializer(self.record).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="The cells of a submission",
        responses={200: CellSerializer(many=True), **errors({404: NOT_FOUND})},
    )
    def cells(self, request: Request, pk: str) -> Response:
        """Those that give points, in their order, and what they have now. For teachers and graders."""
        return Response(CellSerializer(cells_of(self.submission_for(*STAFF)), many=True).data)


class SubmissionFilesViewSet(OfSubmission[Submission]):
    """What was received."""

    queryset = Submission.objects.none()
    content_negotiation_class = AsIs
    renderer_classes = [JSONRenderer]

    @extend_schema(
        summary="The files of a submission",
        responses={(200, TAR): OpenApiTypes.BINARY, **errors({404: NOT_FOUND})},
    )
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        """Exactly what was received, as an uncompressed tar, named by the ETag."""
        submission = self.submission_for()
        return tar_of(submission.bundle, artefacts.read(submission.bundle))


class ChangeViewSet(OfSubmission[GradeChange]):
    """Everything that happened to the points of a submission. For teachers and graders."""

    queryset = GradeChange.objects.none()
    serializer_class = ChangeSerializer
    pagination_class = Pages

    @extend_schema(
        summary="The history of a submission's points",
        responses={200: ChangeSerializer(many=True), **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    def list(self, request: Request, pk: str) -> Response:
        """The first first: by tests, by whom, and why."""
        changes = self.submission_for(*STAFF).changes.select_related("by", "rubric_item").order_by("at", "pk")
        return self.get_paginated_response(ChangeSerializer(self.paginate_queryset(changes), many=True).data)

    @extend_schema(
        summary="Give a cell points",
        request=GivePointsSerializer,
        responses={
            201: CellSerializer,
            **errors(
                CHANGING
                | {
                    404: "`not_found`, `cell_unknown`.",
                    409: f"{OVER}, `cell_held`: somebody grades it now, `cell_changed`: somebody else has meanwhile.",
                    422: "`points_invalid`, `extra_invalid`.",
                }
            ),
        },
    )
    def create(self, request: Request, pk: str) -> Response:
        """By hand, with the reason. Whoever submitted it is told when grades are published next."""
        submission, wish = self.changing_for(*STAFF), self.asked(GivePointsSerializer).validated_data
        key, by = CellKey(wish["notebook"], wish["cell"]), person_of(request)
        give = marking.give_extra if wish["kind"] == ChangeKind.EXTRA else marking.give_points
        give(submission, key, wish["points"], by=by, now=timezone.now(), seen=wish["seen"], why=wish["why"])
        marking.drop_lease(Place(submission.pk, key), by=by)
        cell = next(
            one
            for one in cells_of(submission)
            if (one.cell.notebook, one.cell.grade_id) == (key.notebook, key.grade_id)
        )
        return Response(CellSerializer(cell).data, status=status.HTTP_201_CREATED)


class GradingViewSet(OfAssignment[CellGrade]):
    """How far an assignment is. For teachers and graders."""

    queryset = CellGrade.objects.none()
    serializer_class = GradingStateSerializer
    pagination_class = None

    @extend_schema(
        summary="How far the grading of an assignment is",
        responses={200: GradingStateSerializer, **errors({404: NOT_FOUND})},
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        """In numbers, for the class and cell by cell."""
        self.standing_for(*STAFF)
        tests = progress_of(self.assignment)
        facts = {
            **asdict(turnout_of(self.assignment)),
            "graded": tests.graded,
            "waiting": tests.waiting + tests.running,
            "problems": tests.failed,
            "cells": marking.problems(self.assignment),
        }
        return Response(GradingStateSerializer(facts).data)

    @extend_schema(
        summary="Grade all submissions of an assignment by their tests",
        request=None,
        responses={202: AskedSerializer, **errors({404: NOT_FOUND, 409: f"{OVER}, {NO_RELEASE}."})},
    )
    def create(self, request: Request, pk: str) -> Response:
        """By those of the present release, all attempts, for teachers; what was given by hand stays."""
        if not can_grade_everything_again(self.standing_for(*STAFF)):
            raise PermissionDenied
        everything = autograding.Which.ALL
        asked = autograding.ask_all(self.assignment, everything, by=person_of(request), now=timezone.now())
        return Response(AskedSerializer({"asked": asked}).data, status=status.HTTP_202_ACCEPTED)


class AssignmentRequestViewSet(OfAssignment[RegradeRequest]):
    """What students ask about their points."""

    queryset = RegradeRequest.objects.none()
    serializer_class = RequestSerializer
    pagination_class = Pages

    @extend_schema(
        summary="The requests to look again of an assignment",
        parameters=[RequestSearchSerializer],
        responses={200: RequestSerializer(many=True), **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    def list(self, request: Request, pk: str) -> Response:
        """The newest first. For teachers and graders."""
        self.standing_for(*STAFF)
        found = RegradeRequest.objects.filter(submission__assignment=self.assignment)
        found = found.filter(**self.asked(RequestSearchSerializer).validated_data)
        page = self.paginate_queryset(found.prefetch_related("messages__by").order_by("-opened_at", "pk"))
        records = request_records(person_of(request), page or [])
        return self.get_paginated_response(RequestSerializer(records, many=True).data)


class RequestViewSet(OfSubmission[RegradeRequest]):
    """What was asked about the points of a submission."""

    queryset = RegradeRequest.objects.none()
    serializer_class = RequestSerializer
    pagination_class = None

    @extend_schema(
        summary="The requests to look at a submission again",
        responses={200: RequestSerializer(many=True), **errors({404: NOT_FOUND})},
    )
    def list(self, request: Request, pk: str) -> Response:
        """The newest first, with every message."""
        found = requests.requests_of(self.submission_for())
        return Response(RequestSerializer(request_records(person_of(request), found), many=True).data)

    @extend_schema(
        summary="Ask to look at a cell again",
        request=AskAgainSerializer,
        responses={
            201: RequestSerializer,
            **errors(
                CHANGING
                | {
                    404: "`not_found`: it is not yours; `feedback_not_published`.",
                    409: f"{OVER}, `request_cell_unknown`, `request_full`: wait for an answer.",
                    422: "`request_empty`.",
                }
            ),
        },
    )
    def create(self, request: Request, pk: str) -> Response:
        """About your own points, once you were told them. Asking while it is open adds to the same thread."""
        submission, wish = self.own(), self.asked(AskAgainSerializer).validated_data
        cell = CellKey(wish["notebook"], wish["cell"])
        asked = requests.ask(submission, cell, wish["text"], by=person_of(request), now=timezone.now())
        return self._answer(asked, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Answer a request to look again",
        request=AnswerSerializer,
        responses={
            200: RequestSerializer,
            **errors(CHANGING | {409: f"{OVER}, `request_closed`.", 422: "`request_empty`."}),
        },
    )
    def answer(self, request: Request, pk: str, request_id: str) -> Response:
        """A message in its thread, which stays open. For teachers and graders."""
        asked, wish = self._request(), self.asked(AnswerSerializer).validated_data
        requests.answer(asked, wish["text"], by=person_of(request), now=timezone.now())
        return self._answer(asked)

    @extend_schema(
        summary="End a request to look again",
        request=CloseRequestSerializer,
        responses={
            200: RequestSerializer,
            **errors(CHANGING | {409: f"{OVER}, `request_closed`.", 422: "`request_points_invalid`."}),
        },
    )
    def close(self, request: Request, pk: str, request_id: str) -> Response:
        """With points for the cell, or leaving it what it has. For teachers and graders."""
        asked, wish = self._request(), self.asked(CloseRequestSerializer).validated_data
        requests.close(asked, points=wish["points"], words=wish["text"], by=person_of(request), now=timezone.now())
        return self._answer(asked)

    def own(self) -> Submission:
        """Of whoever asks. Raises AssignmentError `feedback_not_published`."""
        submission = self.changing_for()
        if not is_own(self.record.place, submission):
            raise Http404
        if feedback_of(submission) is None:
            raise AssignmentError("feedback_not_published")
        return submission

    def _request(self) -> RegradeRequest:
        submission = self.changing_for(*STAFF)
        found = submission.regrade_requests.select_related("submission__assignment__course", "submission__membership")
        return get_object_or_404(found, pk=self.kwargs["request_id"])

    def _answer(self, asked: RegradeRequest, status_code: int = status.HTTP_200_OK) -> Response:
        found = RegradeRequest.objects.prefetch_related("messages__by").get(pk=asked.pk)
        (record,) = request_records(person_of(self.request), [found])
        return Response(RequestSerializer(record).data, status=status_code)
