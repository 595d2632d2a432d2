"""What a person may keep on disk, and how much of it they use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Q, Sum

from accounts.models import User
from environments.errors import UserError
from environments.measuring import measure_soon
from environments.models import NotebookServer, Volume

MEGABYTE = 1024**2
NEARLY_FULL_PERCENT = 90


@dataclass(frozen=True, slots=True)
class DiskUse:
    """How much a person's files take, as last measured, and how much they may; a limit of 0 is none."""

    used_bytes: int
    limit_bytes: int

    @property
    def percent(self) -> int:
        """How much of the limit is used, at most all of it; 0 without one."""
        return min(100, 100 * self.used_bytes // self.limit_bytes) if self.limit_bytes else 0

    @property
    def is_nearly_full(self) -> bool:
        """Whether it is time to tidy up."""
        return self.percent >= NEARLY_FULL_PERCENT

    @property
    def is_exceeded(self) -> bool:
        """Whether there is no room for another server."""
        return bool(self.limit_bytes) and self.used_bytes >= self.limit_bytes


def disk_use_of(person: User) -> DiskUse:
    """Of all their files but deleted ones and copies to try: who deletes a server, or shared files, has made room."""
    of_server = Q(server__isnull=False, server__deleted_at=None, server__is_throwaway=False)
    is_shared = Q(shared__isnull=False, shared__deleted_at=None)
    counted = Volume.objects.filter(Q(purpose=Volume.Purpose.HOME) | of_server | is_shared, owner=person)
    used = counted.aggregate(used=Sum("bytes"))["used"] or 0
    return DiskUse(used, settings.PERSON_DISK_MB * MEGABYTE)


def check_disk_quota(person: User, *, now: datetime) -> None:
    """Raise UserError `disk_quota_exceeded` where there is no room for another server of this person.

    What they may have tidied up since is measured then, so that asking again helps.
    """
    use = disk_use_of(person)
    if use.is_exceeded:
        measure_soon(person, now=now)
        raise UserError("disk_quota_exceeded", used_mb=use.used_bytes // MEGABYTE, limit_mb=use.limit_bytes // MEGABYTE)


def check_copy_quota(person: User) -> None:
    """Raise UserError `copies_own_exhausted` or `copies_exhausted` where there is no room for another copy to try."""
    copies = NotebookServer.objects.copies()
    if copies.filter(owner=person).count() >= settings.COPIES_PER_PERSON:
        raise UserError("copies_own_exhausted", most=settings.COPIES_PER_PERSON)
    if copies.count() >= settings.COPIES_AT_ONCE:
        raise UserError("copies_exhausted", most=settings.COPIES_AT_ONCE)
