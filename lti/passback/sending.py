"""Grades leave for their platform: one after another, through one worker at a time, until they are there.

The rows say what is to be sent; a message to a worker may be lost. A worker that dies leaves a lease that runs out, and
rows that whoever follows sends again, with the same time: a platform takes the same time once.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from environments.leases import kept_alive, lease_from
from environments.queueing import enqueue
from environments.references.http import Answer
from lti import audit
from lti.audit import What
from lti.errors import LtiError, LtiFailure
from lti.models import LineItem, Outlet, Platform, Score
from lti.passback import line_items
from lti.passback.answers import Meaning, is_same, meaning_of, seconds_asked
from lti.passback.outbox import TASK
from lti.passback.results import results_of
from lti.passback.service import SCORE_TYPE, part_of
from lti.passback.times import FIRST_WAIT, overtaking, stamp_of, wait_after
from lti.services import SCORE, ask

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Jitter = Callable[[], float]
State = Score.State
BATCH = 50
TURN = timedelta(seconds=60)
"""After so long a worker lets others have their turn, and asks to go on."""
FAILURES_TO_PAUSE = 3
"""After so many in a row, whoever's grades they were, it is the platform that is not well."""
LOCKED_TRIES, LOCKED_PAUSES = 4, 6
OUTDATED_TRIES = 8


@dataclass
class Turn:
    """One worker's turn at one platform."""

    outlet: Outlet
    worker: uuid.UUID
    clock: Clock
    jitter: Jitter
    began_at: datetime
    columns: dict[uuid.UUID, LineItem | None] = field(default_factory=dict)
    """Those looked at in this turn; None is one that nothing can be sent to now."""
    taken: Counter[str] = field(default_factory=Counter)
    """How many grades there were of each assignment."""
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many were not taken for good, and why."""
    is_over: bool = False

    @property
    def platform(self) -> Platform:
        """Whose turn it is."""
        return self.outlet.platform


def send_grades(platform: Platform, *, clock: Clock = timezone.now, jitter: Jitter = random.random) -> None:
    """Send what is due to this platform. Safe to call in any number of processes, and to break off at any moment."""
    turn = _claimed(platform, clock=clock, jitter=jitter)
    if turn is None:
        return
    try:
        with kept_alive(lambda: _renewed(turn)):
            while not turn.is_over and (rows := _next_rows(turn)):
                for row in rows:
                    if turn.is_over or not _is_left(turn):
                        break
                    _send_safely(turn, row)
    finally:
        _let_go(turn)
    if (
        Score.objects.due(clock()).to(platform).exists()
        and Outlet.objects.free(clock()).filter(pk=platform.pk).exists()
    ):
        enqueue(TASK, platform.pk)


def tend_grades(*, now: datetime) -> None:
    """Ask for whatever is due: messages get lost, and workers die. Safe to repeat."""
    waiting = Score.objects.due(now).order_by().values("line_item__context__deployment__platform")
    for key in Outlet.objects.free(now).filter(platform__in=waiting).values_list("pk", flat=True):
        enqueue(TASK, key)


# --- Turns -------------------------------------------------------------------------------------------------


def _claimed(platform: Platform, *, clock: Clock, jitter: Jitter) -> Turn | None:
    """A turn at the platform; None if another worker has it, or it is left alone."""
    Outlet.objects.get_or_create(platform=platform)
    worker, now = uuid.uuid4(), clock()
    if not platform.is_active:
        return None
    if not Outlet.objects.free(now).filter(pk=platform.pk).update(worker=worker, lease_until=lease_from(now)):
        return None
    outlet = Outlet.objects.get(pk=platform.pk)
    outlet.platform = platform
    return Turn(outlet, worker, clock, jitter, now)


def _ours(turn: Turn) -> Any:
    return Outlet.objects.filter(pk=turn.outlet.pk, worker=turn.worker)


def _renewed(turn: Turn) -> bool:
    return bool(_ours(turn).update(lease_until=lease_from(turn.clock())))


def _let_go(turn: Turn) -> None:
    _ours(turn).update(worker=None, lease_until=None)
    now = turn.clock()
    for title, count in turn.taken.items():
        audit.note(What.GRADES_SENT, platform=turn.platform, now=now, assignment=title, count=count)
    for (title, code), count in turn.refused.items():
        audit.note(What.GRADES_FAILED, platform=turn.platform, now=now, assignment=title, count=count, code=code)


def _is_left(turn: Turn) -> bool:
    """Whether it is still this worker's turn, and not over yet."""
    turn.is_over = turn.clock() > turn.began_at + TURN or not _ours(turn).exists()
    return not turn.is_over


