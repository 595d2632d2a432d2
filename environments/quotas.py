"""What a person may have: what is refused for good, and what they use of their disk.

What a person may *run* at once is not refused but waits its turn: see `places.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group
from django.db.models import Q, Sum

from accounts.models import User
from environments.errors import UserError
from environments.measuring import measure_soon
from environments.models import NotebookServer, Quota, Volume
from environments.values import Limits

MEGABYTE = 1024**2
NEARLY_FULL_PERCENT = 90

Amount = int | float


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one person may have, run at once and ask for, by the names of `Quota`'s columns; 0 is no limit."""

    running_servers: Amount = 0
    servers: Amount = 0
    memory_mb: Amount = 0
    cpus: Amount = 0
    disk_mb: Amount = 0
    idle_minutes: Amount = 0
    lifetime_minutes: Amount = 0


@dataclass(frozen=True, slots=True)
class GroupAllowance:
    """How much the running servers of a group may take together; 0 is no limit."""

    running_servers: Amount = 0
    memory_mb: Amount = 0
    cpus: Amount = 0


_COLUMNS = tuple(field.name for field in fields(Allowance))

_Row = tuple[Amount | None, ...]
"""What a quota says, in the order of `_COLUMNS`; None where it says nothing."""


def allowance_of(person: User) -> Allowance:
    """What this person may have."""
    return allowances_of([person.pk])[person.pk]


def allowances_of(people: Collection[UUID]) -> dict[UUID, Allowance]:
    """What each may have, in two queries however many they are.

    A person's own quota counts before all else; then the largest of what their groups give; then the site's settings.
    """
    site = site_allowance()
    if not Quota.objects.exists():
        return dict.fromkeys(people, site)
    own: dict[UUID, _Row] = {}
    of_groups: dict[UUID, list[_Row]] = defaultdict(list)
    quotas = Quota.objects.filter(Q(person__in=people) | Q(group__user__in=people))
    for person, member, *row in quotas.values_list("person", "group__user", *_COLUMNS):
        if person is not None:
            own[person] = tuple(row)
        else:
            of_groups[member].append(tuple(row))
    exceptions = {
        key: _allowance(own.get(key, ()), _largest(of_groups[key]), astuple(site)) for key in {*own, *of_groups}
    }
    return dict.fromkeys(people, site) | exceptions


def group_allowances_of(groups: Collection[int]) -> dict[int, GroupAllowance]:
    """How much the servers of each of these groups may take together, as far as a quota says; one query at most."""
    if not groups:
        return {}
    columns = (f"group_{field.name}" for field in fields(GroupAllowance))
    rows = Quota.objects.filter(group__in=groups).values_list("group", "asked_running_servers", *columns)
    allowances = {}
    for group, asked, *row in rows:
        whole = GroupAllowance(*(amount or 0 for amount in row))
        allowances[group] = replace(whole, running_servers=_smaller(whole.running_servers, asked or 0))
    return allowances


def ask_for_group(group: Group, *, running_servers: int | None) -> None:
    """Have at most so many servers of the group run at once, or as many as its quota says, if that is less."""
    if running_servers is None:
        Quota.objects.filter(group=group).update(asked_running_servers=None)
    else:
        Quota.objects.update_or_create(group=group, defaults={"asked_running_servers": running_servers})


def group_allowance_of(group: int | None) -> GroupAllowance:
    """How much the servers of this group may take together; no group has no limit."""
    return group_allowances_of([] if group is None else [group]).get(group or 0, GroupAllowance())


def site_allowance() -> Allowance:
    """What everybody may have of whom no quota says otherwise."""
    return Allowance(
        running_servers=settings.PERSON_RUNNING_SERVERS,
        servers=settings.PERSON_SERVERS,
        memory_mb=settings.PERSON_MEMORY_MB,
        cpus=settings.PERSON_CPUS,
        disk_mb=settings.PERSON_DISK_MB,
        idle_minutes=settings.PERSON_IDLE_MINUTES,
        lifetime_minutes=settings.PERSON_LIFETIME_MINUTES,
    )


def check_size(limits: Limits, allowance: Allowance, of_group: GroupAllowance | None = None) -> None:
    """Raise UserError `memory_quota_exceeded` or `cpus_quota_exceeded` for a server there can never be room for."""
    whole = of_group or GroupAllowance()
    memory_mb, cpus = limits.memory_mb or settings.SERVER_MEMORY_MB, limits.cpus or settings.SERVER_CPUS
    most_mb = _smaller(_smaller(allowance.memory_mb, whole.memory_mb), settings.SITE_MEMORY_MB)
    most_cpus = _smaller(allowance.cpus, whole.cpus)
    if most_mb and memory_mb > most_mb:
        raise UserError("memory_quota_exceeded", asked_mb=memory_mb, limit_mb=int(most_mb))
    if most_cpus and cpus > most_cpus:
        raise UserError("cpus_quota_exceeded", asked=f"{cpus:g}", limit=f"{most_cpus:g}")


