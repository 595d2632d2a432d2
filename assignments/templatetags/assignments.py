"""Tags of the pages of assignments: what graders have said, laid out as they wrote it."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from assignments.markdown import rendered

register = template.Library()


@register.filter
def markdown(text: str) -> SafeString:
    """A comment in Markdown as HTML that is safe wherever it stands."""
    return rendered(text)
