"""Lines and bars over time as the shapes of an SVG, drawn on the server. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import mean

WIDTH = 240
HEIGHT = 60
BAR_SHARE = 0.7
"""How much of the room a bar has it takes."""
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


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, in the units of its chart; as text, since no language may write these numbers its own way."""

    label: str
    value: float
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A titled row of bars."""

    title: str
    unit: str
    bars: list[Bar]
    latest: float
    highest: float
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def first_label(self) -> str:
        """What the first bar is of."""
        return self.bars[0].label if self.bars else ""

    @property
    def last_label(self) -> str:
        """What the last bar is of."""
        return self.bars[-1].label if self.bars else ""


def bars_of(title: str, unit: str, labels: Sequence[str], values: Sequence[float]) -> Bars:
    """One bar for each value, side by side; the highest reaches the top. What is not nothing can be seen."""
    highest = max(values, default=0.0)
    room = WIDTH / max(1, len(values))
    bars = []
    for index, (label, value) in enumerate(zip(labels, values, strict=True)):
        height = max(1.0, HEIGHT * value / highest) if value else 0.0
        shape = (room * (index + (1 - BAR_SHARE) / 2), HEIGHT - height, room * BAR_SHARE, height)
        bars.append(Bar(label, value, *(f"{number:.1f}" for number in shape)))
    return Bars(title, unit, bars, values[-1] if values else 0.0, highest)


def _point(x: int, value: float, highest: float) -> str:
    return f"{x},{HEIGHT * (1 - (value / highest if highest else 0.0)):.1f}"
