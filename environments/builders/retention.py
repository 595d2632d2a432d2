"""Which images are kept and which go: unused for long, or used least recently when all take too much. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.conf import settings

from environments.values import StoredImage

CACHE_SHARE = 4
"""What is kept to make the next images faster may take one part in so many of what images may."""


def unused(
    images: Collection[StoredImage], *, needed: Collection[str], last_used: Mapping[str, datetime], now: datetime
) -> list[str]:
    """The keys of the images to remove, as `IMAGE_KEEP_DAYS` and `IMAGE_DISK_BUDGET_GB` say."""
    return to_remove(
        images,
        needed=needed,
        last_used=last_used,
        keep=timedelta(days=settings.IMAGE_KEEP_DAYS),
        budget_bytes=budget_bytes(),
        now=now,
    )


def to_remove(
    images: Collection[StoredImage],
    *,
    needed: Collection[str],
    last_used: Mapping[str, datetime],
    keep: timedelta,
    budget_bytes: int,
    now: datetime,
) -> list[str]:
    """The keys of the images to remove, least recently used first.

    One is removed when it was not used for `keep`, or as long as all together take more than the budget. What
    several share is counted once; it is freed with the last of them only, so that another round may follow.
    """
    total = sum(image.own_bytes for image in images) + max((image.shared_bytes for image in images), default=0)
    used_at = {image.key: last_used.get(image.key, image.made_at) for image in images}
    removed = list[str]()
    for image in sorted(images, key=lambda image: used_at[image.key]):
        if image.key not in needed and (now - used_at[image.key] > keep or total > budget_bytes):
            removed.append(image.key)
            total -= image.own_bytes
    return removed


def budget_bytes() -> int:
    """What images may take together."""
    return int(settings.IMAGE_DISK_BUDGET_GB) * 1024**3


def cache_budget_bytes() -> int:
    """What may be kept besides, to make the next images faster."""
    return budget_bytes() // CACHE_SHARE
