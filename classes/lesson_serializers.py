"""How lessons and announcements look from outside, and what a program may ask of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from classes.announcements import Notice, notice_of
from classes.lessons import MAX_PATH, Outline, outline_of
from classes.models import Announcement, Lesson, LessonVisit
from classes.models.course import MAX_TITLE
from classes.models.lesson import MAX_READY_MINUTES
from classes.moments import refuse_far_away
from environments.serializers.conventions import StrictSerializer


class VisitSerializer(serializers.ModelSerializer[LessonVisit]):
    """How far somebody is in a lesson, as counted in the notebook they saved last."""

    class Meta:
        model = LessonVisit
        fields = [
            "opened_at",
            "last_opened_at",
            "cells",
            "executed_cells",
            "tests",
            "validated_cells",
            "failing_cells",
            "saved_at",
        ]
        read_only_fields = fields


class LessonSerializer(serializers.ModelSerializer[Lesson]):
    """A lesson, as its teachers set it up."""

    class Meta:
        model = Lesson
        fields = ["id", "title", "summary", "path", "starts_at", "ends_at", "published_at", "ready_minutes"]
        read_only_fields = fields


class LessonRowSerializer(serializers.Serializer[Any]):
    """A lesson in somebody's list, and how far they are with it."""

    is_published = serializers.BooleanField(read_only=True, help_text="Whether students see it.")
    visit = VisitSerializer(read_only=True, allow_null=True, help_text="Yours; null before you have opened it.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Those of the lesson come first."""
        lesson = LessonSerializer(source="lesson").get_fields()
        for name, field in lesson.items():
            field.source = f"lesson.{name}"
        return {**lesson, **super().get_fields()}


class OutlineSerializer(StrictSerializer):
    """What is said of a lesson. Another field is refused."""

    title = serializers.CharField(max_length=MAX_TITLE)
    summary = serializers.CharField(max_length=2000, allow_blank=True, required=False)
    path = serializers.CharField(
        max_length=MAX_PATH,
        allow_blank=True,
        required=False,
        help_text="The notebook, another file, or a folder, as it stands in the class's repository.",
    )
    starts_at = serializers.DateTimeField(allow_null=True, required=False, validators=[refuse_far_away])
    ends_at = serializers.DateTimeField(allow_null=True, required=False, validators=[refuse_far_away])
    published_at = serializers.DateTimeField(
        allow_null=True,
        required=False,
        validators=[refuse_far_away],
        help_text="From when students see it; null for a draft.",
    )
    ready_minutes = serializers.IntegerField(
        min_value=1,
        max_value=MAX_READY_MINUTES,
        allow_null=True,
        required=False,
        help_text="So long before it begins every student's server runs; null if each starts when its student comes.",
    )

    def outline(self, before: Lesson | None = None) -> Outline:
        """The lesson as it is to be; what is left out stays as it was."""
        known = outline_of(before) if before is not None else Outline(title="")
        wanted = replace(known, **self.validated_data)
        if (wanted.ends_at or wanted.ready_minutes) and not wanted.starts_at:
            raise serializers.ValidationError({"starts_at": [_("Say when it begins, too.")]})
        if wanted.ends_at and wanted.starts_at and wanted.ends_at < wanted.starts_at:
            raise serializers.ValidationError({"ends_at": [_("The lesson ends before it begins.")]})
        return wanted


class PublishSerializer(StrictSerializer):
    """From when students see a lesson."""

    at = serializers.DateTimeField(
        allow_null=True,
        required=False,
        validators=[refuse_far_away],
        help_text="Left out for now; null for a draft, which nobody sees.",
    )

    def moment(self, *, now: datetime) -> datetime | None:
        """What is asked for."""
        at: datetime | None = self.validated_data.get("at", now)
        return at


class MoveSerializer(StrictSerializer):
    """Where a lesson is to stand."""

    before = serializers.UUIDField(allow_null=True, help_text="In front of this lesson; null for behind all others.")


class AnnouncementSerializer(serializers.ModelSerializer[Announcement]):
    """What the class was told, or will be."""

    author = serializers.SerializerMethodField(help_text="Their name; null for somebody who is gone.")

    class Meta:
        model = Announcement
        fields = ["id", "title", "text", "author", "created_at", "published_at"]
        read_only_fields = fields

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_author(self, announcement: Announcement) -> str | None:
        """As others see it."""
        return announcement.author.get_full_name() if announcement.author else None


class NoticeSerializer(StrictSerializer):
    """What to tell the class. Another field is refused."""

    title = serializers.CharField(max_length=MAX_TITLE)
    text = serializers.CharField(
        max_length=5000, allow_blank=True, required=False, help_text="Plain text; addresses become links."
    )
    published_at = serializers.DateTimeField(
        required=False, validators=[refuse_far_away], help_text="From when students read it; now unless said."
    )

    def notice(self, *, now: datetime, before: Announcement | None = None) -> Notice:
        """What it is to say; what is left out stays as it was."""
        known: Mapping[str, Any] = asdict(notice_of(before)) if before is not None else {"published_at": now}
        return Notice(**{**known, **self.validated_data})
