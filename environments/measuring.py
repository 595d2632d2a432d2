"""How much people's files take: measured volume by volume, so that a large one does not hold up the others.

Only what can have changed is measured: while one of the person's servers runs, once an hour; when it has stopped,
once more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import F, Q
from django.utils import timezone

from accounts.models import User
from environments.backends import volume_store
from environments.errors import SystemFailure
from environments.models import NotebookServer, ServerMount, Volume
from environments.queueing import enqueue
from environments.values import VolumeUsage

logger = logging.getLogger(__name__)

PLACES = 2
"""How many volumes are measured at the same time."""
EVERY = timedelta(hours=1)
TIME_LIMIT = timedelta(minutes=5)
"""How long one may take. What was seen of it until then counts."""
_MARGIN = timedelta(minutes=1)
_A_MOMENT = timedelta(minutes=1)

Clock = Callable[[], datetime]


def enqueue_due_measures(*, now: datetime) -> None:
    """Ask workers to measure as many volumes as there are free places, first those that wait for longest."""
    free = PLACES - Volume.objects.filter(_is_under_way(now)).count()
    due = Volume.objects.filter(_is_due(now)).order_by(F("measure_began_at").asc(nulls_first=True), "created_at")
    for volume in due[: max(0, free)]:
        enqueue("measure_volume", volume.pk)


def measure_volume(volume: Volume, *, clock: Clock = timezone.now) -> None:
    """Measure a volume that is due, if there is a free place. When it fails, it is tried again after an hour."""
    if not _claim(volume, now=clock()):
        return
    try:
        used = _usage(volume)
    except SystemFailure as error:
        logger.warning("volume %s could not be measured: %s", volume, error)
    else:
        if not used.is_complete:
            logger.warning("volume %s holds %d bytes and more than there was time to see", volume, used.bytes)
        Volume.objects.filter(pk=volume.pk).update(bytes=used.bytes, measured_at=clock())
    finally:
        enqueue_due_measures(now=clock())


def measure_again(server: NotebookServer) -> None:
    """Have the files of a server that has ended measured once more: its own, its owner's personal, and shared ones.

    Not at once, but when it is next looked what is due: at the end of a lesson a whole class stops in the same minute.
    """
    personal = Q(owner=server.owner_id, purpose=Volume.Purpose.HOME)
    shared = Q(pk__in=ServerMount.objects.filter(server=server, read_only=False).values("volume__volume"))
    Volume.objects.filter(Q(pk=server.volume_id) | personal | shared).update(measure_began_at=None)


def measure_soon(person: User, *, now: datetime) -> None:
    """Do not wait for the hour to measure what this person may just have tidied up."""
    stale = Q(measured_at=None) | Q(measured_at__lt=now - _A_MOMENT)
    Volume.objects.filter(stale & _is_in_use(), owner=person).update(measure_began_at=None)
    enqueue_due_measures(now=now)


def _is_in_use() -> Q:
    running = NotebookServer.objects.filter(state=NotebookServer.State.RUNNING)
    personal = Q(purpose=Volume.Purpose.HOME, owner__in=running.values("owner"))
    shared = ServerMount.objects.filter(server__in=running, read_only=False).values("volume__volume")
    return Q(pk__in=running.values("volume")) | personal | Q(pk__in=shared)


def _is_unfinished() -> Q:
    return Q(measured_at=None) | Q(measured_at__lt=F("measure_began_at"))


def _is_due(now: datetime) -> Q:
    again = Q(measure_began_at__lte=now - EVERY) & (_is_in_use() | _is_unfinished())
    return Q(measure_began_at=None) | again


def _is_under_way(now: datetime) -> Q:
    return Q(measure_began_at__gt=now - TIME_LIMIT - _MARGIN) & _is_unfinished()


def _claim(volume: Volume, *, now: datetime) -> bool:
    if Volume.objects.filter(_is_under_way(now)).count() >= PLACES:
        return False
    return bool(Volume.objects.filter(_is_due(now), pk=volume.pk).update(measure_began_at=now))


def _usage(volume: Volume) -> VolumeUsage:
    try:
        return volume_store().usage(volume.key, time_limit_seconds=TIME_LIMIT.total_seconds())
    except SystemFailure as error:
        if error.code != "volume_missing":
            raise
        return VolumeUsage(bytes=0, files=0)  # Of a server that has not been started yet.
