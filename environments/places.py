"""Who may run next: the line of servers that wait for a place to run in, and what each of them waits for.

The line is fair between people: it goes by how many places somebody takes already, then by who came first. Nobody
who waits for something of their own, or for others of the same repository, holds up anybody else; but where the whole
site has no room for the one in front, nobody passes it, or a large server would wait for ever. In a class or group that
has a limit as a whole, it is the same among its own servers, and holds up nobody else.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import (
    Aggregate,
    BooleanField,
    Count,
    ExpressionWrapper,
    FloatField,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Window,
)
from django.db.models.functions import Coalesce, Rank, RowNumber

from environments.errors import UserError
from environments.models import Build, NotebookServer
from environments.queueing import enqueue
from environments.quotas import Allowance, GroupAllowance, allowances_of, check_size, group_allowances_of
from environments.values import Limits

State = NotebookServer.State
FRONT = 50
"""How many at the front of the line are looked at first."""
TAKING_A_PLACE = (State.STARTING, State.RUNNING, State.STOPPING)
"""The states in which a server uses memory and processors, or may."""


class Hold(StrEnum):
    """What a server waits for."""

    BUILDS = "builds_busy"
    """Others are being prepared."""
    STARTS = "starts_busy"
    """Others are being started."""
    SITE_SERVERS = "site_servers_full"
    SITE_MEMORY = "site_memory_full"
    PERSON_SERVERS = "person_servers_full"
    PERSON_MEMORY = "person_memory_full"
    PERSON_CPUS = "person_cpus_full"
    GROUP_SERVERS = "group_servers_full"
    GROUP_MEMORY = "group_memory_full"
    GROUP_CPUS = "group_cpus_full"
    REPOSITORY_SERVERS = "repository_servers_full"
    TOO_LARGE = "too_large"
    """There will never be room: whoever starts it next says so."""


OF_SITE = (Hold.STARTS, Hold.SITE_SERVERS, Hold.SITE_MEMORY)
OF_PERSON = (Hold.PERSON_SERVERS, Hold.PERSON_MEMORY, Hold.PERSON_CPUS)
OF_GROUP = (Hold.GROUP_SERVERS, Hold.GROUP_MEMORY, Hold.GROUP_CPUS)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a waiting server stands: its place among those that wait for the same, the next being 1, and for what.

    Without a hold it is its turn.
    """

    place: int
    hold: Hold | None
    used: int | float = 0
    limit: int | float = 0
    """How much of what it waits for is taken, and how much there is."""


def standing_of(server: NotebookServer) -> Standing | None:
    """Where this server stands; None if it does not wait."""
    return standings_of([server]).get(server.pk)


def standings_of(servers: Iterable[NotebookServer], *, is_followed: bool = False) -> dict[UUID, Standing]:
    """Where those of these servers stand that wait, in as many queries for many as for one.

    For pages that follow a server and look every other moment, the line may be as it was a moment ago.
    """
    queued = [server for server in servers if server.state == State.QUEUED]
    if not queued:
        return {}
    builds = _line_of_builds()
    standings = {server.pk: builds[server.build_id] for server in queued if server.build_id in builds}
    if len(standings) == len(queued):
        return standings
    line = _RECENT_LINE.read() if is_followed else dict(line_of_starts())
    return standings | {server.pk: line[server.pk] for server in queued if server.pk in line}


class RecentLine:
    """The line of starts, read once a second by this process, however many pages follow it."""

    GOOD_FOR_SECONDS = 1.0

    def __init__(self, tick: Callable[[], float] = time.monotonic) -> None:
        self._tick = tick
        self._read_at = -math.inf
        self._line: dict[UUID, Standing] = {}

    def read(self) -> dict[UUID, Standing]:
        """The line as it is, or was a moment ago."""
        if self._tick() - self._read_at > self.GOOD_FOR_SECONDS:
            self._line, self._read_at = dict(line_of_starts()), self._tick()
        return self._line


_RECENT_LINE = RecentLine()


def queue_place(server: NotebookServer) -> int | None:
    """Its place among those that wait for an environment or a start, the next being 1; None otherwise."""
    standing = standing_of(server)
    return standing.place if standing else None


def may_start(server: NotebookServer) -> bool:
    """Whether it is this server's turn. True only as long as the caller holds the turnstile."""
    return any(key == server.pk for key in next_in_line())


def enqueue_waiting_starts() -> None:
    """Ask workers to start those whose turn it is, and to give up those there can never be room for."""
    for key in next_in_line():
        enqueue("start_server", key)


def next_in_line() -> Iterator[UUID]:
    """Those whose turn it is, and those before the last of them for whom there can never be room."""
    if NotebookServer.objects.filter(state=State.STARTING).count() >= settings.START_CONCURRENCY:
        return
    for key, standing in line_of_starts():
        if standing.hold in OF_SITE:  # Whoever comes after waits for it too.
            return
        if standing.hold in (None, Hold.TOO_LARGE):
            yield key


