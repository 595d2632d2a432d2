"""A class as it is now: who is there, at which lesson, how far, and who needs help. Knows no transport.

Rows in, one small value for each student out, by as many questions for a thousand students as for one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import BooleanField, Case, Count, ExpressionWrapper, Max, Sum, When
from django.db.models.functions import Coalesce

from accounts.models import User
from classes.class_servers import servers_in, servers_of
from classes.models import Course, Knock, LessonVisit
from classes.notebooks import Progress
from classes.policies import standing_of
from classes.presence import HERE_FOR, is_at_work

STUCK_AFTER = timedelta(minutes=10)
"""Who has an error in their notebook and has not come on for so long may be stuck."""


class Presence(StrEnum):
    """Where a student is."""

    WORKING = "working"
    """In their server of the class."""
    READING = "reading"
    """In the pages of the class."""
    AWAY = "away"


class Order(StrEnum):
    """By what students are sorted."""

    NAME = "name"
    HAND = "hand"
    ACTIVITY = "activity"
    PROGRESS = "progress"


class Group(StrEnum):
    """Which students are shown."""

    ALL = "all"
    HERE = "here"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where one student is now."""

    membership_id: UUID
    name: str
    username: str
    section: str
    presence: Presence
    last_active_at: datetime | None
    hand_raised_at: datetime | None
    server_id: UUID | None

    @property
    def is_here(self) -> bool:
        """Whether they are there now."""
        return self.presence != Presence.AWAY


@dataclass(frozen=True, slots=True)
class Seat(Whereabouts):
    """One student, as their teacher sees them now."""

    lesson: str
    """What they opened last; empty if nothing yet."""
    progress: Progress | None
    """None as long as no notebook of theirs was read."""
    saved_at: datetime | None
    is_stuck: bool

    @property
    def share(self) -> int:
        """How much of the notebook has run, in per cent."""
        return round(100 * self.progress.executed / self.progress.cells) if self.progress and self.progress.cells else 0


@dataclass(frozen=True, slots=True)
class _Server:
    id: UUID
    is_at_work: bool
    active_at: datetime | None
    """None for one that was started ahead of a lesson, as long as nobody has come."""


class _Visit(NamedTuple):
    """The lesson that a student opened last."""

    lesson: str
    last_opened_at: datetime
    progressed_at: datetime | None
    saved_at: datetime | None
    cells: int
    executed: int
    tests: int
    validated: int
    failing: int


_Row = tuple[UUID, str, str, str, Presence, datetime | None, datetime | None, UUID | None]
"""What `Whereabouts` are made of."""
_OF_STUDENTS = (
    *("pk", "person", "person__display_name", "person__username", "section__name"),
    *("hand_raised_at", "last_seen_at"),
)
_OF_VISITS = (
    *("membership", "lesson__title", "last_opened_at", "progressed_at", "saved_at"),
    *("cells", "executed_cells", "tests", "validated_cells", "failing_cells"),
)
"""What is read of each, and as values: a thousand model instances would take longer than the page."""


def whereabouts_of(course: Course, *, now: datetime) -> list[Whereabouts]:
    """Every student of the class, by name."""
    return [Whereabouts(*row) for row in _students(course, now=now)]


def seats_of(course: Course, *, now: datetime) -> list[Seat]:
    """The same, with what they are at."""
    visits = {member: _Visit(*facts) for member, *facts in _visits(course)}
    return [_seat(row, visits.get(row[0]), now=now) for row in _students(course, now=now)]


def chosen(seats: Iterable[Seat], *, group: Group, section: str, order: Order) -> list[Seat]:
    """Those of a group and section, if one is named, in this order within each section."""
    found = [seat for seat in seats if _IS_IN[group](seat) and section in ("", seat.section)]
    return sorted(found, key=lambda seat: (seat.section == "", seat.section.casefold(), _KEYS[order](seat)))


def hands_of(seats: Iterable[Seat]) -> list[Seat]:
    """Those who ask for help, whoever waits for longest first."""
    return sorted((seat for seat in seats if seat.hand_raised_at), key=_KEYS[Order.HAND])


