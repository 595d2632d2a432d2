"""The life of images after their builds: their use is noted, and those nobody needs are removed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from environments.backends import builder
from environments.models import Build, Environment, ImageRecord, NotebookServer, Reservation, SiteReport
from environments.values import ImageStore

logger = logging.getLogger(__name__)

MEASURE_EVERY = timedelta(hours=1)


def note_use(image_key: str, *, now: datetime) -> None:
    """Remember that a server uses or has used this image."""
    record = ImageRecord(image_key=image_key, used_at=now)
    ImageRecord.objects.bulk_create(
        [record], update_conflicts=True, unique_fields=["image_key"], update_fields=["used_at"]
    )


def remove_unused_images(*, now: datetime) -> Sequence[str]:
    """Have the builder remove what nobody needs, and forget it. The keys that are gone.

    Should somebody ask for one of them in this very moment, their start has it made again.
    """
    needed = needed_keys(now=now)
    used = ImageRecord.objects.filter(used_at__isnull=False).values_list("image_key", "used_at")
    removed = builder().remove_unused(
        needed=needed, last_used={key: used_at for key, used_at in used if used_at}, now=now
    )
    if removed:
        Environment.objects.filter(image_key__in=removed).update(has_image=False)
        logger.info("removed %d images: %s", len(removed), ", ".join(removed))
    _forget_old_records(needed, now)
    return removed


def measure_images(*, now: datetime) -> bool:
    """Record which images there are and how large they are, if that was not done within the hour. Whether it was due.

    It may take minutes, so nobody else begins meanwhile. When it fails, it is tried again after an hour.
    """
    due = Q(images_due_at=None) | Q(images_due_at__lte=now)
    if not SiteReport.objects.filter(due).update(images_due_at=now + MEASURE_EVERY):
        return False
    store = builder().stored()
    with transaction.atomic():
        _record(store)
        SiteReport.objects.update(images_measured_at=now, cache_bytes=store.cache_bytes)
    return True


def needed_keys(*, now: datetime) -> set[str]:
    """The images of all servers that run, sleep, or were deleted and can be brought back, and of builds under way.

    And those of environments that are kept fresh in the catalog or held for a class, and of servers that are to be
    started for a time.
    """
    environments = Environment.objects.needed_image_keys(now=now)
    builds = Build.objects.filter(state__in=Build.ACTIVE).order_by().values_list("image_key", flat=True)
    reserved = Reservation.objects.order_by().values_list("image_key", flat=True)
    return {*NotebookServer.objects.order_by().needed_image_keys(), *environments, *builds, *reserved}


def _record(store: ImageStore) -> None:
    records = [
        ImageRecord(
            image_key=image.key, made_at=image.made_at, own_bytes=image.own_bytes, shared_bytes=image.shared_bytes
        )
        for image in store.images
    ]
    measured = ["made_at", "own_bytes", "shared_bytes"]
    ImageRecord.objects.update(**dict.fromkeys(measured))
    ImageRecord.objects.bulk_create(records, update_conflicts=True, unique_fields=["image_key"], update_fields=measured)
    ImageRecord.objects.filter(own_bytes=None, used_at=None).delete()


def _forget_old_records(needed: set[str], now: datetime) -> None:
    """Drop the records of images that are gone by now, whichever worker removed them from which engine."""
    oldest = now - timedelta(days=settings.IMAGE_KEEP_DAYS)
    for key in ImageRecord.objects.filter(used_at__lt=oldest).values_list("image_key", flat=True):
        if key not in needed:
            ImageRecord.objects.filter(image_key=key, used_at__lt=oldest).delete()
