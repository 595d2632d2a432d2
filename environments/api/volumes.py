"""Shared files over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.models import Scope
from environments import shared_volumes
from environments.api.conventions import NOT_FOUND, NOT_JSON, TOO_LARGE, Pages, errors, person_of
from environments.models import Access, SharedVolume, VolumeMember
from environments.mounts import usable_volumes
from environments.parsers import BoundedJSONParser
from environments.policies import can_manage_volume
from environments.querysets import SharedVolumeQuerySet
from environments.serializers.volumes import (
    AccessSerializer,
    MakeVolumeSerializer,
    MemberInviteSerializer,
    MemberSerializer,
    RenameVolumeSerializer,
    VolumeSerializer,
)

if TYPE_CHECKING:
    from rest_framework.request import Request


@extend_schema_view(
    list=extend_schema(
        summary="Shared files", responses={200: VolumeSerializer(many=True), **errors({400: "`invalid`."})}
    ),
    retrieve=extend_schema(summary="Some shared files", responses={200: VolumeSerializer, **errors({404: NOT_FOUND})}),
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
        return usable_volumes(person_of(self.request))

    @extend_schema(
        summary="Make shared files",
        request=MakeVolumeSerializer,
        responses={
            201: VolumeSerializer,
            **errors(
                {
                    400: "`invalid`, `parse_error`, `volume_name_invalid`.",
                    409: "`shared_volume_name_taken`, `shared_volumes_too_many`, `shared_volume_quota_exceeded`.",
                    413: TOO_LARGE,
                    415: NOT_JSON,
                }
            ),
        },
    )
    def create(self, request: Request) -> Response:
        """Makes a folder that nobody else sees until you share it. Its size counts as yours."""
        asked = _asked(MakeVolumeSerializer, request)
        shared = shared_volumes.make_shared_volume(person_of(request), **asked, now=timezone.now())
        return self._answer(shared, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Give shared files another title",
        request=RenameVolumeSerializer,
        responses={
            200: VolumeSerializer,
            **errors({400: "`invalid`, `parse_error`.", 404: NOT_FOUND, 413: TOO_LARGE, 415: NOT_JSON}),
        },
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Changes the title. The name stays, because links say it."""
        shared = self._own()
        shared_volumes.rename_shared_volume(shared, **_asked(RenameVolumeSerializer, request))
        return self._answer(shared, status.HTTP_200_OK)

    @extend_schema(summary="Delete shared files", responses={204: None, **errors({404: NOT_FOUND})})
    def destroy(self, request: Request, pk: str) -> Response:
        """Takes them away from everybody; for some days they can be brought back.

        Servers that have them keep them until they stop.
        """
        shared_volumes.delete_shared_volume(self._own(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Bring deleted shared files back",
        request=None,
        responses={200: VolumeSerializer, **errors({404: NOT_FOUND})},
    )
    @action(detail=True, methods=["post"])
    def undelete(self, request: Request, pk: str) -> Response:
        """Brings them back, with everybody they were shared with, for some days after they were deleted."""
        shared = get_object_or_404(SharedVolume.objects.deleted_by(person_of(request)), pk=pk)
        shared_volumes.undelete_shared_volume(shared)
        return self._answer(shared, status.HTTP_200_OK)

    @extend_schema(
        summary="Leave shared files",
        request=None,
        responses={
            204: None,
            **errors({404: NOT_FOUND, 409: "`membership_by_group`: you have them by a group, which you cannot leave."}),
        },
    )
    @action(detail=True, methods=["post"])
    def leave(self, request: Request, pk: str) -> Response:
        """Gives up what was given to you by name. A running server of yours that has the files is stopped."""
        shared_volumes.leave_shared_volume(self.get_object(), person=person_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="With whom files are shared",
        responses={200: MemberSerializer(many=True), **errors({404: NOT_FOUND})},
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
            **errors(
                {
                    400: "`invalid`, `parse_error`.",
                    404: NOT_FOUND,
                    409: "`member_there_already`, `member_is_owner`, `members_too_many`.",
                    413: TOO_LARGE,
                    415: NOT_JSON,
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
            **errors({400: "`invalid`, `parse_error`.", 404: NOT_FOUND, 413: TOO_LARGE, 415: NOT_JSON}),
        },
    )
    @action(detail=True, methods=["patch"], url_path="members/<uuid:member_id>", url_name="member")
    def member(self, request: Request, pk: str, member_id: str) -> Response:
        """Changes what they may do. A running server of theirs that could do more than that is stopped."""
        member = self._member(member_id)
        shared_volumes.change_access(member, access=Access(_asked(AccessSerializer, request)["access"]))
        return Response(MemberSerializer(member).data)

    @extend_schema(summary="Share files with a member no more", responses={204: None, **errors({404: NOT_FOUND})})
    @member.mapping.delete
    def remove_member(self, request: Request, pk: str, member_id: str) -> Response:
        """Takes it back. A running server of theirs that has the files is stopped."""
        shared_volumes.remove_member(self._member(member_id))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _own(self) -> SharedVolume:
        shared = self.get_object()
        if not can_manage_volume(person_of(self.request), shared):
            raise PermissionDenied
        return shared

    def _member(self, member_id: str) -> VolumeMember:
        return get_object_or_404(self._own().members.select_related("person", "group"), pk=member_id)

    def _answer(self, shared: SharedVolume, status_code: int) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=shared.pk)).data, status=status_code)


def _asked(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """What was sent, if it can be understood."""
    asked = serializer(data=request.data)
    asked.is_valid(raise_exception=True)
    values: dict[str, Any] = asked.validated_data
    return values
