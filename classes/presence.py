"""Who is in a class just now: at work in their server of it, or in its pages."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from classes.class_servers import servers_in
from classes.models import Course, Membership
from environments.models import NotebookServer

HERE_FOR = timedelta(minutes=10)
"""Who did something within this time is there."""
NOTED_EVERY = timedelta(minutes=1)
"""How often at most it is noted that somebody is still there."""


def note_seen(membership: Membership, *, now: datetime) -> None:
    """Note that this member is there now."""
    if membership.last_seen_at is not None and membership.last_seen_at > now - NOTED_EVERY:
        return
    is_stale = Q(last_seen_at=None) | Q(last_seen_at__lt=now)
    Membership.objects.filter(is_stale, pk=membership.pk).update(last_seen_at=now)


def is_here(course: Course, *, now: datetime) -> Q:
    """Which memberships of the class are those of people who are there."""
    return Q(person__in=servers_in(course).filter(is_at_work(now)).values("owner")) | is_in_pages(now)


def is_in_pages(now: datetime) -> Q:
    """Which memberships are those of people in the pages of the class."""
    return Q(last_seen_at__gt=now - HERE_FOR)


def is_at_work(now: datetime) -> Q:
    """Which servers somebody is at work in: of those started ahead of a lesson, only where somebody has come."""
    since = now - HERE_FOR
    is_used = Q(last_activity_at__gt=since) | Q(last_activity_at=None, started_at__gt=since)
    return is_used & Q(state=NotebookServer.State.RUNNING, prewarmed_until=None)
