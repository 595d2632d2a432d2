"""What a platform shows of grades: a teacher's own change there is seen nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from lti.errors import LtiError
from lti.models import LineItem, LtiPerson
from lti.passback.service import RESULTS_TYPE, Unlisted, entries, narrowed, part_of
from lti.services import RESULT


@dataclass(frozen=True, slots=True)
class Shown:
    """A grade as it stands in the gradebook over there."""

    points: Decimal
    maximum: Decimal


def results_of(line_item: LineItem, *, now: datetime, person: LtiPerson | None = None) -> dict[str, Shown]:
    """What the column shows, by `sub`; of one person only, if one is named.

    Raises LtiError `results_unread` where the platform does not say, LtiFailure, and what `ask` raises.
    """
    url = part_of(line_item.url, "results")
    if person is not None:
        url = narrowed(url, user_id=person.sub)
    found: dict[str, Shown] = {}
    try:
        for one in entries(line_item.platform, url, accept=RESULTS_TYPE, scopes=[RESULT], now=now):
            sub, shown = one.get("userId"), _shown(one)
            if isinstance(sub, str | int) and shown is not None:
                found[str(sub)] = shown
    except Unlisted as refusal:
        raise LtiError("results_unread", platform=line_item.platform.name, detail=str(refusal)) from None
    return found


def _shown(one: Mapping[str, Any]) -> Shown | None:
    """None for somebody who has no grade there."""
    points, maximum = _number(one.get("resultScore")), _number(one.get("resultMaximum", 1))
    return Shown(points, maximum) if points is not None and maximum is not None and maximum > 0 else None


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < 10**9 else None