def line_of_starts() -> Iterator[tuple[UUID, Standing]]:
    """All that have their environment and wait for a place, in the order of their turns.

    The few at the front are read first: of a long line, whoever gives out places needs no more. A dozen queries at
    most, and four more where groups have limits, however many wait and run.
    """
    line = _waiting_in_turn()
    front = [_Waiting(*row) for row in line[:FRONT]]
    if not front:
        return
    walk = _Walk(_Room())
    yield from walk.over(front)
    if len(front) == FRONT:
        yield from walk.over([_Waiting(*row) for row in line[FRONT:]])


# --- Steps -------------------------------------------------------------------------------------------------


_COLUMNS = ("pk", "owner_id", "group_id", "repository_url", "memory_mb", "cpus", "state_changed_at")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A waiting server, as far as its turn depends on it."""

    pk: UUID
    owner: UUID
    group: int | None
    repository: str
    asked_memory_mb: int | None
    asked_cpus: float | None
    since: datetime

    @property
    def limits(self) -> Limits:
        return Limits(self.asked_memory_mb, self.asked_cpus)

    @property
    def memory_mb(self) -> int:
        return int(self.asked_memory_mb or settings.SERVER_MEMORY_MB)

    @property
    def cpus(self) -> float:
        return float(self.asked_cpus or settings.SERVER_CPUS)


@dataclass(slots=True)
class _Use:
    """What somebody's servers take now."""

    servers: int = 0
    memory_mb: int = 0
    cpus: float = 0.0

    def add(self, one: _Waiting) -> None:
        self.servers += 1
        self.memory_mb += one.memory_mb
        self.cpus += one.cpus


Verdict = tuple[Hold, int | float, int | float]


class _Room:
    """What is taken, by whom, and what there is."""

    def __init__(self) -> None:
        whole = _taking().aggregate(starting=Count("pk", filter=Q(state=State.STARTING)), **_totals())
        self.starting: int = whole["starting"]
        self.site = _Use(whole["count"], whole["memory"], whole["processors"])
        self.people: dict[UUID, _Use] = {}
        self.groups: dict[int, _Use] = {}
        self.repositories: Counter[str] = Counter()
        self.allowances: dict[UUID, Allowance] = {}
        self.group_allowances: dict[int, GroupAllowance] = {}
        self._repositories_seen: set[str] = set()

    def learn_of(self, waiting: Collection[_Waiting]) -> None:
        """Read what these people and groups have and may have, and how often these repositories run."""
        owners = {one.owner for one in waiting} - self.people.keys()
        self.people |= _uses_by("owner", owners)
        self.allowances |= allowances_of(owners)
        groups = {one.group for one in waiting if one.group is not None} - self.group_allowances.keys()
        limited = group_allowances_of(groups)
        self.group_allowances |= dict.fromkeys(groups, GroupAllowance()) | limited
        self.groups |= _uses_by("group", limited) if limited else {}
        if settings.REPOSITORY_RUNNING_SERVERS:
            names = {one.repository for one in waiting} - self._repositories_seen
            counted = _taking().filter(repository_url__in=names).values("repository_url").annotate(count=Count("pk"))
            self.repositories.update(dict(counted.values_list("repository_url", "count")))
            self._repositories_seen |= names

    def add(self, one: _Waiting) -> None:
        self.starting += 1
        self.site.add(one)
        self.people[one.owner].add(one)
        if one.group in self.groups:
            self.groups[one.group].add(one)
        self.repositories[one.repository] += 1

    def is_too_large(self, one: _Waiting) -> bool:
        try:
            check_size(one.limits, self.allowances[one.owner], self.group_allowances.get(one.group or 0))
        except UserError:
            return True
        return False

    def own_hold(self, one: _Waiting) -> Verdict | None:
        """What of the person's own, or of the repository's, is used up."""
        used, allowed = self.people[one.owner], self.allowances[one.owner]
        for hold, taken, more, limit in (
            (Hold.PERSON_SERVERS, used.servers, 1, allowed.running_servers),
            (Hold.PERSON_MEMORY, used.memory_mb, one.memory_mb, allowed.memory_mb),
            (Hold.PERSON_CPUS, used.cpus, one.cpus, allowed.cpus),
            (Hold.REPOSITORY_SERVERS, self.repositories[one.repository], 1, settings.REPOSITORY_RUNNING_SERVERS),
        ):
            if limit and taken + more > limit:
                return hold, taken, limit
        return None

    def group_hold(self, one: _Waiting) -> Verdict | None:
        """What is used up of what its group may have as a whole."""
        if one.group not in self.groups:
            return None
        used, allowed = self.groups[one.group], self.group_allowances[one.group]
        for hold, taken, more, limit in (
            (Hold.GROUP_SERVERS, used.servers, 1, allowed.running_servers),
            (Hold.GROUP_MEMORY, used.memory_mb, one.memory_mb, allowed.memory_mb),
            (Hold.GROUP_CPUS, used.cpus, one.cpus, allowed.cpus),
        ):
            if limit and taken + more > limit:
                return hold, taken, limit
        return None

    def site_hold(self, one: _Waiting) -> Verdict | None:
        """What is used up for everybody."""
        for hold, taken, more, limit in (
            (Hold.SITE_SERVERS, self.site.servers, 1, settings.SITE_RUNNING_SERVERS),
            (Hold.SITE_MEMORY, self.site.memory_mb, one.memory_mb, settings.SITE_MEMORY_MB),
        ):
            if limit and taken + more > limit:
                return hold, taken, limit
        if self.starting >= settings.START_CONCURRENCY:
            return Hold.STARTS, self.starting, settings.START_CONCURRENCY
        return None


