"""A line over time as the points of an SVG, drawn on the server. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

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
    """The values over the span that ends now; the highest reaches the top, zero lies at the bottom."""
    highest = max(values, default=0.0)
    runs: list[list[str]] = []
    before: datetime | None = None
    for time, value in zip(times, values, strict=True):
        if before is None or time - before > GAP:
            runs.append([])
        x = WIDTH * (1 - (now - time) / span)
        y = HEIGHT * (1 - (value / highest if highest else 0.0))
        runs[-1].append(f"{x:.1f},{y:.1f}")
        before = time
    return Plot(title, unit, [" ".join(run) for run in runs], values[-1] if values else 0.0, highest)
