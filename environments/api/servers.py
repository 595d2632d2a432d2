"""Notebook servers over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.models import Scope
from environments import catalog, servers, updating
from environments.api.conventions import CONFLICT, NOT_FOUND, NOT_JSON, TOO_LARGE, Pages, errors, person_of
from environments.errors import UserError
from environments.git_credentials import resolve_for
from environments.launching import launch, launch_environment, spec_of_environment
from environments.models import NotebookServer
from environments.models.server import MOUNTS
from environments.parsers import BoundedJSONParser
from environments.policies import can_change_server
from environments.querysets import NotebookServerQuerySet
from environments.serializers.launches import ChangeSerializer, KeepSerializer, LaunchSerializer
from environments.serializers.servers import ServerSerializer
from environments.throttling import LaunchThrottle
from environments.values import Target

if TYPE_CHECKING:
    from datetime import datetime

    from rest_framework.request import Request
    from rest_framework.throttling import BaseThrottle


@extend_schema_view(
    list=extend_schema(
        summary="Your servers", responses={200: ServerSerializer(many=True), **errors({400: "`invalid`."})}
    ),
    retrieve=extend_schema(summary="One server", responses={200: ServerSerializer, **errors({404: NOT_FOUND})}),
)
class ServerViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[NotebookServer]):
    """Notebook servers: those of whoever asks, and nobody else's."""

    required_scopes = {"GET": Scope.SERVERS_READ, "POST": Scope.SERVERS_WRITE, "DELETE": Scope.SERVERS_WRITE}
    queryset = NotebookServer.objects.none()
    serializer_class = ServerSerializer
    parser_classes = [BoundedJSONParser]
    pagination_class = Pages
    lookup_value_converter = "uuid"

    def get_throttles(self) -> list[BaseThrottle]:
        """What asks a repository's host is counted for itself, and sooner too much."""
        throttles = super().get_throttles()
        return [*throttles, LaunchThrottle()] if self.action in ("create", "update_version") else throttles

    def get_queryset(self) -> NotebookServerQuerySet:
        """The servers of whoever asks."""
        visible = NotebookServer.objects.visible_to(person_of(self.request))
        return visible.select_related("build", "volume", "pending_update__build").prefetch_related(
            "collaborators__person", MOUNTS
        )

    @extend_schema(
        summary="Launch a server",
        request=LaunchSerializer,
        responses={
            200: OpenApiResponse(ServerSerializer, "You have this server already; it is started if it was asleep."),
            201: OpenApiResponse(ServerSerializer, "A new server is on its way."),
            **errors(
                {
                    400: "`invalid`, `parse_error`, `name_invalid`, `repository_invalid` and "
                    "other codes about the repository's address; `path_invalid`, `path_elsewhere`: what to open is "
                    "no page of the server; `volume_name_invalid`, `mount_path_invalid`, `mount_path_taken`: mounts "
                    "that cannot be.",
                    403: "`scope_missing`, `permission_denied`; `mount_unknown`: no shared files of this name that "
                    "you may use; `mount_read_only`: you may only read them.",
                    409: "`server_differs`: you have this server, and it is not what you ask for: update it, or give "
                    "another name; `disk_quota_exceeded`, `servers_quota_exceeded`: your files take all the room they "
                    "may, or your servers are as many as you may keep; `state_conflict`.",
                    413: TOO_LARGE,
                    415: NOT_JSON,
                    422: "`environment_not_found`; `repository_not_found`, `ref_unknown`: the address is fine, but "
                    "nothing is there; `credential_refused`, `credential_unreadable`: your token for its host is no "
                    "good; `memory_quota_exceeded`, `cpus_quota_exceeded`, `idle_quota_exceeded`, "
                    "`lifetime_quota_exceeded`: more than you may ever have.",
                    502: "`repository_unreachable`: its host did not answer.",
                    503: "`repository_rate_limited`: its host answers no more questions for a while.",
                }
            ),
        },
    )
    def create(self, request: Request) -> Response:
        """Asks for a server made from a repository, or as an environment of the catalog says.

        Answers as soon as the repository is found, with the server in the state `queued`, `building` or
        later: read it again until it is `running` or `failed`. Without a `name`, the same repository and
        version always meet the same server.
        """
        asked = LaunchSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        person, now = person_of(request), timezone.now()
        if name := asked.validated_data.get("environment"):
            environment = catalog.named(person, name)
            if environment is None:
                raise UserError("environment_not_found", environment=name)
            spec = asked.to_spec(spec_of_environment(environment, person))
            server = launch_environment(person, environment, now=now, spec=spec)
        else:
            server = launch(person, asked.to_spec(), now=now)
        is_new = server.created_at == now
        return self._answer(server, status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)

    @extend_schema(summary="Delete a server and its files", responses={204: None, **errors({404: NOT_FOUND})})
    def destroy(self, request: Request, pk: str) -> Response:
        """Stops the server and removes it with the files in it, after some days in which it can be brought back.

        Personal files in `~/home` stay.
        """
        servers.delete_server(self._changeable(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Start a server",
        request=None,
        responses={202: ServerSerializer, **errors({404: NOT_FOUND, 409: CONFLICT})},
    )
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Asks for the server to be started; does nothing to one that runs or is on its way."""
        server = self._changeable()
        servers.start_server(server, now=timezone.now())
        return self._answer(server, status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="Stop a server",
        request=None,
        responses={202: ServerSerializer, **errors({404: NOT_FOUND, 409: CONFLICT})},
    )
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Asks for the server to be stopped. Its files stay."""
        server = self._changeable()
        servers.stop_server(server, now=timezone.now())
        return self._answer(server, status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="Keep a server running",
        request=KeepSerializer,
        responses={
            200: ServerSerializer,
            **errors(
                {
                    400: "`invalid`, `parse_error`, `keep_past`, `keep_too_long`.",
                    404: NOT_FOUND,
                    409: CONFLICT,
                    413: TOO_LARGE,
                    415: NOT_JSON,
                }
            ),
        },
    )
    @action(detail=True, methods=["post"])
    def keep(self, request: Request, pk: str) -> Response:
        """Has the server not stopped for being idle before `until`. The end of its lifetime cannot be put off.

        The answer's `stops_at` is what came of it.
        """
        server = self._changeable()
        asked = KeepSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        servers.keep_server(server, until=asked.validated_data["until"], now=timezone.now())
        return self._answer(server, status.HTTP_200_OK)

    @extend_schema(
        summary="Update a server",
        request=ChangeSerializer,
        responses={
            202: ServerSerializer,
            **errors(
                {
                    400: "`invalid`, `parse_error`, `repository_invalid` and other codes about the address; "
                    "`mount_path_invalid`, `mount_path_taken`.",
                    403: "`scope_missing`, `permission_denied`; `mount_unknown`, `mount_read_only`.",
                    404: NOT_FOUND,
                    409: CONFLICT,
                    413: TOO_LARGE,
                    415: NOT_JSON,
                    422: "`repository_not_found`, `ref_unknown`: what it was launched from is gone, or what is asked "
                    "for is not there.",
                    502: "`repository_unreachable`: its host did not answer.",
                    503: "`repository_rate_limited`: its host answers no more questions for a while.",
                }
            ),
        },
    )
    @action(detail=True, methods=["post"], url_path="update", url_name="update")
    def update_version(self, request: Request, pk: str) -> Response:
        """Asks for what is given, or without anything for the newest version of the server's repository.

        Nothing happens if the server is that already.

        The new environment is made while the server goes on. Then a running server is started anew; if the
        environment cannot be made, it stays as it is, and `update.state` is `failed`. Files you changed stay as
        they are, with the new version beside them: `update.merge` says which.
        """
        server, now = self._changeable(), timezone.now()
        asked = ChangeSerializer(data=request.data or {})
        asked.is_valid(raise_exception=True)
        updating.update_server(server, _target(server, asked, now), now=now)
        return self._answer(server, status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="Roll a server back",
        request=None,
        responses={
            202: ServerSerializer,
            **errors({404: NOT_FOUND, 409: "`no_version_before`: there is nothing to go back to; `state_conflict`."}),
        },
    )
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, pk: str) -> Response:
        """Asks for the version before the last update. The files stay as they are; nothing in them is taken back."""
        server = self._changeable()
        updating.roll_back(server, now=timezone.now())
        return self._answer(server, status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="Bring a deleted server back",
        request=None,
        responses={
            200: ServerSerializer,
            **errors(
                {
                    404: NOT_FOUND,
                    409: "`name_taken`: you have another server of this name by now; `servers_quota_exceeded`.",
                }
            ),
        },
    )
    @action(detail=True, methods=["post"])
    def undelete(self, request: Request, pk: str) -> Response:
        """Brings the server back with its files, asleep, for some days after it was deleted."""
        server = get_object_or_404(NotebookServer.objects.deleted_by(person_of(request)), pk=pk)
        servers.undelete_server(server, now=timezone.now())
        return self._answer(server, status.HTTP_200_OK)

    def _changeable(self) -> NotebookServer:
        server = self.get_object()
        if not can_change_server(person_of(self.request), server):
            raise PermissionDenied
        return server

    def _answer(self, server: NotebookServer, status_code: int) -> Response:
        # Read again: the verbs may have moved the row on behind the object they were given.
        fresh = self.get_queryset().get(pk=server.pk)
        return Response(self.get_serializer(fresh).data, status=status_code)


def _target(server: NotebookServer, asked: ChangeSerializer, now: datetime) -> Target:
    if not asked.validated_data:
        return updating.check_for_update(server, now=now)
    spec = asked.to_spec(server)
    is_other = spec.reference != server.reference
    resolved = resolve_for(server.owner, spec.reference, now=now) if is_other else None
    return updating.target_of_launch(server, spec, resolved, without=asked.left_paths)
