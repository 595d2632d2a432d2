"""Servers of a class that run before a lesson begins: reserved for its students, as long as a lesson wants them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import User
from classes.files import Area, make_area
from classes.lessons import delete_lesson, publish_lesson
from classes.members import change_role, remove
from classes.models import Course, Lesson, Membership, Role
from classes.naming import server_name
from classes.readying import AHEAD, WAITS_FOR, ready_for_lessons
from classes.tasks import ready_for_lessons as ready_for_lessons_task
from environments.errors import UserError
from environments.models import Environment, NotebookServer, Reservation
from environments.pinning import put_in_use
from environments.prewarming import tend_reservations
from environments.values import Limits
from tests.factories import CourseFactory, LessonFactory, NotebookServerFactory, in_class, member, prepared

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

MINUTE = timedelta(minutes=1)
State = NotebookServer.State


@pytest.fixture
def course(teacher: User) -> Course:
    course = prepared(CourseFactory.create(owner=teacher, slug="statistics", memory_mb=512, idle_minutes=20))
    member(course, "teacher", Role.TEACHER)
    return course


@pytest.fixture
def student(course: Course) -> Membership:
    return member(course, "student")


@pytest.fixture
def lesson(course: Course, student: Membership, now: datetime) -> Lesson:
    """One that begins in a quarter of an hour, with everybody's server ready five minutes before."""
    return LessonFactory.create(
        course=course, starts_at=now + 15 * MINUTE, ready_minutes=5, published_at=now - timedelta(days=1)
    )


def reserved() -> list[str]:
    """For whom there are reservations."""
    return sorted(Reservation.objects.values_list("owner__username", flat=True))


def test_ready_reserves_what_opening_the_class_would_give(
    lesson: Lesson, course: Course, student: Membership, now: datetime
) -> None:
    volume = make_area(course, Area.SHARED, now=now)

    ready_for_lessons(now=now)

    found = Reservation.objects.get()
    assert (found.owner, found.group, found.name) == (student.person, course.everybody, server_name("statistics"))
    assert (found.commit, found.limits, found.idle_minutes) == ("1" * 40, Limits(512, None), 20)
    assert [(wish.volume, wish.read_only) for wish in found.wishes] == [(volume.name, True)]
    assert (found.ready_at, found.until) == (now + 10 * MINUTE, now + 15 * MINUTE + WAITS_FOR)


def test_ready_starts_the_server_before_the_lesson(lesson: Lesson, student: Membership, now: datetime) -> None:
    ready_for_lessons(now=now)
    tend_reservations(now=now)

    server = NotebookServer.objects.get()
    assert (server.owner, server.group, server.is_on_the_way) == (student.person, lesson.course.everybody, True)
    assert server.prewarmed_until == now + 15 * MINUTE + WAITS_FOR


def test_ready_twice_reserves_once(lesson: Lesson, now: datetime) -> None:
    ready_for_lessons(now=now)
    before = Reservation.objects.get()

    ready_for_lessons(now=now + MINUTE)

    assert Reservation.objects.get().pk == before.pk


def test_ready_leaves_what_was_started_as_it_is(lesson: Lesson, now: datetime) -> None:
    ready_for_lessons(now=now)
    tend_reservations(now=now)
    Course.objects.update(memory_mb=256)

    ready_for_lessons(now=now + MINUTE)

    assert NotebookServer.objects.get().is_on_the_way
    assert (Reservation.objects.get().started_at, Reservation.objects.get().memory_mb) == (now, 512)


@pytest.mark.parametrize(
    ("before", "is_reserved"),
    [(timedelta(seconds=1), False), (timedelta(0), True)],
)
def test_ready_reserves_some_minutes_before_servers_are_started(
    lesson: Lesson, settings: Settings, before: timedelta, is_reserved: bool
) -> None:
    assert lesson.starts_at is not None
    first = lesson.starts_at - 5 * MINUTE - settings.PREWARM_MINUTES * MINUTE - AHEAD

    ready_for_lessons(now=first - before)

    assert bool(reserved()) == is_reserved


@pytest.mark.parametrize(
    "changes",
    [
        lambda now: {"ready_minutes": None},
        lambda now: {"published_at": None},
        lambda now: {"published_at": now + timedelta(hours=1)},
        lambda now: {"starts_at": None},
        lambda now: {"starts_at": now - WAITS_FOR},
    ],
    ids=["not asked for", "draft", "shown after it begins", "without a time", "long begun"],
)
def test_ready_reserves_nothing_for_other_lessons(
    lesson: Lesson, now: datetime, changes: Callable[[datetime], dict[str, Any]]
) -> None:
    Lesson.objects.update(**changes(now))

    ready_for_lessons(now=now)

    assert reserved() == []


@pytest.mark.parametrize("column", ["archived_at", "deleted_at"])
def test_ready_reserves_nothing_in_a_class_that_is_over(lesson: Lesson, now: datetime, column: str) -> None:
    Course.objects.update(**{column: now})

    ready_for_lessons(now=now)

    assert reserved() == []


