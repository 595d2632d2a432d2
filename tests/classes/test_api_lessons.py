"""Lessons and announcements over the API: what comes of what is sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from classes.models import Course, Lesson, LessonVisit, Role
from tests.environments.api_client import program_of, queries_of
from tests.factories import AnnouncementFactory, CourseFactory, LessonFactory, member

pytestmark = pytest.mark.django_db

LESSONS = "/api/v1/courses/stats/lessons/"
ANNOUNCEMENTS = "/api/v1/courses/stats/announcements/"


@pytest.fixture
def course(teacher: User) -> Course:
    course = CourseFactory.create(owner=teacher, slug="stats")
    member(course, "teacher", Role.TEACHER)
    member(course, "student")
    return course


@pytest.fixture
def program(course: Course, teacher: User) -> APIClient:
    """A teacher's."""
    return program_of(teacher)


@pytest.fixture
def students(course: Course) -> APIClient:
    """A student's program."""
    return program_of(User.objects.get(username="student"))


# --- Lessons -----------------------------------------------------------------------------------------------


def test_lessons_are_those_one_sees_in_their_order(program: APIClient, students: APIClient, course: Course) -> None:
    LessonFactory.create(course=course, title="Second", position=1)
    LessonFactory.create(course=course, title="First", position=0)
    LessonFactory.create(course=course, title="Draft", position=2, published_at=None)

    assert [lesson["title"] for lesson in students.get(LESSONS).json()] == ["First", "Second"]
    assert [lesson["is_published"] for lesson in program.get(LESSONS).json()] == [True, True, False]


def test_lessons_say_how_far_one_is_oneself(students: APIClient, course: Course, now: datetime) -> None:
    lesson = LessonFactory.create(course=course)
    mine = course.memberships.get(person__username="student")
    other = member(course, "other")
    for whose, cells in ((mine, 5), (other, 9)):
        LessonVisit.objects.create(membership=whose, lesson=lesson, opened_at=now, last_opened_at=now, cells=cells)

    assert students.get(f"{LESSONS}{lesson.pk}/").json()["visit"]["cells"] == 5


def test_lessons_cost_as_many_queries_for_many(students: APIClient, course: Course) -> None:
    LessonFactory.create(course=course)
    queries_of(students, LESSONS)  # The first use of a token is noted.
    few = queries_of(students, LESSONS)
    LessonFactory.create_batch(20, course=course)

    assert queries_of(students, LESSONS) == few


def test_lesson_is_added_behind_the_others_as_a_draft(program: APIClient, course: Course) -> None:
    LessonFactory.create(course=course, position=7)

    response = program.post(LESSONS, {"title": "Means", "path": "./week-1/means.ipynb"}, format="json")

    assert response.status_code == 201
    lesson = course.lessons.last()
    assert lesson is not None
    assert (lesson.title, lesson.path, lesson.published_at) == ("Means", "week-1/means.ipynb", None)
    assert response.json()["id"] == str(lesson.pk)


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({}, 400, "invalid"),
        ({"title": "x" * 121}, 400, "invalid"),
        ({"title": "a\x00"}, 400, "invalid"),
        ({"title": "a", "tittle": "b"}, 400, "invalid"),
        ({"title": "a", "ends_at": "2026-03-02T10:00:00Z"}, 400, "invalid"),
        ({"title": "a", "ready_minutes": 10}, 400, "invalid"),
        ({"title": "a", "starts_at": "2026-03-02T10:00:00Z", "ends_at": "2026-03-02T09:00:00Z"}, 400, "invalid"),
        ({"title": "a", "starts_at": "2026-03-02T10:00:00Z", "ready_minutes": 61}, 400, "invalid"),
        ({"title": "a", "starts_at": "9999-12-31T23:59:00Z"}, 400, "invalid"),
        ({"title": "a", "starts_at": "0001-01-01T00:00:00Z"}, 400, "invalid"),
        ({"title": "a", "published_at": "2201-01-01T00:00:00Z"}, 400, "invalid"),
        ({"title": "a", "path": "../other.ipynb"}, 422, "lesson_path_invalid"),
        ({"title": "a", "path": "https://example.org/a.ipynb"}, 422, "lesson_path_invalid"),
    ],
)
def test_lesson_that_cannot_be_is_not_added(program: APIClient, wish: dict[str, Any], status: int, code: str) -> None:
    response = program.post(LESSONS, wish, format="json")

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not Lesson.objects.exists()


def test_lesson_keeps_what_is_not_given(program: APIClient, course: Course) -> None:
    lesson = LessonFactory.create(course=course, title="Means", summary="About means.")

    answer = program.patch(f"{LESSONS}{lesson.pk}/", {"title": "Medians"}, format="json").json()

    assert (answer["title"], answer["summary"], answer["path"]) == ("Medians", "About means.", lesson.path)
    lesson.refresh_from_db()
    assert lesson.title == "Medians"


def test_lesson_is_not_made_to_end_before_it_begins(program: APIClient, course: Course, now: datetime) -> None:
    lesson = LessonFactory.create(course=course, starts_at=now)

    response = program.patch(f"{LESSONS}{lesson.pk}/", {"ends_at": now - timedelta(hours=1)}, format="json")

    assert (response.status_code, list(response.json()["fields"])) == (400, ["ends_at"])


