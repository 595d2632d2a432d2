"""A teacher asks to come into a student's server, and is let in for a while or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from accounts.models import User
from classes.errors import CourseError
from classes.knocking import LASTS_FOR, WAITS_FOR, agree, knock, knocks_at, knocks_by
from classes.members import Place, change_role, remove, settle
from classes.models import Course, Joined, Knock, Membership, Role
from classes.visiting import end, end_due
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
        change_role(visitor, Role.STUDENT, now=now)
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


@pytest.mark.parametrize(
    "change",
    [
        lambda visitor, student, now: remove(visitor, now=now),
        lambda visitor, student, now: change_role(visitor, Role.STUDENT, now=now),
        lambda visitor, student, now: settle(
            visitor.course, [Place(visitor.person, Role.STUDENT)], joined_by=Joined.ROSTER, now=now
        ),
        lambda visitor, student, now: remove(student, now=now),
        lambda visitor, student, now: change_role(student, Role.GRADER, now=now),
    ],
    ids=["teacher left", "teacher became student", "list made teacher a student", "student left", "student promoted"],
)
def test_visit_ends_with_the_role_it_was_agreed_for(
    server: NotebookServer,
    agreed: Knock,
    student: Membership,
    visitor: Membership,
    now: datetime,
    change: Callable[[Membership, Membership, datetime], None],
) -> None:
    change(visitor, student, now + A_SECOND)

    assert not may_enter(visitor.person, server)
    assert not is_in(server, visitor.person)
    assert Knock.objects.get().ended_at == now + A_SECOND


def test_visit_goes_on_when_somebody_else_leaves(
    server: NotebookServer, course: Course, agreed: Knock, now: datetime
) -> None:
    other = member(course, "another", Role.TEACHER)

    remove(other, now=now)

    assert may_enter(agreed.by, server)


def test_end_due_puts_out_who_is_inactive(server: NotebookServer, agreed: Knock, now: datetime) -> None:
    User.objects.filter(pk=agreed.by.pk).update(is_active=False)

    end_due(now=now + A_SECOND)

    assert not is_in(server, agreed.by)
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
