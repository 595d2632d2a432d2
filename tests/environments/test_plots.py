"""Lines over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from environments.plots import HEIGHT, WIDTH, plot_of

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_plot_ends_now_at_the_right_and_reaches_the_top() -> None:
    times = [NOW - timedelta(minutes=minutes) for minutes in (2, 1, 0)]

    plot = plot_of("Servers", "", times, [0.0, 1.0, 2.0], now=NOW, span=HOUR)

    first, _, last = plot.lines[0].split()
    assert first == f"{WIDTH * 58 // 60},{HEIGHT:.1f}"
    assert last == f"{WIDTH},0.0"
    assert (plot.latest, plot.highest) == (2.0, 2.0)


def test_plot_leaves_silences_empty() -> None:
    times = [NOW - timedelta(minutes=minutes) for minutes in (30, 29, 1, 0)]

    plot = plot_of("Servers", "", times, [1.0] * 4, now=NOW, span=HOUR)

    assert [len(line.split()) for line in plot.lines] == [2, 2]


def test_plot_averages_what_falls_together() -> None:
    times = [NOW - timedelta(seconds=seconds) for seconds in (2, 1, 0)]

    plot = plot_of("Servers", "", times, [0.0, 2.0, 4.0], now=NOW, span=24 * HOUR)

    assert plot.lines == [f"{WIDTH},{HEIGHT / 2:.1f}"]


def test_plot_of_zeros_lies_at_the_bottom() -> None:
    plot = plot_of("Servers", "", [NOW], [0.0], now=NOW, span=HOUR)

    assert plot.lines == [f"{WIDTH},{HEIGHT:.1f}"]


def test_plot_of_nothing_is_empty() -> None:
    assert plot_of("Servers", "", [], [], now=NOW, span=HOUR).lines == []
