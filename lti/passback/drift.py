"""Where a platform's gradebook and ours differ: looked up before grades are sent again.

A teacher who has changed a grade over there is seen in no answer to what we send, and sending lowers it, or does
nothing that anybody sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from lti.errors import LtiError
from lti.models import LineItem, Score
from lti.passback import outbox
from lti.passback.answers import is_same
from lti.passback.results import Shown, results_of


class Kind(StrEnum):
    """How a grade over there differs from ours."""

    MISSING = "missing"
    LOWER = "lower"
    HIGHER = "higher"


class Which(StrEnum):
    """What to send again."""

    MISSING = "missing"
    BEHIND = "behind"
    """What is missing or lower over there: nobody loses points by it."""
    ALL = "all"
    """What is higher over there, too."""


SENT = {
    Which.MISSING: (Kind.MISSING,),
    Which.BEHIND: (Kind.MISSING, Kind.LOWER),
    Which.ALL: (Kind.MISSING, Kind.LOWER, Kind.HIGHER),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One grade that is not the same in both."""

    score: Score
    kind: Kind
    shown: Decimal | None
    """What stands over there, out of what it is here."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One column, looked at from both sides."""

    differences: Sequence[Difference]
    same: int
    waiting: int
    """How many are on their way, and not looked at."""

    def of(self, *kinds: Kind) -> list[Difference]:
        """Those that differ in such a way."""
        return [one for one in self.differences if one.kind in kinds]

    @property
    def missing(self) -> int:
        """How many are not there."""
        return len(self.of(Kind.MISSING))

    @property
    def behind(self) -> int:
        """How many are missing or lower over there."""
        return len(self.of(*SENT[Which.BEHIND]))

    @property
    def higher(self) -> int:
        """How many are higher over there."""
        return len(self.of(Kind.HIGHER))


def compare(line_item: LineItem, *, now: datetime) -> Comparison:
    """What stands over there beside what should. Raises LtiError `results_unread` and `column_unoffered`, LtiFailure.

    Two questions to the tables.
    """
    if not line_item.url:
        raise LtiError("column_unoffered", platform=line_item.platform.name)
    shown = results_of(line_item, now=now)
    scores = line_item.scores.select_related("person", "grade__membership__person")
    there: list[Difference] = []
    same = waiting = 0
    for score in scores.order_by("grade__membership__person__display_name", "pk"):
        if score.state in (Score.State.WAITING, Score.State.SENDING):
            waiting += 1
        elif (difference := _difference(score, shown.get(score.person.sub))) is not None:
            there.append(difference)
        else:
            same += 1
    return Comparison(there, same, waiting)


def send_again(line_item: LineItem, which: Which, *, now: datetime) -> int:
    """Look once more, and send what differs now in such a way. Returns how many. Raises what `compare` raises."""
    wanted = compare(line_item, now=now).of(*SENT[which])
    return outbox.resend(Score.objects.filter(pk__in=[one.score.pk for one in wanted])) if wanted else 0


def would_lower(score: Score, *, now: datetime) -> bool:
    """Whether more stands over there for this person, as far as the platform says. Raises LtiFailure."""
    if not score.line_item.url:
        return False
    try:
        shown = results_of(score.line_item, now=now, person=score.person).get(score.person.sub)
    except LtiError:
        return False
    difference = _difference(score, shown)
    return difference is not None and difference.kind == Kind.HIGHER


def _difference(score: Score, shown: Shown | None) -> Difference | None:
    if shown is None:
        return Difference(score, Kind.MISSING, None)
    if is_same(score.points, score.maximum, shown=shown.points, shown_maximum=shown.maximum):
        return None
    here = (shown.points * score.maximum / shown.maximum).quantize(Decimal("0.01"))
    return Difference(score, Kind.HIGHER if here > score.points else Kind.LOWER, here)
