"""What is the same wherever a program asks: limits, refusals, reasons and pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from environments.errors import Explanation

MAX_MEMORY_MB = 4 * 1024 * 1024
MAX_CPUS = 1024
MAX_MINUTES = 366 * 24 * 60


def refuse_not_finite(value: float) -> None:
    """A validator: “nan” is a number to Python, and neither too small nor too large."""
    if not math.isfinite(value):
        raise ValidationError(_("Give a number."), code="invalid")


class StrictSerializer(serializers.Serializer[Any]):
    """What a program may ask for. Every other field is refused: ignoring a misspelt wish would be no kindness."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """As always, but nothing is ignored."""
        names = data if isinstance(data, Mapping) else ()
        unknown = {str(name): [_("There is no such field.")] for name in names if name not in self.fields}
        if unknown:
            raise serializers.ValidationError(unknown)
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


class PagePositionSerializer(serializers.Serializer[Any]):
    """Which part of a list is wanted."""

    limit = serializers.IntegerField(min_value=1, required=False)
    offset = serializers.IntegerField(min_value=0, required=False)