def _next_rows(turn: Turn) -> list[Score]:
    """What is due, in the order in which it was graded."""
    closed = [key for key, column in turn.columns.items() if column is None]
    nobodys = ~Q(state=State.SENDING) | Q(worker=None) | ~Q(worker=turn.worker)
    due = Score.objects.due(turn.clock()).to(turn.platform).filter(nobodys).exclude(line_item__in=closed)
    return list(due.select_related("person").order_by("graded_at", "pk")[:BATCH])


# --- One grade ---------------------------------------------------------------------------------------------


def _send_safely(turn: Turn, row: Score) -> None:
    """Nothing that is wrong with one grade keeps the others."""
    try:
        _send(turn, row)
    except Exception:
        logger.exception("grade %s was not sent", row.pk)
        Score.objects.filter(pk=row.pk, state__in=(State.WAITING, State.SENDING), version=row.version).update(
            state=State.WAITING,
            worker=None,
            attempts=F("attempts") + 1,
            next_try_at=turn.clock() + wait_after(row.attempts + 1, jitter=turn.jitter()),
            failure_code="grades_unanswered",
        )


def _send(turn: Turn, row: Score) -> None:
    column = _column(turn, row)
    if column is None:
        return
    row.line_item = column
    if not _begun(turn, row):
        return
    try:
        answer = _posted(column, row, now=turn.clock())
        meaning = meaning_of(answer.status, headers=answer.headers, body=answer.body)
        if meaning == Meaning.STALE and _is_there(column, row, now=turn.clock()):
            meaning = Meaning.TAKEN
    except (LtiFailure, LtiError) as trouble:
        logger.warning("grade %s was not sent: %s", row.pk, trouble)
        _not_well(turn, row, _code(trouble), asked=0.0)
        return
    if meaning != Meaning.TAKEN:
        logger.warning("grade %s: the platform answers %s", row.pk, answer.status)
    _conclude(turn, row, meaning, asked=seconds_asked(answer.headers))


def _column(turn: Turn, row: Score) -> LineItem | None:
    """The column it goes into, as it is once a turn; None if nothing can be sent to it now."""
    key = row.line_item_id
    if key not in turn.columns:
        rows = LineItem.objects.select_related("assignment", "context__deployment__platform")
        column = rows.filter(pk=key).first()  # Its link may have been led elsewhere just now.
        turn.columns[key] = column if column is not None and _is_ready(turn, column) else None
    return turn.columns[key]


def _is_ready(turn: Turn, column: LineItem) -> bool:
    try:
        if line_items.ready(column, now=turn.clock()):
            return True
        # Another worker is about it, or has died of it.
        LineItem.objects.filter(pk=column.pk).update(next_try_at=turn.clock() + FIRST_WAIT)
    except LtiFailure as trouble:
        logger.warning("line item %s is not ready: %s", column.pk, trouble)
        _column_waits(turn, column, "grades_unanswered")
        _platform_failed(turn, "grades_unanswered", asked=0.0)
    except LtiError as error:
        logger.warning("line item %s is not ready: %s", column.pk, error)
        if error.code in UNTOKENED:
            _column_waits(turn, column, error.code)
            _platform_failed(turn, error.code, asked=0.0)
        else:
            _column_ends(turn, column, LineItem.State.REFUSED, error.code)
    return False


def _begun(turn: Turn, row: Score) -> bool:
    """Whether it is ours to send now, with its time written down first; one whose time is to come waits for it."""
    now, same = turn.clock(), row.stamped_version == row.version
    stamp = row.stamp if same and row.stamp is not None else stamp_of(row.graded_at, last=row.stamp)
    free = Score.objects.filter(
        pk=row.pk, version=row.version, state=row.state, worker=row.worker, line_item__in=_open(row.line_item)
    )
    if stamp > now:
        free.update(state=State.WAITING, worker=None, next_try_at=stamp)
        return False
    begun = free.update(
        state=State.SENDING, worker=turn.worker, stamp=stamp, stamped_version=row.version, attempts=F("attempts") + 1
    )
    row.state, row.worker, row.stamp, row.stamped_version = State.SENDING, turn.worker, stamp, row.version
    row.attempts += 1
    if not begun:  # Somebody has changed the grade, where it goes, or whether it may.
        turn.columns.pop(row.line_item_id, None)
    return bool(begun)


