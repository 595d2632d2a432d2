"""A teacher asks to come into a student's server, and is let in for a while or not at all."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from accounts.models import User
from classes.errors import CourseError
from classes.knocking import LASTS_FOR, WAITS_FOR, agree, end, end_due, knock, knocks_at, knocks_by
from classes.members import change_role, remove
from classes.models import Course, Knock, Membership, Role
from environments.collaborating import invite, is_in, leave_server
from environments.models import NotebookServer
from environments.policies import can_enter_server
from tests.factories import CourseFactory, NotebookServerFactory, in_class, member, running_server

pytestmark = pytest.mark.django_db

A_SECOND = timedelta(seconds=1)


@pytest.fixture
def course() -> Course:
    course = CourseFactory.create()
    member(course, "other teacher", Role.TEACHER)
    return course


@pytest.fixture
def visitor(course: Course) -> Membership:
    """A teacher of the class."""
    return member(course, "teacher", Role.TEACHER)


@pytest.fixture
def student(course: Course) -> Membership:
    return member(course, "student")


@pytest.fixture
def server(student: Membership) -> NotebookServer:
    return running_server(**in_class(student))


def may_enter(person: User, server: NotebookServer) -> bool:
    """Whether the gateway would let this person in now."""
    loaded = NotebookServer.objects.select_related("owner").prefetch_related("collaborators").get(pk=server.pk)
    return can_enter_server(person, loaded)


@pytest.fixture
def agreed(server: NotebookServer, student: Membership, visitor: Membership, now: datetime) -> Knock:
    """The student has said yes."""
    asked = knock(student, by=visitor.person, now=now)
    agree(asked, now=now)
    return asked


def test_knock_lets_nobody_in(server: NotebookServer, student: Membership, visitor: Membership, now: datetime) -> None:
    asked = knock(student, by=visitor.person, now=now)

    assert knocks_at(student.person, now=now) == [asked]
    assert not may_enter(visitor.person, server)


def test_knock_twice_is_one_request(
    server: NotebookServer, student: Membership, visitor: Membership, now: datetime
) -> None:
    first = knock(student, by=visitor.person, now=now)

    assert knock(student, by=visitor.person, now=now + A_SECOND) == first


def test_knock_again_after_nobody_answered_is_a_new_request(
    server: NotebookServer, student: Membership, visitor: Membership, now: datetime
) -> None:
    first = knock(student, by=visitor.person, now=now)

    second = knock(student, by=visitor.person, now=now + WAITS_FOR)

    assert knocks_at(student.person, now=now + WAITS_FOR) == [second] != [first]


@pytest.mark.parametrize("why", ["course_over", "no_server_yet", "knock_at_student_only", "knock_needless"])
def test_knock_is_refused(
    course: Course, server: NotebookServer, student: Membership, visitor: Membership, now: datetime, why: str
) -> None:
    if why == "course_over":
        student.course.archived_at = now
    elif why == "no_server_yet":
        NotebookServer.objects.update(deleted_at=now)
    elif why == "knock_at_student_only":
        student = member(course, "grader", Role.GRADER)
    else:
        invite(server, "teacher", by=student.person, now=now)

    with pytest.raises(CourseError, match=why):
        knock(student, by=visitor.person, now=now)

    assert not Knock.objects.exists()


def test_agree_lets_this_teacher_in(server: NotebookServer, agreed: Knock, course: Course) -> None:
    other = course.memberships.get(person__username="other teacher").person

    assert may_enter(agreed.by, server)
    assert not may_enter(other, server)


@pytest.mark.parametrize("why", ["too late", "withdrawn", "no teacher any more", "answered"])
def test_agree_is_refused_and_lets_nobody_in(
    server: NotebookServer, student: Membership, visitor: Membership, now: datetime, why: str
) -> None:
    asked = knock(student, by=visitor.person, now=now)
    if why == "withdrawn":
        end(asked, now=now)
    elif why == "no teacher any more":
        change_role(visitor, Role.STUDENT)
    elif why == "answered":
        agree(asked, now=now)
        leave_server(server, person=visitor.person)

    with pytest.raises(CourseError, match="knock_over"):
        agree(asked, now=now + WAITS_FOR if why == "too late" else now)

    assert not may_enter(visitor.person, server)


def test_decline_lets_nobody_in(
    server: NotebookServer, student: Membership, visitor: Membership, now: datetime
) -> None:
    asked = knock(student, by=visitor.person, now=now)

    end(asked, now=now)

    assert knocks_at(student.person, now=now) == []
    assert not may_enter(visitor.person, server)


def test_decline_leaves_somebody_in_whom_the_student_let_in_otherwise(
    server: NotebookServer, student: Membership, visitor: Membership, now: datetime
) -> None:
    asked = knock(student, by=visitor.person, now=now)
    invite(server, "teacher", by=student.person, now=now)

    end(asked, now=now)

    assert may_enter(visitor.person, server)


def test_end_puts_the_teacher_out(server: NotebookServer, agreed: Knock, now: datetime) -> None:
    end(agreed, now=now + A_SECOND)

    assert not may_enter(agreed.by, server)


def test_end_due_waits_for_the_time(server: NotebookServer, agreed: Knock, now: datetime) -> None:
    end_due(now=now + LASTS_FOR - A_SECOND)
    assert may_enter(agreed.by, server)

    end_due(now=now + LASTS_FOR)
    assert not may_enter(agreed.by, server)
    assert knocks_by(agreed.by, agreed.membership.course, now=now) == {}


@pytest.mark.parametrize("why", ["teacher left", "role changed", "student left", "student promoted", "inactive"])
def test_end_due_puts_out_who_is_no_longer_teacher_of_the_student(
    server: NotebookServer, agreed: Knock, student: Membership, visitor: Membership, now: datetime, why: str
) -> None:
    if why == "teacher left":
        remove(visitor, now=now)
    elif why == "role changed":
        change_role(visitor, Role.STUDENT)
    elif why == "student left":
        remove(student, now=now)
    elif why == "student promoted":
        change_role(student, Role.GRADER)
    else:
        User.objects.filter(pk=visitor.person.pk).update(is_active=False)

    end_due(now=now + A_SECOND)

    assert not is_in(server, visitor.person)
    assert Knock.objects.get().ended_at == now + A_SECOND


def test_end_due_notes_that_the_student_put_the_teacher_out(
    server: NotebookServer, agreed: Knock, now: datetime
) -> None:
    leave_server(server, person=agreed.by)

    end_due(now=now + A_SECOND)

    assert Knock.objects.get().ended_at == now + A_SECOND


def test_knocks_are_told_to_the_student_they_are_for(
    server: NotebookServer, course: Course, student: Membership, visitor: Membership, now: datetime
) -> None:
    other = member(course, "other")
    NotebookServerFactory.create(**in_class(other))
    asked = knock(student, by=visitor.person, now=now)

    assert knocks_at(other.person, now=now) == []
    assert knocks_by(visitor.person, course, now=now) == {student.pk: asked}
