"""Rows as the verbs ask for them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.functions import Coalesce

if TYPE_CHECKING:
    from lti.models import (  # noqa: F401 - for the types of the query sets
        AuditEntry,
        KeyPair,
        Outlet,
        Platform,
        Score,
    )


def counted(grouped: models.QuerySet[Any, Any]) -> Coalesce:
    """How many rows there are, of rows that are grouped by what they belong to."""
    return Coalesce(models.Subquery(grouped.annotate(count=models.Count("pk")).values("count")), 0)


class PlatformQuerySet(models.QuerySet["Platform"]):
    """Learning platforms."""

    def active(self) -> PlatformQuerySet:
        """Those whose word counts."""
        return self.filter(state="active")

    def waiting(self) -> PlatformQuerySet:
        """Those that somebody has to look at."""
        return self.filter(state="pending")


class KeyPairQuerySet(models.QuerySet["KeyPair"]):
    """Our keys."""

    def published(self, now: datetime) -> KeyPairQuerySet:
        """Those that platforms may still meet a signature of, or soon will."""
        return self.filter(models.Q(published_until=None) | models.Q(published_until__gt=now))

    def signing(self, now: datetime) -> KeyPairQuerySet:
        """Those that may sign, the newest first."""
        return self.published(now).filter(signs_from__lte=now).order_by("-signs_from", "-pk")


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    """What was noted: read, and forgotten; never changed."""

    def update(self, **kwargs: Any) -> int:
        """Not at all. Raises TypeError."""
        raise TypeError("what was noted stays as it is")

    def noted_before(self, moment: datetime) -> AuditEntryQuerySet:
        """Those that are older."""
        return self.filter(at__lt=moment)

    def narrowed(self, *, platform: str = "", what: str = "", reference: str = "") -> AuditEntryQuerySet:
        """Those of one platform, one kind, one reference; empty is any."""
        asked = {"platform": platform, "what": what, "reference": reference}
        return self.filter(**{name: value for name, value in asked.items() if value})


class OutletQuerySet(models.QuerySet["Outlet"]):
    """Where grades leave for platforms."""

    def free(self, now: datetime) -> OutletQuerySet:
        """Those that no living worker has, and that are not left alone."""
        nobodys = models.Q(lease_until=None) | models.Q(lease_until__lt=now)
        return self.filter(nobodys, models.Q(paused_until=None) | models.Q(paused_until__lte=now))


class ScoreQuerySet(models.QuerySet["Score"]):
    """Grades on their way."""

    def due(self, now: datetime) -> ScoreQuerySet:
        """Those that can be sent now, or are being sent: by a worker that may be dead."""
        of_column = models.Q(line_item__next_try_at=None) | models.Q(line_item__next_try_at__lte=now)
        return self.filter(
            of_column,
            models.Q(next_try_at=None) | models.Q(next_try_at__lte=now),
            state__in=("waiting", "sending"),
            line_item__state="open",
            line_item__context__deployment__platform__state="active",
            line_item__context__course=models.F("line_item__assignment__course"),  # Else it is that class no more.
        )

    def to(self, platform: Platform) -> ScoreQuerySet:
        """Those for this platform."""
        return self.filter(line_item__context__deployment__platform=platform)
