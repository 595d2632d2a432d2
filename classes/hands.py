"""Asking for help: a hand that is up until somebody has helped, or help is no longer needed."""

from __future__ import annotations

from datetime import datetime

from classes.members import check_going_on
from classes.models import Membership
from classes.notices import announce_course


def raise_hand(membership: Membership, *, now: datetime) -> None:
    """Put the hand up. One that is up already keeps its place in the queue. Raises CourseError `course_over`."""
    check_going_on(membership.course)
    _change(membership, was=None, to=now)


def take_hand_down(membership: Membership) -> None:
    """Take it down, whoever does so; nothing if it is not up."""
    _change(membership, was=membership.hand_raised_at, to=None)


def _change(membership: Membership, *, was: datetime | None, to: datetime | None) -> None:
    """Only from what was seen, so that a hand which has just gone up again is not taken down with the one before."""
    rows = Membership.objects.present().filter(pk=membership.pk, hand_raised_at=was)
    if was != to and rows.update(hand_raised_at=to):
        membership.hand_raised_at = to
        announce_course(membership.course_id)
