"""How servers, builds and environments look from outside, and what a launch may ask for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from environments import builds, culling, references
from environments.errors import Explanation, explain
from environments.links import MAX_COLLABORATORS, MAX_MOUNTS, mount_path
from environments.models import Build, BuildLogLine, MonthlyUse, NotebookServer
from environments.querysets import MonthlyUseQuerySet
from environments.quotas import DiskUse
from environments.updating import Stage, stage_of
from environments.values import LaunchSpec, Limits, Reference
from environments.volume_serializers import MountWishSerializer, ServerMountSerializer, wish_of
from environments.waiting import Wait, wait_of, waits_of

MAX_MEMORY_MB = 4 * 1024 * 1024
MAX_CPUS = 1024
MAX_MINUTES = 366 * 24 * 60
MAX_SEQUENCE = 2**31 - 1


def refuse_not_finite(value: float) -> None:
    """A validator: “nan” is a number to Python, and neither too small nor too large."""
    if not math.isfinite(value):
        raise ValidationError(_("Give a number."), code="invalid")


def refuse_unknown_fields(serializer: serializers.Serializer[Any], data: object) -> None:
    """Raise ValidationError for fields there are not: ignoring a misspelt wish would be no kindness."""
    names = data if isinstance(data, Mapping) else ()
    unknown = {str(name): [_("There is no such field.")] for name in names if name not in serializer.fields}
    if unknown:
        raise serializers.ValidationError(unknown)


class LaunchSerializer(serializers.Serializer[LaunchSpec]):
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

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """As always, but nothing is ignored."""
        refuse_unknown_fields(self, data)
        values: dict[str, Any] = super().to_internal_value(data)
        return values

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


class ChangeSerializer(serializers.Serializer[Any]):
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

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """As always, but nothing is ignored."""
        refuse_unknown_fields(self, data)
        values: dict[str, Any] = super().to_internal_value(data)
        return values

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


class KeepSerializer(serializers.Serializer[Any]):
    """Until when a server should be kept running. Every other field is refused."""

    until = serializers.DateTimeField(
        allow_null=True,
        help_text="At most 24 hours from now, unless the site says otherwise, with its offset from UTC: "
        "`2026-03-02T18:00:00+01:00`; null takes back what was asked before.",
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """As always, but nothing is ignored."""
        refuse_unknown_fields(self, data)
        values: dict[str, Any] = super().to_internal_value(data)
        return values


class ReasonSerializer(serializers.Serializer[Explanation]):
    """Why something failed: a stable code, and words in the reader's language."""

    code = serializers.CharField()
    message = serializers.CharField(source="sentence")
    next_step = serializers.CharField()


class ErrorSerializer(serializers.Serializer[Any]):
    """What every refusal looks like."""

    code = serializers.CharField(help_text="Stable; made for programs.")
    message = serializers.CharField(help_text="What happened, in the reader's language.")
    next_step = serializers.CharField(help_text="What to do about it.")
    fields_ = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="Which fields are wrong, and how.",
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`fields` is a name that serializers keep for themselves, so it is given here."""
        fields = super().get_fields()
        fields["fields"] = fields.pop("fields_")
        return fields


class BuildSerializer(serializers.ModelSerializer[Build]):
    """One attempt to make an environment."""

    state = serializers.ChoiceField(choices=Build.State.choices, read_only=True)
    reason = ReasonSerializer(source="failure", read_only=True, allow_null=True)
    repository_url = serializers.SerializerMethodField()
    queue_place = serializers.SerializerMethodField()
    log_url = serializers.SerializerMethodField()

    class Meta:
        model = Build
        fields = [
            "id",
            "state",
            "reason",
            "repository_url",
            "ref",
            "commit",
            "queue_place",
            "log_url",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields

    def get_repository_url(self, build: Build) -> str:
        """Where the repository is: what git fetches from, or the page of a record in an archive."""
        return references.unmarked(build.repository_url)

    def get_queue_place(self, build: Build) -> int | None:
        """Its place among those that wait, the next being 1; null when it does not wait."""
        return builds.queue_place(build)

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_log_url(self, build: Build) -> str:
        """Where its log is read."""
        return str(reverse("api:build-log", kwargs={"pk": build.pk}, request=self.context.get("request")))


class BuildSummarySerializer(BuildSerializer):
    """As much of a build as a server shows."""

    class Meta(BuildSerializer.Meta):
        fields = ["id", "state", "log_url"]
        read_only_fields = fields


class BuildLogLineSerializer(serializers.ModelSerializer[BuildLogLine]):
    """One line of a build's log."""

    class Meta:
        model = BuildLogLine
        fields = ["sequence", "phase", "text", "created_at"]
        read_only_fields = fields


class BuildLogSerializer(serializers.Serializer[Any]):
    """A stretch of a build's log."""

    state = serializers.ChoiceField(choices=Build.State.choices, help_text="The build's; final ones end the log.")
    last = serializers.IntegerField(help_text="What to give as `after` next time.")
    lines = BuildLogLineSerializer(many=True)


