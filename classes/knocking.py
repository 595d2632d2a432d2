"""A teacher asks to come into a student's server; the student says yes, for a while, or no.

The yes lets the teacher in as any other collaborator is let in, so the student may put them out at any moment, and
they are out within seconds. How a visit ends is the business of visiting.py.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import User
from classes.class_servers import server_of
from classes.errors import CourseError
from classes.members import check_going_on
from classes.models import Course, Knock, Membership, Role
from classes.notices import announce_course
from classes.policies import standing_of
from classes.visiting import end_due
from environments.collaborating import is_in, let_in

WAITS_FOR = timedelta(minutes=15)
"""How long a request waits for an answer."""
LASTS_FOR = timedelta(hours=1)
"""How long a teacher may stay."""


def knock(student: Membership, *, by: User, now: datetime) -> Knock:
    """Ask this student to let a teacher in; whoever has asked already has done so.

    Raises CourseError `course_over`, `knock_at_student_only`, `no_server_yet`, and `knock_needless` for whoever is in.
    """
    check_going_on(student.course)
    if student.role != Role.STUDENT:
        raise CourseError("knock_at_student_only")
    server = server_of(student)
    if server is None:
        raise CourseError("no_server_yet", who=student.person.get_full_name())
    end_due(now=now, among=student)
    if is_in(server, by):
        raise CourseError("knock_needless")
    try:
        with transaction.atomic():
            asked = Knock.objects.create(membership=student, by=by, asked_at=now, ends_at=now + WAITS_FOR)
    except IntegrityError:  # One is open already.
        return Knock.objects.get(membership=student, by=by, ended_at=None)
    announce_course(student.course_id)
    return asked


@transaction.atomic
def agree(asked: Knock, *, now: datetime) -> None:
    """Let the teacher in. Raises CourseError `knock_over`, and what letting somebody in raises."""
    student = asked.membership
    server = server_of(student)
    standing = standing_of(asked.by, student.course)
    is_still_teacher = standing is not None and standing.is_staff
    rows = Knock.objects.open(now).filter(pk=asked.pk, agreed_at=None)
    if server is None or not is_still_teacher or not rows.update(agreed_at=now, ends_at=now + LASTS_FOR):
        raise CourseError("knock_over")
    let_in(server, [asked.by], by=student.person, now=now)
    asked.refresh_from_db()
    announce_course(student.course_id)


def knocks_at(person: User, *, now: datetime) -> list[Knock]:
    """The requests this person has to answer, and the teachers they have let in."""
    rows = Knock.objects.open(now).filter(membership__person=person, membership__left_at=None)
    return list(rows.select_related("membership__course", "by"))


def knocks_by(person: User, course: Course, *, now: datetime) -> dict[UUID, Knock]:
    """What this teacher has asked in a class, by the student's membership."""
    rows = Knock.objects.open(now).filter(by=person, membership__course=course)
    return {asked.membership_id: asked for asked in rows}
