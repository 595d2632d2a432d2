"""Tags of the pages of assignments: points, and what graders have said, as people write them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from django import template
from django.utils.formats import number_format
from django.utils.safestring import SafeString

from assignments.markdown import rendered

register = template.Library()


@register.filter
def markdown(text: str) -> SafeString:
    """A comment in Markdown as HTML that is safe wherever it stands."""
    return rendered(text)


@register.filter
def points(value: Decimal | float | None) -> str:
    """Points as people read them: at most two places, and no zeros at the end."""
    if value is None or value == "":  # A template's way of saying that there are none.
        return ""
    return number_format(Decimal(value).quantize(Decimal("0.01"), ROUND_HALF_UP).normalize()).replace("-", "−")


@register.filter
def typed(value: Decimal | None) -> str:
    """Points as they stand in a field, whatever the language: all places that there are."""
    return "" if value is None else f"{value.normalize():f}"
