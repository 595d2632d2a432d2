"""What a program may ask for when it launches, changes or keeps a server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from environments import references
from environments.links import MAX_COLLABORATORS, MAX_MOUNTS, mount_path
from environments.models import NotebookServer
from environments.serializers.conventions import (
    MAX_CPUS,
    MAX_MEMORY_MB,
    MAX_MINUTES,
    StrictSerializer,
    refuse_not_finite,
)
from environments.serializers.volumes import MountWishSerializer, wish_of
from environments.values import LaunchSpec, Limits


class LaunchSerializer(StrictSerializer):
    """What a program may ask for when it launches a server. Every other field is refused."""

    environment = serializers.CharField(
        max_length=100,
        required=False,
        help_text="One of the catalog, by its `id` or `slug`, in place of `repository` and `ref`. Whatever else is "
        "given counts instead of what it says.",
    )
    repository = serializers.CharField(
        max_length=2000,
        required=False,
        help_text="A reference `provider/spec` as in Binder (`gh/owner/name`, `git/<encoded address>`, "
        "`zenodo/<DOI>`), a DOI, or any address of a repository or record as a browser shows it.",
    )
    ref = serializers.CharField(
        max_length=250,
        default="",
        allow_blank=True,
        help_text="Branch, tag or commit, or a version of a record; empty for the newest.",
    )
    urlpath = serializers.CharField(
        max_length=500, default="", allow_blank=True, help_text="What to open, for example `lab/tree/first.ipynb`."
    )
    name = serializers.CharField(
        max_length=100,
        default="",
        allow_blank=True,
        help_text="The server's name; empty derives it from the repository, so that asking twice meets one server.",
    )
    memory_mb = serializers.IntegerField(min_value=1, max_value=MAX_MEMORY_MB, default=None, allow_null=True)
    cpus = serializers.FloatField(
        min_value=0.01, max_value=MAX_CPUS, default=None, allow_null=True, validators=[refuse_not_finite]
    )
    idle_minutes = serializers.IntegerField(
        min_value=1,
        max_value=MAX_MINUTES,
        default=None,
        allow_null=True,
        help_text="Stop it after so many minutes without work; null for the site's own setting.",
    )
    lifetime_minutes = serializers.IntegerField(
        min_value=1,
        max_value=MAX_MINUTES,
        default=None,
        allow_null=True,
        help_text="Stop it after so many minutes whatever it does; null for the site's own setting.",
    )
    mounts = MountWishSerializer(  # type: ignore[call-arg]  # what becomes of it with `many`
        many=True,
        required=False,
        allow_null=True,
        max_length=MAX_MOUNTS,
        help_text="Shared files to place in the server; a server that you have already must have them too.",
    )
    collaborators = serializers.ListField(
        child=serializers.CharField(max_length=254),
        max_length=MAX_COLLABORATORS,
        required=False,
        allow_null=True,
        help_text="Who may enter it too: user names, or e-mail addresses their holders have confirmed.",
    )
    public = serializers.BooleanField(
        default=False,
        help_text="A copy to try: without your personal files, mounts read-only, gone when it stops.",
    )
    credentials = serializers.BooleanField(
        default=False, help_text="Give it a key of yours to Carrel itself, as `CARREL_TOKEN`, until it stops."
    )

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        """It is of a repository or of an environment."""
        if "environment" not in values and "repository" not in values:
            raise serializers.ValidationError({"repository": [self.fields["repository"].error_messages["required"]]})
        if "environment" in values and ("repository" in values or values["ref"]):
            raise serializers.ValidationError({"environment": [_("Give this or a repository.")]})
        return values

    def to_spec(self, offered: LaunchSpec | None = None) -> LaunchSpec:
        """What to launch: what an environment has to offer, if it is one. Raises what parsing the reference raises."""
        values = self.validated_data
        if offered is not None:
            return self._changed(offered)
        reference, urlpath = references.parse_with_path(values["repository"], values["ref"])
        return LaunchSpec(
            reference,
            urlpath=references.check_urlpath(values["urlpath"]) or urlpath,
            name=values["name"],
            limits=Limits(values["memory_mb"], values["cpus"]),
            idle_minutes=values["idle_minutes"],
            lifetime_minutes=values["lifetime_minutes"],
            mounts=tuple(dict.fromkeys(map(wish_of, values.get("mounts") or ()))),
            collaborators=tuple(values.get("collaborators") or ()),
            with_credentials=values["credentials"],
            is_public=values["public"],
        )

    def _changed(self, offered: LaunchSpec) -> LaunchSpec:
        values = self.validated_data
        return replace(
            offered,
            urlpath=references.check_urlpath(values["urlpath"]) or offered.urlpath,
            name=values["name"],
            limits=Limits(values["memory_mb"] or offered.limits.memory_mb, values["cpus"] or offered.limits.cpus),
            idle_minutes=values["idle_minutes"] or offered.idle_minutes,
            lifetime_minutes=values["lifetime_minutes"] or offered.lifetime_minutes,
            with_credentials=values["credentials"],
            is_public=values["public"],
        )


class ChangeSerializer(StrictSerializer):
    """What a server should become; whatever is left out stays as it is. Every other field is refused."""

    repository = serializers.CharField(
        max_length=2000, required=False, help_text="Another repository, in any way a launch may name it."
    )
    ref = serializers.CharField(
        max_length=250,
        required=False,
        allow_blank=True,
        help_text="Another branch, tag, commit or version of a record.",
    )
    memory_mb = serializers.IntegerField(min_value=1, max_value=MAX_MEMORY_MB, required=False)
    cpus = serializers.FloatField(min_value=0.01, max_value=MAX_CPUS, required=False, validators=[refuse_not_finite])
    idle_minutes = serializers.IntegerField(min_value=1, max_value=MAX_MINUTES, required=False)
    lifetime_minutes = serializers.IntegerField(min_value=1, max_value=MAX_MINUTES, required=False)
    mounts = MountWishSerializer(  # type: ignore[call-arg]  # what becomes of it with `many`
        many=True,
        required=False,
        max_length=MAX_MOUNTS,
        help_text="Shared files it should have besides, or in another way at the same path.",
    )
    remove_mounts = serializers.ListField(
        child=serializers.CharField(max_length=500),
        required=False,
        max_length=MAX_MOUNTS,
        help_text="The paths of shared files it should no longer have; what `mounts` gives is put in afterwards.",
    )
    credentials = serializers.BooleanField(required=False, help_text="True gives it a key of yours to Carrel itself.")

    @property
    def left_paths(self) -> frozenset[str]:
        """Where shared files are to be taken out. Raises UserError `mount_path_invalid`."""
        return frozenset(mount_path(path, volume="") for path in self.validated_data.get("remove_mounts", ()))

    def to_spec(self, server: NotebookServer) -> LaunchSpec:
        """The launch that asks for it. Raises whatever parsing the reference raises."""
        values = self.validated_data
        reference = server.reference
        if "repository" in values:
            reference, _urlpath = references.parse_with_path(values["repository"], values.get("ref", ""))
        elif "ref" in values:
            reference = references.parse(references.path_of(replace(reference, ref="")), ref=values["ref"])
        return LaunchSpec(
            reference,
            limits=Limits(values.get("memory_mb"), values.get("cpus")),
            idle_minutes=values.get("idle_minutes"),
            lifetime_minutes=values.get("lifetime_minutes"),
            mounts=tuple(dict.fromkeys(map(wish_of, values.get("mounts", ())))),
            with_credentials=values.get("credentials", False),
        )


class KeepSerializer(StrictSerializer):
    """Until when a server should be kept running. Every other field is refused."""

    until = serializers.DateTimeField(
        allow_null=True,
        help_text="At most 24 hours from now, unless the site says otherwise, with its offset from UTC: "
        "`2026-03-02T18:00:00+01:00`; null takes back what was asked before.",
    )
