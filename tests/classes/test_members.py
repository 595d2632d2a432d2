"""Who is in a class, and that its groups say the same."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from accounts.models import User
from classes.errors import CourseError
from classes.members import admit, change_role, hand_over, remove, take_out, unite
from classes.models import Course, Joined, Knock, Role, Section
from tests.factories import CourseFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def course() -> Course:
    return CourseFactory.create()


def test_admit_puts_a_student_into_the_group_of_everybody_only(course: Course, student: User, now: datetime) -> None:
    admit(course, student, now=now)

    assert list(student.groups.all()) == [course.everybody]


def test_admit_puts_a_teacher_into_both_groups(course: Course, teacher: User, now: datetime) -> None:
    admit(course, teacher, role=Role.TEACHER, now=now)

    assert set(teacher.groups.all()) == {course.everybody, course.teachers}


def test_admit_leaves_somebody_as_they_are_who_is_there_already(course: Course, teacher: User, now: datetime) -> None:
    admit(course, teacher, role=Role.TEACHER, now=now)

    membership = admit(course, teacher, role=Role.STUDENT, joined_by=Joined.LINK, now=now)

    assert (membership.role, membership.joined_by) == (Role.TEACHER, Joined.HAND)


def test_admit_brings_somebody_back_to_the_row_they_had(course: Course, student: User, now: datetime) -> None:
    section = Section.objects.create(course=course, name="Monday")
    before = admit(course, student, section=section, now=now)
    remove(before, now=now)

    after = admit(course, student, joined_by=Joined.LINK, now=now)

    assert (after.pk, after.left_at, after.section) == (before.pk, None, section)
    assert course.everybody in student.groups.all()


def test_admit_is_refused_while_the_class_is_deleted(course: Course, student: User, now: datetime) -> None:
    course.deleted_at = now

    with pytest.raises(CourseError, match="course_deleted"):
        admit(course, student, now=now)

    assert not student.groups.exists()


def test_admit_is_refused_once_the_class_is_over(course: Course, student: User, now: datetime) -> None:
    course.archived_at = now

    with pytest.raises(CourseError, match="course_over"):
        admit(course, student, now=now)


def test_change_role_has_the_groups_follow(course: Course, now: datetime) -> None:
    member(course, "first", Role.TEACHER)
    second = member(course, "second", Role.TEACHER)

    change_role(second, Role.GRADER, now=now)

    assert list(second.person.groups.all()) == [course.everybody]


def test_remove_takes_them_out_of_the_groups_and_keeps_the_row(course: Course, now: datetime) -> None:
    membership = member(course, "somebody")

    remove(membership, now=now)

    membership.refresh_from_db()
    assert membership.left_at == now
    assert not membership.person.groups.exists()


@pytest.mark.parametrize(
    "lose", [lambda it, now: change_role(it, Role.STUDENT, now=now), lambda it, now: remove(it, now=now)]
)
def test_the_last_teacher_stays(course: Course, now: datetime, lose: object) -> None:
    only = member(course, "only", Role.TEACHER)
    gone = member(course, "gone", Role.TEACHER)
    remove(gone, now=now)

    with pytest.raises(CourseError, match="course_needs_teacher"):
        lose(only, now)  # type: ignore[operator]

    assert course.teachers in only.person.groups.all()


def test_take_out_is_as_if_they_had_left(course: Course, now: datetime) -> None:
    ada, ben = member(course, "ada"), member(course, "ben")

    take_out(course, [ada.person_id], now=now)

    ada.refresh_from_db()
    assert (ada.left_at, ada.was_removed) == (now, False)
    assert not ada.person.groups.exists()
    assert list(course.everybody.user_set.all()) == [ben.person]


def test_take_out_leaves_a_teacher(course: Course, now: datetime) -> None:
    teachers = [member(course, name, Role.TEACHER) for name in ("tess", "tom")]

    with pytest.raises(CourseError, match="course_needs_teacher"):
        take_out(course, [each.person_id for each in teachers], now=now)
    assert course.memberships.present().count() == course.teachers.user_set.count() == 2


def test_take_out_ends_visits_that_have_no_ground_any_more(course: Course, now: datetime) -> None:
    teacher, student = member(course, "tess", Role.TEACHER), member(course, "ada")
    knock = Knock.objects.create(
        membership=student, by=teacher.person, asked_at=now, agreed_at=now, ends_at=now + timedelta(hours=1)
    )

    take_out(course, [student.person_id], now=now)

    knock.refresh_from_db()
    assert knock.ended_at is not None


def test_hand_over_moves_the_groups_with_the_place(course: Course, teacher: User, student: User, now: datetime) -> None:
    membership = admit(course, teacher, role=Role.TEACHER, now=now)

    hand_over(membership, student, now=now)

    assert set(student.groups.all()) == {course.everybody, course.teachers}
    assert not teacher.groups.exists()


def test_unite_leaves_one_member_in_the_groups_of_the_larger_role(
    course: Course, teacher: User, student: User, now: datetime
) -> None:
    kept, former = admit(course, student, now=now), admit(course, teacher, role=Role.TEACHER, now=now)

    unite(kept, former, now=now)

    assert course.memberships.get().person == student
    assert set(student.groups.all()) == {course.everybody, course.teachers}
    assert not teacher.groups.exists()
