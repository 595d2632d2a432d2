"""How assignments and what they are made of look to a program, and what it may ask of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from assignments.arranging import EDITABLE
from assignments.deadlines import COUNTS_WORDS, MAX_MINUTES, MAX_STEPS, MAX_TIME_PERCENT, Allowance, LateRule
from assignments.models import Assignment, Extension, GateRun, Release, Source, Tier
from assignments.models.assignment import MAX_NAME, MAX_TITLE, NAME
from assignments.records import AssignmentRecord
from assignments.releasing.findings import LEVELS
from assignments.releasing.gate import findings_of
from classes.models import Lesson
from classes.moments import refuse_far_away
from environments.serializers.conventions import ReasonSerializer, StrictSerializer


def _moment(words: str = "", **options: Any) -> serializers.DateTimeField:
    return serializers.DateTimeField(
        allow_null=True, required=False, validators=[refuse_far_away], help_text=words or None, **options
    )


def _shown(moment: datetime | None) -> Any:
    return None if moment is None else serializers.DateTimeField().to_representation(moment)


# --- Assignments -------------------------------------------------------------------------------------------


class AssignmentSearchSerializer(serializers.Serializer[Any]):
    """Which assignments."""

    course = serializers.SlugField(required=False, help_text="Of this class, by its slug.")
    name = serializers.CharField(max_length=MAX_NAME, required=False, help_text="Of this short name.")


class LateSerializer(StrictSerializer):
    """What being late costs: nothing, so much for each day that has begun, or in steps."""

    grace_minutes = serializers.IntegerField(min_value=0, max_value=MAX_MINUTES, default=0)
    percent_per_day = serializers.IntegerField(min_value=0, max_value=100, default=0)
    keeps_percent = serializers.IntegerField(min_value=0, max_value=100, default=0)
    steps = serializers.ListField(
        child=serializers.ListField(
            child=serializers.IntegerField(min_value=0, max_value=MAX_MINUTES), min_length=2, max_length=2
        ),
        max_length=MAX_STEPS,
        default=list,
        help_text="Pairs: whoever is so many minutes late keeps so many percent.",
    )


class AssignmentSerializer(serializers.ModelSerializer[Any]):
    """An assignment, as its teachers set it up."""

    course = serializers.CharField(source="course.slug", read_only=True, help_text="The slug of its class.")
    late = serializers.SerializerMethodField()
    release = serializers.IntegerField(
        source="release.number", read_only=True, allow_null=True, default=None, help_text="The number given out now."
    )
    due_at = serializers.SerializerMethodField(help_text="For you.")
    closes_at = serializers.SerializerMethodField(help_text="For you: nothing is taken after it.")
    version = serializers.SerializerMethodField(help_text="Of its settings: send it as `seen` when changing them.")

    class Meta:
        model = Assignment
        fields = [
            *("id", "course", "name", "title", "summary", "lesson", "opens_at", "due_at", "closes_at", "late"),
            *("attempts", "counts", "is_submitted_at_deadline", "is_graded_on_submit", "is_anonymous"),
            *("hidden_tests", "hidden_tests_from", "cell_seconds", "total_seconds", "memory_mb"),
            *("release", "created_at", "version"),
        ]
        read_only_fields = fields

    def to_representation(self, record: AssignmentRecord) -> dict[str, Any]:
        """Dates are with what whoever asks was given beyond the others."""
        self._record = record
        return super().to_representation(record.assignment)

    @extend_schema_field(LateSerializer)
    def get_late(self, assignment: Assignment) -> dict[str, Any]:
        """With nothing left out."""
        return LateRule.from_json(assignment.late).as_json()

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_due_at(self, assignment: Assignment) -> Any:
        """Of the record."""
        return _shown(self._record.dates.due_at)

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_closes_at(self, assignment: Assignment) -> Any:
        """Of the record."""
        return _shown(self._record.dates.closes_at)

    def get_version(self, assignment: Assignment) -> str:
        """Of the record."""
        return self._record.version


class SettingsSerializer(StrictSerializer):
    """What is to be so from now on. What is left out stays; another field is refused."""

    title = serializers.CharField(max_length=MAX_TITLE, required=False)
    summary = serializers.CharField(max_length=4000, allow_blank=True, required=False)
    lesson = serializers.UUIDField(allow_null=True, required=False, help_text="One of its class.")
    opens_at = _moment("Null for as soon as it is released.")
    due_at = _moment()
    closes_at = _moment("Null: late work is taken as well.")
    late = LateSerializer(required=False)
    attempts = serializers.IntegerField(min_value=1, max_value=1000, allow_null=True, required=False)
    counts = serializers.ChoiceField(choices=list(COUNTS_WORDS.items()), required=False)
    is_submitted_at_deadline = serializers.BooleanField(required=False)
    is_graded_on_submit = serializers.BooleanField(required=False)
    is_anonymous = serializers.BooleanField(required=False)
    hidden_tests = serializers.ChoiceField(choices=Tier.choices, required=False)
    hidden_tests_from = _moment()
    cell_seconds = serializers.IntegerField(min_value=1, max_value=600, required=False)
    total_seconds = serializers.IntegerField(min_value=1, max_value=840, required=False)
    memory_mb = serializers.IntegerField(min_value=128, max_value=65_536, required=False)

    def changes(self, assignment: Assignment) -> dict[str, Any]:
        """As `edit_assignment` takes them."""
        wanted = {name: value for name, value in self.validated_data.items() if name in EDITABLE}
        if wanted.get("lesson") is not None:
            wanted["lesson"] = self._lesson(assignment, wanted["lesson"])
        after = {name: wanted.get(name, getattr(assignment, name)) for name in ("hidden_tests", "hidden_tests_from")}
        if after["hidden_tests"] == Tier.LATER and after["hidden_tests_from"] is None:
            raise serializers.ValidationError({"hidden_tests_from": [_("Say from when, or choose another answer.")]})
        return wanted

    def _lesson(self, assignment: Assignment, key: Any) -> Lesson:
        lesson = assignment.course.lessons.filter(pk=key).first()
        if lesson is None:
            raise serializers.ValidationError({"lesson": [_("There is no such lesson in the class.")]})
        return lesson


class ChangeAssignmentSerializer(SettingsSerializer):
    """What is to be so from now on, and what whoever says so has seen."""

    seen = serializers.CharField(
        max_length=64,
        required=False,
        help_text="The `version` you have read: refused with `changed_meanwhile` if it is another by now.",
    )


class AddAssignmentSerializer(SettingsSerializer):
    """A new assignment. Its class and title are enough."""

    course = serializers.SlugField(help_text="The slug of the class.")
    title = serializers.CharField(max_length=MAX_TITLE)
    name = serializers.RegexField(
        NAME, max_length=MAX_NAME, required=False, help_text="Its id for nbgrader, which never changes."
    )
    folder = serializers.CharField(
        max_length=500,
        required=False,
        help_text="A folder with notebooks in the class's repository, `.` for its top: taken, and checked at once.",
    )


# --- What it is made of ------------------------------------------------------------------------------------


class SourceSerializer(serializers.ModelSerializer[Source]):
    """Notebooks as a teacher wrote them."""

    sha256 = serializers.CharField(source="bundle", read_only=True, help_text="Of the tar of its files.")
    notebooks = serializers.ListField(child=serializers.CharField(), read_only=True)
    brought_by = serializers.CharField(
        source="brought_by.get_full_name", read_only=True, allow_null=True, default=None, help_text="Their name."
    )

    class Meta:
        model = Source
        fields = ["id", "origin", "origin_detail", "sha256", "bytes", "notebooks", "brought_by", "brought_at"]
        read_only_fields = fields


class TakeFolderSerializer(StrictSerializer):
    """Which notebooks to take from the repository of the class."""

    folder = serializers.CharField(max_length=500, help_text="`.` for its top.")


class FindingSerializer(serializers.Serializer[Any]):
    """One thing that the check has found."""

    level = serializers.ChoiceField(choices=[(level, level) for level in LEVELS], read_only=True)
    code = serializers.CharField(read_only=True)
    message = serializers.CharField(source="words", read_only=True)
    notebook = serializers.CharField(read_only=True)
    cell = serializers.CharField(read_only=True, help_text="Its id; empty for none.")
    number = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Which cell of the notebook it is, counted from 1; null for all."
    )


class CheckedCellSerializer(serializers.Serializer[Any]):
    """A cell that matters for grading."""

    notebook = serializers.CharField(read_only=True)
    cell = serializers.CharField(source="grade_id", read_only=True)
    kind = serializers.CharField(read_only=True)
    points = serializers.FloatField(read_only=True)


class CheckSerializer(serializers.ModelSerializer[GateRun]):
    """What came of checking notebooks before they are given out."""

    source = serializers.UUIDField(  # type: ignore[assignment]  # a serializer's own is of no use here
        source="source_id", read_only=True, help_text="The notebooks it is about."
    )
    findings = serializers.SerializerMethodField(help_text="Worst first.")
    cells = CheckedCellSerializer(many=True, read_only=True)
    reason = ReasonSerializer(
        source="failure", read_only=True, allow_null=True, help_text="Why it could not be carried out."
    )

    class Meta:
        model = GateRun
        fields = ["id", "source", "state", "asked_at", "done_at", "has_passed", "findings", "cells", "reason"]
        read_only_fields = fields

    @extend_schema_field(FindingSerializer(many=True))
    def get_findings(self, run: GateRun) -> list[Any]:
        """In words."""
        return list(FindingSerializer(findings_of(run), many=True).data)


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    """What students were given."""

    source = serializers.UUIDField(source="source_id", read_only=True)  # type: ignore[assignment]  # as above
    check_id = serializers.UUIDField(
        source="gate_run_id", read_only=True, allow_null=True, help_text="The check that made it."
    )
    sha256 = serializers.CharField(source="bundle", read_only=True, help_text="Of the tar of its files.")
    notebooks = serializers.ListField(source="source.notebooks", child=serializers.CharField(), read_only=True)
    released_by = serializers.CharField(
        source="released_by.get_full_name", read_only=True, allow_null=True, default=None, help_text="Their name."
    )

    class Meta:
        model = Release
        fields = [
            *("number", "source", "check_id", "sha256", "notebooks", "is_knowing", "note"),
            *("released_by", "released_at"),
        ]
        read_only_fields = fields


class GiveOutSerializer(StrictSerializer):
    """What to give out."""

    check_id = serializers.UUIDField(help_text="The check whose result it is to be.")
    is_knowing = serializers.BooleanField(default=False, help_text="Although the check has found errors.")
    note = serializers.CharField(max_length=500, allow_blank=True, default="", help_text="For those who teach.")


# --- Extensions --------------------------------------------------------------------------------------------


class ExtensionSerializer(serializers.ModelSerializer[Extension]):
    """What one student has beyond the others."""

    username = serializers.CharField(source="membership.person.username", read_only=True)
    name = serializers.CharField(source="membership.person.get_full_name", read_only=True)
    given_by = serializers.CharField(
        source="given_by.get_full_name", read_only=True, allow_null=True, default=None, help_text="Their name."
    )

    class Meta:
        model = Extension
        fields = [
            *("id", "username", "name", "extra_minutes", "until", "time_percent", "extra_attempts", "note"),
            *("given_by", "given_at"),
        ]
        read_only_fields = fields


class GiveExtensionSerializer(StrictSerializer):
    """What one student is to have, in place of what they had before."""

    username = serializers.CharField(max_length=254, help_text="Of a student of the class.")
    extra_minutes = serializers.IntegerField(min_value=0, max_value=MAX_MINUTES, default=0)
    until = _moment("Due no earlier than this.")
    time_percent = serializers.IntegerField(
        min_value=100, max_value=MAX_TIME_PERCENT, default=100, help_text="150 is half as much time again."
    )
    extra_attempts = serializers.IntegerField(min_value=0, max_value=1000, default=0)
    note = serializers.CharField(max_length=500, allow_blank=True, default="", help_text="For those who teach.")

    def allowance(self) -> Allowance:
        """The same, as dates are worked out with it."""
        names = ("extra_minutes", "until", "time_percent", "extra_attempts")
        return Allowance(**{name: self.validated_data[name] for name in names if name in self.validated_data})
