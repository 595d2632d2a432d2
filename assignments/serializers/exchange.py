"""How assignments look to the exchange of nbgrader in a person's own notebook server."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from assignments.models import Submission
from assignments.submitting.exchanging import Handed, Offered


class FreshSerializer(serializers.Serializer[Any]):
    """How an assignment is fetched."""

    fresh = serializers.BooleanField(
        default=False, help_text="Whether it is put where there is no copy of it: then it is the present release."
    )


class ExchangeCourseSerializer(serializers.Serializer[Any]):
    """A class you are in."""

    id = serializers.CharField(source="slug")
    title = serializers.CharField()


class ExchangeSubmissionSerializer(serializers.Serializer[Handed]):
    """One of your submissions."""

    id = serializers.UUIDField(source="submission.pk")
    attempt = serializers.IntegerField(source="submission.attempt")
    submitted_at = serializers.DateTimeField(source="submission.submitted_at")
    sha256 = serializers.CharField(source="submission.bundle", help_text="Of the tar of what was received.")
    is_late = serializers.BooleanField(source="standing.is_late")
    state = serializers.ChoiceField(choices=Submission.State.choices, source="submission.state")
    score = serializers.SerializerMethodField(help_text="As published, of the submission that counts; else null.")
    max_score = serializers.SerializerMethodField(help_text="As published; else null.")
    feedback_updated_at = serializers.DateTimeField(
        source="feedback_at", allow_null=True, help_text="When feedback was last published; null before."
    )

    def get_score(self, handed: Handed) -> float | None:
        """As a number."""
        return _number(handed.points)

    def get_max_score(self, handed: Handed) -> float | None:
        """As a number."""
        return _number(handed.max_points)


class ExchangeAssignmentSerializer(serializers.Serializer[Offered]):
    """An assignment that can be fetched."""

    course_id = serializers.CharField(source="assignment.course.slug")
    assignment_id = serializers.CharField(source="assignment.name")
    title = serializers.CharField(source="assignment.title")
    status = serializers.SerializerMethodField(help_text="Always `released`: it can be fetched.")
    due_at = serializers.DateTimeField(source="dates.due_at", allow_null=True, help_text="For you.")
    is_late = serializers.BooleanField(help_text="Whether what is submitted now is late.")
    can_submit = serializers.SerializerMethodField(help_text="Whether you can submit now.")
    reason = serializers.SerializerMethodField(help_text="Why you cannot, in a sentence; empty if you can.")
    release = serializers.IntegerField(source="release.number")
    sha256 = serializers.CharField(source="release.bundle", help_text="Of the tar of its files.")
    notebooks = serializers.ListField(child=serializers.CharField(), source="release.source.notebooks")
    submissions = ExchangeSubmissionSerializer(many=True, source="handed")

    def get_status(self, offered: Offered) -> str:
        """As nbgrader calls it."""
        return "released"

    def get_can_submit(self, offered: Offered) -> bool:
        """Nothing is in the way."""
        return offered.refused is None

    def get_reason(self, offered: Offered) -> str:
        """In words."""
        return "" if offered.refused is None else offered.refused.explain().sentence


class ExchangeSerializer(serializers.Serializer[Any]):
    """Your classes and what is released in them."""

    courses = ExchangeCourseSerializer(many=True)
    assignments = ExchangeAssignmentSerializer(many=True)


class ReceiptSerializer(serializers.Serializer[Any]):
    """What was received, to be kept: the same that the page of the submission gives out as a file for programs."""

    id = serializers.UUIDField()
    course = serializers.CharField(help_text="Its title.")
    assignment = serializers.CharField(help_text="Its title.")
    person = serializers.CharField()
    attempt = serializers.IntegerField()
    submitted_at = serializers.DateTimeField()
    sha256 = serializers.CharField()
    files = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField()), help_text="Path, bytes and SHA-256 of each."
    )
    due_at = serializers.DateTimeField(allow_null=True)
    late_by_seconds = serializers.IntegerField()
    is_late = serializers.BooleanField()
    repairs = serializers.ListField(child=serializers.CharField(), help_text="What was put right, in words.")
    receipt = serializers.CharField(help_text="All of this, signed.")


def _number(points: Decimal | None) -> float | None:
    return None if points is None else float(points)
