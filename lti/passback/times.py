"""When a grade is sent, and with which time. Pure.

Platforms take a grade only with a time that is later than the last, by a whole second at least, and one of the future
keeps out all that follow until it is past.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SECOND = timedelta(seconds=1)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=15), timedelta(minutes=10)
LONGEST_ASKED = timedelta(hours=1)
"""For how long at most a platform is left alone that asks for it."""


def stamp_of(graded_at: datetime, *, last: datetime | None) -> datetime:
    """The time of a grade: its own, in whole seconds, but later than what went before it.

    It may lie in the future; then the grade waits until it does not.
    """
    own = graded_at.astimezone(UTC).replace(microsecond=0)
    return own if last is None else max(own, last + SECOND)


def overtaking(last: datetime | None, *, now: datetime) -> datetime:
    """What to take as the last time so that the next is the present second, if that can be."""
    before = now.astimezone(UTC).replace(microsecond=0) - SECOND
    return before if last is None else max(last, before)


def wait_after(failures: int, *, jitter: float, asked: float = 0.0) -> timedelta:
    """How long to wait after so many failures in a row; not less than the platform asks for, in seconds.

    `jitter`, from 0 to 1, spreads those that failed in the same moment.
    """
    times: int = 2 ** min(max(failures - 1, 0), 10)
    most = min(FIRST_WAIT * times, LONGEST_WAIT)
    return max(most * (0.5 + 0.5 * jitter), timedelta(seconds=min(max(asked, 0.0), LONGEST_ASKED.total_seconds())))
