"""Lines and bars over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from environments.plots import HEIGHT, WIDTH, bars_of, plot_of

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


def test_bars_stand_side_by_side_and_the_highest_reaches_the_top() -> None:
    chart = bars_of("Hours", "", ["January", "February"], [2.0, 8.0])

    low, high = chart.bars
    assert (high.y, high.height) == ("0.0", f"{HEIGHT:.1f}")
    assert (low.y, low.height) == (f"{HEIGHT * 3 / 4:.1f}", f"{HEIGHT / 4:.1f}")
    assert float(low.x) + float(low.width) < WIDTH / 2 < float(high.x)
    assert (chart.first_label, chart.last_label, chart.latest, chart.highest) == ("January", "February", 8.0, 8.0)


def test_bar_of_very_little_can_be_seen_and_one_of_nothing_cannot() -> None:
    nothing, little, _much = bars_of("Hours", "", ["a", "b", "c"], [0.0, 0.001, 1000.0]).bars

    assert (nothing.height, little.height) == ("0.0", "1.0")


def test_bars_of_nothing_are_none() -> None:
    chart = bars_of("Hours", "", [], [])

    assert (chart.bars, chart.first_label, chart.last_label) == ([], "", "")
