"""What is missing of the servers that were to run before a lesson begins, told to those who teach it.

From the moment at which the first of them is started: before that nothing is late.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from classes.class_servers import servers_in
from classes.errors import CourseError
from classes.launching import has_newer
from classes.models import Course, Lesson
from classes.readying import WAITS_FOR
from environments.errors import Explanation
from environments.models import NotebookServer, Reservation
from environments.pinning import version_in_use

NAMED = 5
"""How many people are named whose server is missing; the others are counted."""


@dataclass(frozen=True, slots=True)
class Missing:
    """One server that was to run, and why it does not."""

    name: str
    """Its student's."""
    reason: Explanation | None


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What is missing for one lesson."""

    lesson: Lesson
    reason: Explanation | None
    """Why there is none at all; None where some could be had."""
    failed: tuple[Missing, ...]
    """Those that could not be started; at most as many as are named."""
    more: int
    """How many others could not."""
    unreserved: int
    """For how many students none could be reserved."""


def shortfalls_of(course: Course, lessons: Iterable[Lesson], *, now: datetime) -> list[Shortfall]:
    """What is missing for those of these lessons of the class whose servers are to run now or soon.

    There is none for one for which all is well.
    """
    due = [] if course.is_over else [lesson for lesson in lessons if _is_due(lesson, now=now)]
    if not due:
        return []
    version = version_in_use(course.environment) if course.environment is not None else None
    if version is None:
        code = "environment_missing" if course.environment is None else "environment_unprepared"
        return [Shortfall(lesson, CourseError(code).explain(), (), 0, 0) for lesson in due]
    servers = {server.owner_id: server for server in servers_in(course).select_related("pending_update")}
    active = course.memberships.present().students().filter(person__is_active=True)
    students = set(active.values_list("person", flat=True))
    students -= {owner for owner, server in servers.items() if has_newer(server, version)}
    reservations = Reservation.objects.filter(group=course.everybody_id).select_related("owner")
    found = [_shortfall(lesson, list(reservations), servers, students) for lesson in due]
    return [each for each in found if each.failed or each.unreserved]


def _is_due(lesson: Lesson, *, now: datetime) -> bool:
    ready_at = _ready_at(lesson)
    if ready_at is None or lesson.starts_at is None or not lesson.is_published(lesson.starts_at):
        return False
    return ready_at <= now + timedelta(minutes=settings.PREWARM_MINUTES) and now < lesson.starts_at + WAITS_FOR


def _ready_at(lesson: Lesson) -> datetime | None:
    if lesson.starts_at is None or lesson.ready_minutes is None:
        return None
    return lesson.starts_at - timedelta(minutes=lesson.ready_minutes)


def _shortfall(
    lesson: Lesson, reservations: Iterable[Reservation], servers: dict[UUID, NotebookServer], students: set[UUID]
) -> Shortfall:
    ours = [each for each in reservations if each.ready_at == _ready_at(lesson) and each.owner_id in students]
    failed = [missing for each in ours if (missing := _missing(each, servers.get(each.owner_id))) is not None]
    reserved = {each.owner_id for each in ours}
    return Shortfall(lesson, None, tuple(failed[:NAMED]), max(0, len(failed) - NAMED), len(students - reserved))


def _missing(reservation: Reservation, server: NotebookServer | None) -> Missing | None:
    """None where it runs, is on its way, or waits for its turn."""
    name = reservation.owner.get_full_name()
    if reservation.failure_code:
        return Missing(name, reservation.failure)
    if reservation.started_at and server is not None and server.state == NotebookServer.State.FAILED:
        return Missing(name, server.failure)
    return None
