"""Where published grades go beside Carrel. `GRADE_SINKS` names them by dotted path; nothing here knows any of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from assignments.models import Grade


class GradeSink(Protocol):
    """Takes grades as they are published. Called in the transaction that publishes: it writes down, and sends later."""

    def published(self, grades: Sequence[Grade]) -> None:
        """These were published, or published anew with other points. May be told of the same grade again."""


@cache
def sinks() -> Sequence[GradeSink]:
    """Those the settings name."""
    return [import_string(path)() for path in settings.GRADE_SINKS]
