"""Company over the API: who may enter a server, links that let people in, and the servers of others."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.models import Scope
from environments.api.conventions import NOT_FOUND, NOT_JSON, TOO_LARGE, Pages, errors, person_of
from environments.collaborating import (
    address_of,
    invite,
    leave_server,
    make_invitation,
    remove_collaborator,
    revoke_invitation,
)
from environments.links import MAX_COLLABORATORS
from environments.models import Collaborator, Invitation, NotebookServer
from environments.parsers import BoundedJSONParser
from environments.policies import can_change_server
from environments.querysets import NotebookServerQuerySet
from environments.serializers.conventions import StrictSerializer

MAX_INVITATION_DAYS = 30

Row = TypeVar("Row", Collaborator, Invitation)


class CollaboratorSerializer(serializers.ModelSerializer[Collaborator]):
    """Somebody who may enter a server of yours."""

    username = serializers.CharField(source="person.username", read_only=True)
    name = serializers.CharField(source="person.get_full_name", read_only=True, help_text="The name others see.")

    class Meta:
        model = Collaborator
        fields = ["id", "username", "name", "invited_at", "last_entered_at"]
        read_only_fields = fields


class InviteSerializer(StrictSerializer):
    """Whom to let in. Every other field is refused."""

    username = serializers.CharField(
        max_length=254, help_text="Their user name, or an e-mail address they have confirmed."
    )


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """A link by which people may still let themselves into a server."""

    class Meta:
        model = Invitation
        fields = ["id", "created_at", "expires_at", "uses_left"]
        read_only_fields = fields


class NewInvitationSerializer(InvitationSerializer):
    """The same with the link itself, which is shown this once."""

    url = serializers.SerializerMethodField()

    class Meta(InvitationSerializer.Meta):
        fields = [*InvitationSerializer.Meta.fields, "url"]
        read_only_fields = fields

    def get_url(self, _invitation: Invitation) -> str:
        """What to send to whom you want to let in; nobody can show it again."""
        return address_of(self.context["token"])


class MakeInvitationSerializer(StrictSerializer):
    """How long a link is good, and for how many people. Every other field is refused."""

    days = serializers.IntegerField(min_value=1, max_value=MAX_INVITATION_DAYS, default=7)
    uses = serializers.IntegerField(min_value=1, max_value=MAX_COLLABORATORS, default=1)


class SharedServerSerializer(serializers.ModelSerializer[NotebookServer]):
    """As much of somebody else's server as whoever may enter it sees."""

    state = serializers.ChoiceField(choices=NotebookServer.State.choices, read_only=True)
    url = serializers.URLField(source="origin", read_only=True)
    owner = serializers.CharField(source="owner.username", read_only=True)
    owner_name = serializers.CharField(source="owner.get_full_name", read_only=True)

    class Meta:
        model = NotebookServer
        fields = ["id", "name", "owner", "owner_name", "state", "url", "urlpath"]
        read_only_fields = fields


class _OfOwnServer(GenericViewSet[Row]):
    """What lies below one server of whoever asks."""

    required_scopes = {"GET": Scope.SERVERS_READ, "POST": Scope.SERVERS_WRITE, "DELETE": Scope.SERVERS_WRITE}
    parser_classes = [BoundedJSONParser]
    pagination_class = None

    def own_server(self) -> NotebookServer:
        """The server; 404 for all others, be it that one may enter them."""
        person = person_of(self.request)
        server = get_object_or_404(NotebookServer.objects.visible_to(person), pk=self.kwargs["pk"])
        if not can_change_server(person, server):
            raise PermissionDenied
        return server


