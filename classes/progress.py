"""How far everybody is: counted in the notebooks they have saved, a few in each round.

Looked at are only the notebooks of those whose server was at work since they were last read, and of these only the
ones that were saved since are read at all. When a notebook cannot be read, what was last known stays.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from classes.models import LessonVisit
from classes.naming import server_name
from classes.notebooks import MAX_BYTES, Progress, progress_of, read_notebook
from classes.notices import announce_course
from classes.saved_files import opened
from environments.errors import SystemFailure, UserError
from environments.models import NotebookServer
from environments.querysets import NotebookServerQuerySet

logger = logging.getLogger(__name__)

EVERY = timedelta(seconds=20)
"""How often the same notebook is looked at, at most."""
STILL_OPEN = timedelta(hours=12)
"""A lesson opened within this time is counted, even if another was opened after it."""
_SAME_SECOND = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one round may take. What it does not reach comes first in the next."""

    notebooks: int = 100
    seconds: float = 10.0


def measure_progress(*, now: datetime, budget: Budget = Budget(), clock: Callable[[], float] = time.monotonic) -> int:
    """Count in as many notebooks as the budget allows, those that wait for longest first, and say in how many."""
    began, done, changed = clock(), 0, set[UUID]()
    due = list(_due(now)[: budget.notebooks])
    volumes = _volumes(due)
    for visit in due:
        if clock() - began > budget.seconds:
            break
        volume = volumes.get(_whose(visit))
        try:
            if volume is None:
                _note(visit, now=now)
            elif _measure(visit, volume, now=now):
                changed.add(visit.lesson.course_id)
        except SystemFailure as error:
            if error.code != "volume_missing":
                logger.warning("progress could not be read: %s", error)
                break  # The others are kept in the same place. They are tried in the next round.
            _note(visit, now=now)
        done += 1
    _announce(changed)
    return done


def _due(now: datetime) -> QuerySet[LessonVisit]:
    servers = NotebookServer.objects.present().filter(
        owner=OuterRef("membership__person"), group=OuterRef("lesson__course__everybody")
    )
    was_active = Q(measured_at=None) | Q(active_at__gt=F("measured_at")) | Q(stopped_at__gt=F("measured_at"))
    is_open = Q(last_opened_at__gt=now - STILL_OPEN) | Q(pk__in=LessonVisit.objects.opened_last().values("pk"))
    return (
        LessonVisit.objects.annotate(
            active_at=_latest(servers, "last_activity_at"),
            stopped_at=_latest(servers, "state_changed_at"),
        )
        .filter(was_active, is_open, Exists(servers))
        .filter(Q(measured_at=None) | Q(measured_at__lte=now - EVERY))
        .filter(lesson__path__endswith=".ipynb", membership__left_at=None, membership__role="student")
        .filter(lesson__course__archived_at=None, lesson__course__deleted_at=None)
        .select_related("lesson__course", "membership")
        .order_by(F("measured_at").asc(nulls_first=True), "pk")
    )


def _latest(servers: NotebookServerQuerySet, column: str) -> Subquery:
    """When it last happened in any server that is run for the class; which is the class's own is seen later."""
    return Subquery(servers.order_by(F(column).desc(nulls_last=True)).values(column)[:1])


def _volumes(visits: list[LessonVisit]) -> dict[tuple[UUID, int], str]:
    """Where the files of these are kept, by whose they are and of which class.

    A member may have other servers that are run for the class; lessons open in the class's own.
    """
    names = {visit.lesson.course.everybody_id: server_name(visit.lesson.course.slug) for visit in visits}
    people = {visit.membership.person_id for visit in visits}
    rows = NotebookServer.objects.present().filter(owner__in=people, group__in=names, name__in={*names.values()})
    return {
        (server.owner_id, server.group_id): server.volume.key
        for server in rows.select_related("volume")
        if server.group_id is not None and server.name == names[server.group_id]
    }


def _whose(visit: LessonVisit) -> tuple[UUID, int]:
    return visit.membership.person_id, visit.lesson.course.everybody_id


def _measure(visit: LessonVisit, volume: str, *, now: datetime) -> bool:
    """Count in one notebook, if it was saved since; whether the page says something else then."""
    changes: dict[str, object] = {}
    try:
        with opened(volume, visit.lesson.path, max_bytes=MAX_BYTES) as file:
            saved_at = datetime.fromtimestamp(file.modified_at, UTC)
            if not _is_known(visit, saved_at):
                changes["saved_at"] = saved_at
                changes |= _news(visit, progress_of(read_notebook(b"".join(file.content))), now=now)
    except UserError:  # Not there, or not what it should be: what was last known stays.
        pass
    _note(visit, now=now, **changes)
    return "progressed_at" in changes


def _is_known(visit: LessonVisit, saved_at: datetime) -> bool:
    """Whether this is what was read last. Clocks of file systems may tell no less than a second."""
    if visit.saved_at != saved_at or visit.measured_at is None:
        return False
    return saved_at < visit.measured_at - _SAME_SECOND


def _news(visit: LessonVisit, progress: Progress, *, now: datetime) -> dict[str, object]:
    """What has to be changed to say how far they are; nothing if they are where they were."""
    counts = {
        "cells": progress.cells,
        "executed_cells": progress.executed,
        "tests": progress.tests,
        "validated_cells": progress.validated,
        "failing_cells": progress.failing,
    }
    if all(getattr(visit, name) == count for name, count in counts.items()):
        return {}
    return {**counts, "progressed_at": now}


def _note(visit: LessonVisit, *, now: datetime, **changes: object) -> None:
    LessonVisit.objects.filter(pk=visit.pk).update(measured_at=now, **changes)


def _announce(courses: set[UUID]) -> None:
    for course in courses:
        announce_course(course)
