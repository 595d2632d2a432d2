"""The images of this builder in the engine: how much room they take, and removing those nobody needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils.dateparse import parse_datetime
from docker.models.images import Image as EngineImage

from environments.builders.images import IMAGE_KEY_LABEL, key_of, local_image, remove_names
from environments.builders.retention import cache_budget_bytes, unused
from environments.engine import client, disk_usage, engine_errors, having, installation_labels
from environments.registry import location_of
from environments.values import ImageStore, StoredImage

_MARGIN = timedelta(minutes=10)


def stored_images() -> ImageStore:
    """What is in the engine under our names, and its build cache, which others may share. `runtime_unavailable`."""
    with engine_errors():
        usage = disk_usage()
        sizes = {entry["Id"]: entry for entry in usage["Images"] or []}
        images = tuple(_stored(image, sizes.get(image.id, {})) for image in _images_under_our_name())
        cache = sum(entry["Size"] for entry in usage["BuildCache"] or [] if not entry["Shared"])
    return ImageStore(images, cache)


def remove_unused_images(*, needed: Collection[str], last_used: Mapping[str, datetime], now: datetime) -> list[str]:
    """What `Builder.remove_unused` promises, in the engine. The registry keeps what it has."""
    kept = stored_images().images
    with engine_errors():
        removed = [key for key in unused(kept, needed=needed, last_used=last_used, now=now) if _remove(key)]
        _remove_leftovers(needed, now)
        bound_build_cache(cache_budget_bytes())
    return removed


def bound_build_cache(max_bytes: int) -> None:
    """Let the engine keep no more than this to build the next images faster; what was used least recently goes."""
    client().api.prune_builds(keep_storage=max_bytes)


def _stored(image: EngineImage, size: Mapping[str, int]) -> StoredImage:
    shared = max(size.get("SharedSize", 0), 0)
    return StoredImage(key_of(image), _named_at(image), size.get("Size", image.attrs["Size"]) - shared, shared)


def _images_under_our_name() -> Iterator[EngineImage]:
    repository = location_of("key").rpartition(":")[0]
    found = client().images.list(name=repository, filters={"label": IMAGE_KEY_LABEL})
    return (image for image in found if location_of(key_of(image)) in image.tags)


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
