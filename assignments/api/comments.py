"""What graders say of answers, over the API, and what they keep to be said again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.response import Response

from assignments.api.places import CHANGING, OVER, STAFF, OfSubmission
from assignments.errors import AssignmentError
from assignments.grading import commenting, rubrics
from assignments.models import CellComment, SavedComment
from assignments.policies import can_change_kept
from assignments.serializers.rubrics import (
    AddCommentSerializer,
    CellSearchSerializer,
    ChangeCommentSerializer,
    CommentSerializer,
    KeepCommentSerializer,
    SavedCommentSerializer,
)
from classes.api.courses import OfCourse
from classes.members import check_going_on
from environments.api.conventions import NOT_FOUND, Pages, errors, person_of

if TYPE_CHECKING:
    from rest_framework.request import Request

HELD = f"{OVER}, `cell_held`: somebody grades it now."
KEPT_BY_ANOTHER = "`scope_missing`, `permission_denied`, `comment_kept_by_another`."
ANOTHERS = "`scope_missing`, `permission_denied`, `comment_of_another`."


class CommentViewSet(OfSubmission[CellComment]):
    """What is said of the cells of a submission. For teachers and graders; students read it in their feedback."""

    queryset = CellComment.objects.none()
    serializer_class = CommentSerializer
    pagination_class = Pages

    @extend_schema(
        summary="The comments on a submission",
        parameters=[CellSearchSerializer],
        responses={200: CommentSerializer(many=True), **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    def list(self, request: Request, pk: str) -> Response:
        """The first first."""
        found = self.submission_for(*STAFF).comments.select_related("by")
        page = self.paginate_queryset(
            found.filter(**self.asked(CellSearchSerializer).validated_data).order_by("at", "pk")
        )
        return self.get_paginated_response(CommentSerializer(page, many=True).data)

    @extend_schema(
        summary="Comment on a cell",
        request=AddCommentSerializer,
        responses={
            201: CommentSerializer,
            **errors(
                CHANGING
                | {
                    404: "`not_found`, `cell_unknown`.",
                    409: HELD,
                    413: "`too_large`, `notebook_too_large`.",
                    422: "`comment_empty`, `notebook_missing`, `notebook_unreadable`, `notebook_format_unknown`.",
                    503: "`artefact_missing`, `artefacts_unreachable`.",
                }
            ),
        },
    )
    def create(self, request: Request, pk: str) -> Response:
        """Of any cell, graded or not, in new words or kept ones. Students see it with their feedback."""
        submission, wish = self.changing_for(*STAFF), self.asked(AddCommentSerializer).validated_data
        text = wish.get("text", "")
        if "saved_comment" in wish:
            kept = SavedComment.objects.filter(course=submission.assignment.course)
            text = get_object_or_404(kept, pk=wish["saved_comment"]).text
        said = commenting.say(
            submission,
            notebook=wish["notebook"],
            cell=wish["cell"],
            text=text,
            by=person_of(request),
            now=timezone.now(),
            is_kept=wish["keep"],
        )
        return Response(CommentSerializer(said).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change a comment",
        request=ChangeCommentSerializer,
        responses={200: CommentSerializer, **errors(CHANGING | {403: ANOTHERS, 409: HELD})},
    )
    def partial_update(self, request: Request, pk: str, comment_id: str) -> Response:
        """One of your own."""
        said, wish = self._said(), self.asked(ChangeCommentSerializer).validated_data
        commenting.change(said, text=wish["text"], by=person_of(request), now=timezone.now())
        return Response(CommentSerializer(said).data)

    @extend_schema(
        summary="Take a comment back",
        responses={204: None, **errors({403: ANOTHERS, 404: NOT_FOUND, 409: HELD})},
    )
    def destroy(self, request: Request, pk: str, comment_id: str) -> Response:
        """One of your own."""
        commenting.change(self._said(), text="", by=person_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _said(self) -> CellComment:
        return get_object_or_404(self.changing_for(*STAFF).comments, pk=self.kwargs["comment_id"])


class SavedCommentViewSet(OfCourse[SavedComment]):
    """The comments that are kept for all graders of a class."""

    queryset = SavedComment.objects.none()
    serializer_class = SavedCommentSerializer
    pagination_class = Pages

    @extend_schema(
        summary="The kept comments of a class",
        responses={200: SavedCommentSerializer(many=True), **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    def list(self, request: Request, slug: str) -> Response:
        """Those used most first. For teachers and graders."""
        found = SavedComment.objects.filter(course=self.course_for(*STAFF)).select_related("kept_by")
        found = found.order_by("-uses", "kept_at", "pk")
        return self.get_paginated_response(SavedCommentSerializer(self.paginate_queryset(found), many=True).data)

    @extend_schema(
        summary="Keep a comment",
        request=KeepCommentSerializer,
        responses={201: SavedCommentSerializer, **errors(CHANGING | {409: f"{OVER}.", 422: "`comment_empty`."})},
    )
    def create(self, request: Request, slug: str) -> Response:
        """For all graders of the class; the same words are kept once. For teachers and graders."""
        course = self.course_for(*STAFF)
        check_going_on(course)
        sent = KeepCommentSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        kept = rubrics.save_comment(course, text=sent.validated_data["text"], by=person_of(request), now=timezone.now())
        return Response(SavedCommentSerializer(kept).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change a kept comment",
        request=ChangeCommentSerializer,
        responses={
            200: SavedCommentSerializer,
            **errors(
                CHANGING | {403: KEPT_BY_ANOTHER, 409: f"{OVER}, `comment_kept_already`.", 422: "`comment_empty`."}
            ),
        },
    )
    def partial_update(self, request: Request, slug: str, comment_id: str) -> Response:
        """One that you kept; teachers may change all. Where it was given it stays as it was."""
        kept = self._changeable()
        sent = ChangeCommentSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        rubrics.change_saved(kept, text=sent.validated_data["text"])
        return Response(SavedCommentSerializer(kept).data)

    @extend_schema(
        summary="Keep a comment no longer",
        responses={204: None, **errors({403: KEPT_BY_ANOTHER, 404: NOT_FOUND, 409: f"{OVER}."})},
    )
    def destroy(self, request: Request, slug: str, comment_id: str) -> Response:
        """One that you kept; teachers may remove all. Where it was given it stays."""
        rubrics.remove_saved(self._changeable())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _changeable(self) -> SavedComment:
        standing = self.standing_for(*STAFF)
        check_going_on(standing.course)
        found = SavedComment.objects.filter(course=standing.course).select_related("kept_by")
        kept = get_object_or_404(found, pk=self.kwargs["comment_id"])
        if not can_change_kept(standing, kept):
            raise AssignmentError("comment_kept_by_another")
        return kept
