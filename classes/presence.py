"""When members last did something in the pages of their class."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from classes.models import Membership

NOTED_EVERY = timedelta(minutes=1)
"""How often at most it is noted that somebody is still there."""


def note_seen(membership: Membership, *, now: datetime) -> None:
    """Note that this member is there now."""
    if membership.last_seen_at is not None and membership.last_seen_at > now - NOTED_EVERY:
        return
    is_stale = Q(last_seen_at=None) | Q(last_seen_at__lt=now)
    Membership.objects.filter(is_stale, pk=membership.pk).update(last_seen_at=now)
