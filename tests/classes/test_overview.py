"""What a class page says: which lesson is next, and what the cards of classes show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from classes.live import seats_of
from classes.members import admit, remove
from classes.models import Course, Lesson, LessonVisit, Role
from classes.overview import (
    Crowd,
    LessonRow,
    When,
    announcements_for,
    cards_of,
    crowd_of,
    failed_servers,
    lesson_rows,
    next_lesson,
)
from classes.policies import Standing
from classes.presence import HERE_FOR
from environments.models import NotebookServer
from tests.factories import (
    AnnouncementFactory,
    CourseFactory,
    LessonFactory,
    NotebookServerFactory,
    in_class,
    member,
    running_server,
)

AN_HOUR = timedelta(hours=1)
A_DAY = timedelta(days=1)
A_SECOND = timedelta(seconds=1)


def row(
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    *,
    opened_at: datetime | None = None,
    cells: tuple[int, int] = (0, 0),
) -> LessonRow:
    """A lesson by its times, with so many of so many cells run if it was opened."""
    visit = None
    if opened_at is not None:
        visit = LessonVisit(opened_at=opened_at, last_opened_at=opened_at, executed_cells=cells[0], cells=cells[1])
    return LessonRow(Lesson(starts_at=starts_at, ends_at=ends_at), visit, is_published=True)


class TestNextLesson:
    """A pure choice."""

    def test_is_the_one_that_is_on(self, now: datetime) -> None:
        rows = [row(now - AN_HOUR, now + AN_HOUR), row(now + A_SECOND)]

        found = next_lesson(rows, now=now)

        assert found is not None
        assert (found.row, found.when) == (rows[0], When.NOW)

    def test_is_the_one_that_began_last_of_two_that_are_on(self, now: datetime) -> None:
        rows = [row(now - AN_HOUR, now + AN_HOUR), row(now, now + AN_HOUR)]

        found = next_lesson(rows, now=now)

        assert found is not None
        assert found.row is rows[1]

    def test_goes_on_for_a_while_where_no_end_is_said(self, now: datetime) -> None:
        assert next_lesson([row(now - AN_HOUR)], now=now, is_staff=True) is not None
        assert next_lesson([row(now - 2 * AN_HOUR)], now=now, is_staff=True) is None

    @pytest.mark.parametrize(("wait", "when"), [(AN_HOUR, When.TODAY), (A_DAY, When.COMING)])
    def test_is_the_first_to_come(self, now: datetime, wait: timedelta, when: When) -> None:
        rows = [row(now - A_DAY, now - A_DAY + AN_HOUR), row(now + 7 * A_DAY), row(now + wait)]

        found = next_lesson(rows, now=now)

        assert found is not None
        assert (found.row, found.when) == (rows[2], when)

    def test_is_today_by_the_clock_of_the_reader(self, now: datetime) -> None:
        with timezone.override("Pacific/Kiritimati"):  # Fourteen hours ahead: it is eleven at night there.
            found = next_lesson([row(now + 2 * AN_HOUR)], now=now)

        assert found is not None
        assert found.when == When.COMING

    def test_is_the_one_somebody_was_in_last_and_is_not_done_with(self, now: datetime) -> None:
        rows = [
            row(opened_at=now - 3 * A_DAY, cells=(1, 9)),
            row(opened_at=now - 2 * A_DAY, cells=(1, 9)),
            row(opened_at=now - A_DAY, cells=(9, 9)),
            row(),
        ]

        found = next_lesson(rows, now=now)

        assert found is not None
        assert (found.row, found.when) == (rows[1], When.RESUME)

    def test_is_the_first_that_was_not_opened_after_that(self, now: datetime) -> None:
        rows = [row(opened_at=now, cells=(9, 9)), row(), row()]

        found = next_lesson(rows, now=now)

        assert found is not None
        assert (found.row, found.when) == (rows[1], When.BEGIN)

    def test_is_none_for_those_who_teach_where_none_has_a_date(self, now: datetime) -> None:
        assert next_lesson([row(), row(opened_at=now)], now=now, is_staff=True) is None

    def test_is_none_when_everything_is_done(self, now: datetime) -> None:
        assert next_lesson([row(opened_at=now, cells=(9, 9))], now=now) is None


@pytest.mark.parametrize(
    ("cells", "percent", "is_done"), [((0, 0), 0, False), ((1, 3), 33, False), ((3, 3), 100, True)]
)
def test_row_tells_how_far_somebody_is(now: datetime, cells: tuple[int, int], percent: int, is_done: bool) -> None:
    found = row(opened_at=now, cells=cells)

    assert (found.percent, found.is_done) == (percent, is_done)


@pytest.mark.django_db
class TestClass:
    """What is asked of the tables."""

    @pytest.fixture
    def course(self) -> Course:
        return CourseFactory.create()

    @pytest.mark.parametrize(
        ("role", "titles"), [(Role.STUDENT, ["shown"]), (Role.GRADER, ["shown", "draft", "later"])]
    )
    def test_rows_are_those_somebody_may_see(
        self, course: Course, now: datetime, role: Role, titles: list[str]
    ) -> None:
        for title, published_at in (("shown", now), ("draft", None), ("later", now + A_SECOND)):
            LessonFactory.create(course=course, title=title, published_at=published_at)

        rows = lesson_rows(Standing(course, None, role), now=now)

        assert [each.lesson.title for each in rows] == titles

    def test_rows_have_the_visits_of_this_person_only(self, course: Course, now: datetime) -> None:
        lesson = LessonFactory.create(course=course, published_at=now)
        mine, theirs = member(course, "mine"), member(course, "theirs")
        LessonVisit.objects.create(membership=theirs, lesson=lesson, opened_at=now, last_opened_at=now)

        (found,) = lesson_rows(Standing(course, mine, Role.STUDENT), now=now)

        assert found.visit is None

    @pytest.mark.parametrize(("role", "count"), [(Role.STUDENT, 1), (Role.GRADER, 1), (Role.TEACHER, 2)])
    def test_announcements_to_come_are_their_writers_to_see(
        self, course: Course, now: datetime, role: Role, count: int
    ) -> None:
        AnnouncementFactory.create(course=course, published_at=now)
        AnnouncementFactory.create(course=course, published_at=now + A_SECOND)

        assert len(announcements_for(Standing(course, None, role), now=now)) == count

    def test_crowd_counts_students_who_are_in_the_class(self, course: Course, now: datetime) -> None:
        seen = {"here": now, "almost gone": now - HERE_FOR + A_SECOND, "gone": now - HERE_FOR, "never": None}
        for name, last_seen_at in seen.items():
            membership = member(course, name)
            membership.last_seen_at, membership.hand_raised_at = last_seen_at, now if name == "gone" else None
            membership.save()
        teacher = member(course, "teacher", Role.TEACHER)
        teacher.last_seen_at = now
        teacher.save()
        remove(member(course, "left"), now=now)

        assert crowd_of(course, now=now) == Crowd(students=4, here=2, hands=1)

    @pytest.mark.parametrize(
        ("fields", "here"),
        [
            (lambda now: {}, 1),
            (lambda now: {"last_activity_at": now - HERE_FOR}, 0),
            (lambda now: {"state": NotebookServer.State.STOPPED}, 0),
            (lambda now: {"name": "another"}, 0),
            (lambda now: {"prewarmed_until": now + AN_HOUR}, 0),
        ],
        ids=["at work", "unused", "stopped", "another server", "started ahead"],
    )
    def test_crowd_counts_who_is_at_work_in_their_server_as_the_live_page_does(
        self, course: Course, now: datetime, fields: Callable[[datetime], dict[str, Any]], here: int
    ) -> None:
        running_server(**{**in_class(member(course, "student")), "last_activity_at": now, **fields(now)})

        counted = crowd_of(course, now=now).here

        assert counted == here
        assert sum(seat.is_here for seat in seats_of(course, now=now)) == here

    def test_failed_servers_are_those_of_the_class(self, course: Course) -> None:
        failed = {"state": NotebookServer.State.FAILED}
        broken = NotebookServerFactory.create(group=course.everybody, **failed)
        NotebookServerFactory.create(group=course.everybody)
        NotebookServerFactory.create(group=CourseFactory.create().everybody, **failed)
        NotebookServerFactory.create(**failed)

        assert failed_servers(course) == [broken]

    def test_card_names_the_next_lesson_that_students_see(self, course: Course, student: User, now: datetime) -> None:
        admit(course, student, role=Role.GRADER, now=now)
        LessonFactory.create(course=course, starts_at=now + AN_HOUR, published_at=None)
        lesson = LessonFactory.create(course=course, starts_at=now + A_DAY, published_at=now)

        (card,) = cards_of(student, [course], now=now)

        assert (card.role, card.next_lesson) == (Role.GRADER, lesson)

    def test_cards_ask_the_same_however_many_they_are(
        self, student: User, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        courses = CourseFactory.create_batch(5)
        for course in courses:
            admit(course, student, now=now)
            LessonFactory.create_batch(3, course=course, starts_at=now + A_DAY)

        with django_assert_num_queries(2):
            cards_of(student, courses, now=now)
