"""Tags of the pages of assignments: points, comments and the words of cells, as people write them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from django import template
from django.utils.formats import number_format
from django.utils.safestring import SafeString

from assignments.markdown import rendered
from classes.notebooks import Cell, Kind

register = template.Library()

MAX_LAID_OUT = 5_000
"""A text of more characters is shown as it was typed."""


@register.filter
def is_laid_out(cell: Cell) -> bool:
    """Whether the words of a cell are shown as Markdown: not of such that would take long, as hostile ones can."""
    return cell.kind == Kind.TEXT and len(cell.source) <= MAX_LAID_OUT


@register.filter
def markdown(text: str) -> SafeString:
    """Markdown as HTML that is safe wherever it stands, whoever has written it."""
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
