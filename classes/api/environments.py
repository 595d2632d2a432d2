"""What a class works in over the API: the versions it uses and could use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.response import Response

from classes.api.courses import CHANGING, OfCourse
from classes.environments import Audience, environment_for, go_back, look_for_newer, put_in_use, view_of
from classes.models import Course, Role
from classes.work_serializers import (
    AUDIENCES,
    ChooseVersionSerializer,
    CourseEnvironmentSerializer,
    VersionSerializer,
)
from environments.api.conventions import NOT_FOUND, Pages, errors, person_of
from environments.models import EnvironmentVersion
from environments.throttling import LaunchThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.throttling import BaseThrottle

_AUDIENCE = OpenApiParameter(
    "audience", str, OpenApiParameter.PATH, enum=[value for value, _label in AUDIENCES], description="For whom it is."
)
_CHOOSING = {
    200: CourseEnvironmentSerializer,
    **errors(CHANGING | {409: "`course_over`, `environment_missing`, `version_changed`."}),
}


class CourseEnvironmentViewSet(OfCourse[EnvironmentVersion]):
    """What students and teachers of a class work in. For its teachers."""

    queryset = EnvironmentVersion.objects.none()
    serializer_class = VersionSerializer
    pagination_class = Pages

    def get_throttles(self) -> list[BaseThrottle]:
        """What asks a repository's host is counted for itself, and sooner too much."""
        throttles = super().get_throttles()
        return [*throttles, LaunchThrottle()] if self.action == "prepare" else throttles

    @extend_schema(
        summary="What a class works in",
        responses={200: CourseEnvironmentSerializer(many=True), **errors({404: NOT_FOUND})},
    )
    def list(self, request: Request, slug: str) -> Response:
        """That of students, and that of teachers where they have another."""
        course = self.course_for(Role.TEACHER)
        seen = [view_of(course, audience, reader=person_of(request)) for audience in Audience]
        views = [view for view in seen if view is not None]
        return Response(CourseEnvironmentSerializer(views, many=True).data)

    @extend_schema(
        summary="The versions a class has used",
        parameters=[_AUDIENCE],
        responses={
            200: VersionSerializer(many=True),
            **errors({400: "`invalid`.", 404: NOT_FOUND, 409: "`environment_missing`."}),
        },
    )
    def versions(self, request: Request, slug: str, audience: str) -> Response:
        """The one in use first."""
        course, whose = self._asked()
        versions = environment_for(course, whose).versions.select_related("put_in_use_by")
        return self.get_paginated_response(VersionSerializer(self.paginate_queryset(versions), many=True).data)

    @extend_schema(
        summary="Prepare the newest version for a class",
        parameters=[_AUDIENCE],
        request=None,
        responses={
            202: CourseEnvironmentSerializer,
            **errors(
                {
                    404: NOT_FOUND,
                    409: "`course_over`, `environment_missing`.",
                    422: "`repository_not_found`, `ref_unknown`, `credential_refused`, `credential_unreadable`.",
                    502: "`repository_unreachable`.",
                    503: "`repository_rate_limited`.",
                }
            ),
        },
    )
    def prepare(self, request: Request, slug: str, audience: str) -> Response:
        """Beside the one in use, which stays until another is put in its place."""
        course, whose = self._asked()
        look_for_newer(course, whose, now=timezone.now())
        return self._answer(course, whose, status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="Put a version in use in a class",
        parameters=[_AUDIENCE],
        request=ChooseVersionSerializer,
        responses=_CHOOSING,
    )
    def use(self, request: Request, slug: str, audience: str) -> Response:
        """The one that is `ready`. Servers get it when they are opened next."""
        return self._choose(put_in_use)

    @extend_schema(
        summary="Go back to the version before",
        parameters=[_AUDIENCE],
        request=ChooseVersionSerializer,
        responses=_CHOOSING,
    )
    def back(self, request: Request, slug: str, audience: str) -> Response:
        """The one in `before`. Servers get it when they are opened next."""
        return self._choose(go_back)

    def _asked(self) -> tuple[Course, Audience]:
        course = self.course_for(Role.TEACHER)
        try:
            return course, Audience(self.kwargs["audience"])
        except ValueError as error:
            raise Http404 from error

    def _choose(self, verb: Callable[..., EnvironmentVersion]) -> Response:
        course, whose = self._asked()
        asked = ChooseVersionSerializer(data=self.request.data)
        asked.is_valid(raise_exception=True)
        key = asked.validated_data["version"]
        verb(course, whose, image_key=key, by=person_of(self.request), now=timezone.now())
        return self._answer(course, whose, status.HTTP_200_OK)

    def _answer(self, course: Course, audience: Audience, status_code: int) -> Response:
        environment_for(course, audience).refresh_from_db()
        view = view_of(course, audience, reader=person_of(self.request))
        return Response(CourseEnvironmentSerializer(view).data, status=status_code)
