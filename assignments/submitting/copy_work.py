"""What a worker does with somebody's copy, under a lease: one at a time, and not for ever where each dies over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db.models import F, Q
from django.utils import timezone

from assignments.errors import AssignmentFailure
from assignments.models import Collection, Fetch
from environments.errors import SystemFailure
from environments.leases import kept_alive, lease_from
from environments.queueing import enqueue

MAX_TRIES = 3
"""How many workers may die over one before it has failed. Whoever only cannot do it yet is not counted."""

CopyWork = Fetch | Collection
Clock = Callable[[], datetime]


def claim(work: CopyWork, *, now: datetime) -> bool:
    """Whether it is ours to do: it waits, and no living worker has it."""
    rows = type(work)._default_manager.filter(_free(now), pk=work.pk, state=work.State.WAITING)
    claimed = rows.update(lease_until=lease_from(now), tries=F("tries") + 1)
    if claimed:
        work.refresh_from_db(fields=["lease_until", "tries"])
    return bool(claimed)


@contextmanager
def claimed(work: CopyWork, *, clock: Clock = timezone.now) -> Iterator[None]:
    """Do it here. Raises AssignmentFailure `copy_work_interrupted` at once where too many have died over it.

    A SystemFailure raised inside lets it go for the next one. Whatever else ends this counts as a death.
    """
    if work.tries > MAX_TRIES:
        raise AssignmentFailure("copy_work_interrupted")
    try:
        with kept_alive(lambda: bool(_waiting(work).update(lease_until=lease_from(clock())))):
            yield
    except SystemFailure:
        _waiting(work).update(lease_until=None, tries=F("tries") - 1)
        raise


def enqueue_overdue(table: type[CopyWork], task: str, *, asked_before: datetime, now: datetime) -> None:
    """Ask for what waits that long, and that no living worker has."""
    overdue = table._default_manager.filter(_free(now), state=table.State.WAITING, asked_at__lte=asked_before)
    for key in overdue.values_list("pk", flat=True):
        enqueue(task, key)


def _free(now: datetime) -> Q:
    return Q(lease_until=None) | Q(lease_until__lt=now)


def _waiting(work: CopyWork) -> Any:
    return type(work)._default_manager.filter(pk=work.pk, state=work.State.WAITING)
