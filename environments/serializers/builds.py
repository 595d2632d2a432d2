"""How builds and their logs look from outside."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from environments import builds, references
from environments.models import Build, BuildLogLine
from environments.serializers.conventions import ReasonSerializer

MAX_SEQUENCE = 2**31 - 1


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
