"""How rubrics and comments look to a program, and what it may ask about them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from assignments.grading.rubrics import MAX_COMMENT, MAX_LABEL, MAX_POINTS
from assignments.models import CellComment, RubricItem, SavedComment
from assignments.serializers.grading import MAX_CELL, MAX_NUMBER
from environments.serializers.conventions import StrictSerializer


class CellSearchSerializer(serializers.Serializer[Any]):
    """Of which cell."""

    notebook = serializers.CharField(max_length=MAX_CELL, required=False)
    cell = serializers.CharField(max_length=MAX_CELL, required=False)


# --- Rubrics -----------------------------------------------------------------------------------------------


class WorthField(serializers.DecimalField):
    """What a rubric item is worth."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_digits=10,
            decimal_places=4,
            coerce_to_string=False,
            min_value=-MAX_POINTS,
            max_value=MAX_POINTS,
            **options,
        )


class RubricItemSerializer(serializers.ModelSerializer[RubricItem]):
    """One thing that answers to a cell have or lack."""

    cell = serializers.CharField(source="grade_id", read_only=True)
    points = serializers.FloatField(read_only=True, help_text="Below zero takes away from full points.")

    class Meta:
        model = RubricItem
        fields = ["id", "notebook", "cell", "label", "points", "retired_at"]
        read_only_fields = fields


class TrialSearchSerializer(serializers.Serializer[Any]):
    """Whether to do it."""

    is_trial = serializers.BooleanField(default=False, help_text="Only tells what it would do to grades.")


class AddItemSerializer(StrictSerializer):
    """A new rubric item."""

    notebook = serializers.CharField(max_length=MAX_CELL)
    cell = serializers.CharField(max_length=MAX_CELL)
    label = serializers.CharField(max_length=MAX_LABEL)  # type: ignore[assignment]  # A field of this name.
    points = WorthField(help_text="Below zero takes away from full points.")


class ChangeItemSerializer(StrictSerializer):
    """What it is to say or to be worth, wherever it was chosen."""

    label = serializers.CharField(max_length=MAX_LABEL, required=False)  # type: ignore[assignment]  # As above.
    points = WorthField(required=False)


class EffectSerializer(serializers.Serializer[Any]):
    """A grade that changes."""

    submission = serializers.UUIDField(source="grade.submission_id", read_only=True)
    points = serializers.FloatField(source="grade.points", read_only=True, help_text="As it was.")
    new_points = serializers.FloatField(source="points", read_only=True)
    is_published = serializers.BooleanField(
        read_only=True, help_text="Whether its student was told what it was; they are told anew once you publish."
    )


class RubricChangeSerializer(serializers.Serializer[Any]):
    """A rubric item as it is now, or would be, and the grades that change by it."""

    item = RubricItemSerializer(read_only=True)
    is_trial = serializers.BooleanField(read_only=True)
    effects = EffectSerializer(many=True, read_only=True)


class ChooseItemSerializer(StrictSerializer):
    """A rubric item for the answer that it is about."""

    item = serializers.UUIDField()
    is_chosen = serializers.BooleanField(default=True, help_text="False takes it back.")
    seen = serializers.IntegerField(
        min_value=0, max_value=MAX_NUMBER, help_text="As the cell says: nobody writes over what they have not seen."
    )


# --- Comments ----------------------------------------------------------------------------------------------


class CommentSerializer(serializers.ModelSerializer[CellComment]):
    """What a grader says of one cell."""

    by = serializers.CharField(
        source="by.get_full_name", read_only=True, allow_null=True, default=None, help_text="Their name."
    )

    class Meta:
        model = CellComment
        fields = ["id", "notebook", "cell", "text", "by", "at", "changed_at"]
        read_only_fields = fields


class AddCommentSerializer(StrictSerializer):
    """Something to say of a cell."""

    notebook = serializers.CharField(max_length=MAX_CELL)
    cell = serializers.CharField(
        max_length=MAX_CELL, allow_blank=True, default="", help_text="Graded or not; without it, of the whole notebook."
    )
    text = serializers.CharField(max_length=MAX_COMMENT, required=False, help_text="Markdown.")
    saved_comment = serializers.UUIDField(required=False, help_text="Its words, in place of `text`.")
    keep = serializers.BooleanField(default=False, help_text="Whether to keep the words for all graders of the class.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One way to say it."""
        if ("text" in attrs) == ("saved_comment" in attrs):
            raise serializers.ValidationError({"text": [_("Give either this or a kept comment.")]})
        return attrs


class ChangeCommentSerializer(StrictSerializer):
    """The same in other words."""

    text = serializers.CharField(max_length=MAX_COMMENT, help_text="Markdown.")


class SavedCommentSerializer(serializers.ModelSerializer[SavedComment]):
    """A comment that graders of a class use again."""

    kept_by = serializers.CharField(
        source="kept_by.get_full_name", read_only=True, allow_null=True, default=None, help_text="Their name."
    )

    class Meta:
        model = SavedComment
        fields = ["id", "text", "uses", "kept_by", "kept_at"]
        read_only_fields = fields


class KeepCommentSerializer(StrictSerializer):
    """Words to be used again."""

    text = serializers.CharField(max_length=MAX_COMMENT, help_text="Markdown.")
