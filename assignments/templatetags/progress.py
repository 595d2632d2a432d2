"""Tags that show how far a class is: what stands beside a row by its key, and plots of points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template

from assignments.grading.statistics import Distribution

register = template.Library()

WIDTH, HEIGHT, GAP = 1000, 400, 12


@register.filter
def entry(mapping: Mapping[Any, Any], key: object) -> Any:
    """What the mapping has by this key; None where it has nothing."""
    return mapping.get(key)


@register.inclusion_tag("assignments/_histogram.html")
def histogram(distribution: Distribution, *, is_small: bool = False) -> dict[str, Any]:
    """A bar for how many have which points, and a line where the mean is. In whole numbers, which no language spells
    its own way.
    """
    bars = distribution.bars
    highest = distribution.most or 1
    step = WIDTH / len(bars)
    drawn = [
        {
            "bar": bar,
            "is_single": bar.begin == bar.end,
            "x": round(step * place + GAP / 2),
            "width": round(step - GAP),
            "y": HEIGHT - _height(bar.count, highest),
            "height": _height(bar.count, highest),
        }
        for place, bar in enumerate(bars)
    ]
    return {"distribution": distribution, "bars": drawn, "mean": _place(distribution), "is_small": is_small}


def _height(count: int, highest: int) -> int:
    """In proportion, but never so little that nothing is seen of it."""
    return max(8, round(HEIGHT * count / highest)) if count else 0


def _place(distribution: Distribution) -> int | None:
    """Where the mean is, from left to right."""
    if distribution.mean is None or not distribution.max_points:
        return None
    bars = distribution.bars
    if bars[0].begin == bars[0].end:
        return round(WIDTH * (float(distribution.mean) + 0.5) / len(bars))
    return min(WIDTH, round(WIDTH * float(distribution.mean / distribution.max_points)))
