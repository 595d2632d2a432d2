"""Which images go, and in which order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from environments.builders.retention import cache_budget_bytes, to_remove, unused
from environments.values import StoredImage

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MONTH = timedelta(days=30)
GB = 1024**3


def kept(key: str, days: float, gigabytes: float = 1, shared: float = 0) -> StoredImage:
    return StoredImage(key, NOW - timedelta(days=days), int(gigabytes * GB), int(shared * GB))


@pytest.mark.parametrize(
    ("images", "needed", "budget", "expected"),
    [
        ([], [], 10, []),
        ([kept("new", 1), kept("old", 31)], [], 10, ["old"]),
        ([kept("new", 1), kept("old", 31)], ["old"], 10, []),
        ([kept("a", 3, 4), kept("b", 2, 4), kept("c", 1, 4)], [], 10, ["a"]),
        ([kept("c", 1, 4), kept("a", 3, 4), kept("b", 2, 4)], [], 5, ["a", "b"]),
        ([kept("a", 3, 4), kept("b", 2, 4), kept("c", 1, 4)], ["a"], 10, ["b"]),
        ([kept("a", 3, 4), kept("b", 2, 4)], ["a", "b"], 1, []),
        ([kept("a", 3, 1, shared=7), kept("b", 2, 1, shared=7)], [], 10, []),
        ([kept("a", 3, 2, shared=7), kept("b", 2, 2, shared=7)], [], 10, ["a"]),
        ([kept("exactly", 30)], [], 10, []),
    ],
)
def test_to_remove_takes_unused_and_then_least_recently_used(
    images: list[StoredImage], needed: list[str], budget: int, expected: list[str]
) -> None:
    removed = to_remove(images, needed=needed, last_used={}, keep=MONTH, budget_bytes=budget * GB, now=NOW)

    assert removed == expected


def test_to_remove_counts_from_the_last_use() -> None:
    images = [kept("made-long-ago", 400), kept("made-lately", 1)]
    last_used = {"made-long-ago": NOW, "made-lately": NOW - MONTH * 2}

    removed = to_remove(images, needed=[], last_used=last_used, keep=MONTH, budget_bytes=10 * GB, now=NOW)

    assert removed == ["made-lately"]


def test_unused_obeys_the_settings(settings: Settings) -> None:
    images = [kept("older", 4), kept("newer", 2)]
    outcomes = []

    for settings.IMAGE_KEEP_DAYS, settings.IMAGE_DISK_BUDGET_GB in ((3, 10), (30, 1), (30, 2), (1, 10)):
        outcomes.append(unused(images, needed=(), last_used={}, now=NOW))

    assert outcomes == [["older"], ["older"], [], ["older", "newer"]]


def test_cache_may_take_a_quarter_of_the_budget(settings: Settings) -> None:
    settings.IMAGE_DISK_BUDGET_GB = 100

    assert cache_budget_bytes() == 25 * GB
