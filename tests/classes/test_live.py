"""What a teacher sees of a class that is at work."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group as PersonGroup
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from classes.hands import raise_hand
from classes.live import (
    STUCK_AFTER,
    Group,
    Order,
    Presence,
    Seat,
    chosen,
    hands_of,
    seats_of,
    version_for,
    version_of,
)
from classes.members import change_role
from classes.models import Course, Joined, LessonVisit, Membership, Role, Section
from classes.notebooks import Progress
from classes.presence import HERE_FOR
from environments.models import NotebookServer
from tests.factories import (
    CourseFactory,
    LessonFactory,
    NotebookServerFactory,
    UserFactory,
    in_class,
    member,
    running_server,
)

pytestmark = pytest.mark.django_db

LONG = timedelta(hours=2)


@pytest.fixture
def course() -> Course:
    return CourseFactory.create()


@pytest.fixture
def student(course: Course) -> Membership:
    return member(course, "student")


def at_work(student: Membership, *, active_at: datetime, **fields: Any) -> NotebookServer:
    """The student's server of the class, running."""
    fields = {"last_activity_at": active_at, "state_changed_at": active_at} | fields
    return running_server(**in_class(student), **fields)


def visit(student: Membership, *, opened_at: datetime, **fields: Any) -> LessonVisit:
    """The student has opened a lesson."""
    lesson = fields.pop("lesson", None) or LessonFactory.create(course=student.course)
    return LessonVisit.objects.create(
        membership=student, lesson=lesson, opened_at=opened_at, last_opened_at=opened_at, **fields
    )


def only(course: Course, now: datetime) -> Seat:
    """The one student of the class."""
    [seat] = seats_of(course, now=now)
    return seat


def test_seats_are_of_present_students_alone(course: Course, student: Membership, now: datetime) -> None:
    member(course, "teacher", Role.TEACHER)
    member(course, "grader", Role.GRADER)
    Membership.objects.filter(pk=member(course, "gone").pk).update(left_at=now)
    member(CourseFactory.create(), "elsewhere")

    assert [seat.username for seat in seats_of(course, now=now)] == ["student"]


def test_seat_of_somebody_who_was_never_there(course: Course, student: Membership, now: datetime) -> None:
    seat = only(course, now)

    assert (seat.presence, seat.last_active_at, seat.lesson, seat.progress) == (Presence.AWAY, None, "", None)


@pytest.mark.parametrize(
    ("ago", "presence"),
    [(timedelta(minutes=1), Presence.WORKING), (HERE_FOR + timedelta(seconds=1), Presence.AWAY)],
)
def test_presence_goes_by_the_last_activity_in_the_server(
    course: Course, student: Membership, now: datetime, ago: timedelta, presence: Presence
) -> None:
    at_work(student, active_at=now - ago)

    assert only(course, now).presence == presence


@pytest.mark.parametrize("other", ["stopped", "of no class", "deleted"])
def test_presence_does_not_go_by_other_servers(course: Course, student: Membership, now: datetime, other: str) -> None:
    changes: dict[str, Any] = {
        "stopped": {"state": NotebookServer.State.STOPPED},
        "of no class": {"group": None},
        "deleted": {"deleted_at": now},
    }
    server = at_work(student, active_at=now)
    NotebookServer.objects.filter(pk=server.pk).update(**changes[other])

    assert only(course, now).presence == Presence.AWAY


def test_presence_does_not_go_by_a_server_started_ahead_that_nobody_has_entered(
    course: Course, student: Membership, now: datetime
) -> None:
    at_work(student, active_at=now, prewarmed_until=now + LONG)

    seat = only(course, now)

    assert (seat.presence, seat.last_active_at) == (Presence.AWAY, None)


def test_presence_in_the_pages_of_the_class_counts(course: Course, student: Membership, now: datetime) -> None:
    Membership.objects.update(last_seen_at=now - timedelta(minutes=2))

    seat = only(course, now)

    assert (seat.presence, seat.last_active_at) == (Presence.READING, now - timedelta(minutes=2))


def test_seat_tells_of_the_lesson_opened_last(course: Course, student: Membership, now: datetime) -> None:
    visit(student, opened_at=now - LONG, lesson=LessonFactory.create(course=course, title="First"))
    counted = {"cells": 8, "executed_cells": 2, "tests": 3, "validated_cells": 1, "progressed_at": now}
    visit(student, opened_at=now, lesson=LessonFactory.create(course=course, title="Second"), **counted)

    seat = only(course, now)

    assert (seat.lesson, seat.share) == ("Second", 25)
    assert seat.progress == Progress(cells=8, executed=2, tests=3, validated=1)


@pytest.mark.parametrize(
    ("failing", "progressed", "opened", "is_here", "is_stuck"),
    [
        (1, STUCK_AFTER, LONG, True, True),
        (0, STUCK_AFTER, LONG, True, False),
        (1, STUCK_AFTER - timedelta(seconds=1), LONG, True, False),
        (1, LONG, timedelta(minutes=1), True, False),
        (1, STUCK_AFTER, LONG, False, False),
    ],
    ids=["stuck", "no error", "came on lately", "just came back", "away"],
)
def test_stuck_is_who_is_there_with_an_error_and_does_not_come_on(
    course: Course,
    student: Membership,
    now: datetime,
    failing: int,
    progressed: timedelta,
    opened: timedelta,
    is_here: bool,
    is_stuck: bool,
) -> None:
    at_work(student, active_at=now if is_here else now - LONG)
    visit(student, opened_at=now - opened, failing_cells=failing, progressed_at=now - progressed)

    assert only(course, now).is_stuck is is_stuck


