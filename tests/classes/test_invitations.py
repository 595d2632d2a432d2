"""Coming into a class by a link or a code."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from accounts.models import User
from classes import guessing
from classes.errors import CourseError
from classes.invitations import (
    ALPHABET,
    CODE_LENGTH,
    MAX_OPEN_INVITATIONS,
    accept_invitation,
    address_of,
    find_invitation,
    make_invitation,
    readable,
    revoke_invitation,
    tidy,
)
from classes.members import remove
from classes.models import Course, ExpectedMember, Invitation, Joined, Role, Section
from tests.factories import CourseFactory, UserFactory, member

pytestmark = pytest.mark.django_db

WEEK = timedelta(days=7)


@pytest.fixture(autouse=True)
def nobody_has_guessed() -> None:
    cache.clear()


@pytest.fixture
def course() -> Course:
    return CourseFactory.create(title="Statistics")


def invitation_to(course: Course, *, now: datetime, uses: int | None = None, role: Role = Role.STUDENT) -> Invitation:
    return make_invitation(course, by=course.owner, role=role, lifetime=WEEK, uses=uses, now=now)


def test_make_gives_a_code_that_can_be_read_from_a_slide(course: Course, now: datetime) -> None:
    code = invitation_to(course, now=now).code

    assert len(code) == CODE_LENGTH
    assert not set("0O1ILS5B8UVZ2AE") & set(ALPHABET)
    assert address_of(course.invitations.get()).endswith(f"/classes/join/{code[:4]}-{code[4:]}/")


@pytest.mark.parametrize("typed", ["{code}", "{lower}", "{readable}", " {readable} ", "{spaced}"])
def test_tidy_takes_a_code_as_people_type_it(course: Course, now: datetime, typed: str) -> None:
    code = invitation_to(course, now=now).code

    assert tidy(typed.format(code=code, lower=code.lower(), readable=readable(code), spaced=" ".join(code))) == code


@pytest.mark.parametrize("typed", ["", "CDFG", "CDFGHJK0", "CDFG\x00JKM", "ÇDFGHJKM", "C" * 9, "ｃｄｆｇｈｊｋｍ"])
def test_tidy_knows_what_cannot_be_a_code(typed: str) -> None:
    assert tidy(typed) == ""


def test_accept_lets_in_with_role_and_section(course: Course, student: User, now: datetime) -> None:
    section = Section.objects.create(course=course, name="Monday")
    code = make_invitation(course, by=course.owner, section=section, lifetime=WEEK, now=now).code

    membership = accept_invitation(code, person=student, now=now)

    assert (membership.role, membership.section, membership.joined_by) == (Role.STUDENT, section, Joined.LINK)
    assert course.everybody in student.groups.all()


def test_accept_takes_one_place_of_those_that_are_left(course: Course, student: User, now: datetime) -> None:
    invitation = invitation_to(course, now=now, uses=2)

    accept_invitation(invitation.code, person=student, now=now)
    accept_invitation(invitation.code, person=student, now=now)

    invitation.refresh_from_db()
    assert invitation.uses_left == 1


def test_accept_leaves_a_member_who_follows_a_link_as_they_are(course: Course, now: datetime) -> None:
    somebody = member(course, "somebody")
    code = invitation_to(course, now=now, uses=1, role=Role.TEACHER).code

    assert accept_invitation(code, person=somebody.person, now=now).role == Role.STUDENT
    assert Invitation.objects.get().uses_left == 1


def _revoke(invitation: Invitation, now: datetime) -> None:
    revoke_invitation(invitation, now=now)


def _expire(invitation: Invitation, now: datetime) -> None:
    Invitation.objects.update(expires_at=now)


def _use_up(invitation: Invitation, now: datetime) -> None:
    Invitation.objects.update(uses_left=0)


def _end(invitation: Invitation, now: datetime) -> None:
    Course.objects.update(archived_at=now)


def _delete(invitation: Invitation, now: datetime) -> None:
    Course.objects.update(deleted_at=now)


@pytest.mark.parametrize(
    ("close", "code"),
    [
        (_revoke, "invitation_revoked"),
        (_expire, "invitation_expired"),
        (_use_up, "invitation_used"),
        (_end, "invitation_course_over"),
        (_delete, "invitation_unknown"),
    ],
)
def test_accept_is_refused_once_closed(
    course: Course, student: User, now: datetime, close: Callable[[Invitation, datetime], None], code: str
) -> None:
    invitation = invitation_to(course, now=now)
    close(invitation, now)

    with pytest.raises(CourseError) as refused:
        accept_invitation(invitation.code, person=student, now=now)

    assert refused.value.code == code
    assert not course.memberships.exists()


def test_accept_is_refused_to_whom_a_teacher_has_taken_out(course: Course, teacher: User, now: datetime) -> None:
    gone = member(course, "gone")
    remove(gone, by=teacher, now=now)

    with pytest.raises(CourseError, match="member_was_removed"):
        accept_invitation(invitation_to(course, now=now).code, person=gone.person, now=now)


def test_accept_brings_back_who_left_by_themselves(course: Course, now: datetime) -> None:
    gone = member(course, "gone")
    remove(gone, by=gone.person, now=now)

    assert accept_invitation(invitation_to(course, now=now).code, person=gone.person, now=now).pk == gone.pk


def test_accept_has_who_is_on_the_list_come_as_the_list_says(
    course: Course, student: User, now: datetime, settings: object
) -> None:
    settings.SIGNUP_OPEN = False  # type: ignore[attr-defined]
    section = Section.objects.create(course=course, name="Monday")
    ExpectedMember.objects.create(course=course, who=student.username, section=section)
    invitation = invitation_to(course, now=now, uses=1)

    membership = accept_invitation(invitation.code, person=student, now=now)

    invitation.refresh_from_db()
    assert (membership.section, membership.joined_by, invitation.uses_left) == (section, Joined.ROSTER, 1)


def test_find_stops_who_guesses(course: Course, student: User, now: datetime) -> None:
    code = invitation_to(course, now=now).code
    for _miss in range(guessing.MAX_MISSES):
        with pytest.raises(CourseError, match="invitation_unknown"):
            find_invitation("CDFGHJKM" if code != "CDFGHJKM" else "MKJHGFDC", person=student, now=now)

    with pytest.raises(CourseError, match="people_guessed_too_often"):
        find_invitation(code, person=student, now=now)


@pytest.mark.parametrize("role", [Role.TEACHER, Role.GRADER])
@pytest.mark.parametrize(("uses", "days"), [(None, 7), (6, 7), (5, 8)])
def test_make_is_refused_for_many_or_long_where_people_see_all_work(
    course: Course, now: datetime, role: Role, uses: int | None, days: int
) -> None:
    with pytest.raises(CourseError, match="invitation_too_wide"):
        make_invitation(course, by=course.owner, role=role, lifetime=timedelta(days=days), uses=uses, now=now)


def test_make_is_refused_where_too_many_are_open(course: Course, now: datetime) -> None:
    for _each in range(MAX_OPEN_INVITATIONS):
        invitation_to(course, now=now)

    with pytest.raises(CourseError, match="invitations_too_many"):
        invitation_to(course, now=now)


def test_make_is_refused_once_the_class_is_over(course: Course, now: datetime) -> None:
    course.archived_at = now

    with pytest.raises(CourseError, match="course_over"):
        invitation_to(course, now=now)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("are_two", [True, False], ids=["two people", "two clicks"])
def test_accept_gives_the_last_place_once(are_two: bool) -> None:
    now = timezone.now()
    course = CourseFactory.create()
    invitation = invitation_to(course, now=now, uses=1)
    first = UserFactory.create()
    people = [first, UserFactory.create() if are_two else first]
    together, outcomes = threading.Barrier(2), list[str]()

    def come(person: User) -> None:
        together.wait(10)
        try:
            accept_invitation(invitation.code, person=person, now=now)
            outcomes.append("in")
        except CourseError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=come, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    invitation.refresh_from_db()
    assert sorted(outcomes) == sorted(["in", "invitation_used" if are_two else "in"])
    assert (course.memberships.count(), invitation.uses_left) == (1, 0)