def test_ready_reserves_nothing_as_long_as_no_version_is_in_use(lesson: Lesson, course: Course, now: datetime) -> None:
    assert course.environment is not None
    course.environment.versions.all().delete()

    ready_for_lessons(now=now)

    assert reserved() == []


def test_ready_reserves_for_students_who_are_there(lesson: Lesson, course: Course, now: datetime) -> None:
    member(course, "grader", Role.GRADER)
    remove(member(course, "gone"), now=now)
    inactive = member(course, "inactive").person
    inactive.is_active = False
    inactive.save()

    ready_for_lessons(now=now)

    assert reserved() == ["student"]


@pytest.mark.parametrize(
    "change",
    [
        lambda lesson, student, now: Lesson.objects.update(starts_at=now + timedelta(days=1)),
        lambda lesson, student, now: publish_lesson(lesson, at=None),
        lambda lesson, student, now: delete_lesson(lesson),
        lambda lesson, student, now: remove(student, now=now),
        lambda lesson, student, now: change_role(student, Role.GRADER, now=now),
        lambda lesson, student, now: Course.objects.update(archived_at=now),
    ],
    ids=["moved", "hidden", "deleted", "left", "another role", "over"],
)
def test_ready_gives_up_what_no_lesson_needs_any_more(
    lesson: Lesson, student: Membership, now: datetime, change: Callable[..., object]
) -> None:
    ready_for_lessons(now=now)
    tend_reservations(now=now)
    assert NotebookServer.objects.get().is_on_the_way

    change(lesson, student, now)
    ready_for_lessons(now=now + MINUTE)

    assert reserved() == []
    assert NotebookServer.objects.get().state == State.STOPPED


def test_ready_reserves_anew_for_a_lesson_that_moved_a_little(lesson: Lesson, now: datetime) -> None:
    ready_for_lessons(now=now)
    Lesson.objects.update(starts_at=now + 18 * MINUTE)

    ready_for_lessons(now=now + MINUTE)

    assert Reservation.objects.get().ready_at == now + 13 * MINUTE


def test_ready_leaves_reservations_of_others_alone(lesson: Lesson, student: Membership, now: datetime) -> None:
    ready_for_lessons(now=now)
    Reservation.objects.update(group=None)
    Lesson.objects.all().delete()

    ready_for_lessons(now=now)

    assert reserved() == ["student"]


def test_ready_reserves_the_version_that_was_put_in_use_since(lesson: Lesson, course: Course, now: datetime) -> None:
    ready_for_lessons(now=now)
    assert course.environment is not None
    Environment.objects.filter(pk=course.environment.pk).update(commit="2" * 40, image_key="2" * 64)
    put_in_use(course.environment, image_key="2" * 64, by=course.owner, now=now)

    ready_for_lessons(now=now + MINUTE)

    assert Reservation.objects.get().commit == "2" * 40


def test_ready_takes_the_limits_the_class_has_by_now(lesson: Lesson, now: datetime) -> None:
    ready_for_lessons(now=now)
    Course.objects.update(memory_mb=256)

    ready_for_lessons(now=now + MINUTE)

    assert Reservation.objects.get().memory_mb == 256


def test_ready_leaves_a_server_of_an_earlier_version_to_be_updated_when_it_is_opened(
    lesson: Lesson, course: Course, student: Membership, now: datetime
) -> None:
    member(course, "other")
    NotebookServerFactory.create(**in_class(student), commit="0" * 40)

    ready_for_lessons(now=now)

    assert reserved() == ["other"]


def test_ready_goes_on_after_one_that_cannot_be_reserved(
    lesson: Lesson, course: Course, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    member(course, "other")
    wishes = "classes.launching.wishes_of"
    monkeypatch.setattr(wishes, lambda membership: _fail() if membership.person.username == "student" else ())

    ready_for_lessons(now=now)

    assert reserved() == ["other"]


@pytest.mark.parametrize(("memory_mb", "failure_code"), [(512, "memory_quota_exceeded"), (256, "")])
def test_ready_tries_what_could_not_be_launched_again_once_it_is_something_else(
    lesson: Lesson, now: datetime, memory_mb: int, failure_code: str
) -> None:
    ready_for_lessons(now=now)
    Reservation.objects.update(failure_code="memory_quota_exceeded")
    Course.objects.update(memory_mb=memory_mb)

    ready_for_lessons(now=now + MINUTE)

    assert Reservation.objects.get().failure_code == failure_code


def test_ready_asks_the_same_of_a_large_class_once_all_is_reserved(
    lesson: Lesson, course: Course, now: datetime, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        member(course, f"member{number}")
    ready_for_lessons(now=now)

    with django_assert_max_num_queries(6):
        ready_for_lessons(now=now + MINUTE)

    assert len(reserved()) == 21


def test_ready_is_asked_for_by_a_task(lesson: Lesson) -> None:
    Lesson.objects.update(starts_at=datetime.now(tz=lesson.starts_at.tzinfo) + 15 * MINUTE)  # type: ignore[union-attr]

    ready_for_lessons_task()

    assert reserved() == ["student"]


def _fail() -> None:
    raise UserError("name_invalid", name="?")