class LogPositionSerializer(serializers.Serializer[Any]):
    """From where on a log is wanted."""

    after = serializers.IntegerField(
        min_value=0, max_value=MAX_SEQUENCE, default=0, help_text="Only lines after the one with this number."
    )


class PagePositionSerializer(serializers.Serializer[Any]):
    """Which part of a list is wanted."""

    limit = serializers.IntegerField(min_value=1, required=False)
    offset = serializers.IntegerField(min_value=0, required=False)


class FilesSerializer(serializers.Serializer[Any]):
    """How many files something became of, and the names of the first."""

    count = serializers.IntegerField()
    names = serializers.ListField(child=serializers.CharField())


class MergeSerializer(serializers.Serializer[Any]):
    """What became of a server's files when they were brought up to its version."""

    added = FilesSerializer()
    replaced = FilesSerializer()
    deleted = FilesSerializer()
    kept = FilesSerializer(help_text="Files you had deleted, or had changed where the new version has none.")
    beside = FilesSerializer(help_text="Files you had changed, whose new version was put beside yours.")
    targets = serializers.ListField(
        child=serializers.CharField(), help_text="Where the new version of each that `beside` names is."
    )


class UpdateSerializer(serializers.Serializer[NotebookServer]):
    """Where a server stands between the version it is made from and a newer one."""

    state = serializers.SerializerMethodField()
    commit = serializers.SerializerMethodField()
    reason = ReasonSerializer(
        source="pending_update.failure",
        read_only=True,
        allow_null=True,
        help_text="Why the new version could not be prepared; the server is as it was.",
    )
    build = BuildSummarySerializer(source="pending_update.build", read_only=True, allow_null=True)
    looked_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When somebody looked for a newer version last."
    )
    previous_commit = serializers.SerializerMethodField()
    version_since = serializers.DateTimeField(read_only=True, help_text="Since when it is made from its commit.")
    files_commit = serializers.SerializerMethodField()
    merge = serializers.SerializerMethodField()
    merge_reason = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(choices=[stage.value for stage in Stage]))
    def get_state(self, server: NotebookServer) -> str:
        """`unknown` until somebody looks; `failed` if the new version could not be prepared."""
        return stage_of(server).value

    def get_commit(self, server: NotebookServer) -> str | None:
        """What it is to become, or could become; null if that is not known."""
        if server.pending_update is not None:
            return server.pending_update.commit
        return server.newest_commit or None

    def get_previous_commit(self, server: NotebookServer) -> str | None:
        """What it can be rolled back to; null if there is nothing."""
        return server.previous_commit or None

    def get_files_commit(self, server: NotebookServer) -> str | None:
        """The version its files were filled from or brought up to last; null before its first start."""
        return server.files_commit or None

    @extend_schema_field(MergeSerializer(allow_null=True))
    def get_merge(self, server: NotebookServer) -> dict[str, Any] | None:
        """What became of its files; null if they were never merged, or that failed."""
        return server.merge_report if "added" in server.merge_report else None

    @extend_schema_field(ReasonSerializer(allow_null=True))
    def get_merge_reason(self, server: NotebookServer) -> dict[str, Any] | None:
        """Why its files could not be brought up to its version; it is tried again at the next start."""
        if "failure_code" not in server.merge_report:
            return None
        report = server.merge_report
        return dict(ReasonSerializer(explain(report["failure_code"], report["failure_facts"])).data)


class QueueSerializer(serializers.Serializer[Wait]):
    """How a server on its way comes along."""

    place = serializers.IntegerField(
        allow_null=True,
        help_text="Among those that wait for the same thing, the next being 1; null while it is prepared or started.",
    )
    reason = ReasonSerializer(allow_null=True, help_text="What it waits for; null if it is its turn.")
    estimate_seconds = serializers.IntegerField(
        allow_null=True,
        help_text="In about how many seconds it runs, by what was usual here lately; null if nobody can say.",
    )


class ServerListSerializer(serializers.ListSerializer[NotebookServer]):
    """Many servers; how those on their way come along is asked for at once."""

    waits: Mapping[UUID, Wait]

    def to_representation(self, data: Any) -> list[Any]:
        """As always, with what they wait for at hand for `ServerSerializer`."""
        rows = list(data)
        self.waits = waits_of(rows, now=timezone.now())
        return super().to_representation(rows)


