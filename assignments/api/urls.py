"""Where assignments stand under `/api/v1/`."""

from __future__ import annotations

from typing import Any

from django.urls import path

from assignments.api.assignments import (
    AssignmentViewSet,
    CheckViewSet,
    ExtensionViewSet,
    ReleaseViewSet,
    SourceViewSet,
)
from assignments.api.comments import CommentViewSet, SavedCommentViewSet
from assignments.api.grades import GradebookViewSet, GradeFilesViewSet, GradeViewSet, RegradingViewSet
from assignments.api.rubrics import ChosenItemViewSet, RubricViewSet
from assignments.api.submissions import (
    AssignmentRequestViewSet,
    ChangeViewSet,
    GradingViewSet,
    RequestViewSet,
    SubmissionFilesViewSet,
    SubmissionListViewSet,
    SubmissionViewSet,
)

SEEN: dict[str, Any] = {"get": "list"}
MANY: dict[str, Any] = {"get": "list", "post": "create"}
READ: dict[str, Any] = {"get": "retrieve"}
CHANGED: dict[str, Any] = {"patch": "partial_update", "delete": "destroy"}
WHOLE: dict[str, Any] = READ | CHANGED

ONE = "assignments/<uuid:pk>/"
SUBMISSION = "submissions/<uuid:pk>/"

urlpatterns = [
    path("assignments/", AssignmentViewSet.as_view(MANY), name="assignment-list"),
    path(ONE, AssignmentViewSet.as_view(WHOLE), name="assignment-detail"),
    path(ONE + "notebooks/", SourceViewSet.as_view(MANY), name="source-list"),
    path(ONE + "checks/", CheckViewSet.as_view(MANY), name="check-list"),
    path(ONE + "checks/<uuid:check_id>/", CheckViewSet.as_view(READ), name="check-detail"),
    path(ONE + "releases/", ReleaseViewSet.as_view(MANY), name="release-list"),
    path(ONE + "extensions/", ExtensionViewSet.as_view(MANY), name="extension-list"),
    path(
        ONE + "extensions/<uuid:extension_id>/",
        ExtensionViewSet.as_view({"delete": "destroy"}),
        name="extension-detail",
    ),
    path(ONE + "grading/", GradingViewSet.as_view(READ | {"post": "create"}), name="grading"),
    path(ONE + "grades/", GradebookViewSet.as_view(SEEN), name="gradebook"),
    path(ONE + "grades/publish/", GradebookViewSet.as_view({"post": "publish"}), name="grades-publish"),
    path(ONE + "grades/points.csv", GradeFilesViewSet.as_view({"get": "points"}), name="points-file"),
    path(ONE + "grades/cells.csv", GradeFilesViewSet.as_view({"get": "questions"}), name="questions-file"),
    path(ONE + "regrading/", RegradingViewSet.as_view(MANY), name="regrading"),
    path(ONE + "regrading/take-over/", RegradingViewSet.as_view({"post": "take_over"}), name="regrading-take-over"),
    path(ONE + "rubric/", RubricViewSet.as_view(MANY), name="rubric-list"),
    path(ONE + "rubric/<uuid:item_id>/", RubricViewSet.as_view(CHANGED), name="rubric-detail"),
    path(ONE + "requests/", AssignmentRequestViewSet.as_view(SEEN), name="assignment-request-list"),
    path("submissions/", SubmissionListViewSet.as_view(SEEN), name="submission-list"),
    path(SUBMISSION, SubmissionViewSet.as_view(READ), name="submission-detail"),
    path(SUBMISSION + "files/", SubmissionFilesViewSet.as_view(READ), name="submission-files"),
    path(SUBMISSION + "grade/", SubmissionViewSet.as_view({"post": "grade"}), name="submission-grade"),
    path(SUBMISSION + "cells/", SubmissionViewSet.as_view({"get": "cells"}), name="submission-cells"),
    path(SUBMISSION + "changes/", ChangeViewSet.as_view(MANY), name="change-list"),
    path(SUBMISSION + "rubric/", ChosenItemViewSet.as_view({"post": "create"}), name="chosen-item-list"),
    path(SUBMISSION + "comments/", CommentViewSet.as_view(MANY), name="comment-list"),
    path(SUBMISSION + "comments/<uuid:comment_id>/", CommentViewSet.as_view(CHANGED), name="comment-detail"),
    path("courses/<slug:slug>/comments/", SavedCommentViewSet.as_view(MANY), name="saved-comment-list"),
    path(
        "courses/<slug:slug>/comments/<uuid:comment_id>/",
        SavedCommentViewSet.as_view(CHANGED),
        name="saved-comment-detail",
    ),
    path(SUBMISSION + "requests/", RequestViewSet.as_view(MANY), name="request-list"),
    path(
        SUBMISSION + "requests/<uuid:request_id>/answer/",
        RequestViewSet.as_view({"post": "answer"}),
        name="request-answer",
    ),
    path(
        SUBMISSION + "requests/<uuid:request_id>/close/",
        RequestViewSet.as_view({"post": "close"}),
        name="request-close",
    ),
    path("grades/", GradeViewSet.as_view(SEEN), name="grade-list"),
    path("grades/<int:pk>/", GradeViewSet.as_view(READ), name="grade-detail"),
]
