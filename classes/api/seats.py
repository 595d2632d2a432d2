"""A class as it is now, over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from classes.api.courses import OfCourse
from classes.live import Group, Order, chosen, seats_of
from classes.models import Membership, Role
from classes.work_serializers import SeatSearchSerializer, SeatSerializer
from environments.api.conventions import NOT_FOUND, Pages, errors

if TYPE_CHECKING:
    from rest_framework.request import Request


class SeatViewSet(OfCourse[Membership]):
    """The students of a class, at work or not."""

    queryset = Membership.objects.none()
    serializer_class = SeatSerializer
    pagination_class = Pages

    @extend_schema(
        summary="A class as it is now",
        parameters=[SeatSearchSerializer],
        responses={200: SeatSerializer(many=True), **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    def list(self, request: Request, slug: str) -> Response:
        """Its students: who is there, at which lesson, how far, and who asks for help. For teachers and graders.

        Those of a section are together, in the order that is asked for.
        """
        course = self.course_for(Role.TEACHER, Role.GRADER)
        asked = SeatSearchSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wish = asked.validated_data
        found = chosen(
            seats_of(course, now=timezone.now()),
            group=Group(wish["show"]),
            section=wish.get("section", ""),
            order=Order(wish["sort"]),
        )
        return self.get_paginated_response(SeatSerializer(self.paginate_queryset(found), many=True).data)
