"""Visits of teachers in their students' servers come to an end.

What a student's yes gave is taken back when its time is over, when either of the two ends it, and when either is no
longer in the class as what they were: in the same moment, not at the next round.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from classes.class_servers import server_of
from classes.models import Course, Knock, Membership, Role
from classes.notices import announce_course
from classes.policies import standing_of
from classes.querysets import KnockQuerySet
from environments.collaborating import is_in, leave_server


@transaction.atomic
def end(asked: Knock, *, now: datetime) -> None:
    """Decline it, withdraw it, or put the teacher out again; nothing if it is over."""
    if not Knock.objects.filter(pk=asked.pk, ended_at=None).update(ended_at=now):
        return
    student, server = asked.membership, server_of(asked.membership)
    asked.refresh_from_db()
    if asked.is_agreed and server is not None:
        leave_server(server, person=asked.by)
    announce_course(student.course_id)


def end_due(*, now: datetime, among: Membership | None = None) -> None:
    """End those whose time is over, and those between two who are no longer student and teacher of the class."""
    rows = _lasting()
    for asked in rows.filter(membership=among) if among else rows:
        if asked.ends_at <= now or not _may_last(asked):
            end(asked, now=now)


def end_unfounded(course: Course, *, now: datetime) -> None:
    """End those between two of whom one has just become something else in the class, or left it."""
    for asked in _lasting().filter(membership__course=course):
        if not _may_last(asked):
            end(asked, now=now)


def _lasting() -> KnockQuerySet:
    return Knock.objects.filter(ended_at=None).select_related("membership__course", "membership__person", "by")


def _may_last(asked: Knock) -> bool:
    """Whether both are still what they were; and whether the student has not put the teacher out themselves."""
    student = asked.membership
    standing = standing_of(asked.by, student.course)
    if standing is None or not standing.is_staff or not asked.by.is_active:
        return False
    if not student.is_present or student.role != Role.STUDENT:
        return False
    if not asked.is_agreed:
        return True
    server = server_of(student)
    return server is not None and is_in(server, asked.by)
