"""What a platform means by its answer to a grade. Pure: statuses and bodies in, meanings out.

The same status says different things; what is known of each platform is in `docs/decisions/grade-passback.md`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum


class Meaning(StrEnum):
    """What came of a grade that was sent."""

    TAKEN = "taken"
    STALE = "stale"
    """It has one of the same time or a later one: perhaps this very grade, whose answer was lost."""
    UNANSWERED = "unanswered"
    """The platform is not well: to be tried again, and nothing was said of the grade."""
    BUSY = "busy"
    """It is asked too often."""
    NOT_ALLOWED = "not allowed"
    """It does not let us, whoever's grade it is."""
    REFUSED = "refused"
    """Not for this person, ever, as things stand."""
    BROKEN = "broken"
    """An error of its own, which in Moodle is what a locked grade looks like."""
    GONE = "gone"
    """There is no such column."""


_MEANINGS = {
    401: Meaning.NOT_ALLOWED,
    404: Meaning.GONE,
    408: Meaning.UNANSWERED,
    409: Meaning.STALE,
    410: Meaning.GONE,
    425: Meaning.UNANSWERED,
    429: Meaning.BUSY,
    500: Meaning.BROKEN,
}
_STALE_WORDS = re.compile(rb"already exist|earlier timestamp|newer score", re.IGNORECASE)
"""With which Open edX says 400 in place of 409."""
_REMAINING = ("x-rate-limit-remaining", "x-ratelimit-remaining")
TOLERANCE = Decimal("0.0005")
"""Of a whole grade: platforms round what they keep."""


def meaning_of(status: int, *, headers: Mapping[str, str], body: bytes) -> Meaning:
    """What this answer to a grade means. Header names are in lower case."""
    if status in _MEANINGS:
        return _MEANINGS[status]
    if 200 <= status < 300:
        # A page in place of an answer is somebody between us and the platform, or its maintenance.
        return Meaning.UNANSWERED if body.lstrip()[:1] == b"<" else Meaning.TAKEN
    if 400 <= status < 500:
        if status == 403 and has_nothing_left(headers):
            return Meaning.BUSY
        if status == 400 and _STALE_WORDS.search(body):
            return Meaning.STALE
        return Meaning.REFUSED
    return Meaning.UNANSWERED


def has_nothing_left(headers: Mapping[str, str]) -> bool:
    """Whether it says that we have asked as often as we may."""
    for name in _REMAINING:
        try:
            if name in headers and float(headers[name]) <= 0:
                return True
        except ValueError:
            continue
    return False


def seconds_asked(headers: Mapping[str, str]) -> float:
    """For how long it wants to be left alone, as far as it says."""
    after = headers.get("retry-after", "")
    return float(after) if after.isascii() and after.isdecimal() else 0.0


def is_same(points: Decimal, maximum: Decimal, *, shown: Decimal, shown_maximum: Decimal) -> bool:
    """Whether a grade that a platform shows is this one, in its own scale. What is beyond full, some cut off."""
    if maximum <= 0 or shown_maximum <= 0:
        return False
    ours, theirs = points / maximum, shown / shown_maximum
    return min(abs(ours - theirs), abs(min(ours, Decimal(1)) - theirs)) <= TOLERANCE