class CollaboratorViewSet(_OfOwnServer[Collaborator]):
    """Who may enter one of your servers."""

    queryset = Collaborator.objects.none()
    serializer_class = CollaboratorSerializer

    @extend_schema(
        summary="Who may enter a server", responses={200: CollaboratorSerializer(many=True), **errors({404: NOT_FOUND})}
    )
    def list(self, request: Request, pk: str) -> Response:
        """Everybody but yourself."""
        collaborators = self.own_server().collaborators.select_related("person")
        return Response(CollaboratorSerializer(collaborators, many=True).data)

    @extend_schema(
        summary="Let somebody into a server",
        request=InviteSerializer,
        responses={
            201: CollaboratorSerializer,
            **errors(
                {
                    400: "`invalid`, `parse_error`.",
                    404: NOT_FOUND,
                    409: "`collaborator_is_owner`, `collaborators_too_many`.",
                    413: TOO_LARGE,
                    415: NOT_JSON,
                    422: "`collaborator_unknown`: nobody of that name was found.",
                    429: "`people_guessed_too_often`, `throttled`.",
                }
            ),
        },
    )
    def create(self, request: Request, pk: str) -> Response:
        """They may do in it what you can, but not start, stop or delete it. Nothing changes for who is in already.

        A server that others may enter carries no key of yours.
        """
        server = self.own_server()
        asked = InviteSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        name = asked.validated_data["username"]
        collaborator = invite(server, name, by=person_of(request), now=timezone.now())
        return Response(CollaboratorSerializer(collaborator).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Put somebody out of a server", responses={204: None, **errors({404: NOT_FOUND})})
    def destroy(self, request: Request, pk: str, collaborator_id: str) -> Response:
        """They are out within five seconds, open connections included, and all open links to it are withdrawn."""
        rows = self.own_server().collaborators.select_related("server", "person")
        remove_collaborator(get_object_or_404(rows, pk=collaborator_id), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationViewSet(_OfOwnServer[Invitation]):
    """Links by which people let themselves into one of your servers."""

    queryset = Invitation.objects.none()
    serializer_class = InvitationSerializer

    @extend_schema(
        summary="The open links to a server",
        responses={200: InvitationSerializer(many=True), **errors({404: NOT_FOUND})},
    )
    def list(self, request: Request, pk: str) -> Response:
        """Those by which somebody may still come; without what is secret in them."""
        invitations = self.own_server().invitations.open(timezone.now())
        return Response(InvitationSerializer(invitations, many=True).data)

    @extend_schema(
        summary="Make a link to a server",
        request=MakeInvitationSerializer,
        responses={
            201: NewInvitationSerializer,
            **errors(
                {
                    400: "`invalid`, `parse_error`.",
                    404: NOT_FOUND,
                    409: "`invitations_too_many`.",
                    413: TOO_LARGE,
                    415: NOT_JSON,
                }
            ),
        },
    )
    def create(self, request: Request, pk: str) -> Response:
        """Whoever has it and signs in may let themselves in, as long and as often as you say here."""
        server = self.own_server()
        asked = MakeInvitationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        lifetime = timedelta(days=asked.validated_data["days"])
        invitation, token = make_invitation(
            server, by=person_of(request), lifetime=lifetime, uses=asked.validated_data["uses"], now=timezone.now()
        )
        made = NewInvitationSerializer(invitation, context={"token": token})
        return Response(made.data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Withdraw a link to a server", responses={204: None, **errors({404: NOT_FOUND})})
    def destroy(self, request: Request, pk: str, invitation_id: str) -> Response:
        """Nobody can come by it any more; who has come stays."""
        invitation = get_object_or_404(self.own_server().invitations, pk=invitation_id)
        revoke_invitation(invitation, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(
    list=extend_schema(
        summary="Servers of others you may enter",
        responses={200: SharedServerSerializer(many=True), **errors({400: "`invalid`."})},
    )
)
class SharedServerViewSet(mixins.ListModelMixin, GenericViewSet[NotebookServer]):
    """Servers that others have let you into: to enter and to leave, and nothing else."""

    required_scopes = {"GET": Scope.SERVERS_READ, "DELETE": Scope.SERVERS_WRITE}
    queryset = NotebookServer.objects.none()
    serializer_class = SharedServerSerializer
    pagination_class = Pages
    lookup_value_converter = "uuid"

    def get_queryset(self) -> NotebookServerQuerySet:
        """Those of whoever asks."""
        return NotebookServer.objects.shared_with(person_of(self.request)).select_related("owner")

    @extend_schema(summary="Leave a server of somebody else", responses={204: None, **errors({404: NOT_FOUND})})
    def destroy(self, request: Request, pk: str) -> Response:
        """To come back you need to be let in again."""
        leave_server(get_object_or_404(self.get_queryset(), pk=pk), person=person_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
