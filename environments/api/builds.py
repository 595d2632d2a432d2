"""Builds over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.models import Scope
from environments import builds, servers
from environments.api.conventions import CONFLICT, NOT_FOUND, errors, person_of
from environments.errors import UserError
from environments.models import Build
from environments.querysets import BuildQuerySet
from environments.serializers.builds import BuildLogSerializer, BuildSerializer, LogPositionSerializer

if TYPE_CHECKING:
    from rest_framework.request import Request


@extend_schema_view(
    retrieve=extend_schema(summary="One build", responses={200: BuildSerializer, **errors({404: NOT_FOUND})})
)
class BuildViewSet(mixins.RetrieveModelMixin, GenericViewSet[Build]):
    """Builds that whoever asks waits or waited for."""

    required_scopes = {"GET": Scope.SERVERS_READ, "POST": Scope.SERVERS_WRITE}
    queryset = Build.objects.none()
    serializer_class = BuildSerializer
    lookup_value_converter = "uuid"

    def get_queryset(self) -> BuildQuerySet:
        """The builds of whoever asks."""
        return Build.objects.visible_to(person_of(self.request))

    @extend_schema(
        summary="The log of a build",
        parameters=[LogPositionSerializer],
        responses={200: BuildLogSerializer, **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    @action(detail=True)
    def log(self, request: Request, pk: str) -> Response:
        """The lines after the one with the number `after`; at most a thousand at a time.

        Ask again with `after` set to `last` until `state` is `succeeded`, `failed` or `cancelled` and no
        lines come.
        """
        position = LogPositionSerializer(data=request.query_params)
        position.is_valid(raise_exception=True)
        after: int = position.validated_data["after"]
        build = self.get_object()
        lines = builds.log_after(build, after)
        last = lines[-1].sequence if lines else after
        return Response(BuildLogSerializer({"state": build.state, "last": last, "lines": lines}).data)

    @extend_schema(
        summary="Cancel a build",
        request=None,
        responses={202: BuildSerializer, **errors({404: NOT_FOUND, 409: CONFLICT})},
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stops your servers that wait for this build; the build goes on only if other people wait for it."""
        build = self.get_object()
        if not build.is_active:
            raise UserError("state_conflict", state=str(Build.State(build.state).label))
        servers.leave_build(build, user=person_of(request), now=timezone.now())
        build.refresh_from_db()
        return Response(self.get_serializer(build).data, status=status.HTTP_202_ACCEPTED)
