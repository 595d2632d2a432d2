"""How what a class works in and works on looks from outside, and what a program may ask of it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from classes.environments import Audience, EnvironmentView
from classes.files import Area
from classes.handing_in import USUAL_PATH
from classes.live import Group, Order, Presence
from classes.models import CourseExport, HandIn
from classes.notebooks import Progress
from classes.roster_files import MAX_SECTION
from environments.models import EnvironmentVersion, Outcome
from environments.references import path_of
from environments.serializers.conventions import ReasonSerializer, StrictSerializer

AUDIENCES = [(audience.value, audience.value) for audience in Audience]
AREAS = [(area.value, area.value) for area in Area]


# --- The environment ---------------------------------------------------------------------------------------


class VersionSerializer(serializers.ModelSerializer[EnvironmentVersion]):
    """A version that a class uses or used."""

    version = serializers.CharField(source="image_key", read_only=True, help_text="What to name it by.")
    repository = serializers.SerializerMethodField()
    put_in_use_by = serializers.CharField(
        source="put_in_use_by.get_full_name",
        read_only=True,
        allow_null=True,
        default=None,
        help_text="Their name; null for the first, which nobody had to choose.",
    )

    class Meta:
        model = EnvironmentVersion
        fields = ["version", "repository", "commit", "in_use_since", "put_in_use_by", "is_return"]
        read_only_fields = fields

    def get_repository(self, version: EnvironmentVersion) -> str:
        """As a launch names it."""
        return path_of(version.reference)


class CourseEnvironmentSerializer(serializers.Serializer[Any]):
    """How it stands with what students, or teachers, of a class work in."""

    audience = serializers.ChoiceField(choices=AUDIENCES, read_only=True, help_text="For whom it is.")
    repository = serializers.SerializerMethodField(help_text="What is prepared, as a launch names it.")
    rebuild_outcome = serializers.ChoiceField(
        source="environment.outcome", choices=Outcome.choices, read_only=True, help_text="Of preparing it last."
    )
    reason = ReasonSerializer(source="environment.failure", read_only=True, allow_null=True)
    ready = serializers.SerializerMethodField(
        help_text="The version that was prepared and waits to be put in use; null if none does."
    )
    ready_commit = serializers.SerializerMethodField(help_text="Its commit.")
    in_use = VersionSerializer(read_only=True, allow_null=True)
    before = VersionSerializer(read_only=True, allow_null=True, help_text="What the class can go back to.")
    servers = serializers.IntegerField(read_only=True, help_text="How many there are in it.")
    behind = serializers.IntegerField(
        read_only=True, help_text="Of them, how many have another version, until they are opened next."
    )

    def get_repository(self, view: EnvironmentView) -> str:
        """As a launch names it."""
        return path_of(view.environment.reference)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_ready(self, view: EnvironmentView) -> str | None:
        """By what it is named."""
        return view.environment.image_key if view.is_ready else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_ready_commit(self, view: EnvironmentView) -> str | None:
        """Of the same."""
        return view.environment.commit if view.is_ready else None


class ChooseVersionSerializer(StrictSerializer):
    """Which version is meant, so that nobody puts in use what they have not seen."""

    version = serializers.CharField(max_length=64, help_text="The `ready` or `before.version` that was seen.")


# --- Files -------------------------------------------------------------------------------------------------


class AreaSerializer(serializers.Serializer[Any]):
    """A part of the shared files of a class."""

    area = serializers.ChoiceField(choices=AREAS, read_only=True)
    folder = serializers.CharField(read_only=True, help_text="Where it is in servers of the class.")
    volume = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="The shared files it is; null where the class does without."
    )
    bytes = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="What they took when they were last measured."
    )


class ReceivedFileSerializer(serializers.Serializer[Any]):
    """A file as it was received."""

    name = serializers.CharField(read_only=True)
    bytes = serializers.IntegerField(read_only=True)
    digest = serializers.CharField(read_only=True, help_text="Its SHA-256.")


class HandInSerializer(serializers.ModelSerializer[HandIn]):
    """Something that was handed in, and its receipt."""

    username = serializers.CharField(source="membership.person.username", read_only=True)
    name = serializers.CharField(source="membership.person.get_full_name", read_only=True)
    reason = ReasonSerializer(source="failure", read_only=True, allow_null=True)
    files = ReceivedFileSerializer(many=True, read_only=True)

    class Meta:
        model = HandIn
        fields = ["id", "username", "name", "path", "state", "asked_at", "received_at", "bytes", "files", "reason"]
        read_only_fields = fields
        extra_kwargs = {"bytes": {"help_text": "All files together."}}


class AskHandInSerializer(StrictSerializer):
    """What to hand in."""

    path = serializers.CharField(
        max_length=500, default=USUAL_PATH, help_text="A file or folder in your server of the class."
    )


# --- Live --------------------------------------------------------------------------------------------------


class ProgressSerializer(serializers.Serializer[Progress]):
    """What was counted in a notebook."""

    cells = serializers.IntegerField(read_only=True, help_text="Cells with code in them.")
    executed = serializers.IntegerField(read_only=True)
    tests = serializers.IntegerField(read_only=True)
    validated = serializers.IntegerField(read_only=True, help_text="Tests that ran without an error.")
    failing = serializers.IntegerField(read_only=True, help_text="Cells that ended in an error.")


class SeatSerializer(serializers.Serializer[Any]):
    """One student of a class, now."""

    member = serializers.UUIDField(source="membership_id", read_only=True)
    username = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    section = serializers.CharField(read_only=True, help_text="Empty for none.")
    presence = serializers.ChoiceField(choices=[(each.value, each.value) for each in Presence], read_only=True)
    last_active_at = serializers.DateTimeField(read_only=True, allow_null=True)
    hand_raised_at = serializers.DateTimeField(read_only=True, allow_null=True)
    lesson = serializers.CharField(read_only=True, help_text="What they opened last; empty for nothing yet.")
    progress = ProgressSerializer(read_only=True, allow_null=True)
    saved_at = serializers.DateTimeField(read_only=True, allow_null=True)
    is_stuck = serializers.BooleanField(
        read_only=True, help_text="An error in their notebook, and no progress for ten minutes."
    )


class SeatSearchSerializer(serializers.Serializer[Any]):
    """Which students, and in which order."""

    show = serializers.ChoiceField(choices=[(each.value, each.value) for each in Group], default=Group.ALL.value)
    section = serializers.CharField(max_length=MAX_SECTION, required=False, help_text="Its name.")
    sort = serializers.ChoiceField(choices=[(each.value, each.value) for each in Order], default=Order.NAME.value)


# --- Exports -----------------------------------------------------------------------------------------------


class ExportSerializer(serializers.ModelSerializer[CourseExport]):
    """An archive of a class."""

    reason = ReasonSerializer(source="failure", read_only=True, allow_null=True)

    class Meta:
        model = CourseExport
        fields = ["id", "with_files", "with_work", "state", "asked_at", "done_at", "bytes", "left_out", "reason"]
        read_only_fields = fields


class AskExportSerializer(StrictSerializer):
    """What is to be in an archive beside what the class is."""

    with_files = serializers.BooleanField(default=True, help_text="Its shared files.")
    with_work = serializers.BooleanField(default=False, help_text="What members have in their servers of it.")
