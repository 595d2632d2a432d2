"""Who is in a class: let in, given another role, gone. The groups of the class follow, in the same transaction."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import User
from classes.errors import CourseError
from classes.models import Course, Joined, Membership, Role, Section


@transaction.atomic
def admit(
    course: Course,
    person: User,
    *,
    role: Role = Role.STUDENT,
    section: Section | None = None,
    joined_by: Joined = Joined.HAND,
    now: datetime,
) -> Membership:
    """Let this person into the class. Somebody who was there before comes back to their work.

    Somebody who is there already stays as they are, whatever role this would give them. Raises CourseError
    `course_over`.
    """
    check_going_on(course)
    membership, is_new = Membership.objects.get_or_create(
        course=course,
        person=person,
        defaults={"role": role, "section": section, "joined_by": joined_by, "joined_at": now},
    )
    if not is_new and not membership.is_present:
        membership.left_at, membership.role, membership.joined_by = None, role, joined_by
        membership.section = section or membership.section
        membership.save(update_fields=["left_at", "role", "section", "joined_by"])
    _follow(membership)
    return membership


@transaction.atomic
def change_role(membership: Membership, role: Role) -> None:
    """Have them be something else in the class from now on. Raises CourseError `course_needs_teacher`."""
    if role != Role.TEACHER:
        _check_other_teacher(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    _follow(membership)


@transaction.atomic
def remove(membership: Membership, *, now: datetime) -> None:
    """Have them be in the class no more; by their own will or a teacher's. What they did there stays.

    Raises CourseError `course_needs_teacher`.
    """
    if not membership.is_present:
        return
    _check_other_teacher(membership)
    membership.left_at = now
    membership.hand_raised_at = None
    membership.save(update_fields=["left_at", "hand_raised_at"])
    _follow(membership)


def check_going_on(course: Course) -> None:
    """Raise CourseError `course_over` for a class in which nothing changes any more."""
    if course.is_over:
        raise CourseError("course_over", course=course.title)


def _check_other_teacher(membership: Membership) -> None:
    """Raise CourseError `course_needs_teacher` where this is the last teacher."""
    if membership.role != Role.TEACHER or not membership.is_present:
        return
    course = Course.objects.select_for_update().get(pk=membership.course_id)  # Two of them may be leaving at once.
    others = course.memberships.present().filter(role=Role.TEACHER).exclude(pk=membership.pk)
    if not others.exists():
        raise CourseError("course_needs_teacher", course=course.title)


def _follow(membership: Membership) -> None:
    """Have the groups of the class say what the membership says."""
    course, groups = membership.course, membership.person.groups
    wanted = {
        course.everybody: membership.is_present,
        course.teachers: membership.is_present and membership.role == Role.TEACHER,
    }
    groups.add(*(group for group, is_in in wanted.items() if is_in))
    groups.remove(*(group for group, is_in in wanted.items() if not is_in))
