"""Which dates are taken, wherever they come in: whoever types the year 9999 has missed a key."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

FIRST_YEAR, LAST_YEAR = 2000, 2200
"""Beyond them nothing is taught, and time given on top would lead out of the calendar."""


def is_far_away(moment: datetime) -> bool:
    """Whether it is none that anybody means."""
    return not FIRST_YEAR <= moment.year <= LAST_YEAR


def refuse_far_away(moment: datetime) -> None:
    """A validator, for forms and serializers."""
    if is_far_away(moment):
        years = {"first": FIRST_YEAR, "last": LAST_YEAR}
        raise ValidationError(_("Give a date between %(first)s and %(last)s."), code="far_away", params=years)
