"""Members' work from an archive: kept until they are in the class, and given to their server of it then.

Each member's is in a volume of its own. How it comes into a server, so that nothing of theirs is overwritten, is the
business of `environments.giving`. Receipts of what they handed in are theirs as soon as they are members.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.people import find_people
from classes.models import Course, HandIn, KeptWork, Membership
from classes.naming import server_name
from classes.portable import HandedIn
from environments.backends import volume_store
from environments.giving import give, take_back

logger = logging.getLogger(__name__)

MAX_LOOKED_AT = 1000
"""For whose people one round looks."""


def receipts_of(handed_in: Iterable[HandedIn]) -> list[dict[str, Any]]:
    """As they are kept until somebody can have them."""
    return [
        {
            "path": it.path,
            "folder": it.folder,
            "asked_at": it.asked_at.isoformat(),
            "received_at": it.received_at.isoformat(),
            "contents": [list(file) for file in it.contents],
        }
        for it in handed_in
    ]


def take_over(course: Course, who: str, membership: Membership, *, now: datetime) -> None:
    """Let this member, who is whom the class waited for, have what is kept for them; what is not unpacked yet, then."""
    KeptWork.objects.filter(course=course, who=who, membership=None).update(membership=membership)
    for kept in KeptWork.objects.filter(course=course, who=who, membership=membership):
        hand_over(kept, now=now)


def hand_over(kept: KeptWork, *, now: datetime) -> None:
    """Have it come to whose it is. Nothing while it is not known who that is, or not all of it is there. Once."""
    membership = kept.membership
    if membership is None or (kept.folder and not kept.is_unpacked):
        return
    with transaction.atomic():
        if not KeptWork.objects.filter(pk=kept.pk).delete()[0]:
            return
        HandIn.objects.bulk_create(_receipt(membership, it) for it in kept.hand_ins)
        if kept.folder:
            give(
                membership.person,
                group=kept.course.everybody,
                name=server_name(kept.course.slug, of_teachers=kept.of_teachers),
                volume_key=kept.volume_key,
                folder=f"from-archive-{now:%Y-%m-%d}",
                max_bytes=2 * settings.CLASS_ARCHIVE_MB * 1_000_000 + 1_000_000,
                now=now,
            )


def tend_kept_work(*, now: datetime) -> None:
    """Hand over what a dead worker has left, and what is of people who came by another way. Safe to repeat."""
    for kept in KeptWork.objects.exclude(membership=None).select_related("membership__person", "course__everybody"):
        hand_over(kept, now=now)
    waiting = list(KeptWork.objects.filter(membership=None).values_list("course", "who").distinct()[:MAX_LOOKED_AT])
    people = find_people({who for _course, who in waiting})
    for course, who in waiting:
        there = Membership.objects.present().filter(course=course, person=people.get(who)) if who in people else None
        membership = there.select_related("course").first() if there is not None else None
        if membership is not None:
            take_over(membership.course, who, membership, now=now)


def forget_kept_work(course: Course) -> None:
    """Remove what nobody came for, of a class that goes for good. Raises what the volume store does."""
    for kept in KeptWork.objects.filter(course=course):
        volume_store().delete(kept.volume_key)
        kept.delete()
    take_back(course.everybody)


# --- Steps -------------------------------------------------------------------------------------------------


def _receipt(membership: Membership, it: dict[str, Any]) -> HandIn:
    return HandIn(
        membership=membership,
        path=it["path"],
        folder=it["folder"],
        state=HandIn.State.RECEIVED,
        asked_at=datetime.fromisoformat(it["asked_at"]),
        received_at=datetime.fromisoformat(it["received_at"]),
        contents=it["contents"],
    )
