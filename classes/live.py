"""A class as it is now: who is there, at which lesson, how far, and who needs help. Knows no transport.

Rows in, one small value for each student out, by as many questions for a thousand students as for one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Case, Count, ExpressionWrapper, Max, Sum, When
from django.db.models.functions import Coalesce

from accounts.models import User
from classes.class_servers import servers_in, servers_of
from classes.models import Course, Knock, LessonVisit, Membership
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
class Seat:
    """One student, as their teacher sees them now."""

    membership_id: UUID
    name: str
    username: str
    section: str
    presence: Presence
    last_active_at: datetime | None
    hand_raised_at: datetime | None
    server_id: UUID | None
    lesson: str
    """What they opened last; empty if nothing yet."""
    progress: Progress | None
    """None as long as no notebook of theirs was read."""
    saved_at: datetime | None
    is_stuck: bool

    @property
    def is_here(self) -> bool:
        """Whether they are there now."""
        return self.presence != Presence.AWAY

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


_OF_STUDENTS = (
    *("course", "person__display_name", "person__username", "section__name"),
    *("hand_raised_at", "last_seen_at"),
)
_OF_VISITS = (
    *("membership", "lesson__title", "last_opened_at", "progressed_at", "saved_at"),
    *("cells", "executed_cells", "tests", "validated_cells", "failing_cells"),
)
"""What is read of each: of a thousand, the rest would take longer than the page."""


def seats_of(course: Course, *, now: datetime) -> list[Seat]:
    """Every student of the class, by name."""
    servers = _servers(course, now=now)
    visits = {visit.membership_id: visit for visit in _visits(course)}
    students = course.memberships.present().students().select_related("person", "section").only(*_OF_STUDENTS)
    return [_seat(student, servers.get(student.person_id), visits.get(student.pk), now=now) for student in students]


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


def _visits(course: Course) -> Iterable[LessonVisit]:
    visits = LessonVisit.objects.filter(lesson__course=course).opened_last().select_related("lesson").order_by()
    return visits.only(*_OF_VISITS)


def _seat(student: Membership, server: _Server | None, visit: LessonVisit | None, *, now: datetime) -> Seat:
    presence = _presence(student, server, now=now)
    active_at = [moment for moment in (student.last_seen_at, server and server.active_at) if moment]
    return Seat(
        membership_id=student.pk,
        name=student.person.get_full_name(),
        username=student.person.username,
        section=student.section.name if student.section else "",
        presence=presence,
        last_active_at=max(active_at, default=None),
        hand_raised_at=student.hand_raised_at,
        server_id=server.id if server else None,
        lesson=visit.lesson.title if visit else "",
        progress=_progress(visit) if visit and visit.progressed_at else None,
        saved_at=visit.saved_at if visit else None,
        is_stuck=presence == Presence.WORKING and visit is not None and _is_stuck(visit, now=now),
    )


def _presence(student: Membership, server: _Server | None, *, now: datetime) -> Presence:
    if server and server.is_at_work:
        return Presence.WORKING
    if student.last_seen_at and student.last_seen_at > now - HERE_FOR:
        return Presence.READING
    return Presence.AWAY


def _progress(visit: LessonVisit) -> Progress:
    return Progress(
        cells=visit.cells,
        executed=visit.executed_cells,
        tests=visit.tests,
        validated=visit.validated_cells,
        failing=visit.failing_cells,
    )


def _is_stuck(visit: LessonVisit, *, now: datetime) -> bool:
    """Whoever comes back another day to an error of last time is not stuck before they have tried again."""
    since = max(filter(None, [visit.progressed_at, visit.last_opened_at]))
    return visit.failing_cells > 0 and since <= now - STUCK_AFTER


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