@pytest.mark.parametrize(
    ("wish", "is_published"),
    [({}, True), ({"at": None}, False), ({"at": "2099-01-01T09:00:00Z"}, False), ({"at": "2020-01-01T09:00Z"}, True)],
)
def test_lesson_is_shown_and_taken_back(
    program: APIClient, course: Course, wish: dict[str, Any], is_published: bool
) -> None:
    lesson = LessonFactory.create(course=course, published_at=None if is_published else timezone.now())

    answer = program.post(f"{LESSONS}{lesson.pk}/publish/", wish, format="json").json()

    assert answer["is_published"] == is_published
    lesson.refresh_from_db()
    assert lesson.is_published(timezone.now()) == is_published


@pytest.mark.parametrize(("before", "order"), [(0, "cab"), (1, "acb"), (None, "abc")])
def test_lesson_is_moved(program: APIClient, course: Course, before: int | None, order: str) -> None:
    lessons = [LessonFactory.create(course=course, title=title, position=n) for n, title in enumerate("abc")]
    target = str(lessons[before].pk) if before is not None else None

    answer = program.post(f"{LESSONS}{lessons[2].pk}/move/", {"before": target}, format="json").json()

    assert "".join(lesson["title"] for lesson in answer) == order
    assert "".join(course.lessons.values_list("title", flat=True)) == order


def test_lesson_is_not_moved_in_front_of_one_of_another_class(program: APIClient, course: Course) -> None:
    lesson, other = LessonFactory.create(course=course), LessonFactory.create()

    response = program.post(f"{LESSONS}{lesson.pk}/move/", {"before": str(other.pk)}, format="json")

    assert (response.status_code, response.json()["code"]) == (409, "lesson_gone")


@pytest.mark.parametrize(("method", "action"), [("PATCH", ""), ("DELETE", ""), ("POST", "publish/"), ("POST", "move/")])
def test_lesson_of_another_class_is_out_of_reach(program: APIClient, method: str, action: str) -> None:
    other = LessonFactory.create(title="Theirs")

    response = program.generic(method, f"{LESSONS}{other.pk}/{action}", content_type="application/json")

    assert response.status_code == 404
    assert Lesson.objects.get().title == "Theirs"


@pytest.mark.parametrize(
    ("method", "action", "wish"),
    [
        ("post", "", {"title": "New"}),
        ("patch", "{lesson}/", {"title": "New"}),
        ("delete", "{lesson}/", {}),
        ("post", "{lesson}/publish/", {}),
        ("post", "{lesson}/move/", {"before": None}),
    ],
)
def test_lessons_of_a_class_that_is_over_do_not_change(
    program: APIClient, course: Course, method: str, action: str, wish: dict[str, Any]
) -> None:
    lesson = LessonFactory.create(course=course)
    Course.objects.update(archived_at=timezone.now())

    response = getattr(program, method)(LESSONS + action.format(lesson=lesson.pk), wish, format="json")

    assert (response.status_code, response.json()["code"]) == (409, "course_over")


# --- Announcements -----------------------------------------------------------------------------------------


def test_announcement_is_told_read_changed_and_taken_back(program: APIClient, students: APIClient) -> None:
    told = program.post(ANNOUNCEMENTS, {"title": "Room 12"}, format="json").json()
    changed = program.patch(f"{ANNOUNCEMENTS}{told['id']}/", {"text": "Upstairs."}, format="json").json()
    read = students.get(ANNOUNCEMENTS).json()["results"]
    program.delete(f"{ANNOUNCEMENTS}{told['id']}/")

    assert read == [changed]
    assert (changed["title"], changed["text"], changed["author"]) == ("Room 12", "Upstairs.", "Teacher")
    assert students.get(ANNOUNCEMENTS).json()["results"] == []


def test_announcement_to_come_is_read_by_teachers_only(program: APIClient, students: APIClient) -> None:
    program.post(ANNOUNCEMENTS, {"title": "Soon", "published_at": "2099-01-01T09:00:00Z"}, format="json")

    assert program.get(ANNOUNCEMENTS).json()["count"] == 1
    assert students.get(ANNOUNCEMENTS).json()["count"] == 0


@pytest.mark.parametrize(
    "wish", [{}, {"title": ""}, {"title": "a", "text": "x" * 5001}, {"title": "a", "published_at": None}]
)
def test_announcement_that_cannot_be_is_not_told(program: APIClient, course: Course, wish: dict[str, Any]) -> None:
    response = program.post(ANNOUNCEMENTS, wish, format="json")

    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert not course.announcements.exists()


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_announcement_of_another_class_is_out_of_reach(program: APIClient, method: str) -> None:
    other = AnnouncementFactory.create()

    answer = program.generic(method, f"{ANNOUNCEMENTS}{other.pk}/", content_type="application/json")

    assert answer.status_code == 404


def test_announcements_cost_as_many_queries_for_many(students: APIClient, course: Course) -> None:
    AnnouncementFactory.create(course=course, author=course.owner)
    queries_of(students, ANNOUNCEMENTS)
    few = queries_of(students, ANNOUNCEMENTS)
    AnnouncementFactory.create_batch(20, course=course, author=course.owner)

    assert queries_of(students, ANNOUNCEMENTS) == few
