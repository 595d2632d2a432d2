"""Rows as the verbs ask for them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from lti.models import KeyPair, Platform  # noqa: F401 - for the types of the query sets


class PlatformQuerySet(models.QuerySet["Platform"]):
    """Learning platforms."""

    def active(self) -> PlatformQuerySet:
        """Those whose word counts."""
        return self.filter(state="active")


class KeyPairQuerySet(models.QuerySet["KeyPair"]):
    """Our keys."""

    def published(self, now: datetime) -> KeyPairQuerySet:
        """Those that platforms may still meet a signature of, or soon will."""
        return self.filter(models.Q(published_until=None) | models.Q(published_until__gt=now))

    def signing(self, now: datetime) -> KeyPairQuerySet:
        """Those that may sign, the newest first."""
        return self.published(now).filter(signs_from__lte=now).order_by("-signs_from", "-pk")
