"""When an assignment is due, for whom, what lateness costs, and which attempt counts. Pure: time is an argument.

Nothing worked out here is stored, so a date that is moved moves everything that follows from it: who is late, what it
costs, and when the assignment closes. All of that is asked with the same `Allowance`, which is what one person has been
given beyond the others.

Moments are compared by the second, and a deadline's own second is still in time: due at 12:00:00 means until 12:00:01.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

from django.utils.translation import gettext_lazy as _

from assignments.errors import AssignmentError

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
EARLIEST, LATEST = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)
"""What lies beyond is as good as these: time on top leads nowhere out of the calendar, in no zone."""
MAX_STEPS = 20
MAX_MINUTES = 366 * 24 * 60
MAX_TIME_PERCENT = 1000
CENT = Decimal("0.01")


def _is_within(number: object, most: int) -> bool:
    return type(number) is int and 0 <= number <= most


class Counts(StrEnum):
    """Which of several attempts counts."""

    LATEST = "latest"
    BEST = "best"
    FIRST = "first"
    LATEST_ON_TIME = "latest_on_time"


COUNTS_WORDS: dict[Counts, _StrPromise] = {
    Counts.LATEST: _("The latest attempt counts"),
    Counts.BEST: _("The best attempt counts"),
    Counts.FIRST: _("The first attempt counts"),
    Counts.LATEST_ON_TIME: _("The latest attempt in time counts, or else the latest"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """Whoever is later than this keeps so many percent of their points."""

    after_minutes: int
    percent: int


@dataclass(frozen=True, slots=True)
class LateRule:
    """What lateness costs: nothing, something in steps, or something for each day that has begun.

    Lateness is counted from the due date, also where there is grace: 11 minutes with 10 of grace are 11 minutes.
    Raises AssignmentError `late_rule_invalid`.
    """

    grace_minutes: int = 0
    """So late is not late at all."""
    steps: tuple[Step, ...] = ()
    percent_per_day: int = 0
    """Lost for each 24 hours that have begun."""
    keeps_percent: int = 0
    """What a loss by the day leaves at least."""

    def __post_init__(self) -> None:
        percents = [self.percent_per_day, self.keeps_percent, *(step.percent for step in self.steps)]
        minutes = [self.grace_minutes, *(step.after_minutes for step in self.steps)]
        is_clear = (
            all(_is_within(percent, 100) for percent in percents)
            and all(_is_within(minute, MAX_MINUTES) for minute in minutes)
            and len(self.steps) <= MAX_STEPS
            and not (self.steps and self.percent_per_day)
            and all(a.after_minutes < b.after_minutes and a.percent > b.percent for a, b in pairwise(self.steps))
        )
        if not is_clear:
            raise AssignmentError("late_rule_invalid")

    @property
    def grace(self) -> timedelta:
        """How late one may be without being late."""
        return timedelta(minutes=self.grace_minutes)

    def percent_kept(self, late_by: timedelta) -> int:
        """How many percent of the points remain to whoever is so late: never more for being later."""
        if late_by <= self.grace:
            return 100
        if self.percent_per_day:
            days = -(-late_by // DAY)
            return max(self.keeps_percent, 100 - days * self.percent_per_day)
        reached = [step.percent for step in self.steps if late_by > timedelta(minutes=step.after_minutes)]
        return min(reached, default=100)

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "grace_minutes": self.grace_minutes,
            "steps": [[step.after_minutes, step.percent] for step in self.steps],
            "percent_per_day": self.percent_per_day,
            "keeps_percent": self.keeps_percent,
        }

    @classmethod
    def from_json(cls, stored: object) -> Self:
        """As it was stored; what is missing is nothing. Raises AssignmentError `late_rule_invalid`."""
        if not isinstance(stored, Mapping):
            raise AssignmentError("late_rule_invalid")
        try:
            steps = tuple(Step(after, percent) for after, percent in stored.get("steps", ()))
        except (TypeError, ValueError) as error:
            raise AssignmentError("late_rule_invalid", detail=str(error)) from error
        return cls(
            stored.get("grace_minutes", 0), steps, stored.get("percent_per_day", 0), stored.get("keeps_percent", 0)
        )


@dataclass(frozen=True, slots=True)
class Schedule:
    """The dates of an assignment, as they are for everybody. None is no such date.

    Raises AssignmentError `dates_out_of_order`.
    """

    opens_at: datetime | None = None
    due_at: datetime | None = None
    closes_at: datetime | None = None
    """The cut-off: after it nothing is taken, however late."""
    late: LateRule = LateRule()
    attempts: int | None = None
    """How often it may be handed in; None for as often as one likes."""
    counts: Counts = Counts.LATEST

    def __post_init__(self) -> None:
        dates = [date for date in (self.opens_at, self.due_at, self.closes_at) if date]
        if any(earlier > later for earlier, later in pairwise(dates)):
            raise AssignmentError("dates_out_of_order")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one person has beyond the others: it never takes anything away.

    Raises AssignmentError `allowance_invalid`.
    """

    extra_minutes: int = 0
    until: datetime | None = None
    """Due no earlier than this. A due date that is moved beyond it goes for this person too."""
    time_percent: int = 100
    """150 is half as much time again, counted from when the assignment opens."""
    extra_attempts: int = 0

    def __post_init__(self) -> None:
        is_more = (
            _is_within(self.extra_minutes, MAX_MINUTES)
            and _is_within(self.time_percent - 100, MAX_TIME_PERCENT - 100)
            and _is_within(self.extra_attempts, 1000)
        )
        if not is_more:
            raise AssignmentError("allowance_invalid")


