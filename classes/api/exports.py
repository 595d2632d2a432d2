"""Archives of a class over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.response import Response

from classes.api.courses import CHANGING, OfCourse
from classes.exporting import delete_export, request_export
from classes.models import CourseExport, Role
from classes.work_serializers import AskExportSerializer, ExportSerializer
from environments.api.conventions import NOT_FOUND, Pages, errors, person_of

if TYPE_CHECKING:
    from rest_framework.request import Request


class ExportViewSet(OfCourse[CourseExport]):
    """Archives of a class. For its teachers."""

    queryset = CourseExport.objects.none()
    serializer_class = ExportSerializer
    pagination_class = Pages

    @extend_schema(
        summary="The archives of a class",
        responses={200: ExportSerializer(many=True), **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    def list(self, request: Request, slug: str) -> Response:
        """The last first. Each is kept for a week."""
        exports = self.course_for(Role.TEACHER).exports.all()
        return self.get_paginated_response(ExportSerializer(self.paginate_queryset(exports), many=True).data)

    @extend_schema(summary="An archive of a class", responses={200: ExportSerializer, **errors({404: NOT_FOUND})})
    def retrieve(self, request: Request, slug: str, pk: str) -> Response:
        """How it stands. What is `done` is downloaded from the page of the class."""
        return Response(ExportSerializer(self._export()).data)

    @extend_schema(
        summary="Have an archive of a class made",
        request=AskExportSerializer,
        responses={202: ExportSerializer, **errors(CHANGING)},
    )
    def create(self, request: Request, slug: str) -> Response:
        """One is made at a time: while it is, that is the one that is meant."""
        course = self.course_for(Role.TEACHER)
        asked = AskExportSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        export = request_export(course, asked_by=person_of(request), now=timezone.now(), **asked.validated_data)
        return Response(ExportSerializer(export).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(summary="Delete an archive of a class", responses={204: None, **errors({404: NOT_FOUND})})
    def destroy(self, request: Request, slug: str, pk: str) -> Response:
        """With its file. One that is being made stays."""
        delete_export(self._export())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _export(self) -> CourseExport:
        return get_object_or_404(self.course_for(Role.TEACHER).exports, pk=self.kwargs["pk"])
