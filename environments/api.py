"""The API: the same queries, policies and verbs as the pages, in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from accounts.models import Scope, User
from environments import builds, catalog, rebuilding, servers, shared_volumes, updating
from environments.catalog_serializers import EnvironmentSerializer, RecipeSerializer, SearchSerializer
from environments.errors import UserError
from environments.git_credentials import resolve_for
from environments.launching import launch, launch_environment, spec_of_environment
from environments.models import (
    Access,
    Build,
    Environment,
    MonthlyUse,
    NotebookServer,
    SharedVolume,
    VolumeMember,
)
from environments.models.server import MOUNTS
from environments.mounts import usable_volumes
from environments.parsers import BoundedJSONParser
from environments.policies import can_change_environment, can_change_server, can_manage_volume
from environments.querysets import (
    BuildQuerySet,
    EnvironmentQuerySet,
    MonthlyUseQuerySet,
    NotebookServerQuerySet,
    SharedVolumeQuerySet,
)
from environments.quotas import disk_use_of
from environments.serializers import (
    BuildLogSerializer,
    BuildSerializer,
    ChangeSerializer,
    DiskUseSerializer,
    ErrorSerializer,
    KeepSerializer,
    LaunchSerializer,
    LogPositionSerializer,
    PagePositionSerializer,
    ServerSerializer,
    UsagePositionSerializer,
    UsageSerializer,
)
from environments.throttling import LaunchThrottle
from environments.values import Target
from environments.volume_serializers import (
    AccessSerializer,
    MakeVolumeSerializer,
    MemberInviteSerializer,
    MemberSerializer,
    RenameVolumeSerializer,
    VolumeSerializer,
)

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet
    from rest_framework.request import Request
    from rest_framework.throttling import BaseThrottle
    from rest_framework.views import APIView


def _errors(own: dict[int, str] | None = None) -> dict[int, OpenApiResponse]:
    """The refusals an operation documents: those every operation has, and its own."""
    common = {
        401: "`not_authenticated`: no token, or not a good one.",
        403: "`scope_missing`, `permission_denied`.",
        429: "`throttled`: the header Retry-After says how long.",
    }
    meanings = sorted((common | (own or {})).items())
    return {code: OpenApiResponse(ErrorSerializer, meaning) for code, meaning in meanings}


_NOT_FOUND = "`not_found`: there is no such thing, or it is somebody else's."
_TOO_LARGE = "`too_large`: more was sent than could be needed."
_NOT_JSON = "`unsupported_media_type`."
_CONFLICT = "`state_conflict`: not possible in its present state."


class Pages(LimitOffsetPagination):
    """Lists come in pages; no request is answered with more than `max_limit` rows."""

    max_limit = 500

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        """As always, but a place that means nothing is refused and not passed over."""
        PagePositionSerializer(data=request.query_params.dict()).is_valid(raise_exception=True)
        return super().paginate_queryset(queryset, request, view)

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """As always, with the least that is taken."""
        least = {self.limit_query_param: 1, self.offset_query_param: 0}
        parameters = super().get_schema_operation_parameters(view)
        return [each | {"schema": each["schema"] | {"minimum": least[each["name"]]}} for each in parameters]


@extend_schema_view(
    list=extend_schema(
        summary="Your servers", responses={200: ServerSerializer(many=True), **_errors({400: "`invalid`."})}
    ),
    retrieve=extend_schema(summary="One server", responses={200: ServerSerializer, **_errors({404: _NOT_FOUND})}),
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
        visible = NotebookServer.objects.visible_to(_person(self.request))
        return visible.select_related("build", "volume", "pending_update__build").prefetch_related(
            "collaborators__person", MOUNTS
        )

    @extend_schema(
        summary="Launch a server",
        request=LaunchSerializer,
        responses={
            200: OpenApiResponse(ServerSerializer, "You have this server already; it is started if it was asleep."),
            201: OpenApiResponse(ServerSerializer, "A new server is on its way."),
            **_errors(
                {
                    400: "`invalid`, `parse_error`, `name_invalid`, `repository_invalid` and "
                    "other codes about the repository's address; `volume_name_invalid`, `mount_path_invalid`, "
                    "`mount_path_taken`: mounts that cannot be.",
                    403: "`scope_missing`, `permission_denied`; `mount_unknown`: no shared files of this name that "
                    "you may use; `mount_read_only`: you may only read them.",
                    409: "`server_differs`: you have this server, and it is not what you ask for: update it, or give "
                    "another name; `disk_quota_exceeded`, `servers_quota_exceeded`: your files take all the room they "
                    "may, or your servers are as many as you may keep; `state_conflict`.",
                    413: _TOO_LARGE,
                    415: _NOT_JSON,
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
        person, now = _person(request), timezone.now()
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

    @extend_schema(summary="Delete a server and its files", responses={204: None, **_errors({404: _NOT_FOUND})})
    def destroy(self, request: Request, pk: str) -> Response:
        """Stops the server and removes it with the files in it, after some days in which it can be brought back.

        Personal files in `~/home` stay.
        """
        servers.delete_server(self._changeable(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Start a server",
        request=None,
        responses={202: ServerSerializer, **_errors({404: _NOT_FOUND, 409: _CONFLICT})},
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
        responses={202: ServerSerializer, **_errors({404: _NOT_FOUND, 409: _CONFLICT})},
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
            **_errors(
                {
                    400: "`invalid`, `parse_error`, `keep_past`, `keep_too_long`.",
                    404: _NOT_FOUND,
                    409: _CONFLICT,
                    413: _TOO_LARGE,
                    415: _NOT_JSON,
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
            **_errors(
                {
                    400: "`invalid`, `parse_error`, `repository_invalid` and other codes about the address; "
                    "`mount_path_invalid`, `mount_path_taken`.",
                    403: "`scope_missing`, `permission_denied`; `mount_unknown`, `mount_read_only`.",
                    404: _NOT_FOUND,
                    409: _CONFLICT,
                    413: _TOO_LARGE,
                    415: _NOT_JSON,
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
            **_errors({404: _NOT_FOUND, 409: "`no_version_before`: there is nothing to go back to; `state_conflict`."}),
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
            **_errors(
                {
                    404: _NOT_FOUND,
                    409: "`name_taken`: you have another server of this name by now; `servers_quota_exceeded`.",
                }
            ),
        },
    )
    @action(detail=True, methods=["post"])
    def undelete(self, request: Request, pk: str) -> Response:
        """Brings the server back with its files, asleep, for some days after it was deleted."""
        server = get_object_or_404(NotebookServer.objects.deleted_by(_person(request)), pk=pk)
        servers.undelete_server(server, now=timezone.now())
        return self._answer(server, status.HTTP_200_OK)

    def _changeable(self) -> NotebookServer:
        server = self.get_object()
        if not can_change_server(_person(self.request), server):
            raise PermissionDenied
        return server

    def _answer(self, server: NotebookServer, status_code: int) -> Response:
        # Read again: the verbs may have moved the row on behind the object they were given.
        fresh = self.get_queryset().get(pk=server.pk)
        return Response(self.get_serializer(fresh).data, status=status_code)


@extend_schema_view(
    retrieve=extend_schema(summary="One build", responses={200: BuildSerializer, **_errors({404: _NOT_FOUND})})
)
class BuildViewSet(mixins.RetrieveModelMixin, GenericViewSet[Build]):
    """Builds that whoever asks waits or waited for."""

    required_scopes = {"GET": Scope.SERVERS_READ, "POST": Scope.SERVERS_WRITE}
    queryset = Build.objects.none()
    serializer_class = BuildSerializer
    lookup_value_converter = "uuid"

    def get_queryset(self) -> BuildQuerySet:
        """The builds of whoever asks."""
        return Build.objects.visible_to(_person(self.request))

    @extend_schema(
        summary="The log of a build",
        parameters=[LogPositionSerializer],
        responses={200: BuildLogSerializer, **_errors({400: "`invalid`.", 404: _NOT_FOUND})},
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
        responses={202: BuildSerializer, **_errors({404: _NOT_FOUND, 409: _CONFLICT})},
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stops your servers that wait for this build; the build goes on only if other people wait for it."""
        build = self.get_object()
        if not build.is_active:
            raise UserError("state_conflict", state=str(Build.State(build.state).label))
        servers.leave_build(build, user=_person(request), now=timezone.now())
        build.refresh_from_db()
        return Response(self.get_serializer(build).data, status=status.HTTP_202_ACCEPTED)