def test_hands_are_in_the_order_they_went_up(course: Course, now: datetime) -> None:
    for minutes, name in ((1, "ada"), (9, "ben"), (5, "cleo")):
        raise_hand(member(course, name), now=now - timedelta(minutes=minutes))
    member(course, "dan")

    assert [seat.username for seat in hands_of(seats_of(course, now=now))] == ["ben", "cleo", "ada"]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (Order.NAME, ["ada", "ben", "cleo"]),
        (Order.HAND, ["ben", "ada", "cleo"]),
        (Order.ACTIVITY, ["cleo", "ada", "ben"]),
        (Order.PROGRESS, ["ben", "cleo", "ada"]),
    ],
)
def test_chosen_sorts(course: Course, now: datetime, order: Order, names: list[str]) -> None:
    ada, ben, cleo = (member(course, name) for name in ("ada", "ben", "cleo"))
    raise_hand(ben, now=now)
    at_work(cleo, active_at=now)
    lesson = LessonFactory.create(course=course)
    visit(ben, opened_at=now, cells=4, executed_cells=4, progressed_at=now, lesson=lesson)
    visit(cleo, opened_at=now, cells=4, executed_cells=1, progressed_at=now, lesson=lesson)
    visit(ada, opened_at=now, cells=4, executed_cells=0, progressed_at=now, lesson=lesson)

    found = chosen(seats_of(course, now=now), group=Group.ALL, section="", order=order)

    assert [seat.username for seat in found] == names


def test_chosen_keeps_sections_together_and_those_without_one_last(course: Course, now: datetime) -> None:
    for name, section in (("ada", "B"), ("ben", ""), ("cleo", "A")):
        rows = Membership.objects.filter(pk=member(course, name).pk)
        rows.update(section=Section.objects.create(course=course, name=section) if section else None)
    seats = seats_of(course, now=now)

    everybody = chosen(seats, group=Group.ALL, section="", order=Order.NAME)
    in_b = chosen(seats, group=Group.ALL, section="B", order=Order.NAME)

    assert [seat.username for seat in everybody] == ["cleo", "ada", "ben"]
    assert [seat.username for seat in in_b] == ["ada"]


def test_chosen_leaves_out_who_is_away(course: Course, student: Membership, now: datetime) -> None:
    at_work(member(course, "here"), active_at=now)

    found = chosen(seats_of(course, now=now), group=Group.HERE, section="", order=Order.NAME)

    assert [seat.username for seat in found] == ["here"]


@pytest.mark.parametrize("what", ["hand", "server", "visit", "progress", "member"])
def test_version_changes_with(course: Course, student: Membership, now: datetime, what: str) -> None:
    server = NotebookServerFactory.create(**in_class(student), state_changed_at=now)
    opened = visit(student, opened_at=now)
    before = version_of(course)

    if what == "hand":
        raise_hand(student, now=now)
    elif what == "server":
        NotebookServer.objects.filter(pk=server.pk).update(state_changed_at=now + LONG)
    elif what == "visit":
        visit(student, opened_at=now + LONG)
    elif what == "progress":
        LessonVisit.objects.filter(pk=opened.pk).update(executed_cells=1, progressed_at=now)
    else:
        member(course, "new")

    assert version_of(course) != before


def test_version_does_not_change_with_every_sign_of_life(course: Course, student: Membership, now: datetime) -> None:
    server = at_work(student, active_at=now)
    before = version_of(course)

    NotebookServer.objects.filter(pk=server.pk).update(last_activity_at=now + timedelta(seconds=30))
    LessonVisit.objects.update(measured_at=now)

    assert version_of(course) == before


@pytest.mark.parametrize(("role", "may_look"), [(Role.TEACHER, True), (Role.GRADER, True), (Role.STUDENT, False)])
def test_version_is_for_whoever_teaches(course: Course, role: Role, may_look: bool) -> None:
    person = member(course, "somebody", role).person

    assert (version_for(person.pk, course.slug) is not None) is may_look


def test_version_is_for_nobody_else(course: Course, student: Membership, now: datetime) -> None:
    teacher = member(course, "teacher", Role.TEACHER)
    member(course, "other", Role.TEACHER)
    assert version_for(UserFactory.create().pk, course.slug) is None
    assert version_for(teacher.person.pk, "no-such-class") is None

    change_role(teacher, Role.STUDENT, now=now)
    assert version_for(teacher.person.pk, course.slug) is None

    change_role(teacher, Role.TEACHER, now=now)
    User.objects.filter(pk=teacher.person.pk).update(is_active=False)
    assert version_for(teacher.person.pk, course.slug) is None


def test_seats_take_as_many_questions_for_a_thousand_as_for_one(
    course: Course, student: Membership, now: datetime
) -> None:
    with CaptureQueriesContext(connection) as for_one:
        seats_of(course, now=now)
        version_of(course)
    fill(course, 999, now=now)

    with CaptureQueriesContext(connection) as for_thousand:
        seats = seats_of(course, now=now)
        version_of(course)

    assert len(seats) == 1000
    assert len(for_thousand) == len(for_one) == 7


def fill(course: Course, count: int, *, now: datetime) -> None:
    """Put so many students into the class, each with a section and two lessons opened."""
    section = Section.objects.create(course=course, name="A")
    lessons = LessonFactory.create_batch(2, course=course)
    people = User.objects.bulk_create(User(username=f"many{n}", display_name=f"Student {n}") for n in range(count))
    members = Membership.objects.bulk_create(
        Membership(course=course, person=person, section=section, joined_by=Joined.ROSTER) for person in people
    )
    PersonGroup.objects.get(pk=course.everybody_id).user_set.add(*people)
    LessonVisit.objects.bulk_create(
        LessonVisit(membership=each, lesson=lesson, opened_at=now, last_opened_at=now + timedelta(minutes=n), cells=9)
        for each in members
        for n, lesson in enumerate(lessons)
    )
