"""A line over time as the points of an SVG, drawn on the server. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import mean

WIDTH = 240
HEIGHT = 60
GAP = timedelta(minutes=5)
"""A silence longer than this is left empty rather than bridged by a line."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A titled line. `lines` are runs of points, each a value of SVG's `points` attribute."""

    title: str
    unit: str
    lines: list[str]
    latest: float
    highest: float
    width: int = WIDTH
    height: int = HEIGHT


def plot_of(
    title: str, unit: str, times: Sequence[datetime], values: Sequence[float], *, now: datetime, span: timedelta
) -> Plot:
    """The values over the span that ends now, averaged to one a unit; the highest reaches the top, zero lies at 0."""
    highest = max(values, default=0.0)
    runs: list[dict[int, list[float]]] = []
    before: datetime | None = None
    for time, value in zip(times, values, strict=True):
        if before is None or time - before > GAP:
            runs.append({})
        runs[-1].setdefault(round(WIDTH * (1 - (now - time) / span)), []).append(value)
        before = time
    lines = [" ".join(_point(x, mean(found), highest) for x, found in run.items()) for run in runs]
    return Plot(title, unit, lines, values[-1] if values else 0.0, highest)


def _point(x: int, value: float, highest: float) -> str:
    return f"{x},{HEIGHT * (1 - (value / highest if highest else 0.0)):.1f}"