def _open(column: LineItem) -> QuerySet[LineItem]:
    """The column, if it is still where it was, of a class that its course still is, and of a platform in use."""
    course, platform = column.assignment.course_id, "context__deployment__platform__state"
    still = {"context__course": course, platform: Platform.State.ACTIVE}
    return LineItem.objects.filter(pk=column.pk, url=column.url, state=LineItem.State.OPEN, **still)


def _posted(column: LineItem, row: Score, *, now: datetime) -> Answer:
    said: dict[str, object] = {
        "userId": row.person.sub,
        "scoreGiven": float(row.points),
        "scoreMaximum": float(row.maximum),
        "timestamp": _time(row),
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
    }
    if row.comment:
        said["comment"] = row.comment
    url = part_of(column.url, "scores")
    return ask(column.platform, "POST", url, scopes=[SCORE], said=said, media_type=SCORE_TYPE, now=now)


def _time(row: Score) -> str:
    """With parts of a second, which are none: some platforms insist on them."""
    return row.stamp.isoformat(timespec="milliseconds") if row.stamp is not None else ""


def _is_there(column: LineItem, row: Score, *, now: datetime) -> bool:
    """Whether the platform shows this very grade; not where it does not say."""
    try:
        shown = results_of(column, now=now, person=row.person).get(row.person.sub)
    except LtiError:
        return False
    return shown is not None and is_same(row.points, row.maximum, shown=shown.points, shown_maximum=shown.maximum)


# --- Ends --------------------------------------------------------------------------------------------------


def _conclude(turn: Turn, row: Score, meaning: Meaning, *, asked: float) -> None:
    """Write down what came of it."""
    match meaning:
        case Meaning.TAKEN:
            _taken(turn, row)
        case Meaning.STALE:
            _outdated(turn, row)
        case Meaning.REFUSED:
            _refused(turn, row, "grade_refused")
            _platform_answered(turn)
        case Meaning.GONE:
            _waits(turn, row, "column_gone", turn.clock())
            _column_ends(turn, row.line_item, LineItem.State.GONE, "column_gone")
            _platform_answered(turn)
        case Meaning.BROKEN:
            _broken(turn, row)
        case Meaning.NOT_ALLOWED:
            row.line_item.failures += FAILURES_TO_PAUSE
            _waits(turn, row, "grades_not_allowed", turn.clock())
            _column_waits(turn, row.line_item, "grades_not_allowed")
            _platform_answered(turn)
        case Meaning.BUSY:
            _not_well(turn, row, "grades_unanswered", asked=asked, is_at_once=True)
        case Meaning.UNANSWERED:
            _not_well(turn, row, "grades_unanswered", asked=asked)


def _mine(turn: Turn, row: Score) -> Any:
    """The row as it was sent; gone once there is something else to be sent."""
    return Score.objects.filter(pk=row.pk, state=State.SENDING, worker=turn.worker, version=row.version)


def _taken(turn: Turn, row: Score) -> None:
    there = {"sent_points": row.points, "sent_maximum": row.maximum, "sent_at": turn.clock()}
    ended = {"state": State.SENT, "worker": None, "attempts": 0, "next_try_at": None, "failure_code": ""}
    if not _mine(turn, row).update(**there | ended):
        # Something newer waits by now.
        Score.objects.filter(pk=row.pk, line_item__url=row.line_item.url).update(**there)
    column = row.line_item
    if column.failures:
        column.failures = 0
        LineItem.objects.filter(pk=column.pk).update(failures=0, failure_code="")
    turn.taken[column.assignment.title] += 1
    _platform_answered(turn)


def _waits(turn: Turn, row: Score, code: str, until: datetime) -> None:
    _mine(turn, row).update(state=State.WAITING, worker=None, next_try_at=until, failure_code=code)


def _refused(turn: Turn, row: Score, code: str) -> None:
    ended = _mine(turn, row).update(state=State.REFUSED, worker=None, next_try_at=None, failure_code=code)
    turn.refused[row.line_item.assignment.title, code] += ended


