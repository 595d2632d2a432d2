"""How shared files and mounts look from outside, and what may be asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from environments.links import mount_path
from environments.models import Access, ServerMount, SharedVolume, VolumeMember
from environments.naming import check_volume_name
from environments.serializers.conventions import StrictSerializer
from environments.shared_volumes import MAX_TITLE
from environments.values import MountWish


class MountWishSerializer(StrictSerializer):
    """Shared files that a server should have."""

    volume = serializers.CharField(max_length=100, help_text="Their name.")
    path = serializers.CharField(
        max_length=500,
        default="",
        allow_blank=True,
        help_text="Where to find them, relative to the server's home; empty for `shared/<name>`.",
    )
    read_only = serializers.BooleanField(  # type: ignore[assignment]  # a serializer's own is of no use here
        default=False, help_text="Must be true for files that you may only read: less is never given silently."
    )


def wish_of(values: Mapping[str, Any]) -> MountWish:
    """What was asked for. Raises UserError `volume_name_invalid` or `mount_path_invalid`."""
    name = check_volume_name(values["volume"])
    return MountWish(name, mount_path(values["path"], volume=name), values["read_only"])


class ServerMountSerializer(serializers.ModelSerializer[ServerMount]):
    """Shared files that were asked for in a server, and what came of it."""

    volume = serializers.CharField(source="volume.name", read_only=True)
    access = serializers.SerializerMethodField()

    class Meta:
        model = ServerMount
        fields = ["volume", "path", "read_only", "access"]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=Access.choices, allow_null=True))
    def get_access(self, mount: ServerMount) -> str | None:
        """What could be done with them in the last start; null if they were left out, or it was never started."""
        return mount.placed_to or None


class VolumeSerializer(serializers.ModelSerializer[SharedVolume]):
    """Shared files: yours, or such as you may use."""

    owner = serializers.CharField(source="owner.username", read_only=True)
    access = serializers.SerializerMethodField()
    is_owner = serializers.SerializerMethodField()
    bytes = serializers.IntegerField(
        source="volume.bytes",
        read_only=True,
        allow_null=True,
        help_text="What they took when they were last measured; null before that. It counts as their owner's.",
    )

    class Meta:
        model = SharedVolume
        fields = ["id", "name", "title", "owner", "is_owner", "access", "bytes", "created_at"]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=Access.choices))
    def get_access(self, shared: SharedVolume) -> str:
        """What you may do with them."""
        return (Access.WRITE if shared.can_write else Access.READ).value  # type: ignore[attr-defined]

    def get_is_owner(self, shared: SharedVolume) -> bool:
        """Whether you say who uses them."""
        return bool(shared.owner_id == self.context["request"].user.pk)


class MakeVolumeSerializer(StrictSerializer):
    """Shared files that are to be made."""

    name = serializers.CharField(
        max_length=100, help_text="Lower-case letters, digits and hyphens; the only one of its kind on the whole site."
    )
    title = serializers.CharField(max_length=MAX_TITLE, default="", allow_blank=True, help_text="Empty for the name.")


class RenameVolumeSerializer(StrictSerializer):
    """Another title."""

    title = serializers.CharField(max_length=MAX_TITLE)


class AccessSerializer(StrictSerializer):
    """What a member may do."""

    access = serializers.ChoiceField(choices=Access.choices)


class MemberInviteSerializer(StrictSerializer):
    """Whom to share with: a person or a group, one of the two."""

    person = serializers.CharField(
        max_length=254, default="", allow_blank=True, help_text="A username, or a confirmed e-mail address."
    )
    group = serializers.CharField(
        max_length=150, default="", allow_blank=True, help_text="The name of a group that you are in."
    )
    access = serializers.ChoiceField(choices=Access.choices, default=Access.READ.value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One of the two, and not both."""
        if bool(attrs["person"]) == bool(attrs["group"]):
            raise serializers.ValidationError({"person": [_("Name a person or choose a group, one of the two.")]})
        return attrs


class MemberSerializer(serializers.ModelSerializer[VolumeMember]):
    """A person or a group with whom files are shared."""

    person = serializers.CharField(source="person.username", read_only=True, allow_null=True, default=None)
    group = serializers.CharField(source="group.name", read_only=True, allow_null=True, default=None)

    class Meta:
        model = VolumeMember
        fields = ["id", "person", "group", "access", "created_at"]
        read_only_fields = fields
