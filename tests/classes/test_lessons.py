"""Lessons: their order, who sees them, and what two teachers do at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from classes import lessons
from classes.errors import CourseError
from classes.lessons import (
    Outline,
    add_lesson,
    check_lesson_path,
    delete_lesson,
    edit_lesson,
    move_lesson,
    outline_of,
    publish_lesson,
)
from classes.models import Course, Lesson
from classes.stamps import stamp, stamp_of_order
from tests.factories import CourseFactory, LessonFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def course() -> Course:
    return CourseFactory.create()


@pytest.fixture
def four(course: Course) -> list[Lesson]:
    """Lessons a, b, c and d."""
    return [LessonFactory.create(course=course, title=title) for title in "abcd"]


def order_of(course: Course) -> str:
    return "".join(lesson.title for lesson in course.lessons.all())


def seen_by_somebody(course: Course) -> str:
    return stamp_of_order(lesson.pk for lesson in course.lessons.all())


def test_add_puts_a_lesson_behind_the_others(course: Course, four: list[Lesson]) -> None:
    add_lesson(course, Outline("e"))

    assert order_of(course) == "abcde"


def test_add_writes_the_path_in_the_one_way(course: Course) -> None:
    lesson = add_lesson(course, Outline("a", path=" ./week 1/first.ipynb "))

    assert lesson.path == "week 1/first.ipynb"


def test_add_is_refused_once_there_are_too_many(
    course: Course, four: list[Lesson], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lessons, "MAX_LESSONS", 4)

    with pytest.raises(CourseError, match="lessons_too_many"):
        add_lesson(course, Outline("e"))


@pytest.mark.parametrize("path", ["first.ipynb", "week 1/première.ipynb", "data", "..data/a..b.ipynb", ""])
def test_check_path_leaves_a_path_in_the_repository_alone(path: str) -> None:
    assert check_lesson_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        *("../secret", "week/../../secret", "/etc/passwd", "week//first.ipynb", ".", "~/first.ipynb"),
        *("https://example.org/first.ipynb", "javascript:alert(1)", "C:\\first.ipynb", "a\nb", "x" * 501),
    ],
)
def test_check_path_refuses_what_leads_elsewhere(path: str) -> None:
    with pytest.raises(CourseError, match="lesson_path_invalid"):
        check_lesson_path(path)


def test_edit_says_what_is_new(course: Course, four: list[Lesson], now: datetime) -> None:
    lesson = four[0]
    outline = Outline("A", "Sampling", "first.ipynb", now, now + timedelta(hours=2), now)

    edit_lesson(lesson, outline, seen=stamp(outline_of(lesson)))

    lesson.refresh_from_db()
    assert outline_of(lesson) == outline


def test_edit_is_refused_over_what_somebody_saved_meanwhile(course: Course, four: list[Lesson]) -> None:
    seen = stamp(outline_of(four[0]))
    theirs = Lesson.objects.get(pk=four[0].pk)
    edit_lesson(theirs, replace(outline_of(theirs), title="theirs"), seen=seen)

    with pytest.raises(CourseError, match="changed_meanwhile"):
        edit_lesson(four[0], replace(outline_of(four[0]), title="mine"), seen=seen)

    theirs.refresh_from_db()
    assert theirs.title == "theirs"


def test_edit_is_refused_where_the_lesson_is_gone(four: list[Lesson]) -> None:
    seen = stamp(outline_of(four[0]))
    delete_lesson(Lesson.objects.get(pk=four[0].pk))

    with pytest.raises(CourseError, match="lesson_gone"):
        edit_lesson(four[0], Outline("a"), seen=seen)


def test_publish_shows_a_lesson_to_students_from_then_on(course: Course, now: datetime) -> None:
    lesson = add_lesson(course, Outline("a"))

    publish_lesson(lesson, at=now)

    assert list(course.lessons.published(now)) == [lesson]
    assert not course.lessons.published(now - timedelta(seconds=1)).exists()


def test_publish_takes_a_lesson_back(course: Course, four: list[Lesson], now: datetime) -> None:
    publish_lesson(four[0], at=None)

    assert four[0] not in course.lessons.published(now + timedelta(days=10_000))


@pytest.mark.parametrize(
    ("moved", "before", "order"),
    [("a", "c", "bacd"), ("d", "a", "dabc"), ("b", None, "acdb"), ("b", "b", "abcd"), ("b", "c", "abcd")],
)
def test_move_puts_a_lesson_where_it_is_told_to(
    course: Course, four: list[Lesson], moved: str, before: str | None, order: str
) -> None:
    known = {lesson.title: lesson for lesson in four}

    was_seen = move_lesson(known[moved], before=known[before].pk if before else None, seen=seen_by_somebody(course))

    assert (order_of(course), was_seen) == (order, True)


def test_move_keeps_what_somebody_else_moved_meanwhile(course: Course, four: list[Lesson]) -> None:
    a, b, _c, d = four
    seen = seen_by_somebody(course)
    move_lesson(d, before=a.pk, seen=seen)

    was_seen = move_lesson(b, before=None, seen=seen)

    assert (order_of(course), was_seen) == ("dacb", False)


def test_move_is_refused_next_to_a_lesson_that_is_gone(course: Course, four: list[Lesson]) -> None:
    seen = seen_by_somebody(course)
    delete_lesson(four[2])

    with pytest.raises(CourseError, match="lesson_gone"):
        move_lesson(four[0], before=four[2].pk, seen=seen)

    assert order_of(course) == "abd"


def test_move_is_refused_next_to_a_lesson_of_another_class(course: Course, four: list[Lesson]) -> None:
    elsewhere = LessonFactory.create()

    with pytest.raises(CourseError, match="lesson_gone"):
        move_lesson(four[0], before=elsewhere.pk, seen=seen_by_somebody(course))


def test_nothing_changes_once_the_class_is_over(course: Course, four: list[Lesson], now: datetime) -> None:
    Course.objects.filter(pk=course.pk).update(archived_at=now)
    attempts: list[Callable[[], object]] = [
        lambda: add_lesson(course, Outline("e")),
        lambda: edit_lesson(four[0], Outline("e"), seen=stamp(outline_of(four[0]))),
        lambda: publish_lesson(four[0], at=None),
        lambda: move_lesson(four[0], before=None, seen=""),
        lambda: delete_lesson(four[0]),
    ]

    for attempt in attempts:
        with pytest.raises(CourseError, match="course_over"):
            attempt()

    assert order_of(course) == "abcd"


def test_delete_of_a_lesson_that_is_gone_already_is_no_matter(four: list[Lesson]) -> None:
    delete_lesson(Lesson.objects.get(pk=four[0].pk))

    delete_lesson(four[0])

    assert not Lesson.objects.filter(pk=four[0].pk).exists()


def test_stamps_of_orders_differ() -> None:
    one, two = uuid4(), uuid4()

    assert stamp_of_order([one, two]) != stamp_of_order([two, one])
