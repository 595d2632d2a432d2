"""The accounts: who used how much of what, month by month and server by server.

Each amount is written in the transaction that moves the mark up to which it counts, by a conditional update of that
mark. So a measure that comes twice, two workers that measure at once, or a clock that is set back count nothing twice,
and a measure that is missed is made up for by the next.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Coalesce
from django.utils import timezone

from environments.models import Build, MonthlyUse, NotebookServer, Run, StorageClock, Volume
from environments.values import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import Group

GIB = 1024**3
LONGEST_SILENCE = timedelta(hours=1)
"""What a server used before a measure is counted for so long at most; what it did before that nobody knows."""
STORAGE_EVERY = timedelta(hours=1)
LONGEST_STORAGE_SILENCE = timedelta(days=7)
RUNS_KEPT = timedelta(days=30)

State = NotebookServer.State


def month_of(moment: datetime) -> date:
    """The first day of the month, by the site's own time zone."""
    return timezone.localdate(moment, timezone.get_default_timezone()).replace(day=1)


def months_before(month: date, count: int) -> date:
    """The first day of the month so many months before."""
    months = month.year * 12 + month.month - 1 - count
    return date(months // 12, months % 12 + 1, 1)


def charge(
    *,
    month: date,
    person: UUID | None,
    repository_url: str = "",
    server_key: str = "",
    server_name: str = "",
    group: Group | None = None,
    **amounts: float,
) -> None:
    """Add amounts, by the names of the columns of `MonthlyUse`. In whose transaction, the caller decides."""
    key = {
        "month": month,
        "person_id": person,
        "repository_url": repository_url,
        "server_key": server_key,
        "group_key": str(group.pk) if group else "",
    }
    names = {"server_name": server_name, "group_name": group.name if group else ""}
    sums = {name: F(name) + amount for name, amount in amounts.items()}
    if MonthlyUse.objects.filter(**key).update(**sums):
        return
    try:
        with transaction.atomic():
            MonthlyUse.objects.create(**key, **names, **amounts)
    except IntegrityError:  # Somebody else made the row first.
        MonthlyUse.objects.filter(**key).update(**sums)


# --- What servers use --------------------------------------------------------------------------------------


def begin_run(server: NotebookServer, *, now: datetime) -> None:
    """A worker has taken up this start of the server."""
    Run.objects.create(start_id=server.start_id, server=server, began_at=now)


def enter_run(server: NotebookServer, *, now: datetime) -> None:
    """The server runs: from now on its use counts."""
    if Run.objects.filter(start_id=server.start_id, running_at=None).update(running_at=now, counted_at=now):
        _charge_server(server, now, starts=1)


def count_use(server: NotebookServer, used: Usage) -> None:
    """Count what the server has used since it was measured last, or since it runs."""
    run, is_new = Run.objects.get_or_create(
        start_id=server.start_id,
        defaults={
            "server": server,
            "began_at": server.started_at or used.measured_at,
            "running_at": server.started_at,
            "counted_at": used.measured_at,
            "cpu_seconds": used.cpu_seconds,
            "memory_bytes": used.memory_bytes,
        },
    )
    if is_new or run.counted_at is None or used.measured_at <= run.counted_at:
        return
    seconds = min(used.measured_at - run.counted_at, LONGEST_SILENCE).total_seconds()
    measured = {
        "counted_at": used.measured_at,
        "cpu_seconds": used.cpu_seconds,
        "memory_bytes": used.memory_bytes,
    }
    with transaction.atomic():
        if Run.objects.filter(pk=run.pk, counted_at=run.counted_at, ended_at=None).update(**measured):
            _charge_server(
                server,
                used.measured_at,
                running_seconds=seconds,
                cpu_seconds=max(0.0, used.cpu_seconds - run.cpu_seconds),
                memory_gib_hours=_gib_hours(used.memory_bytes, seconds),
            )


def end_run(server: NotebookServer, *, now: datetime) -> None:
    """The server has ended: count the time since it was measured last, with the memory it had then."""
    run = Run.objects.filter(start_id=server.start_id, ended_at=None).first()
    if run is None:
        return
    seconds = 0.0
    if run.counted_at is not None:
        seconds = max(0.0, min(now - run.counted_at, LONGEST_SILENCE).total_seconds())
    with transaction.atomic():
        ours = Run.objects.filter(pk=run.pk, counted_at=run.counted_at, ended_at=None)
        if ours.update(ended_at=now) and seconds:
            memory = _gib_hours(run.memory_bytes, seconds)
            _charge_server(server, now, running_seconds=seconds, memory_gib_hours=memory)


def end_lost_runs() -> None:
    """End those whose end nobody saw, when they were last seen."""
    goes_on = NotebookServer.objects.filter(
        start_id=OuterRef("start_id"), state__in=(State.STARTING, State.RUNNING, State.STOPPING)
    )
    lost = Run.objects.filter(ended_at=None).exclude(Exists(goes_on))
    lost.update(ended_at=Coalesce("counted_at", "began_at"))


# --- What builds and files use -----------------------------------------------------------------------------


def charge_build(build: Build) -> None:
    """Count the time a build took that has just ended, for whoever asked for it."""
    if build.started_at is None or build.finished_at is None:
        return
    charge(
        month=month_of(build.finished_at),
        person=build.requested_by_id,
        repository_url=build.repository_url,
        build_seconds=max(0.0, (build.finished_at - build.started_at).total_seconds()),
    )


def charge_storage(*, now: datetime) -> None:
    """Count what all stored files took since that was counted last, once an hour, by their present sizes."""
    clock, is_new = StorageClock.objects.get_or_create(pk=StorageClock.THE_ONE, defaults={"counted_at": now})
    if is_new or now - clock.counted_at < STORAGE_EVERY:
        return
    days = min(now - clock.counted_at, LONGEST_STORAGE_SILENCE) / timedelta(days=1)
    with transaction.atomic():
        if not StorageClock.objects.filter(pk=clock.pk, counted_at=clock.counted_at).update(counted_at=now):
            return
        for volume in _stored():
            days_of_it = volume.bytes / GIB * days  # type: ignore[operator]  # asked for with a size only
            server: NotebookServer | None = getattr(volume, "server", None)
            if server is not None:
                _charge_server(server, now, storage_gib_days=days_of_it)
            else:
                charge(month=month_of(now), person=volume.owner_id, storage_gib_days=days_of_it)


def forget_old_use(*, now: datetime) -> None:
    """Drop the accounts of months nobody wants to know of any more, and what is known of single starts."""
    Run.objects.filter(ended_at__lt=now - RUNS_KEPT).delete()
    if settings.USAGE_KEEP_MONTHS:
        oldest = months_before(month_of(now), settings.USAGE_KEEP_MONTHS)
        MonthlyUse.objects.filter(month__lt=oldest).delete()


# --- Steps -------------------------------------------------------------------------------------------------


def _charge_server(server: NotebookServer, moment: datetime, **amounts: float) -> None:
    charge(
        month=month_of(moment),
        person=server.owner_id,
        repository_url=server.repository_url,
        server_key=str(server.pk),
        server_name=server.name,
        group=server.group,
        **amounts,
    )


def _stored() -> Iterator[Volume]:
    """All that is stored, with the server it belongs to, if any."""
    return iter(Volume.objects.filter(bytes__gt=0).select_related("server__group"))


def _gib_hours(memory_bytes: int, seconds: float) -> float:
    return memory_bytes / GIB * seconds / 3600
