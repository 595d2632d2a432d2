"""The pages of lessons: what teachers fill in and put in order, and what students find."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from classes.lessons import outline_of
from classes.models import Course, Lesson, LessonVisit, Role
from classes.stamps import stamp, stamp_of_order
from tests.factories import CourseFactory, LessonFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def course() -> Course:
    """A class with a teacher and a student."""
    course = CourseFactory.create(slug="statistics")
    member(course, "teacher", Role.TEACHER)
    member(course, "student")
    return course


@pytest.fixture
def teaching(client: Client, course: Course) -> Client:
    """The browser of its teacher, in Tokyo."""
    client.force_login(course.memberships.get(role=Role.TEACHER).person)
    client.cookies["carrel_timezone"] = "Asia/Tokyo"
    return client


@pytest.fixture
def learning(client: Client, course: Course) -> Client:
    """The browser of its student."""
    client.force_login(course.memberships.get(role=Role.STUDENT).person)
    return client


def words_of(page: object) -> str:
    return page.content.decode()  # type: ignore[attr-defined, no-any-return]


def answers(lesson: Lesson, **others: str) -> dict[str, str]:
    """The form of a lesson as it was opened, but for what is said otherwise."""
    return {"title": lesson.title, "path": lesson.path, "publish": "now", "seen": stamp(outline_of(lesson))} | others


def test_add_reads_times_in_the_zone_of_the_teacher(teaching: Client, course: Course) -> None:
    times = {"starts_at": "2026-03-02T10:00", "ends_at": "2026-03-02T11:30"}

    teaching.post(
        "/classes/statistics/lessons/new/",
        {"title": "Sampling", "publish": "later", "publish_at": "2026-03-01T08:00"} | times,
    )

    lesson = course.lessons.get()
    assert lesson.starts_at == datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
    assert lesson.published_at == datetime(2026, 2, 28, 23, 0, tzinfo=UTC)


def test_add_names_the_zone(teaching: Client) -> None:
    assert "In your time zone, Asia/Tokyo." in words_of(teaching.get("/classes/statistics/lessons/new/"))


@pytest.mark.parametrize(("publish", "is_published"), [("now", True), ("draft", False)])
def test_add_shows_a_lesson_or_keeps_it_a_draft(
    teaching: Client, course: Course, publish: str, is_published: bool
) -> None:
    teaching.post("/classes/statistics/lessons/new/", {"title": "Sampling", "publish": publish})

    assert course.lessons.get().is_published(timezone.now()) is is_published


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"title": ""}, "title"),
        ({"path": "../secret"}, "path"),
        ({"path": "https://example.org/first.ipynb"}, "path"),
        ({"starts_at": "soon"}, "starts_at"),
        ({"starts_at": "9999-12-31T23:59"}, "starts_at"),
        ({"starts_at": "0001-01-01T00:00"}, "starts_at"),
        ({"starts_at": "2026-03-02T10:00", "ends_at": "2201-01-01T00:00"}, "ends_at"),
        ({"publish": "later", "publish_at": "1999-12-31T23:59"}, "publish_at"),
        ({"ends_at": "2026-03-02T10:00"}, "starts_at"),
        ({"starts_at": "2026-03-02T10:00", "ends_at": "2026-03-02T09:00"}, "ends_at"),
        ({"starts_at": "2026-03-02T10:00", "ready_minutes": "0"}, "ready_minutes"),
        ({"starts_at": "2026-03-02T10:00", "ready_minutes": "61"}, "ready_minutes"),
        ({"ready_minutes": "5"}, "starts_at"),
        ({"publish": "later"}, "publish_at"),
        ({"publish": "never"}, "publish"),
    ],
)
def test_add_says_at_its_field_what_is_wrong(
    teaching: Client, course: Course, wrong: dict[str, str], field: str
) -> None:
    page = teaching.post("/classes/statistics/lessons/new/", {"title": "Sampling", "publish": "now"} | wrong)

    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert not course.lessons.exists()


@pytest.mark.parametrize(("typed", "saved"), [("5", 5), ("", None)])
def test_edit_says_whether_servers_are_ready_before(
    teaching: Client, course: Course, typed: str, saved: int | None
) -> None:
    lesson = LessonFactory.create(course=course, ready_minutes=10)
    times = {"starts_at": "2026-03-02T10:00", "ready_minutes": typed}

    teaching.post(f"/classes/statistics/lessons/{lesson.pk}/edit/", answers(lesson, **times))

    assert Lesson.objects.get().ready_minutes == saved
    page = words_of(teaching.get(f"/classes/statistics/lessons/{lesson.pk}/edit/"))
    assert ('name="ready_minutes" value="5"' in page) == (saved == 5)


def test_edit_leaves_alone_since_when_students_see_it(teaching: Client, course: Course) -> None:
    lesson = LessonFactory.create(course=course)

    teaching.post(f"/classes/statistics/lessons/{lesson.pk}/edit/", answers(lesson, title="Sampling"))

    after = Lesson.objects.get()
    assert (after.title, after.published_at) == ("Sampling", lesson.published_at)


def test_edit_shows_times_in_the_zone_of_the_teacher(teaching: Client, course: Course) -> None:
    lesson = LessonFactory.create(course=course, starts_at=datetime(2026, 3, 2, 1, 0, 30, tzinfo=UTC))

    page = teaching.get(f"/classes/statistics/lessons/{lesson.pk}/edit/")

    assert 'value="2026-03-02T10:00"' in words_of(page)


def test_edit_shows_both_where_somebody_saved_meanwhile(teaching: Client, course: Course) -> None:
    lesson = LessonFactory.create(course=course, title="Sampling", path="first.ipynb")
    typed = answers(lesson, title="Mine")
    Lesson.objects.update(title="Theirs")

    page = teaching.post(f"/classes/statistics/lessons/{lesson.pk}/edit/", typed)

    assert page.status_code == 409
    assert 'value="Mine"' in words_of(page)
    assert "Saved now: “Theirs”" in words_of(page)
    assert list(page.context["form"].errors) == ["title", "__all__"]
    assert Lesson.objects.get().title == "Theirs"


def test_edit_takes_what_is_sent_again_after_that(teaching: Client, course: Course) -> None:
    lesson = LessonFactory.create(course=course, title="Sampling")
    typed = answers(lesson, title="Mine")
    Lesson.objects.update(title="Theirs")
    page = teaching.post(f"/classes/statistics/lessons/{lesson.pk}/edit/", typed)

    teaching.post(
        f"/classes/statistics/lessons/{lesson.pk}/edit/", typed | {"seen": page.context["form"]["seen"].value()}
    )

    assert Lesson.objects.get().title == "Mine"


def test_edit_of_a_lesson_of_another_class_is_not_found(teaching: Client) -> None:
    elsewhere = LessonFactory.create()

    assert teaching.get(f"/classes/statistics/lessons/{elsewhere.pk}/edit/").status_code == 404


def test_publish_shows_and_hides(teaching: Client, course: Course) -> None:
    lesson = LessonFactory.create(course=course, published_at=None)

    for asked, is_published in (("now", True), ("no", False)):
        teaching.post(f"/classes/statistics/lessons/{lesson.pk}/publish/", {"publish": asked})

        assert Lesson.objects.get().is_published(timezone.now()) is is_published


def test_list_offers_to_move_each_lesson_up_and_down_without_a_script(teaching: Client, course: Course) -> None:
    a, b, c = (LessonFactory.create(course=course, title=title) for title in "abc")

    places = teaching.get("/classes/statistics/lessons/").context["places"]

    assert [(place["up"], place["down"]) for place in places] == [(None, c.pk), (a.pk, None), (b.pk, None)]


def test_move_puts_a_lesson_in_front_of_another(teaching: Client, course: Course) -> None:
    a, b = (LessonFactory.create(course=course, title=title) for title in "ab")
    typed = {"before": a.pk, "seen": stamp_of_order([a.pk, b.pk])}

    page = teaching.post(f"/classes/statistics/lessons/{b.pk}/move/", typed, follow=True)

    assert list(course.lessons.all()) == [b, a]
    assert not page.context["messages"]


def test_move_says_that_somebody_else_was_at_it(teaching: Client, course: Course) -> None:
    a, b = (LessonFactory.create(course=course, title=title) for title in "ab")

    page = teaching.post(
        f"/classes/statistics/lessons/{b.pk}/move/", {"before": a.pk, "seen": "of before"}, follow=True
    )

    assert "Somebody else has changed the lessons meanwhile" in words_of(page)
    assert list(course.lessons.all()) == [b, a]


def test_move_says_that_the_lesson_is_gone(teaching: Client, course: Course) -> None:
    lesson = LessonFactory.create(course=course)
    lesson_id = lesson.pk
    lesson.delete()

    page = teaching.post(f"/classes/statistics/lessons/{lesson_id}/move/", {"before": ""}, follow=True)

    assert "Somebody else has deleted that lesson" in words_of(page)


def test_move_refuses_what_is_no_lesson(teaching: Client, course: Course) -> None:
    lesson = LessonFactory.create(course=course)

    page = teaching.post(f"/classes/statistics/lessons/{lesson.pk}/move/", {"before": "first"})

    assert page.status_code == 400


def test_list_is_drawn_alone_for_a_script(teaching: Client, course: Course) -> None:
    LessonFactory.create(course=course)

    words = words_of(teaching.get("/classes/statistics/lessons/", headers={"HX-Request": "true"}))

    assert words.lstrip().startswith("<section")
    assert 'hx-swap-oob="innerHTML"' in words


def test_delete_asks_first(teaching: Client, course: Course) -> None:
    lesson = LessonFactory.create(course=course, title="Sampling")

    page = teaching.get(f"/classes/statistics/lessons/{lesson.pk}/delete/")

    assert "Delete “Sampling”?" in words_of(page)
    assert course.lessons.exists()


def test_delete_takes_the_lesson_away(teaching: Client, course: Course) -> None:
    lesson = LessonFactory.create(course=course)

    teaching.post(f"/classes/statistics/lessons/{lesson.pk}/delete/")

    assert not course.lessons.exists()


@pytest.mark.parametrize("path", ["new/", "{lesson}/edit/", "{lesson}/publish/", "{lesson}/move/", "{lesson}/delete/"])
def test_nothing_is_changed_in_a_class_that_is_over(teaching: Client, course: Course, now: datetime, path: str) -> None:
    lesson = LessonFactory.create(course=course, title="Sampling")
    Course.objects.update(archived_at=now)
    before = outline_of(lesson)

    page = teaching.post(
        f"/classes/statistics/lessons/{path.format(lesson=lesson.pk)}", answers(lesson, title="Later"), follow=True
    )

    assert "is over: it can be looked at" in words_of(page)
    assert [outline_of(each) for each in course.lessons.all()] == [before]


def test_list_of_a_class_that_is_over_offers_no_changes(teaching: Client, course: Course, now: datetime) -> None:
    LessonFactory.create_batch(2, course=course)
    Course.objects.update(archived_at=now)

    words = words_of(teaching.get("/classes/statistics/lessons/"))

    assert "/move/" not in words
    assert "/edit/" not in words


def test_lesson_tells_a_student_when_it_is_and_how_far_they_are(learning: Client, course: Course) -> None:
    lesson = LessonFactory.create(course=course, starts_at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    now = timezone.now()
    LessonVisit.objects.create(
        membership=course.memberships.get(role=Role.STUDENT),
        lesson=lesson,
        opened_at=now,
        last_opened_at=now,
        cells=8,
        executed_cells=3,
    )
    learning.cookies["carrel_timezone"] = "Asia/Tokyo"

    words = words_of(learning.get(f"/classes/statistics/lessons/{lesson.pk}/"))

    assert "18:00" in words
    assert "3 of 8 cells run" in words


@pytest.mark.parametrize("published_at", [None, timedelta(days=1)])
def test_lesson_that_is_not_shown_yet_is_not_found_by_a_student(
    learning: Client, course: Course, published_at: timedelta | None
) -> None:
    lesson = LessonFactory.create(course=course, published_at=published_at and timezone.now() + published_at)

    assert learning.get(f"/classes/statistics/lessons/{lesson.pk}/").status_code == 404


def test_lesson_escapes_what_a_teacher_wrote(learning: Client, course: Course) -> None:
    lesson = LessonFactory.create(course=course, summary="<script>alert(1)</script> javascript:alert(1)")

    words = words_of(learning.get(f"/classes/statistics/lessons/{lesson.pk}/"))

    assert "<script>alert" not in words
    assert 'href="javascript:' not in words
