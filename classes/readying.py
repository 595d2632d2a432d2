"""Servers that run before their students come, for lessons whose teacher wants that.

What is reserved is made to agree with the lessons, round by round: so nothing that moves, hides or deletes a lesson, or
takes somebody out of the class, needs to think of it. The reservations of a class's group are those of its lessons.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F

from classes.class_servers import servers_in
from classes.launching import has_newer, launch_of
from classes.models import Course, Lesson, Membership
from classes.naming import server_name
from environments.errors import EnvironmentsError
from environments.models import Environment, EnvironmentVersion, Reservation
from environments.pinning import version_in_use
from environments.prewarming import release, reserve

logger = logging.getLogger(__name__)

AHEAD = timedelta(minutes=5)
"""How long before the first of them is started they are reserved."""
WAITS_FOR = timedelta(minutes=20)
"""How long after the beginning of the lesson a server waits for its student."""


@dataclass(frozen=True, slots=True)
class Session:
    """When the servers of a class are to be running, and until when they wait."""

    course: Course
    ready_at: datetime
    until: datetime


def ready_for_lessons(*, now: datetime) -> None:
    """Reserve servers for the lessons that begin soon, and give up what no lesson needs any more. Safe to repeat."""
    sessions = _sessions(now)
    students = {session.course.pk: _students(session.course) for session in sessions}
    wanted = {
        (session.course.everybody_id, session.ready_at, student.person_id)
        for session in sessions
        for student in students[session.course.pk]
    }
    for reservation in Reservation.objects.filter(group__course__isnull=False).select_related("owner"):
        if (reservation.group_id, reservation.ready_at, reservation.owner_id) not in wanted:
            release(reservation, now=now)
    for session in sessions:
        _reserve_all(session, students[session.course.pk], now=now)


# --- Steps -------------------------------------------------------------------------------------------------


def _sessions(now: datetime) -> list[Session]:
    """Of lessons that students will see when they begin; two at the same time are one."""
    found: dict[tuple[object, datetime], Session] = {}
    lessons = Lesson.objects.exclude(ready_minutes=None).filter(
        starts_at__gt=now - WAITS_FOR,
        published_at__lte=F("starts_at"),
        course__archived_at=None,
        course__deleted_at=None,
    )
    soon = now + timedelta(minutes=settings.PREWARM_MINUTES) + AHEAD
    for lesson in lessons.select_related("course__environment__owner", "course__everybody").order_by("starts_at"):
        if lesson.starts_at is None or lesson.ready_minutes is None:
            continue
        ready_at = lesson.starts_at - timedelta(minutes=lesson.ready_minutes)
        if ready_at <= soon:
            found[lesson.course_id, ready_at] = Session(lesson.course, ready_at, lesson.starts_at + WAITS_FOR)
    return list(found.values())


def _students(course: Course) -> list[Membership]:
    return list(course.memberships.present().students().filter(person__is_active=True).select_related("person"))


def _reserve_all(session: Session, students: Iterable[Membership], *, now: datetime) -> None:
    """Reserve what is not reserved as it should be. One whose server cannot be had is passed over.

    What could not be launched is tried again once the class would have it be something else.
    """
    course, environment = session.course, session.course.environment
    version = version_in_use(environment) if environment is not None else None
    if environment is None or version is None:
        return
    reservations = Reservation.objects.filter(group=course.everybody_id, ready_at=session.ready_at)
    known = {reservation.owner_id: reservation for reservation in reservations}
    servers = {server.owner_id: server for server in servers_in(course).select_related("pending_update")}
    for student in students:
        before = known.get(student.person_id)
        if before is not None and before.started_at:
            continue
        if has_newer(servers.get(student.person_id), version):  # It is updated when its student opens it, not before.
            if before is not None:
                release(before, now=now)
            continue
        if before is not None and _is_as_wanted(before, session, version):
            continue
        try:
            _reserve(student, session, environment, now=now)
        except EnvironmentsError as error:
            logger.info("no server could be reserved for %s: %s", student, error)


def _is_as_wanted(reservation: Reservation, session: Session, version: EnvironmentVersion) -> bool:
    course = session.course
    is_version = (reservation.repository_url, reservation.commit) == (version.repository_url, version.commit)
    is_size = (reservation.limits, reservation.idle_minutes) == (course.limits, course.idle_minutes)
    return is_version and is_size and reservation.until == session.until


def _reserve(student: Membership, session: Session, environment: Environment, *, now: datetime) -> None:
    course = student.course = session.course  # One row for the whole class.
    spec, resolved = launch_of(student, environment, name=server_name(course.slug), now=now)
    reserve(
        student.person,
        spec,
        ready_at=session.ready_at,
        until=session.until,
        resolved=resolved,
        group=course.everybody,
        image_owner=environment.owner,
    )