def _outdated(turn: Turn, row: Score) -> None:
    """It has something else, and calls it newer: ours is given the present time, until that does not help either."""
    _platform_answered(turn)
    if row.attempts >= OUTDATED_TRIES:
        _refused(turn, row, "grade_outdated")
        return
    now = turn.clock()
    wait = wait_after(row.attempts - 1, jitter=turn.jitter()) if row.attempts > 1 else timedelta()
    # With no version of its own, the time is worked out anew.
    _mine(turn, row).update(stamp=overtaking(row.stamp, now=now + wait), stamped_version=0)
    _waits(turn, row, "grade_outdated" if row.attempts > 1 else "", now + wait)


def _broken(turn: Turn, row: Score) -> None:
    """Perhaps it is locked: for this person, or for all, which is seen when nobody's is taken."""
    column, now = row.line_item, turn.clock()
    if row.attempts >= LOCKED_TRIES:
        _refused(turn, row, "grade_locked")
    else:
        _waits(turn, row, "grade_locked", now + wait_after(row.attempts + 1, jitter=turn.jitter()))
    column.failures += 1
    if column.failures % FAILURES_TO_PAUSE:
        LineItem.objects.filter(pk=column.pk).update(failures=column.failures)
    elif column.failures >= FAILURES_TO_PAUSE * LOCKED_PAUSES:
        _column_ends(turn, column, LineItem.State.LOCKED, "column_locked")
    else:
        _column_waits(turn, column, "column_locked")


def _not_well(turn: Turn, row: Score, code: str, *, asked: float, is_at_once: bool = False) -> None:
    """Nothing was said of the grade: it waits, and if it goes to others in the same way, so does the platform."""
    wait = wait_after(row.attempts, jitter=turn.jitter(), asked=asked)
    _waits(turn, row, code, turn.clock() + wait)
    _platform_failed(turn, code, asked=asked, is_at_once=is_at_once)


def _column_waits(turn: Turn, column: LineItem, code: str) -> None:
    pauses = column.failures // FAILURES_TO_PAUSE + 1
    until = turn.clock() + wait_after(pauses, jitter=turn.jitter())
    LineItem.objects.filter(pk=column.pk).update(failures=column.failures, next_try_at=until, failure_code=code)
    turn.columns[column.pk] = None


def _column_ends(turn: Turn, column: LineItem, state: str, code: str) -> None:
    LineItem.objects.filter(pk=column.pk).update(
        state=state, failures=column.failures, next_try_at=None, failure_code=code
    )
    turn.refused[column.assignment.title, code] += 1
    turn.columns[column.pk] = None


def _platform_failed(turn: Turn, code: str, *, asked: float, is_at_once: bool = False) -> None:
    outlet = turn.outlet
    outlet.failures += 1
    until = None
    if is_at_once or outlet.failures >= FAILURES_TO_PAUSE:
        pauses = max(outlet.failures - FAILURES_TO_PAUSE + 1, 1)
        until = turn.clock() + wait_after(pauses, jitter=turn.jitter(), asked=asked)
        turn.is_over = True
    _ours(turn).update(failures=outlet.failures, paused_until=until, failure_code=code if until else "")


def _platform_answered(turn: Turn) -> None:
    """It is well again: those that failed while it was not need not wait any longer."""
    outlet = turn.outlet
    if not outlet.failures:
        return
    if outlet.failures >= FAILURES_TO_PAUSE:
        waiting = Score.objects.to(turn.platform).filter(state=State.WAITING, failure_code__in=NOT_WELL)
        Score.objects.filter(pk__in=waiting.values("pk")).update(next_try_at=None, attempts=0)
        of_it = LineItem.objects.filter(context__deployment__platform=turn.platform, failure_code__in=NOT_WELL)
        LineItem.objects.filter(pk__in=of_it.values("pk")).update(next_try_at=None, failures=0, failure_code="")
        turn.columns = {key: column for key, column in turn.columns.items() if column is not None}
    outlet.failures, outlet.failure_code = 0, ""
    _ours(turn).update(failures=0, paused_until=None, failure_code="")


UNTOKENED = ("token_refused", "keys_unread", "key_missing", "key_unreadable")
"""Why nothing at all can be asked of a platform, until whoever runs one of the two has done something."""
NOT_WELL = ("grades_unanswered", "grades_not_allowed", *UNTOKENED)
"""Why something waits of which nothing was said."""


def _code(trouble: LtiFailure | LtiError) -> str:
    return trouble.code if trouble.code in NOT_WELL else "grades_unanswered"