def _uses_by(column: str, keys: Collection[Any]) -> dict[Any, _Use]:
    """What the servers of each of these take now, in one query."""
    taken: QuerySet[Any, Any] = _taking().filter(**{f"{column}__in": keys}).values(column).annotate(**_totals())
    rows = taken.values_list(column, "count", "memory", "processors")
    return {key: _Use() for key in keys} | {key: _Use(*use) for key, *use in rows}


def _totals() -> dict[str, Aggregate | Coalesce]:
    """How many servers, and what they may use, each of them as it asked or as the site has it."""
    memory = Sum(Coalesce("memory_mb", settings.SERVER_MEMORY_MB))
    cpus = Sum(Coalesce("cpus", float(settings.SERVER_CPUS)))
    return {
        "count": Count("pk"),
        "memory": Coalesce(memory, 0, output_field=IntegerField()),
        "processors": Coalesce(cpus, 0.0, output_field=FloatField()),
    }


class _Walk:
    """Gives out what room there is, one by one, along the line."""

    def __init__(self, room: _Room) -> None:
        self._room = room
        self._for_all: Verdict | None = None
        """What everybody waits for from here on."""
        self._for_groups: dict[int | None, Verdict] = {}
        """What everybody in a group waits for from here on."""
        self._places: Counter[object] = Counter()

    def over(self, waiting: Collection[_Waiting]) -> Iterator[tuple[UUID, Standing]]:
        """Go on over these, who come next in the line."""
        self._room.learn_of(waiting)
        for one in waiting:
            yield one.pk, self._pass(one)

    def _pass(self, one: _Waiting) -> Standing:
        room = self._room
        if room.is_too_large(one):
            return Standing(1, Hold.TOO_LARGE)
        of_group = self._for_groups.get(one.group) or room.group_hold(one)
        verdict = room.own_hold(one) or of_group or self._for_all or room.site_hold(one)
        hold, used, limit = verdict or (None, 0, 0)
        if hold is None:
            room.add(one)
        elif hold in OF_SITE:
            self._for_all = verdict
        elif hold in OF_GROUP and verdict is not None:
            self._for_groups[one.group] = verdict
        line = _line_of(one, hold)
        self._places[line] += 1
        return Standing(self._places[line], hold, used, limit)


def _line_of(one: _Waiting, hold: Hold | None) -> object:
    """What tells those who wait for the same from those who wait for the same thing elsewhere."""
    if hold in OF_PERSON:
        return one.owner
    if hold in OF_GROUP:
        return one.group
    return one.repository if hold == Hold.REPOSITORY_SERVERS else None


def _waiting_starts() -> QuerySet[NotebookServer]:
    """Those that have their environment and wait for a place."""
    return NotebookServer.objects.present().filter(state=State.QUEUED).exclude(build__state__in=Build.ACTIVE)


def _waiting_in_turn() -> QuerySet[Any, Any]:
    """The same in the order of their turns: by the places that their owners take, and the ones they wait for before.

    What is started ahead of a time comes after everybody who is there.
    """
    taken = _taking().filter(owner=OuterRef("owner")).values("owner").annotate(count=Count("pk")).values("count")
    before = Window(RowNumber(), partition_by="owner", order_by=("state_changed_at", "pk"))
    is_ahead = ExpressionWrapper(Q(prewarmed_until__isnull=False), output_field=BooleanField())
    turns = _waiting_starts().annotate(turn=Coalesce(Subquery(taken), 0) + before, is_ahead=is_ahead)
    return turns.order_by("is_ahead", "turn", "state_changed_at", "pk").values_list(*_COLUMNS)


def _taking() -> QuerySet[NotebookServer]:
    return NotebookServer.objects.filter(state__in=TAKING_A_PLACE).order_by()


def _line_of_builds() -> dict[UUID | None, Standing]:
    """Where each waiting build stands; those of the same moment share a place."""
    most = settings.BUILD_CONCURRENCY
    taken = Build.objects.filter(state__in=Build.UNDER_WAY).count()
    waiting: QuerySet[Any] = Build.objects.filter(state=Build.State.QUEUED)
    places = waiting.annotate(place=Window(Rank(), order_by="created_at")).values_list("pk", "place")
    return {key: Standing(place, Hold.BUILDS if place > most - taken else None, taken, most) for key, place in places}
