"""Teachers are told of servers that should be ready for a lesson and are not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from classes.models import Course, Lesson, Membership, Role
from classes.readiness import NAMED, Shortfall, shortfalls_of
from classes.readying import WAITS_FOR, ready_for_lessons
from environments.models import Environment, EnvironmentVersion, NotebookServer, Reservation
from environments.prewarming import tend_reservations
from tests.factories import CourseFactory, LessonFactory, NotebookServerFactory, in_class, member, prepared

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

MINUTE = timedelta(minutes=1)


@pytest.fixture
def course(teacher: User) -> Course:
    course = prepared(CourseFactory.create(owner=teacher, slug="statistics"))
    member(course, "teacher", Role.TEACHER)
    return course


@pytest.fixture
def student(course: Course) -> Membership:
    return member(course, "ada")


def soon(course: Course, now: datetime) -> Lesson:
    """A lesson for which servers are to be started just now."""
    times = {"starts_at": now + 6 * MINUTE, "ready_minutes": 5, "published_at": now - MINUTE}
    return LessonFactory.create(course=course, title="Means", **times)


def only(course: Course, now: datetime) -> Shortfall:
    (shortfall,) = shortfalls_of(course, course.lessons.all(), now=now)
    return shortfall


def test_nothing_is_said_when_all_are_on_their_way(course: Course, student: Membership, now: datetime) -> None:
    soon(course, now)
    ready_for_lessons(now=now)
    tend_reservations(now=now)

    assert NotebookServer.objects.get().is_on_the_way
    assert shortfalls_of(course, course.lessons.all(), now=now) == []


def test_reservation_that_could_not_be_launched_is_told_with_its_reason(
    course: Course, student: Membership, now: datetime
) -> None:
    lesson = soon(course, now)
    ready_for_lessons(now=now)
    Reservation.objects.update(failure_code="disk_quota_exceeded", failure_facts={})

    shortfall = only(course, now)

    assert shortfall.lesson == lesson
    assert [(each.name, each.reason is not None) for each in shortfall.failed] == [("Ada", True)]


def test_server_that_was_started_for_it_and_failed_is_told(course: Course, student: Membership, now: datetime) -> None:
    soon(course, now)
    ready_for_lessons(now=now)
    tend_reservations(now=now)
    NotebookServer.objects.update(state=NotebookServer.State.FAILED, failure_code="build_failed")

    assert [each.name for each in only(course, now).failed] == ["Ada"]


def test_students_without_a_reservation_are_counted(course: Course, student: Membership, now: datetime) -> None:
    soon(course, now)

    assert only(course, now).unreserved == 1


def test_students_whose_server_is_brought_up_to_date_when_they_come_are_not_counted(
    course: Course, student: Membership, now: datetime
) -> None:
    soon(course, now)
    NotebookServerFactory.create(**in_class(student), commit="0" * 40)

    ready_for_lessons(now=now)

    assert shortfalls_of(course, course.lessons.all(), now=now) == []


@pytest.mark.parametrize(("lacks", "code"), [("version", "environment_unprepared"), ("all", "environment_missing")])
def test_class_without_a_version_in_use_is_told_why_there_are_none(
    course: Course, student: Membership, now: datetime, lacks: str, code: str
) -> None:
    soon(course, now)
    EnvironmentVersion.objects.all().delete()
    if lacks == "all":
        Environment.objects.all().delete()
    course.refresh_from_db()

    reason = only(course, now).reason

    assert reason is not None
    assert reason.code == code


def test_only_some_are_named_and_the_others_counted(course: Course, now: datetime) -> None:
    for number in range(NAMED + 2):
        member(course, f"student{number}")
    soon(course, now)
    ready_for_lessons(now=now)
    Reservation.objects.update(failure_code="disk_quota_exceeded", failure_facts={})

    shortfall = only(course, now)

    assert (len(shortfall.failed), shortfall.more) == (NAMED, 2)


@pytest.mark.parametrize("why", ["draft", "not wanted", "over", "far", "class over"])
def test_nothing_is_said_of_lessons_that_want_no_servers_now(
    course: Course, student: Membership, now: datetime, why: str
) -> None:
    lesson = soon(course, now)
    changes: dict[str, dict[str, Any]] = {
        "draft": {"published_at": None},
        "not wanted": {"ready_minutes": None},
        "over": {"starts_at": now - WAITS_FOR},
        "far": {"starts_at": now + timedelta(days=1)},
    }
    if why == "class over":
        course.archived_at = now
    Lesson.objects.filter(pk=lesson.pk).update(**changes.get(why, {}))

    assert shortfalls_of(course, course.lessons.all(), now=now) == []


@pytest.mark.parametrize(("who", "is_told"), [("teacher", True), ("ada", False)])
@pytest.mark.parametrize("page", ["course-detail", "lesson-detail"])
def test_pages_tell_teachers_and_nobody_else(
    client: Client, course: Course, student: Membership, who: str, page: str, is_told: bool
) -> None:
    lesson = soon(course, timezone.now())
    client.force_login(User.objects.get(username=who))
    arguments = [course.slug, lesson.pk] if page == "lesson-detail" else [course.slug]

    content = client.get(reverse(f"classes:{page}", args=arguments)).content.decode()

    assert ("Servers that are not ready for “Means”" in content) == is_told


def test_shortfalls_cost_as_many_queries_for_many_students(
    course: Course, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(10):
        member(course, f"student{number}")
    soon(course, now)
    ready_for_lessons(now=now)

    lessons = list(course.lessons.all())

    with django_assert_num_queries(4):  # The version, servers, students, reservations.
        shortfalls_of(course, lessons, now=now)