_RECIPE_ERRORS = {
    400: "`invalid`, `parse_error`, `tag_invalid`, `tags_too_many`, `repository_invalid` and other codes about the "
    "repository's address.",
    413: _TOO_LARGE,
    415: _NOT_JSON,
    422: "`repository_not_found`, `ref_unknown`: the address is fine, but nothing is there; `credential_refused`, "
    "`credential_unreadable`: your token for its host is no good.",
    502: "`repository_unreachable`: its host did not answer.",
    503: "`repository_rate_limited`: its host answers no more questions for a while.",
}
_NOT_YOURS = _errors({404: _NOT_FOUND}) | {
    403: OpenApiResponse(ErrorSerializer, "`permission_denied`: you see it, but it is not yours; `scope_missing`.")
}


@extend_schema_view(
    list=extend_schema(
        summary="The catalog",
        parameters=[SearchSerializer],
        responses={200: EnvironmentSerializer(many=True), **_errors({400: "`invalid`."})},
    ),
    retrieve=extend_schema(
        summary="One environment", responses={200: EnvironmentSerializer, **_errors({404: _NOT_FOUND})}
    ),
)
@extend_schema(
    parameters=[OpenApiParameter("id", str, OpenApiParameter.PATH, description="Its `id` or its `slug`.")],
)
class EnvironmentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Environment]):
    """The catalog: your own environments, those for everyone, and by its id or slug one that is not listed."""

    required_scopes = {"GET": Scope.SERVERS_READ, **dict.fromkeys(("POST", "PATCH", "DELETE"), Scope.SERVERS_WRITE)}
    queryset = Environment.objects.none()
    serializer_class = EnvironmentSerializer
    parser_classes = [BoundedJSONParser]
    pagination_class = Pages
    lookup_value_converter = "slug"

    def get_throttles(self) -> list[BaseThrottle]:
        """What asks a repository's host is counted for itself, and sooner too much."""
        throttles = super().get_throttles()
        asks_host = self.action in ("create", "partial_update", "rebuild")
        return [*throttles, LaunchThrottle()] if asks_host else throttles

    def get_queryset(self) -> EnvironmentQuerySet:
        """What whoever asks finds in the catalog, by what they look for."""
        asked = SearchSerializer(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        looked_for = asked.validated_data
        found = catalog.find(
            _person(self.request),
            text=looked_for.get("q", ""),
            tag=looked_for.get("tag", ""),
            order=looked_for.get("sort", "used"),
        )
        return found.select_related("made_by")

    def get_object(self) -> Environment:
        """The one of this id or slug, listed or not."""
        return _environment(_person(self.request), self.kwargs["pk"])

    @extend_schema(
        summary="Publish an environment",
        request=RecipeSerializer,
        responses={201: EnvironmentSerializer, **_errors(_RECIPE_ERRORS)},
    )
    def create(self, request: Request) -> Response:
        """Puts a repository, or what one of your servers is made from, into the catalog, and has it prepared.

        Only you see it unless `visibility` says otherwise. Read it again until `freshness` is `ready`.
        """
        asked = RecipeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        person = _person(request)
        server: NotebookServer | None = None
        if key := asked.validated_data.get("server"):
            server = NotebookServer.objects.present().filter(owner=person, pk=key).first()
            if server is None:
                raise ValidationError({"server": [_("You have no such server.")]})
        recipe = asked.to_recipe(catalog.recipe_from(server) if server else None)
        environment = catalog.publish(person, recipe, now=timezone.now(), server=server)
        return self._answer(environment, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change an environment",
        request=RecipeSerializer,
        responses={200: EnvironmentSerializer, **_errors(_RECIPE_ERRORS), **_NOT_YOURS},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """What is left out stays. Another repository or version is prepared anew."""
        environment = self._changeable()
        asked = RecipeSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        catalog.edit(environment, asked.to_recipe(catalog.recipe_of(environment)), now=timezone.now())
        return self._answer(environment, status.HTTP_200_OK)

    @extend_schema(summary="Take an environment out of the catalog", responses={204: None, **_NOT_YOURS})
    def destroy(self, request: Request, pk: str) -> Response:
        """Servers that were made from it stay, and so do copies."""
        catalog.remove(self._changeable(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Copy an environment",
        request=None,
        responses={201: EnvironmentSerializer, **_errors({404: _NOT_FOUND})},
    )
    @action(detail=True, methods=["post"])
    def fork(self, request: Request, pk: str) -> Response:
        """Makes a copy that is yours, and that only you see until you say otherwise."""
        copy = catalog.fork(self.get_object(), owner=_person(request), now=timezone.now())
        return self._answer(copy, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Prepare the newest version",
        request=None,
        responses={
            202: EnvironmentSerializer,
            **_errors({code: _RECIPE_ERRORS[code] for code in (422, 502, 503)}),
            **_NOT_YOURS,
        },
    )
    @action(detail=True, methods=["post"])
    def rebuild(self, request: Request, pk: str) -> Response:
        """Looks for the newest version now. People get the last one that was prepared until it is there."""
        environment = self._changeable()
        rebuilding.rebuild(environment, now=timezone.now())
        return self._answer(environment, status.HTTP_202_ACCEPTED)

    def _changeable(self) -> Environment:
        environment = self.get_object()
        if not can_change_environment(_person(self.request), environment):
            raise PermissionDenied
        return environment

    def _answer(self, environment: Environment, status_code: int) -> Response:
        fresh = _environment(_person(self.request), str(environment.pk))
        return Response(self.get_serializer(fresh).data, status=status_code)


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
        visible = MonthlyUse.objects.visible_to(_person(self.request)).select_related("person")
        return visible.narrowed(**wanted.validated_data)

    @extend_schema(
        summary="What was used",
        parameters=[UsagePositionSerializer],
        responses={200: UsageSerializer(many=True), **_errors({400: "`invalid`."})},
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Month by month and server by server, the newest month first. An administrator sees everybody's."""
        return super().list(request, *args, **kwargs)


@extend_schema_view(
    list=extend_schema(
        summary="Shared files", responses={200: VolumeSerializer(many=True), **_errors({400: "`invalid`."})}
    ),
    retrieve=extend_schema(
        summary="Some shared files", responses={200: VolumeSerializer, **_errors({404: _NOT_FOUND})}
    ),
)
class VolumeViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[SharedVolume]):
    """Shared files: those of whoever asks, and those that others share with them."""

    required_scopes = {
        "GET": Scope.SERVERS_READ,
        "POST": Scope.SERVERS_WRITE,
        "PATCH": Scope.SERVERS_WRITE,
        "DELETE": Scope.SERVERS_WRITE,
    }
    queryset = SharedVolume.objects.none()
    serializer_class = VolumeSerializer
    parser_classes = [BoundedJSONParser]
    pagination_class = Pages
    lookup_value_converter = "uuid"

    def get_queryset(self) -> SharedVolumeQuerySet:
        """What whoever asks may use."""
        return usable_volumes(_person(self.request))

    @extend_schema(
        summary="Make shared files",
        request=MakeVolumeSerializer,
        responses={
            201: VolumeSerializer,
            **_errors(
                {
                    400: "`invalid`, `parse_error`, `volume_name_invalid`.",
                    409: "`shared_volume_name_taken`, `shared_volumes_too_many`, `shared_volume_quota_exceeded`.",
                    413: _TOO_LARGE,
                    415: _NOT_JSON,
                }
            ),
        },
    )
    def create(self, request: Request) -> Response:
        """Makes a folder that nobody else sees until you share it. Its size counts as yours."""
        asked = _asked(MakeVolumeSerializer, request)
        shared = shared_volumes.make_shared_volume(_person(request), **asked, now=timezone.now())
        return self._answer(shared, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Give shared files another title",
        request=RenameVolumeSerializer,
        responses={
            200: VolumeSerializer,
            **_errors({400: "`invalid`, `parse_error`.", 404: _NOT_FOUND, 413: _TOO_LARGE, 415: _NOT_JSON}),
        },
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Changes the title. The name stays, because links say it."""
        shared = self._own()
        shared_volumes.rename_shared_volume(shared, **_asked(RenameVolumeSerializer, request))
        return self._answer(shared, status.HTTP_200_OK)

    @extend_schema(summary="Delete shared files", responses={204: None, **_errors({404: _NOT_FOUND})})
    def destroy(self, request: Request, pk: str) -> Response:
        """Takes them away from everybody; for some days they can be brought back.

        Servers that have them keep them until they stop.
        """
        shared_volumes.delete_shared_volume(self._own(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Bring deleted shared files back",
        request=None,
        responses={200: VolumeSerializer, **_errors({404: _NOT_FOUND})},
    )
    @action(detail=True, methods=["post"])
    def undelete(self, request: Request, pk: str) -> Response:
        """Brings them back, with everybody they were shared with, for some days after they were deleted."""
        shared = get_object_or_404(SharedVolume.objects.deleted_by(_person(request)), pk=pk)
        shared_volumes.undelete_shared_volume(shared)
        return self._answer(shared, status.HTTP_200_OK)

    @extend_schema(
        summary="Leave shared files",
        request=None,
        responses={
            204: None,
            **_errors(
                {404: _NOT_FOUND, 409: "`membership_by_group`: you have them by a group, which you cannot leave."}
            ),
        },
    )
    @action(detail=True, methods=["post"])
    def leave(self, request: Request, pk: str) -> Response:
        """Gives up what was given to you by name. A running server of yours that has the files is stopped."""
        shared_volumes.leave_shared_volume(self.get_object(), person=_person(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="With whom files are shared",
        responses={200: MemberSerializer(many=True), **_errors({404: _NOT_FOUND})},
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def members(self, request: Request, pk: str) -> Response:
        """All of them; for the owner alone."""
        members = self._own().members.select_related("person", "group")
        return Response(MemberSerializer(members, many=True).data)

    @extend_schema(
        summary="Share files with somebody",
        request=MemberInviteSerializer,
        responses={
            201: MemberSerializer,
            **_errors(
                {
                    400: "`invalid`, `parse_error`.",
                    404: _NOT_FOUND,
                    409: "`member_there_already`, `member_is_owner`, `members_too_many`.",
                    413: _TOO_LARGE,
                    415: _NOT_JSON,
                    422: "`member_unknown`, `group_unknown`.",
                }
            ),
        },
    )
    @members.mapping.post
    def invite(self, request: Request, pk: str) -> Response:
        """Lets a person, or everybody in a group of yours, use them."""
        shared, asked, now = self._own(), _asked(MemberInviteSerializer, request), timezone.now()
        verb = shared_volumes.invite_group if asked["group"] else shared_volumes.invite_person
        who, access = asked["group"] or asked["person"], Access(asked["access"])
        member = verb(shared, who=who, access=access, now=now)
        return Response(MemberSerializer(member).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Let a member do more or less",
        request=AccessSerializer,
        responses={
            200: MemberSerializer,
            **_errors({400: "`invalid`, `parse_error`.", 404: _NOT_FOUND, 413: _TOO_LARGE, 415: _NOT_JSON}),
        },
    )
    @action(detail=True, methods=["patch"], url_path="members/<uuid:member_id>", url_name="member")
    def member(self, request: Request, pk: str, member_id: str) -> Response:
        """Changes what they may do. A running server of theirs that could do more than that is stopped."""
        member = self._member(member_id)
        shared_volumes.change_access(member, access=Access(_asked(AccessSerializer, request)["access"]))
        return Response(MemberSerializer(member).data)

    @extend_schema(summary="Share files with a member no more", responses={204: None, **_errors({404: _NOT_FOUND})})
    @member.mapping.delete
    def remove_member(self, request: Request, pk: str, member_id: str) -> Response:
        """Takes it back. A running server of theirs that has the files is stopped."""
        shared_volumes.remove_member(self._member(member_id))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _own(self) -> SharedVolume:
        shared = self.get_object()
        if not can_manage_volume(_person(self.request), shared):
            raise PermissionDenied
        return shared

    def _member(self, member_id: str) -> VolumeMember:
        return get_object_or_404(self._own().members.select_related("person", "group"), pk=member_id)

    def _answer(self, shared: SharedVolume, status_code: int) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=shared.pk)).data, status=status_code)


class DiskUseView(APIView):
    """What your files take."""

    required_scopes = {"GET": Scope.SERVERS_READ}

    @extend_schema(summary="What your files take", responses={200: DiskUseSerializer, **_errors()})
    def get(self, request: Request) -> Response:
        """Of all your servers and your personal files together, and how much they may."""
        return Response(DiskUseSerializer(disk_use_of(_person(request))).data)


def _target(server: NotebookServer, asked: ChangeSerializer, now: datetime) -> Target:
    if not asked.validated_data:
        return updating.check_for_update(server, now=now)
    spec = asked.to_spec(server)
    is_other = spec.reference != server.reference
    resolved = resolve_for(server.owner, spec.reference, now=now) if is_other else None
    return updating.target_of_launch(server, spec, resolved)


def _asked(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """What was sent, if it can be understood."""
    asked = serializer(data=request.data)
    asked.is_valid(raise_exception=True)
    values: dict[str, Any] = asked.validated_data
    return values


def _person(request: Request) -> User:
    return cast("User", request.user)


def _environment(person: User, name: str) -> Environment:
    environment = catalog.named(person, name)
    if environment is None:
        raise Http404
    return environment
