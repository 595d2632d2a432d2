"""Shared files: made, shared with people and groups, left, deleted, and in the end removed.

Whoever has access can have them in their servers (mounts.py). Their size counts as their owner's.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import User
from accounts.people import find_person
from environments.backends import volume_store
from environments.errors import UserError
from environments.measuring import measure_soon
from environments.models import Access, ServerMount, SharedVolume, Volume, VolumeMember
from environments.mounts import grace_period
from environments.naming import check_volume_name
from environments.quotas import MEGABYTE, disk_use_of
from environments.references.addresses import shown

logger = logging.getLogger(__name__)

MAX_OWNED = 50
"""How many one person can have, deleted ones that can be brought back included."""
MAX_MEMBERS = 500
MAX_TITLE = 120


def make_shared_volume(owner: User, *, name: str, title: str = "", now: datetime) -> SharedVolume:
    """Make shared files that are their owner's alone at first. Without a title they are called by their name.

    Raises UserError `volume_name_invalid`, `shared_volume_name_taken`, `shared_volumes_too_many`, or
    `shared_volume_quota_exceeded` where the owner's files take all the room they may.
    """
    check_volume_name(name)
    if owner.shared_volumes.count() >= MAX_OWNED:
        raise UserError("shared_volumes_too_many", most=MAX_OWNED)
    _check_room(owner, now=now)
    try:
        with transaction.atomic():
            volume = Volume.objects.create(owner=owner, purpose=Volume.Purpose.SHARED)
            return SharedVolume.objects.create(
                owner=owner, volume=volume, name=name, title=title.strip() or name, created_at=now
            )
    except IntegrityError as error:
        raise UserError("shared_volume_name_taken", name=name) from error


@transaction.atomic
def share_former_home(home: Volume, *, owner: User, name: str, title: str, now: datetime) -> SharedVolume:
    """Make the personal files of an account that is given up shared files of this owner's. No file is moved."""
    Volume.objects.filter(pk=home.pk).update(owner=owner, purpose=Volume.Purpose.SHARED, kept_as=home.key)
    return SharedVolume.objects.create(owner=owner, volume=home, name=name, title=title, created_at=now)


def rename_shared_volume(shared: SharedVolume, *, title: str) -> None:
    """Give them another title; without one they are called by their name. The name stays: links say it."""
    shared.title = title.strip() or shared.name
    shared.save(update_fields=["title"])


# --- Sharing -----------------------------------------------------------------------------------------------


def invite_person(shared: SharedVolume, *, who: str, access: Access, now: datetime) -> VolumeMember:
    """Let the person of this username or confirmed e-mail address use the files.

    Raises UserError `member_unknown`, `member_is_owner`, `member_there_already` or `members_too_many`.
    """
    person = find_person(who)
    if person is None:
        raise UserError("member_unknown", who=shown(who.strip()))
    if person == shared.owner:
        raise UserError("member_is_owner")
    return _add(VolumeMember(volume=shared, person=person, access=access, created_at=now))


def invite_group(shared: SharedVolume, *, who: str, access: Access, now: datetime) -> VolumeMember:
    """Let everybody in this group of the owner's use the files, for as long as they are in it.

    Raises UserError `group_unknown`, `member_there_already` or `members_too_many`.
    """
    group = shared.owner.groups.filter(name=who.strip()).first()
    if group is None:
        raise UserError("group_unknown", who=shown(who.strip()))
    return _add(VolumeMember(volume=shared, group=group, access=access, created_at=now))


def change_access(member: VolumeMember, *, access: Access) -> None:
    """Let them do more, or less. A server in which they can do more than that is stopped within moments."""
    member.access = access
    member.save(update_fields=["access"])


def remove_member(member: VolumeMember) -> None:
    """Let them use the files no more, unless they may in another way too. Servers that have them are stopped."""
    member.delete()


def leave_shared_volume(shared: SharedVolume, *, person: User) -> None:
    """Give up what was given to this person by name; servers of theirs that have the files are stopped.

    Nothing if nothing was given. Raises UserError `membership_by_group` where they have it by a group alone.
    """
    left, _rows = shared.members.filter(person=person).delete()
    by_group = groups_giving(shared, person).first()
    if not left and by_group is not None:
        raise UserError("membership_by_group", group=by_group.name)


def groups_giving(shared: SharedVolume, person: User) -> QuerySet[Group]:
    """The groups by which this person may use the files."""
    return person.groups.filter(volume_memberships__volume=shared).order_by("name")


# --- Going -------------------------------------------------------------------------------------------------


def delete_shared_volume(shared: SharedVolume, *, now: datetime) -> None:
    """Take the files away from everybody: no server gets them any more.

    Those that have them keep them until they stop. For `DELETED_FILES_DAYS` everything can be brought back; then the
    files are removed, and servers that still have them are stopped before.
    """
    if SharedVolume.objects.present().filter(pk=shared.pk).update(deleted_at=now):
        shared.deleted_at = now


def undelete_shared_volume(shared: SharedVolume) -> None:
    """Bring deleted files back, with everybody they were shared with."""
    SharedVolume.objects.filter(pk=shared.pk).update(deleted_at=None)
    shared.deleted_at = None


def purge_shared_volume(shared: SharedVolume, *, now: datetime) -> None:
    """Remove deleted files for good once their time is over and no server has them any more."""
    is_over = SharedVolume.objects.gone_for_good(deleted_before=now - grace_period()).filter(pk=shared.pk).exists()
    if not is_over or ServerMount.objects.in_use().filter(volume=shared).exists():
        return
    volume_store().delete(shared.volume.key)
    with transaction.atomic():
        shared.delete()
        shared.volume.delete()
    logger.info("the shared files %s are gone", shared.name)


# --- Steps -------------------------------------------------------------------------------------------------


def _check_room(owner: User, *, now: datetime) -> None:
    use = disk_use_of(owner)
    if use.is_exceeded:
        measure_soon(owner, now=now)
        used, limit = use.used_bytes // MEGABYTE, use.limit_bytes // MEGABYTE
        raise UserError("shared_volume_quota_exceeded", used_mb=used, limit_mb=limit)


def _add(member: VolumeMember) -> VolumeMember:
    if member.volume.members.count() >= MAX_MEMBERS:
        raise UserError("members_too_many", most=MAX_MEMBERS)
    try:
        with transaction.atomic():
            member.save()
    except IntegrityError as error:
        raise UserError("member_there_already", who=str(member.who)) from error
    return member
