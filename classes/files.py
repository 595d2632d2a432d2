"""The shared files of a class, as they are in the servers of its members.

What teachers give out (they write, everybody reads), and by choice an area that everybody may change, and what was
handed in, which teachers read. Who reaches them follows from the two groups of the class; deleting and bringing back
is the business of all shared files alike.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from classes.members import check_going_on
from classes.models import Course, Membership, Role
from classes.naming import name_after
from environments.errors import UserError
from environments.models import Access, SharedVolume
from environments.shared_volumes import (
    MAX_TITLE,
    delete_shared_volume,
    invite_group,
    make_shared_volume,
    undelete_shared_volume,
)
from environments.values import MountWish

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

logger = logging.getLogger(__name__)

NAME_TRIES = 20
SHARED_FOLDER = "shared"


class Area(StrEnum):
    """A part of the shared files of a class."""

    SHARED = "shared"
    COMMON = "common"
    HAND_IN = "hand_in"


@dataclass(frozen=True, slots=True)
class Plan:
    """How an area is called and who reaches it. `column` is the course's."""

    column: str
    suffix: str
    title: _StrPromise
    everybody: Access | None
    teachers: Access | None


PLANS = {
    Area.SHARED: Plan("shared_volume", "", _("{course}: given out"), Access.READ, Access.WRITE),
    Area.COMMON: Plan("common_volume", "-common", _("{course}: for everybody"), Access.WRITE, Access.WRITE),
    Area.HAND_IN: Plan("hand_in_volume", "-hand-in", _("{course}: handed in"), None, Access.READ),
}


def folder_of(course: Course, area: Area) -> str:
    """Where it is in the home of a server of the class."""
    return f"{SHARED_FOLDER}/{course.slug}{PLANS[area].suffix}"


def volume_of(course: Course, area: Area) -> SharedVolume | None:
    """The files of the area; None where the class has none, or has none any more."""
    volume: SharedVolume | None = getattr(course, PLANS[area].column)
    return volume if volume is not None and volume.deleted_at is None else None


def wishes_of(membership: Membership) -> tuple[MountWish, ...]:
    """What a server of this member's gets of them now, by folder: to be changed only where they may."""
    course = membership.course
    volumes = {area: volume for area in Area if (volume := volume_of(course, area)) is not None}
    keys = [volume.pk for volume in volumes.values()]
    usable = {each.pk: each for each in SharedVolume.objects.usable_by(membership.person).filter(pk__in=keys)}
    wishes = (
        MountWish(volume.name, folder_of(course, area), read_only=not _may_change(area, membership, usable[volume.pk]))
        for area, volume in volumes.items()
        if volume.pk in usable
    )
    return tuple(sorted(wishes, key=lambda wish: wish.path))


def make_area(course: Course, area: Area, *, now: datetime) -> SharedVolume:
    """Have the class have these files: new ones, or those it had, if they can still be brought back.

    Raises CourseError `course_over`, and what making and sharing files raises.
    """
    check_going_on(course)
    with transaction.atomic():
        locked = Course.objects.select_for_update().get(pk=course.pk)
        there: SharedVolume | None = getattr(locked, PLANS[area].column)
        if there is None:
            there = _make(locked, area, now=now)
            setattr(locked, PLANS[area].column, there)
            locked.save(update_fields=[PLANS[area].column])
        elif there.deleted_at is not None:
            undelete_shared_volume(there)
    setattr(course, PLANS[area].column, there)
    return there


def make_first_area(course: Course, *, now: datetime) -> None:
    """Give a new class its shared files, unless its owner has no room for them: they can be made later."""
    try:
        make_area(course, Area.SHARED, now=now)
    except UserError as error:
        logger.info("the class %s has no shared files yet: %s", course.slug, error)


def remove_area(course: Course, area: Area, *, now: datetime) -> None:
    """Have the class do without these files. For some weeks `make_area` brings them back with all they hold.

    Raises CourseError `course_over`.
    """
    check_going_on(course)
    volume = volume_of(course, area)
    if volume is not None:
        delete_shared_volume(volume, now=now)


# --- Steps -------------------------------------------------------------------------------------------------


def _make(course: Course, area: Area, *, now: datetime) -> SharedVolume:
    plan = PLANS[area]
    title = str(plan.title).format(course=course.title)[:MAX_TITLE]
    volume = make_shared_volume(course.owner, name=_free_name(course, plan.suffix), title=title, now=now)
    for group, access in ((course.everybody, plan.everybody), (course.teachers, plan.teachers)):
        if access is not None:
            invite_group(volume, who=group.name, access=access, now=now)
    return volume


def _free_name(course: Course, suffix: str) -> str:
    """A name after the class that no shared files on this site have, deleted ones included."""
    endings = ("", *(f"-{number}" for number in range(2, NAME_TRIES)))
    names = [name_after(course.slug, f"{suffix}{ending}") for ending in endings]
    taken = set(SharedVolume.objects.filter(name__in=names).values_list("name", flat=True))
    return next((name for name in names if name not in taken), names[0])


def _may_change(area: Area, membership: Membership, volume: SharedVolume) -> bool:
    """Whether the member may; what was handed in stays as it is, even for whoever owns the files."""
    if area is Area.HAND_IN or not volume.can_write:  # type: ignore[attr-defined]  # from `usable_by`
        return False
    return area is Area.COMMON or membership.role == Role.TEACHER
