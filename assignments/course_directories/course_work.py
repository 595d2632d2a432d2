"""What a worker does for a class under a lease, whichever of its tables it stands in: once, whoever dies over it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import F
from django.utils import timezone

from assignments.errors import AssignmentError
from assignments.models.course_directory import CourseWork, WorkState
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.leases import kept_alive, lease_from
from environments.queueing import enqueue

logger = logging.getLogger(__name__)

MAX_TRIES = 3
"""How many workers may die over one, or find something broken, before it has failed."""
Clock = Callable[[], datetime]
Work = TypeVar("Work", bound=CourseWork)


def carry_out(work: Work, do: Callable[[Work], Mapping[str, Any]], *, clock: Clock = timezone.now) -> None:
    """Have `do` done, and its result written to the row, unless another worker has it. Safe to repeat."""
    claimed = _claim(work, now=clock())
    if not claimed:
        return
    try:
        with kept_alive(lambda: bool(_ours(work).update(lease_until=lease_from(clock())))):
            result = do(work)
    except UserError as error:
        _fail(work, error, now=clock())
    except (SystemFailure, OSError) as trouble:
        logger.warning("%s could not be carried out: %s", work.pk, trouble)
        known = trouble if isinstance(trouble, EnvironmentsError) else AssignmentError("course_work_interrupted")
        _give_back(work, known, now=clock())
    else:
        done = {"state": WorkState.DONE, "done_at": clock(), "lease_until": None}
        _ours(work).update(**done, failure_code="", failure_facts={}, **result)
    work.refresh_from_db()


def tend(table: type[CourseWork], task: str, *, now: datetime) -> None:
    """Take back what dead workers had, and ask for what waits. Safe to repeat."""
    rows = table._default_manager
    for work in rows.filter(state=WorkState.RUNNING, lease_until__lt=now):
        _give_back(work, AssignmentError("course_work_interrupted"), now=now)
    for key in rows.filter(state=WorkState.WAITING).order_by("asked_at").values_list("pk", flat=True)[:20]:
        enqueue(task, key)


def _claim(work: CourseWork, *, now: datetime) -> bool:
    rows = type(work)._default_manager.filter(pk=work.pk, state=WorkState.WAITING)
    worker = uuid.uuid4()
    claimed = rows.update(state=WorkState.RUNNING, worker=worker, lease_until=lease_from(now), tries=F("tries") + 1)
    if claimed:
        work.refresh_from_db()
    return bool(claimed)


def _give_back(work: CourseWork, error: EnvironmentsError, *, now: datetime) -> None:
    """Have another worker try, unless enough have."""
    if work.tries >= MAX_TRIES:
        _fail(work, error, now=now)
    else:
        _ours(work).update(state=WorkState.WAITING, worker=None, lease_until=None)


def _fail(work: CourseWork, error: EnvironmentsError, *, now: datetime) -> None:
    failure = {"failure_code": error.code, "failure_facts": error.facts}
    _ours(work).update(state=WorkState.FAILED, done_at=now, lease_until=None, **failure)


def _ours(work: CourseWork) -> Any:
    return type(work)._default_manager.filter(pk=work.pk, state=WorkState.RUNNING, worker=work.worker)
