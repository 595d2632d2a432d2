"""The lessons of a class over the API, and what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.response import Response

from classes.announcements import announce, delete_announcement, edit_announcement, notice_of
from classes.api.courses import CHANGING, OfCourse
from classes.lesson_serializers import (
    AnnouncementSerializer,
    LessonRowSerializer,
    LessonSerializer,
    MoveSerializer,
    NoticeSerializer,
    OutlineSerializer,
    PublishSerializer,
)
from classes.lessons import add_lesson, delete_lesson, edit_lesson, move_lesson, outline_of, publish_lesson
from classes.models import Announcement, Course, Lesson, Role
from classes.overview import LessonRow, announcements_for, lesson_rows
from classes.stamps import stamp
from environments.api.conventions import NOT_FOUND, Pages, errors, person_of

if TYPE_CHECKING:
    from rest_framework.request import Request

OVER = "`course_over`"


class LessonViewSet(OfCourse[Lesson]):
    """The lessons of a class, in their order."""

    queryset = Lesson.objects.none()
    serializer_class = LessonSerializer
    pagination_class = None

    @extend_schema(
        summary="The lessons of a class",
        responses={200: LessonRowSerializer(many=True), **errors({404: NOT_FOUND})},
    )
    def list(self, request: Request, slug: str) -> Response:
        """Those you see, in their order: students the published ones, teachers and graders all."""
        return Response(LessonRowSerializer(self._rows(), many=True).data)

    @extend_schema(summary="A lesson of a class", responses={200: LessonRowSerializer, **errors({404: NOT_FOUND})})
    def retrieve(self, request: Request, slug: str, pk: str) -> Response:
        """One that you see."""
        return self._answer(status.HTTP_200_OK, pk)

    @extend_schema(
        summary="Add a lesson to a class",
        request=OutlineSerializer,
        responses={
            201: LessonRowSerializer,
            **errors(CHANGING | {409: f"{OVER}, `lessons_too_many`.", 422: "`lesson_path_invalid`."}),
        },
    )
    def create(self, request: Request, slug: str) -> Response:
        """Behind the others, and a draft unless `published_at` says otherwise. For teachers."""
        course = self.course_for(Role.TEACHER)
        asked = OutlineSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        lesson = add_lesson(course, asked.outline())
        return self._answer(status.HTTP_201_CREATED, lesson.pk)

    @extend_schema(
        summary="Change a lesson of a class",
        request=OutlineSerializer,
        responses={
            200: LessonRowSerializer,
            **errors(CHANGING | {409: f"{OVER}, `lesson_gone`, `changed_meanwhile`.", 422: "`lesson_path_invalid`."}),
        },
    )
    def partial_update(self, request: Request, slug: str, pk: str) -> Response:
        """Changes what is given. For teachers."""
        lesson = self._lesson()
        asked = OutlineSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        edit_lesson(lesson, asked.outline(lesson), seen=stamp(outline_of(lesson)))
        return self._answer(status.HTTP_200_OK, pk)

    @extend_schema(
        summary="Delete a lesson of a class", responses={204: None, **errors({404: NOT_FOUND, 409: f"{OVER}."})}
    )
    def destroy(self, request: Request, slug: str, pk: str) -> Response:
        """With what is known of who has been in it. Nobody's files change. For teachers."""
        delete_lesson(self._lesson())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Show a lesson to students, or take it back",
        request=PublishSerializer,
        responses={200: LessonRowSerializer, **errors(CHANGING | {409: f"{OVER}, `lesson_gone`."})},
    )
    def publish(self, request: Request, slug: str, pk: str) -> Response:
        """Now, from a moment on, or to nobody. For teachers."""
        lesson = self._lesson()
        asked = PublishSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        publish_lesson(lesson, at=asked.moment(now=timezone.now()))
        return self._answer(status.HTTP_200_OK, pk)

    @extend_schema(
        summary="Move a lesson of a class",
        request=MoveSerializer,
        responses={200: LessonRowSerializer(many=True), **errors(CHANGING | {409: f"{OVER}, `lesson_gone`."})},
    )
    def move(self, request: Request, slug: str, pk: str) -> Response:
        """In front of another, or behind all; the answer is all lessons as they stand then. For teachers."""
        lesson = self._lesson()
        asked = MoveSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        move_lesson(lesson, before=asked.validated_data["before"], seen="")
        return Response(LessonRowSerializer(self._rows(), many=True).data)

    def _rows(self) -> Sequence[LessonRow]:
        return lesson_rows(self.standing_for(), now=timezone.now())

    def _lesson(self) -> Lesson:
        return get_object_or_404(self.course_for(Role.TEACHER).lessons, pk=self.kwargs["pk"])

    def _answer(self, status_code: int, key: object) -> Response:
        row = next((row for row in self._rows() if str(row.lesson.pk) == str(key)), None)
        if row is None:
            raise Http404
        return Response(LessonRowSerializer(row).data, status=status_code)


class AnnouncementViewSet(OfCourse[Announcement]):
    """What a class was told."""

    queryset = Announcement.objects.none()
    serializer_class = AnnouncementSerializer
    pagination_class = Pages

    @extend_schema(
        summary="What a class was told",
        responses={200: AnnouncementSerializer(many=True), **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    def list(self, request: Request, slug: str) -> Response:
        """The newest first; teachers see what is still to come, too."""
        seen = announcements_for(self.standing_for(), now=timezone.now())
        return self.get_paginated_response(AnnouncementSerializer(self.paginate_queryset(seen), many=True).data)

    @extend_schema(
        summary="Tell a class something",
        request=NoticeSerializer,
        responses={201: AnnouncementSerializer, **errors(CHANGING | {409: f"{OVER}."})},
    )
    def create(self, request: Request, slug: str) -> Response:
        """At once, or from `published_at` on. For teachers."""
        course, now = self.course_for(Role.TEACHER), timezone.now()
        asked = NoticeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        announcement = announce(course, asked.notice(now=now), author=person_of(request), now=now)
        return Response(AnnouncementSerializer(announcement).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change what a class was told",
        request=NoticeSerializer,
        responses={
            200: AnnouncementSerializer,
            **errors(CHANGING | {409: f"{OVER}, `announcement_gone`, `changed_meanwhile`."}),
        },
    )
    def partial_update(self, request: Request, slug: str, pk: str) -> Response:
        """Changes what is given. For teachers."""
        announcement = self._announcement()
        asked = NoticeSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        said = asked.notice(now=timezone.now(), before=announcement)
        edit_announcement(announcement, said, seen=stamp(notice_of(announcement)))
        return Response(AnnouncementSerializer(announcement).data)

    @extend_schema(
        summary="Take an announcement back", responses={204: None, **errors({404: NOT_FOUND, 409: f"{OVER}."})}
    )
    def destroy(self, request: Request, slug: str, pk: str) -> Response:
        """Nobody reads it any more. For teachers."""
        delete_announcement(self._announcement())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _announcement(self) -> Announcement:
        course: Course = self.course_for(Role.TEACHER)
        announcements = course.announcements.select_related("author", "course")
        return get_object_or_404(announcements, pk=self.kwargs["pk"])
