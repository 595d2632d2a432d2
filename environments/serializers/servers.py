"""How servers look from outside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from environments import culling, references
from environments.errors import explain
from environments.models import NotebookServer
from environments.serializers.builds import BuildSummarySerializer
from environments.serializers.conventions import ReasonSerializer
from environments.serializers.volumes import ServerMountSerializer
from environments.updating import Stage, stage_of
from environments.values import Reference
from environments.waiting import Wait, wait_of, waits_of


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


def _repository_of(row: NotebookServer) -> str:
    return references.path_of(Reference(row.provider, row.repository))