def check_wishes(
    person: User,
    *,
    limits: Limits,
    idle_minutes: int | None = None,
    lifetime_minutes: int | None = None,
    group: int | None = None,
) -> None:
    """Raise UserError `memory_…`, `cpus_…`, `idle_…` or `lifetime_quota_exceeded` for what they may never have.

    Nor may a server that is run for a group, here by its key, be larger than all servers of the group together.

    Times that nobody asked for are the site's own, and so are never too long.
    """
    allowance = allowance_of(person)
    check_size(limits, allowance, group_allowance_of(group))
    for code, asked, limit in (
        ("idle_quota_exceeded", idle_minutes, allowance.idle_minutes),
        ("lifetime_quota_exceeded", lifetime_minutes, allowance.lifetime_minutes),
    ):
        if asked and limit and asked > limit:
            raise UserError(code, asked=asked, limit=int(limit))


def check_server_count(person: User) -> None:
    """Raise UserError `servers_quota_exceeded` for somebody who keeps as many servers as they may."""
    limit = allowance_of(person).servers
    count = NotebookServer.objects.present().filter(owner=person, is_throwaway=False).count()
    if limit and count >= limit:
        raise UserError("servers_quota_exceeded", count=count, limit=int(limit))


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
    return DiskUse(used, int(allowance_of(person).disk_mb) * MEGABYTE)


def check_disk_quota(person: User, *, now: datetime) -> None:
    """Raise UserError `disk_quota_exceeded` where there is no room for another server of this person.

    What they may have tidied up since is measured then, so that asking again helps.
    """
    use = disk_use_of(person)
    if use.is_exceeded:
        measure_soon(person, now=now)
        raise UserError("disk_quota_exceeded", used_mb=use.used_bytes // MEGABYTE, limit_mb=use.limit_bytes // MEGABYTE)


def check_copy_quota(person: User, *, instead_of: Collection[NotebookServer] = ()) -> None:
    """Raise UserError `copies_own_exhausted` or `copies_exhausted` where there is no room for another copy to try.

    Those that it is to be `instead_of` do not count.
    """
    copies = NotebookServer.objects.copies().exclude(pk__in=[server.pk for server in instead_of])
    if copies.filter(owner=person).count() >= settings.COPIES_PER_PERSON:
        raise UserError("copies_own_exhausted", most=settings.COPIES_PER_PERSON)
    if copies.count() >= settings.COPIES_AT_ONCE:
        raise UserError("copies_exhausted", most=settings.COPIES_AT_ONCE)


def copies_in_the_way(person: User, candidates: Sequence[NotebookServer], *, limits: Limits) -> list[NotebookServer]:
    """The first of these copies of this person's without which there is room for another, of such a size.

    That is room among copies, and then in what they may run at once, together with all else of theirs that runs or is
    about to. Where not even the last of them makes room to run, the new one waits its turn, and none goes for that.
    """
    copies, most = NotebookServer.objects.copies(), settings.COPIES_PER_PERSON
    too_many = max(copies.filter(owner=person).count() - most, copies.count() - settings.COPIES_AT_ONCE) + 1
    least = min(max(too_many, 0), len(candidates))
    wanted = NotebookServer.objects.present().filter(owner=person, state__in=NotebookServer.STOPPABLE)
    sizes = {key: Limits(memory, cpus) for key, memory, cpus in wanted.values_list("pk", "memory_mb", "cpus")}
    allowance = allowance_of(person)
    for count in range(least, len(candidates) + 1):
        gone = {server.pk for server in candidates[:count]}
        if _can_run([limits, *(size for key, size in sizes.items() if key not in gone)], allowance):
            return list(candidates[:count])
    return list(candidates[:least])


def _can_run(sizes: Collection[Limits], allowance: Allowance) -> bool:
    """Whether servers of these sizes are within what somebody may run at once."""
    return all(
        not limit or taken <= limit
        for taken, limit in (
            (len(sizes), allowance.running_servers),
            (sum(size.memory_mb or settings.SERVER_MEMORY_MB for size in sizes), allowance.memory_mb),
            (sum(size.cpus or settings.SERVER_CPUS for size in sizes), allowance.cpus),
        )
    )


def _allowance(*rows: Iterable[Amount | None]) -> Allowance:
    """Of several sources, the first that says something counts, number by number."""
    columns = zip(*(tuple(row) or (None,) * len(_COLUMNS) for row in rows), strict=True)
    return Allowance(*(next((value for value in column if value is not None), 0) for column in columns))


def _largest(rows: Collection[_Row]) -> _Row:
    """The largest of each number that any of these rows has, no limit being larger than all."""
    given = ([value for value in column if value is not None] for column in zip(*rows, strict=True))
    return tuple(None if not values else 0 if 0 in values else max(values) for values in given)


def _smaller(one: Amount, other: Amount) -> Amount:
    """The smaller of two limits, where 0 is none."""
    return min(one, other) if one and other else one or other
