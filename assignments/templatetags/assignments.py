"""Tags of the pages of assignments: what stands beside a row by its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template

register = template.Library()


@register.filter
def entry(mapping: Mapping[Any, Any], key: object) -> Any:
    """What the mapping has by this key; None where it has nothing."""
    return mapping.get(key)