NOTHING_EXTRA = Allowance()


@dataclass(frozen=True, slots=True)
class Dates:
    """The dates of an assignment, as they are for one person; in UTC, and whole seconds."""

    opens_at: datetime | None
    due_at: datetime | None
    closes_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How something handed in at some moment stands to the dates of whoever handed it in."""

    late_by: timedelta
    """Since the due date, also where that is within the grace; nothing before it."""
    is_late: bool
    percent_kept: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One submission, as far as it matters for which one counts."""

    number: int
    submitted_at: datetime
    points: Decimal | None = None
    """Before lateness is counted; None while it is not graded."""
    is_automatic: bool = False
    """Whether it was handed in for somebody who forgot to."""


@dataclass(frozen=True, slots=True)
class Moved:
    """An attempt that lateness costs something else now, because a date or a rule was changed."""

    number: int
    before: Standing
    after: Standing


def dates_for(schedule: Schedule, allowance: Allowance = NOTHING_EXTRA) -> Dates:
    """The dates as they are for a person with this allowance.

    However much later the assignment is due for them, that much later it closes for them; where nothing is due, the
    allowance is of the cut-off. It never closes within the grace: what is in time is taken.
    """
    opens, due, closes = _second(schedule.opens_at), _second(schedule.due_at), _second(schedule.closes_at)
    anchor = due or closes
    if anchor is None:
        return Dates(opens, None, None)
    more = _more_time(anchor, opens, allowance)
    if due:
        due = _later(due, more)
    if closes:
        closes = _later(closes, more)
        if due:
            closes = max(closes, _later(due, schedule.late.grace))
    return Dates(opens, due, closes)


def standing(schedule: Schedule, submitted_at: datetime, allowance: Allowance = NOTHING_EXTRA) -> Standing:
    """How late something handed in at this moment is, and what that costs."""
    due = dates_for(schedule, allowance).due_at
    if due is None:
        return Standing(timedelta(0), is_late=False, percent_kept=100)
    late_by = max(timedelta(0), _whole(submitted_at) - due)
    return Standing(late_by, is_late=late_by > schedule.late.grace, percent_kept=schedule.late.percent_kept(late_by))


def penalty(points: Decimal, percent_kept: int) -> Decimal:
    """What lateness takes away from these points, to the cent; nothing from less than nothing."""
    return (max(points, Decimal(0)) * (100 - percent_kept) / 100).quantize(CENT, ROUND_HALF_UP)


def refusal(
    schedule: Schedule, *, attempts: Iterable[Attempt], now: datetime, allowance: Allowance = NOTHING_EXTRA
) -> AssignmentError | None:
    """Why a person cannot hand in now what they handed in so often; None if they can. To be raised, or to be shown.

    `assignment_not_open`, `assignment_closed` or `attempts_used`. What was handed in for them uses up no attempt.
    """
    dates, moment = dates_for(schedule, allowance), _whole(now)
    if dates.opens_at and moment < dates.opens_at:
        return AssignmentError("assignment_not_open")
    if dates.closes_at and moment > dates.closes_at:
        return AssignmentError("assignment_closed")
    most = most_attempts(schedule, allowance)
    if most is not None and sum(not attempt.is_automatic for attempt in attempts) >= most:
        return AssignmentError("attempts_used", most=most)
    return None


def most_attempts(schedule: Schedule, allowance: Allowance = NOTHING_EXTRA) -> int | None:
    """How often this person may hand it in; None for as often as they like."""
    return None if schedule.attempts is None else schedule.attempts + allowance.extra_attempts


