"""What was used, and what it takes, over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from accounts.models import Scope
from environments.api.conventions import Pages, errors, person_of
from environments.models import MonthlyUse
from environments.querysets import MonthlyUseQuerySet
from environments.quotas import disk_use_of
from environments.serializers.accounts import DiskUseSerializer, UsagePositionSerializer, UsageSerializer

if TYPE_CHECKING:
    from rest_framework.request import Request


class UsageViewSet(mixins.ListModelMixin, GenericViewSet[MonthlyUse]):
    """The accounts: your own, and everybody's for administrators."""

    required_scopes = {"GET": Scope.SERVERS_READ}
    queryset = MonthlyUse.objects.none()
    serializer_class = UsageSerializer
    pagination_class = Pages

    def get_queryset(self) -> MonthlyUseQuerySet:
        """What whoever asks may see, as far as it is asked for."""
        wanted = UsagePositionSerializer(data=self.request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        visible = MonthlyUse.objects.visible_to(person_of(self.request)).select_related("person")
        return visible.narrowed(**wanted.validated_data)

    @extend_schema(
        summary="What was used",
        parameters=[UsagePositionSerializer],
        responses={200: UsageSerializer(many=True), **errors({400: "`invalid`."})},
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Month by month and server by server, the newest month first. An administrator sees everybody's."""
        return super().list(request, *args, **kwargs)


class DiskUseView(APIView):
    """What your files take."""

    required_scopes = {"GET": Scope.SERVERS_READ}

    @extend_schema(summary="What your files take", responses={200: DiskUseSerializer, **errors()})
    def get(self, request: Request) -> Response:
        """Of all your servers and your personal files together, and how much they may."""
        return Response(DiskUseSerializer(disk_use_of(person_of(request))).data)
