"""What all of the API has in common: its refusals, its pages, and who asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from django.http import Http404
from drf_spectacular.utils import OpenApiResponse
from rest_framework.pagination import LimitOffsetPagination

from accounts.models import User
from environments import catalog
from environments.models import Environment
from environments.serializers.conventions import ErrorSerializer, PagePositionSerializer

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request
    from rest_framework.views import APIView


def errors(own: dict[int, str] | None = None) -> dict[int, OpenApiResponse]:
    """The refusals an operation documents: those every operation has, and its own."""
    common = {
        401: "`not_authenticated`: no token, or not a good one.",
        403: "`scope_missing`, `permission_denied`.",
        429: "`throttled`: the header Retry-After says how long.",
    }
    meanings = sorted((common | (own or {})).items())
    return {code: OpenApiResponse(ErrorSerializer, meaning) for code, meaning in meanings}


NOT_FOUND = "`not_found`: there is no such thing, or it is somebody else's."
TOO_LARGE = "`too_large`: more was sent than could be needed."
NOT_JSON = "`unsupported_media_type`."
CONFLICT = "`state_conflict`: not possible in its present state."


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


def person_of(request: Request) -> User:
    return cast("User", request.user)


def environment_of(person: User, name: str) -> Environment:
    environment = catalog.named(person, name)
    if environment is None:
        raise Http404
    return environment