def hands_in_itself_at(schedule: Schedule, allowance: Allowance = NOTHING_EXTRA) -> datetime | None:
    """From when on the files of a person who forgot are handed in for them; None where nothing is due.

    That is the first second in which they would be late themselves, so nobody is forestalled. What is handed in then
    counts as of `on_time_until`, whenever it comes to be done.
    """
    last = on_time_until(schedule, allowance)
    return _later(last, SECOND) if last else None


def on_time_until(schedule: Schedule, allowance: Allowance = NOTHING_EXTRA) -> datetime | None:
    """The last second in which this person is not late; None if there is no such."""
    due = dates_for(schedule, allowance).due_at
    return _later(due, schedule.late.grace) if due else None


def has_forgotten(
    schedule: Schedule, *, attempts: Iterable[Attempt], now: datetime, allowance: Allowance = NOTHING_EXTRA
) -> bool:
    """Whether it is to be handed in for this person now: it was due, and nothing has come from or for them."""
    begins = hands_in_itself_at(schedule, allowance)
    return begins is not None and _whole(now) >= begins and not any(True for _ in attempts)


def counting(schedule: Schedule, attempts: Iterable[Attempt], allowance: Allowance = NOTHING_EXTRA) -> Attempt | None:
    """The attempt that counts; None if there is none. The order in which they are given does not matter.

    The best is that with the most points after lateness, the later of two equals, and the latest while none is graded.
    The first is the first of their own, if there is any; what was handed in for them is otherwise like others.
    """
    return max(attempts, key=_ORDERS[schedule.counts](schedule, allowance), default=None)


def moved(
    attempts: Iterable[Attempt],
    *,
    before: tuple[Schedule, Allowance],
    after: tuple[Schedule, Allowance],
) -> tuple[Moved, ...]:
    """The attempts of one person that stand otherwise once dates, rules or their allowance have changed."""
    found = (
        Moved(attempt.number, standing(before[0], at, before[1]), standing(after[0], at, after[1]))
        for attempt in attempts
        for at in [attempt.submitted_at]
    )
    return tuple(change for change in found if change.before != change.after)


# --- Which attempt counts ----------------------------------------------------------------------------------

_Order = Callable[[Attempt], tuple[Any, ...]]


def _latest(schedule: Schedule, allowance: Allowance) -> _Order:
    return _when


def _first(schedule: Schedule, allowance: Allowance) -> _Order:
    return lambda attempt: (not attempt.is_automatic, -attempt.submitted_at.timestamp(), -attempt.number)


def _best(schedule: Schedule, allowance: Allowance) -> _Order:
    def order(attempt: Attempt) -> tuple[Any, ...]:
        if attempt.points is None:
            return (False, Decimal(0), *_when(attempt))
        kept = standing(schedule, attempt.submitted_at, allowance).percent_kept
        return (True, attempt.points - penalty(attempt.points, kept), *_when(attempt))

    return order


def _latest_on_time(schedule: Schedule, allowance: Allowance) -> _Order:
    return lambda attempt: (not standing(schedule, attempt.submitted_at, allowance).is_late, *_when(attempt))


def _when(attempt: Attempt) -> tuple[datetime, int]:
    return (attempt.submitted_at, attempt.number)


_ORDERS: dict[Counts, Callable[[Schedule, Allowance], _Order]] = {
    Counts.LATEST: _latest,
    Counts.BEST: _best,
    Counts.FIRST: _first,
    Counts.LATEST_ON_TIME: _latest_on_time,
}


# --- Time --------------------------------------------------------------------------------------------------


def _more_time(anchor: datetime, opens: datetime | None, allowance: Allowance) -> timedelta:
    """How much later the anchor of the dates is for this person."""
    later = timedelta(minutes=allowance.extra_minutes)
    if opens:
        later += (anchor - opens) // 100 * (allowance.time_percent - 100)  # Whole seconds: nothing is lost.
    until = _second(allowance.until)
    return _whole(max(_later(anchor, later), until or anchor)) - anchor


def _later(moment: datetime, by: timedelta) -> datetime:
    return moment + min(by, LATEST - moment)


def _second(moment: datetime | None) -> datetime | None:
    return None if moment is None else _whole(moment)


def _whole(moment: datetime) -> datetime:
    """The second it is in; in UTC, for times of one zone are subtracted as if no clock were ever put back."""
    return min(max(moment, EARLIEST), LATEST).astimezone(UTC).replace(microsecond=0)
