"""The catalog over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.models import Scope
from environments import catalog, rebuilding
from environments.api.conventions import NOT_FOUND, NOT_JSON, TOO_LARGE, Pages, environment_of, errors, person_of
from environments.models import Environment, NotebookServer
from environments.parsers import BoundedJSONParser
from environments.policies import can_change_environment
from environments.querysets import EnvironmentQuerySet
from environments.serializers.conventions import ErrorSerializer
from environments.serializers.environments import EnvironmentSerializer, RecipeSerializer, SearchSerializer
from environments.throttling import LaunchThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.throttling import BaseThrottle


_RECIPE_ERRORS = {
    400: "`invalid`, `parse_error`, `tag_invalid`, `tags_too_many`, `repository_invalid` and other codes about the "
    "repository's address.",
    413: TOO_LARGE,
    415: NOT_JSON,
    422: "`repository_not_found`, `ref_unknown`: the address is fine, but nothing is there; `credential_refused`, "
    "`credential_unreadable`: your token for its host is no good; `group_missing`, `group_unknown`: which class or "
    "group is it for?",
    502: "`repository_unreachable`: its host did not answer.",
    503: "`repository_rate_limited`: its host answers no more questions for a while.",
}
_NOT_YOURS = errors({404: NOT_FOUND}) | {
    403: OpenApiResponse(ErrorSerializer, "`permission_denied`: you see it, but it is not yours; `scope_missing`.")
}


@extend_schema_view(
    list=extend_schema(
        summary="The catalog",
        parameters=[SearchSerializer],
        responses={200: EnvironmentSerializer(many=True), **errors({400: "`invalid`."})},
    ),
    retrieve=extend_schema(
        summary="One environment", responses={200: EnvironmentSerializer, **errors({404: NOT_FOUND})}
    ),
)
@extend_schema(parameters=[OpenApiParameter("id", str, OpenApiParameter.PATH, description="Its `id` or its `slug`.")])
class EnvironmentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Environment]):
    """The catalog: your own environments, those for everyone or a group of yours, and by id or slug one not listed."""

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
            person_of(self.request),
            text=looked_for.get("q", ""),
            tag=looked_for.get("tag", ""),
            order=looked_for.get("sort", "used"),
        )
        return found.select_related("made_by")

    def get_object(self) -> Environment:
        """The one of this id or slug, listed or not."""
        return environment_of(person_of(self.request), self.kwargs["pk"])

    @extend_schema(
        summary="Publish an environment",
        request=RecipeSerializer,
        responses={201: EnvironmentSerializer, **errors(_RECIPE_ERRORS)},
    )
    def create(self, request: Request) -> Response:
        """Puts a repository, or what one of your servers is made from, into the catalog, and has it prepared.

        Only you see it unless `visibility` says otherwise. Read it again until `freshness` is `ready`.
        """
        asked = RecipeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        person = person_of(request)
        server: NotebookServer | None = None
        if key := asked.validated_data.get("server"):
            server = NotebookServer.objects.present().filter(owner=person, pk=key).first()
            if server is None:
                raise ValidationError({"server": [_("You have no such server.")]})
        recipe = asked.to_recipe(person, catalog.recipe_from(server) if server else None)
        environment = catalog.publish(person, recipe, now=timezone.now(), server=server)
        return self._answer(environment, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change an environment",
        request=RecipeSerializer,
        responses={200: EnvironmentSerializer, **errors(_RECIPE_ERRORS), **_NOT_YOURS},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """What is left out stays. Another repository or version is prepared anew."""
        environment = self._changeable()
        asked = RecipeSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        recipe = asked.to_recipe(person_of(request), catalog.recipe_of(environment))
        try:
            catalog.edit(environment, recipe, now=timezone.now())
        except Environment.DoesNotExist as gone:
            raise Http404 from gone
        return self._answer(environment, status.HTTP_200_OK)

    @extend_schema(summary="Take an environment out of the catalog", responses={204: None, **_NOT_YOURS})
    def destroy(self, request: Request, pk: str) -> Response:
        """Servers that were made from it stay, and so do copies."""
        catalog.remove(self._changeable(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Copy an environment", request=None, responses={201: EnvironmentSerializer, **errors({404: NOT_FOUND})}
    )
    @action(detail=True, methods=["post"])
    def fork(self, request: Request, pk: str) -> Response:
        """Makes a copy that is yours, and that only you see until you say otherwise."""
        copy = catalog.fork(self.get_object(), owner=person_of(request), now=timezone.now())
        return self._answer(copy, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Prepare the newest version",
        request=None,
        responses={
            202: EnvironmentSerializer,
            **errors({code: _RECIPE_ERRORS[code] for code in (422, 502, 503)}),
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
        if not can_change_environment(person_of(self.request), environment):
            raise PermissionDenied
        return environment

    def _answer(self, environment: Environment, status_code: int) -> Response:
        fresh = environment_of(person_of(self.request), str(environment.pk))
        return Response(self.get_serializer(fresh).data, status=status_code)
