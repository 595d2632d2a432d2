"""Removes images nobody has used for long, and those used least recently when they take too much of the disk."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils.dateparse import parse_datetime
from docker.models.images import Image as EngineImage

from environments.builders.images import IMAGE_KEY_LABEL, key_of, local_image, remove_names
from environments.engine import client, engine_errors, having, installation_labels
from environments.registry import location_of

logger = logging.getLogger(__name__)

CACHE_SHARE = 4
"""The build cache may take one part in so many of what images may."""
_MARGIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class KeptImage:
    """An image in the engine: when it was last used, and how many bytes are its own and shared with others."""

    key: str
    used_at: datetime
    own_bytes: int
    shared_bytes: int = 0


def remove_unused_images(*, needed: Collection[str], last_used: Mapping[str, datetime], now: datetime) -> list[str]:
    """Remove what `to_remove` names from the engine, and bound the build cache. The keys that are gone.

    `needed` are the keys that servers, classes and builds under way need; `last_used` says when one was. An image
    it does not know counts as used when it got its name. Leftovers of builds that were killed go too. Raises
    `runtime_unavailable`.
    """
    with engine_errors():
        kept = list(_kept_images(last_used))
        doomed = to_remove(
            kept,
            needed=needed,
            keep=timedelta(days=settings.IMAGE_KEEP_DAYS),
            budget_bytes=settings.IMAGE_DISK_BUDGET_GB * 1000**3,
            now=now,
        )
        removed = [key for key in doomed if _remove(key)]
        _remove_leftovers(needed, now)
        bound_build_cache(settings.IMAGE_DISK_BUDGET_GB * 1000**3 // CACHE_SHARE)
    if removed:
        logger.info("removed %d images: %s", len(removed), ", ".join(removed))
    return removed


def to_remove(
    images: Collection[KeptImage], *, needed: Collection[str], keep: timedelta, budget_bytes: int, now: datetime
) -> list[str]:
    """The keys of the images to remove, least recently used first. Pure.

    One is removed when it was not used for `keep`, or as long as all together take more than the budget. What
    several share is counted once; it is freed with the last of them only, so that another round may follow.
    """
    total = sum(image.own_bytes for image in images) + max((image.shared_bytes for image in images), default=0)
    removed = list[str]()
    for image in sorted(images, key=lambda image: image.used_at):
        if image.key not in needed and (now - image.used_at > keep or total > budget_bytes):
            removed.append(image.key)
            total -= image.own_bytes
    return removed


def bound_build_cache(max_bytes: int) -> None:
    """Let the engine keep no more than this to build the next images faster; what was used least recently goes."""
    client().api.prune_builds(keep_storage=max_bytes)


def _kept_images(last_used: Mapping[str, datetime]) -> Iterator[KeptImage]:
    sizes = {entry["Id"]: entry for entry in client().df()["Images"] or []}
    for image in _images_under_our_name():
        size = sizes.get(image.id, {})
        shared = max(size.get("SharedSize", 0), 0)
        own = size.get("Size", image.attrs["Size"]) - shared
        yield KeptImage(key_of(image), last_used.get(key_of(image)) or _named_at(image), own, shared)


def _images_under_our_name() -> list[EngineImage]:
    repository = location_of("key").rpartition(":")[0]
    found = client().images.list(name=repository, filters={"label": IMAGE_KEY_LABEL})
    return [image for image in found if location_of(key_of(image)) in image.tags]


def _named_at(image: EngineImage) -> datetime:
    """When it got its name here; when it was made may be long ago, since that is taken from the build cache."""
    named = parse_datetime(image.attrs.get("Metadata", {}).get("LastTagTime") or "")
    made = parse_datetime(image.attrs["Created"])
    return named if named and named.year > 1 else made or datetime.now(UTC)


def _remove(key: str) -> bool:
    """Remove the image of this key; False if a container still needs it."""
    image = local_image(location_of(key))
    if image is None or client().api.containers(all=True, filters={"ancestor": image.id}):
        return False
    remove_names(image)
    return True


def _remove_leftovers(needed: Collection[str], now: datetime) -> None:
    """Remove what has our label but not the name it would be found by, once no build can be at it any more."""
    oldest = now - timedelta(seconds=settings.BUILD_TIME_LIMIT_SECONDS) - _MARGIN
    for image in client().images.list(filters=having(installation_labels())):
        is_finished = location_of(key_of(image)) in image.tags
        if key_of(image) and not is_finished and key_of(image) not in needed and _named_at(image) < oldest:
            remove_names(image)
