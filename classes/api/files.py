"""The shared files of a class over the API, and what was handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response

from classes.api.courses import CHANGING, OfCourse
from classes.files import Area, folder_of, make_area, remove_area, volume_of
from classes.handing_in import ask_hand_in, hand_ins_for
from classes.models import Course, HandIn, Role
from classes.work_serializers import AREAS, AreaSerializer, AskHandInSerializer, HandInSerializer
from environments.api.conventions import NOT_FOUND, Pages, errors
from environments.models import SharedVolume

if TYPE_CHECKING:
    from rest_framework.request import Request

_AREA = OpenApiParameter(
    "area", str, OpenApiParameter.PATH, enum=[value for value, _label in AREAS], description="Which of them."
)


class AreaViewSet(OfCourse[SharedVolume]):
    """The shared files of a class."""

    queryset = SharedVolume.objects.none()
    serializer_class = AreaSerializer
    pagination_class = None

    @extend_schema(
        summary="The shared files of a class",
        responses={200: AreaSerializer(many=True), **errors({404: NOT_FOUND})},
    )
    def list(self, request: Request, slug: str) -> Response:
        """What teachers give out, what everybody may change, and what was handed in."""
        course = self.course_for(*Role)
        return Response(AreaSerializer([_facts(course, area) for area in Area], many=True).data)

    @extend_schema(
        summary="Give a class shared files",
        parameters=[_AREA],
        request=None,
        responses={
            200: AreaSerializer,
            **errors(
                {
                    404: NOT_FOUND,
                    409: "`course_over`, `shared_volume_name_taken`, `shared_volumes_too_many`, "
                    "`shared_volume_quota_exceeded`: of the owner of the class.",
                }
            ),
        },
    )
    def create(self, request: Request, slug: str, area: str) -> Response:
        """New ones, or those it had, if they can still be brought back. For teachers."""
        course, which = self._asked()
        make_area(course, which, now=timezone.now())
        return Response(AreaSerializer(_facts(course, which)).data)

    @extend_schema(
        summary="Take shared files of a class away",
        parameters=[_AREA],
        responses={204: None, **errors({404: NOT_FOUND, 409: "`course_over`."})},
    )
    def destroy(self, request: Request, slug: str, area: str) -> Response:
        """For some weeks they can be brought back with all they hold. For teachers."""
        course, which = self._asked()
        remove_area(course, which, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _asked(self) -> tuple[Course, Area]:
        course = self.course_for(Role.TEACHER)
        try:
            return course, Area(self.kwargs["area"])
        except ValueError as error:
            raise Http404 from error


class HandInViewSet(OfCourse[HandIn]):
    """What members of a class handed in."""

    queryset = HandIn.objects.none()
    serializer_class = HandInSerializer
    pagination_class = Pages

    @extend_schema(
        summary="What was handed in",
        responses={200: HandInSerializer(many=True), **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    def list(self, request: Request, slug: str) -> Response:
        """The last first: to teachers and graders by all, to a student by them."""
        hand_ins = hand_ins_for(self.standing_for())
        return self.get_paginated_response(HandInSerializer(self.paginate_queryset(hand_ins), many=True).data)

    @extend_schema(summary="A receipt", responses={200: HandInSerializer, **errors({404: NOT_FOUND})})
    def retrieve(self, request: Request, slug: str, pk: str) -> Response:
        """What was received, file by file. Read it again while `state` is `waiting`."""
        standing = self.standing_for()
        known = HandIn.objects.filter(membership__course=standing.course).select_related("membership__person")
        found = get_object_or_404(known, pk=pk)
        if not standing.is_staff and found.membership_id != (standing.membership and standing.membership.pk):
            raise PermissionDenied
        return Response(HandInSerializer(found).data)

    @extend_schema(
        summary="Hand something in",
        request=AskHandInSerializer,
        responses={
            201: HandInSerializer,
            **errors(
                CHANGING
                | {
                    400: "`invalid`, `parse_error`, `hand_in_path_invalid`.",
                    403: "`permission_denied`, `scope_missing`, `membership_missing`.",
                    409: "`course_over`, `hand_in_off`, `hand_in_no_server`, `hand_in_under_way`, `hand_in_too_many`.",
                }
            ),
        },
    )
    def create(self, request: Request, slug: str) -> Response:
        """A file or folder of your server of the class, whether it runs or not."""
        standing = self.standing_for()
        asked = AskHandInSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        hand_in = ask_hand_in(standing, path=asked.validated_data["path"], now=timezone.now())
        return Response(HandInSerializer(hand_in).data, status=status.HTTP_201_CREATED)


def _facts(course: Course, area: Area) -> dict[str, Any]:
    shared = volume_of(course, area)
    return {
        "area": area.value,
        "folder": folder_of(course, area),
        "volume": shared.pk if shared is not None else None,
        "bytes": shared.volume.bytes if shared is not None else None,
    }