def version_of(course: Course) -> str:
    """Changes whenever the page should be drawn again, but not with every sign of life."""
    students = course.memberships.present().students().order_by()
    visits = LessonVisit.objects.filter(membership__in=students).order_by()
    facts = [
        students.aggregate(Count("pk"), Count("hand_raised_at"), Max("hand_raised_at")),
        servers_of(course).aggregate(Count("pk"), Max("state_changed_at")),
        visits.aggregate(
            Count("pk"), Max("last_opened_at"), Max("progressed_at"), Sum("executed_cells"), Sum("failing_cells")
        ),
        Knock.objects.filter(membership__in=students)
        .order_by()
        .aggregate(Count("pk"), Max("agreed_at"), Count("ended_at"), Max("asked_at")),
    ]
    return hashlib.sha256(repr([sorted(fact.items()) for fact in facts]).encode()).hexdigest()[:16]


def version_for(user_id: UUID, slug: str) -> tuple[UUID, str] | None:
    """The class at this address and its version; None for whoever may not look at it live, or no longer."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    course = Course.objects.visible_to(user).filter(slug=slug).first() if user else None
    standing = standing_of(user, course) if user and course else None
    if course is None or standing is None or not standing.is_staff:
        return None
    return course.pk, version_of(course)


def _servers(course: Course, *, now: datetime) -> dict[UUID, _Server]:
    used_at = Case(When(prewarmed_until=None, then=Coalesce("last_activity_at", "started_at")))
    at_work = ExpressionWrapper(is_at_work(now), output_field=BooleanField())
    rows = servers_in(course).values_list("owner_id", "pk", at_work, used_at)
    return {owner: _Server(pk, bool(is_used), active_at) for owner, pk, is_used, active_at in rows}


def _visits(course: Course) -> Iterable[tuple[Any, ...]]:
    visits = LessonVisit.objects.filter(lesson__course=course).opened_last()
    return visits.order_by().values_list(*_OF_VISITS)


def _students(course: Course, *, now: datetime) -> Iterator[_Row]:
    servers = _servers(course, now=now)
    rows = course.memberships.present().students().values_list(*_OF_STUDENTS)
    for member, person, name, username, section, hand_raised_at, last_seen_at in rows:
        server = servers.get(person)
        active_at = [moment for moment in (last_seen_at, server and server.active_at) if moment]
        yield (
            member,
            name or username,  # As `User.get_full_name` has it.
            username,
            section or "",
            _presence(last_seen_at, server, now=now),
            max(active_at, default=None),
            hand_raised_at,
            server.id if server else None,
        )


def _seat(row: _Row, visit: _Visit | None, *, now: datetime) -> Seat:
    presence = row[4]
    return Seat(
        *row,
        lesson=visit.lesson if visit else "",
        progress=_progress(visit) if visit and visit.progressed_at else None,
        saved_at=visit.saved_at if visit else None,
        is_stuck=presence == Presence.WORKING and visit is not None and _is_stuck(visit, now=now),
    )


def _presence(last_seen_at: datetime | None, server: _Server | None, *, now: datetime) -> Presence:
    if server and server.is_at_work:
        return Presence.WORKING
    if last_seen_at and last_seen_at > now - HERE_FOR:
        return Presence.READING
    return Presence.AWAY


def _progress(visit: _Visit) -> Progress:
    return Progress(
        cells=visit.cells,
        executed=visit.executed,
        tests=visit.tests,
        validated=visit.validated,
        failing=visit.failing,
    )


def _is_stuck(visit: _Visit, *, now: datetime) -> bool:
    """Whoever comes back another day to an error of last time is not stuck before they have tried again."""
    since = max(filter(None, [visit.progressed_at, visit.last_opened_at]))
    return visit.failing > 0 and since <= now - STUCK_AFTER


_IS_IN: dict[Group, Callable[[Seat], bool]] = {
    Group.ALL: lambda seat: True,
    Group.HERE: lambda seat: seat.is_here,
    Group.STUCK: lambda seat: seat.is_stuck,
}
_KEYS: dict[Order, Callable[[Seat], Any]] = {
    Order.NAME: lambda seat: (seat.name.casefold(), seat.username),
    Order.HAND: lambda seat: (
        seat.hand_raised_at is None,
        seat.hand_raised_at.timestamp() if seat.hand_raised_at else 0,
        seat.name.casefold(),
    ),
    Order.ACTIVITY: lambda seat: (
        -(seat.last_active_at.timestamp() // 60) if seat.last_active_at else 0,
        seat.name.casefold(),
    ),
    Order.PROGRESS: lambda seat: (-seat.share, seat.name.casefold()),
}
