"""Who is in a class: let in, given another role, gone.

The groups of the class follow, and visits that have no ground any more end, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import transaction

from accounts.models import User
from classes.errors import CourseError
from classes.models import Course, Joined, Membership, Role, Section
from classes.querysets import MembershipQuerySet
from classes.visiting import end_unfounded

ROWS_AT_ONCE = 500
_BY_SIZE = (Role.STUDENT, Role.GRADER, Role.TEACHER)


@dataclass(frozen=True, slots=True)
class Place:
    """What somebody is to be in a class. None leaves it as it is; a newcomer is a student of no section then."""

    person: User
    role: Role | None = None
    section: Section | None = None


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
    `course_over` and `course_deleted`.
    """
    check_going_on(course)
    membership, is_new = Membership.objects.get_or_create(
        course=course,
        person=person,
        defaults={"role": role, "section": section, "joined_by": joined_by, "joined_at": now},
    )
    if not is_new and not membership.is_present:
        _bring_back(membership, role=role, section=section, joined_by=joined_by)
        membership.save(update_fields=_CHANGING)
    _follow(membership)
    return membership


@transaction.atomic
def settle(course: Course, places: Sequence[Place], *, joined_by: Joined, now: datetime) -> None:
    """Have all these people be in the class as it says, newcomers and members alike, in a few queries.

    Raises CourseError `course_over`, `course_deleted` and `course_needs_teacher`; then nothing has changed.
    """
    check_going_on(course)
    Course.objects.select_for_update().get(pk=course.pk)
    known = _memberships_of(course, [place.person for place in places])
    new, changed = [], []
    for place in places:
        membership = known.get(place.person)
        if membership is None:
            role = place.role or Role.STUDENT
            facts = {"role": role, "section": place.section, "joined_by": joined_by, "joined_at": now}
            new.append(Membership(course=course, person=place.person, **facts))
        else:
            _put(membership, place, joined_by=joined_by)
            changed.append(membership)
    had_teacher = _teachers(course).exists()
    Membership.objects.bulk_create(new, batch_size=ROWS_AT_ONCE)
    Membership.objects.bulk_update(changed, _CHANGING, batch_size=ROWS_AT_ONCE)
    if had_teacher and not _teachers(course).exists():
        raise CourseError("course_needs_teacher", course=course.title)
    _follow_all(course, [*new, *changed])
    end_unfounded(course, now=now)