class ServerSerializer(serializers.ModelSerializer[NotebookServer]):
    """One of your notebook servers."""

    state = serializers.ChoiceField(choices=NotebookServer.State.choices, read_only=True)
    reason = ReasonSerializer(source="failure", read_only=True, allow_null=True)
    url = serializers.URLField(source="origin", read_only=True)
    build = BuildSummarySerializer(read_only=True, allow_null=True)
    repository = serializers.SerializerMethodField()
    public = serializers.BooleanField(
        source="is_throwaway", read_only=True, help_text="Whether it is a copy to try, gone when it stops."
    )
    collaborators = serializers.SerializerMethodField()
    credentials = serializers.BooleanField(
        source="with_credentials", read_only=True, help_text="Whether it carries a key of yours to Carrel itself."
    )
    queue_place = serializers.SerializerMethodField()
    queue = serializers.SerializerMethodField()
    stops_at = serializers.SerializerMethodField()
    disk_bytes = serializers.IntegerField(
        source="volume.bytes",
        read_only=True,
        allow_null=True,
        help_text="What its files took when they were last measured; null before that.",
    )
    mounts = ServerMountSerializer(many=True, read_only=True)
    update_ = UpdateSerializer(source="*", read_only=True)

    class Meta:
        model = NotebookServer
        list_serializer_class = ServerListSerializer
        fields = [
            "id",
            "name",
            "state",
            "reason",
            "url",
            "build",
            "queue_place",
            "queue",
            "repository",
            "ref",
            "commit",
            "urlpath",
            "memory_mb",
            "cpus",
            "idle_minutes",
            "lifetime_minutes",
            "collaborators",
            "mounts",
            "credentials",
            "public",
            "keep_until",
            "stops_at",
            "disk_bytes",
            "created_at",
            "started_at",
            "last_activity_at",
            "update_",
        ]
        read_only_fields = fields

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waits: dict[UUID, Wait | None] = {}

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`update` is a name that serializers keep for themselves, so it is given here."""
        fields = super().get_fields()
        fields["update"] = fields.pop("update_")
        return fields

    def get_repository(self, server: NotebookServer) -> str:
        """The reference it was launched from, `provider/spec`, without `ref`."""
        return _repository_of(server)

    def get_collaborators(self, server: NotebookServer) -> list[str]:
        """The user names of those who may enter it beside you."""
        return [collaborator.person.username for collaborator in server.collaborators.all()]

    def get_queue_place(self, server: NotebookServer) -> int | None:
        """Its place among those that wait, the next being 1; null when it does not wait."""
        wait = self._wait_of(server)
        return wait.place if wait else None

    @extend_schema_field(QueueSerializer(allow_null=True))
    def get_queue(self, server: NotebookServer) -> dict[str, Any] | None:
        """What it waits for, and about how long that takes; null when it is not on its way."""
        wait = self._wait_of(server)
        return dict(QueueSerializer(wait).data) if wait else None

    def _wait_of(self, server: NotebookServer) -> Wait | None:
        if isinstance(self.parent, ServerListSerializer):
            return self.parent.waits.get(server.pk)
        if server.pk not in self._waits:
            self._waits[server.pk] = wait_of(server, now=timezone.now())
        return self._waits[server.pk]

    def get_stops_at(self, server: NotebookServer) -> datetime | None:
        """When it is stopped if nothing happens in it until then; null when it does not run, or for never."""
        return culling.stops_at(server)


class DiskUseSerializer(serializers.Serializer[DiskUse]):
    """How much your files take, and how much they may."""

    used_bytes = serializers.IntegerField(
        help_text="As last measured: every hour while a server runs, and when it stops. Deleted servers do not count."
    )
    limit_bytes = serializers.SerializerMethodField()
    is_exceeded = serializers.BooleanField(help_text="Whether a new server would be refused.")

    def get_limit_bytes(self, use: DiskUse) -> int | None:
        """From where on no new server can be launched; null is no limit."""
        return use.limit_bytes or None


class UsagePositionSerializer(serializers.Serializer[Any]):
    """Which part of the accounts is wanted."""

    month = serializers.RegexField(
        r"\A[12][0-9]{3}-(0[1-9]|1[0-2])\Z", required=False, help_text="As `2026-03`; all of them if it is left out."
    )
    person = serializers.CharField(
        max_length=150, required=False, help_text="A username, or a part of a name. You see others as an administrator."
    )
    repository = serializers.CharField(max_length=1000, required=False, help_text="A part of an address.")
    group = serializers.CharField(
        max_length=150, required=False, help_text="A part of the name of a class or group that servers were run for."
    )

    def validate_month(self, month: str) -> date:
        """Its first day."""
        return date.fromisoformat(f"{month}-01")


class UsageSerializer(serializers.ModelSerializer[MonthlyUse]):
    """What one server used in one month; without a `server`, what building or the personal files did."""

    month = serializers.SerializerMethodField()
    person = serializers.CharField(
        source="person.username", default=None, allow_null=True, help_text="Null for somebody who is no longer here."
    )
    repository_url = serializers.SerializerMethodField()
    server = serializers.SerializerMethodField()
    server_name = serializers.CharField(help_text="The name it had; the server may be deleted.")
    group = serializers.CharField(
        source="group_name", help_text="The class or group that the server was run for; empty for none."
    )

    class Meta:
        model = MonthlyUse
        fields = ["month", "person", "repository_url", "server", "server_name", "group", *MonthlyUseQuerySet.AMOUNTS]
        read_only_fields = fields

    def get_month(self, use: MonthlyUse) -> str:
        """By the site's own time zone, as `2026-03`."""
        return f"{use.month:%Y-%m}"

    def get_repository_url(self, use: MonthlyUse) -> str:
        """Where the repository is; empty for personal files."""
        return references.unmarked(use.repository_url)

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_server(self, use: MonthlyUse) -> str | None:
        """The server's id, be it deleted or not."""
        return use.server_key or None


def _repository_of(row: NotebookServer) -> str:
    return references.path_of(Reference(row.provider, row.repository))