@transaction.atomic
def change_role(membership: Membership, role: Role, *, now: datetime) -> None:
    """Have them be something else in the class from now on. Raises CourseError `course_needs_teacher`."""
    if role != Role.TEACHER:
        _check_other_teacher(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    _follow(membership)
    end_unfounded(membership.course, now=now)


@transaction.atomic
def remove(membership: Membership, *, by: User | None = None, now: datetime) -> None:
    """Have them be in the class no more; by their own will or that of somebody else. What they did there stays.

    Whom somebody else put out comes back by no link. Raises CourseError `course_needs_teacher`.
    """
    if not membership.is_present:
        return
    _check_other_teacher(membership)
    membership.left_at = now
    membership.was_removed = by is not None and by.pk != membership.person_id
    membership.hand_raised_at = None
    membership.save(update_fields=["left_at", "was_removed", "hand_raised_at"])
    _follow(membership)
    end_unfounded(membership.course, now=now)


@transaction.atomic
def hand_over(membership: Membership, to: User, *, now: datetime) -> None:
    """Have it be another account of the same person that is in the class, with everything done there.

    Also in a class that is over: who did what does not change by it. That account is not in the class yet.
    """
    former = membership.person
    membership.person = to
    membership.save(update_fields=["person"])
    _leave_groups(membership.course, former)
    _follow(membership)
    end_unfounded(membership.course, now=now)


@transaction.atomic
def unite(kept: Membership, former: Membership, *, now: datetime) -> None:
    """Somebody is in the class with two accounts: have the one be what both were, and the other be gone.

    They have the larger of two roles. Whom somebody put out stays out, unless the other taught the class. Nothing may
    refer to the former any more.
    """
    role = united_role(kept, former)
    comes_back = not kept.is_present and former.is_present and (not kept.was_removed or former.role == Role.TEACHER)
    if comes_back:
        _bring_back(kept, role=role, section=former.section, joined_by=Joined(former.joined_by))
    kept.role, kept.section = role, kept.section or former.section
    kept.joined_at = min(kept.joined_at, former.joined_at)
    kept.save(update_fields=[*_CHANGING, "joined_at"])
    former.delete()
    _leave_groups(kept.course, former.person)
    _follow(kept)
    end_unfounded(kept.course, now=now)


def united_role(kept: Membership, former: Membership) -> Role:
    """What somebody is who is in a class twice: of the roles they have there now, the larger."""
    roles = [Role(each.role) for each in (kept, former) if each.is_present] or [Role(kept.role)]
    return max(roles, key=_BY_SIZE.index)


@transaction.atomic
def take_out(course: Course, people: Sequence[UUID], *, now: datetime) -> None:
    """Have all these people be in the class no more, in a few queries, as if they had left: they may come back.

    What they did there stays. Raises CourseError `course_needs_teacher`; then nothing has changed.
    """
    if not people:
        return
    Course.objects.select_for_update().get(pk=course.pk)
    had_teacher = _teachers(course).exists()
    for start in range(0, len(people), ROWS_AT_ONCE):
        some = people[start : start + ROWS_AT_ONCE]
        rows = course.memberships.present().filter(person__in=some)
        rows.update(left_at=now, was_removed=False, hand_raised_at=None)
        User.groups.through._default_manager.filter(
            user__in=some, group__in=[course.everybody, course.teachers]
        ).delete()
    if had_teacher and not _teachers(course).exists():
        raise CourseError("course_needs_teacher", course=course.title)
    end_unfounded(course, now=now)


def check_going_on(course: Course) -> None:
    """Raise CourseError `course_over` for a class in which nothing changes any more.

    For one that was deleted, and can still be brought back, `course_deleted`.
    """
    if course.deleted_at is not None:
        raise CourseError("course_deleted", course=course.title)
    if course.is_over:
        raise CourseError("course_over", course=course.title)


def _check_other_teacher(membership: Membership) -> None:
    """Raise CourseError `course_needs_teacher` where this is the last teacher."""
    if membership.role != Role.TEACHER or not membership.is_present:
        return
    course = Course.objects.select_for_update().get(pk=membership.course_id)  # Two of them may be leaving at once.
    if not _teachers(course).exclude(pk=membership.pk).exists():
        raise CourseError("course_needs_teacher", course=course.title)


def _leave_groups(course: Course, person: User) -> None:
    person.groups.remove(course.everybody, course.teachers)


def _follow(membership: Membership) -> None:
    """Have the groups of the class say what the membership says."""
    course, groups = membership.course, membership.person.groups
    wanted = {
        course.everybody: membership.is_present,
        course.teachers: membership.is_present and membership.role == Role.TEACHER,
    }
    groups.add(*(group for group, is_in in wanted.items() if is_in))
    groups.remove(*(group for group, is_in in wanted.items() if not is_in))


# --- Many at once ------------------------------------------------------------------------------------------

_CHANGING = ["left_at", "was_removed", "role", "section", "joined_by"]


def _teachers(course: Course) -> MembershipQuerySet:
    return course.memberships.present().filter(role=Role.TEACHER)


def _memberships_of(course: Course, people: Sequence[User]) -> dict[User, Membership]:
    found: dict[User, Membership] = {}
    for start in range(0, len(people), ROWS_AT_ONCE):
        some = people[start : start + ROWS_AT_ONCE]
        rows = course.memberships.filter(person__in=some).select_related("person")
        found |= {membership.person: membership for membership in rows}
    return found


def _put(membership: Membership, place: Place, *, joined_by: Joined) -> None:
    if not membership.is_present:
        role = place.role or Role(membership.role)
        _bring_back(membership, role=role, section=place.section, joined_by=joined_by)
        return
    membership.role = place.role or membership.role
    membership.section = place.section or membership.section


def _bring_back(membership: Membership, *, role: Role, section: Section | None, joined_by: Joined) -> None:
    membership.left_at, membership.was_removed = None, False
    membership.role, membership.joined_by = role, joined_by
    membership.section = section or membership.section


def _follow_all(course: Course, memberships: Iterable[Membership]) -> None:
    """As `_follow`, for many."""
    present = [membership for membership in memberships if membership.is_present]
    teachers = {membership.person_id for membership in present if membership.role == Role.TEACHER}
    _join(course.everybody, [membership.person_id for membership in present])
    _join(course.teachers, list(teachers))
    course.teachers.user_set.remove(*(each.person for each in present if each.person_id not in teachers))


def _join(group: Group, people: Sequence[UUID]) -> None:
    link = User.groups.through
    rows = [link(user_id=person, group_id=group.pk) for person in people]
    link._default_manager.bulk_create(rows, ignore_conflicts=True, batch_size=ROWS_AT_ONCE)
