"""A class given again: what comes along, and that it is made once and whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from classes import extensions
from classes.copying import copies_for, copy_course, luggage_of
from classes.courses import Plan
from classes.errors import CourseError
from classes.extensions import Luggage
from classes.keeping import archive, delete
from classes.material import set_source
from classes.models import Course, CourseMaterial, Lesson, Looks, Role
from environments.values import Reference
from tests.factories import AnnouncementFactory, CourseFactory, EnvironmentFactory, LessonFactory, member

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

PLAN = Plan("Waves and Tides", Reference("gh", "carrel-tests/waves", ""), term="Spring", starts_on=date(2026, 3, 2))
FORM = {"title": "Waves and Tides", "repository": "https://github.com/carrel-tests/waves", "term": "Spring"}


class Refusing:
    """An app that cannot copy what is its own."""

    def luggage(self, former: Course) -> Luggage:
        return Luggage(["Paintings"], ["Their frames"])

    def copy(self, former: Course, course: Course, *, lessons: Mapping[UUID, Lesson]) -> None:
        raise CourseError("lesson_gone")


@pytest.fixture
def former(teacher: User) -> Course:
    """A class of last term: two lessons that students saw, people, and limits of its own."""
    course = CourseFactory.create(title="Waves and Tides", owner=teacher, description="Of water.", memory_mb=700)
    member(course, "teacher", Role.TEACHER)
    member(course, "student")
    LessonFactory.create(course=course, title="Tides", position=4, path="tides.ipynb", starts_at=course.created_at)
    LessonFactory.create(course=course, title="Waves", position=2, ready_minutes=5)
    AnnouncementFactory.create(course=course)
    return course


@pytest.fixture
def refusing(settings: Settings) -> Iterator[None]:
    """With an app that cannot copy what is its own."""
    settings.COPY_EXTENSIONS = [f"{Refusing.__module__}.{Refusing.__qualname__}"]
    extensions.copy_extensions.cache_clear()
    yield
    extensions.copy_extensions.cache_clear()


def copied(former: Course, teacher: User, now: datetime, key: UUID | None = None) -> Course:
    return copy_course(former, teacher, PLAN, resolved=None, key=key, now=now)


def test_copy_is_a_class_of_its_own_for_another_term(former: Course, teacher: User, now: datetime) -> None:
    course = copied(former, teacher, now)

    assert (course.title, course.term, course.starts_on) == ("Waves and Tides", "Spring", date(2026, 3, 2))
    assert (course.description, course.memory_mb, course.copied_from) == ("Of water.", 700, former)
    assert course.slug != former.slug
    assert course.environment != former.environment


def test_copy_has_the_lessons_as_drafts_without_dates(former: Course, teacher: User, now: datetime) -> None:
    course = copied(former, teacher, now)

    facts = course.lessons.values_list("title", "path", "ready_minutes", "starts_at", "ends_at", "published_at")
    assert list(facts) == [
        ("Waves", "first.ipynb", 5, None, None, None),
        ("Tides", "tides.ipynb", None, None, None, None),
    ]


def test_copy_of_a_copy_knows_both_lessons_before_it(former: Course, teacher: User, now: datetime) -> None:
    first = copied(former, teacher, now)

    second = copied(first, teacher, now)

    keys = [str(course.lessons.get(title="Tides").pk) for course in (first, former)]
    assert second.lessons.get(title="Tides").former_ids == keys


def test_copy_has_nobody_but_its_teacher_and_no_announcements(former: Course, teacher: User, now: datetime) -> None:
    course = copied(former, teacher, now)

    assert [one.person for one in course.memberships.all()] == [teacher]
    assert not course.announcements.exists()


def test_copy_has_teachers_work_in_the_same_repository(former: Course, teacher: User, now: datetime) -> None:
    former.teacher_environment = EnvironmentFactory.create(owner=teacher, repository="carrel-tests/solutions")
    former.save()

    course = copied(former, teacher, now)

    assert course.teacher_environment is not None
    assert course.teacher_environment.repository == "carrel-tests/solutions"
    assert course.teacher_environment != former.teacher_environment


def test_copy_has_the_source_of_the_material_and_nothing_in_use(former: Course, teacher: User, now: datetime) -> None:
    set_source(former, Reference("gh", "carrel-tests/material", "main"), looks=Looks.BY_HAND)

    course = copied(former, teacher, now)

    material = CourseMaterial.objects.get(course=course)
    assert (material.reference, material.looks) == (Reference("gh", "carrel-tests/material", "main"), Looks.BY_HAND)
    assert material.in_use is None


def test_former_class_stays_as_it_is(former: Course, teacher: User, now: datetime) -> None:
    copied(former, teacher, now)

    former.refresh_from_db()
    assert (former.lessons.count(), former.memberships.count(), former.copied_from) == (2, 2, None)
    assert all(lesson.published_at is not None for lesson in former.lessons.all())


def test_class_that_is_over_is_given_again(former: Course, teacher: User, now: datetime) -> None:
    archive(former, now=now)

    course = copied(former, teacher, now)

    assert (course.is_over, course.lessons.count()) == (False, 2)


def test_class_that_was_deleted_is_not_given_again(former: Course, teacher: User, now: datetime) -> None:
    stale = Course.objects.get(pk=former.pk)
    delete(former, now=now)

    with pytest.raises(CourseError) as caught:
        copied(stale, teacher, now)

    assert caught.value.code == "course_deleted"
    assert Course.objects.count() == 1


def test_asked_twice_it_is_made_once(former: Course, teacher: User, now: datetime) -> None:
    key = uuid4()

    first, second = copied(former, teacher, now, key), copied(former, teacher, now, key)

    assert first == second
    assert Course.objects.count() == 2


@pytest.mark.usefixtures("refusing")
def test_copy_is_made_whole_or_not_at_all(former: Course, teacher: User, now: datetime) -> None:
    with pytest.raises(CourseError):
        copied(former, teacher, now)

    assert Course.objects.count() == 1
    assert Lesson.objects.count() == 2


def test_lessons_are_copied_in_a_few_questions(
    former: Course, teacher: User, now: datetime, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(100):
        LessonFactory.create(course=former, title=f"Lesson {number}")

    with django_assert_max_num_queries(60):
        copied(former, teacher, now)


def test_copies_are_shown_to_those_who_teach_them(former: Course, teacher: User, stranger: User, now: datetime) -> None:
    first = copied(former, teacher, now)
    second = copied(former, teacher, now + timedelta(days=1))

    assert list(copies_for(former, teacher)) == [second, first]
    assert not copies_for(former, stranger).exists()


# --- Its page ------------------------------------------------------------------------------------------------


@pytest.fixture
def browser(client: Client, teacher: User, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Of the teacher, who can reach no repository."""
    monkeypatch.setattr("classes.views.copies.resolve_for", lambda *args, **facts: None)
    client.force_login(teacher)
    return client


def test_page_says_what_comes_along_and_what_does_not(browser: Client, former: Course) -> None:
    page = browser.get(f"/classes/{former.slug}/keep/again/").content.decode()

    assert "2 lessons, as drafts without dates" in page
    assert "People, sections and invitations" in page
    assert 'value="Waves and Tides"' in page
    assert former.environment is not None
    assert former.environment.repository in page


@pytest.mark.usefixtures("refusing")
def test_page_says_what_other_apps_copy(former: Course) -> None:
    luggage = luggage_of(former)

    assert (luggage.comes[-1], luggage.stays[-1]) == ("Paintings", "Their frames")


def test_button_makes_the_class_once(browser: Client, former: Course) -> None:
    page = browser.get(f"/classes/{former.slug}/keep/again/")
    form = FORM | {"key": str(page.context["form"]["key"].value())}

    answers = [browser.post(f"/classes/{former.slug}/keep/again/", form) for _click in range(2)]

    made = former.copies.get()
    assert [answer["Location"] for answer in answers] == [f"/classes/{made.slug}/"] * 2
    assert "Students see none of its lessons" in browser.get(f"/classes/{made.slug}/").content.decode()


def test_what_is_missing_is_asked_for_again(browser: Client, former: Course) -> None:
    response = browser.post(f"/classes/{former.slug}/keep/again/", FORM | {"title": ""})

    assert response.status_code == 422
    assert "2 lessons" in response.content.decode()
    assert not former.copies.exists()


def test_keep_leads_there_and_to_the_copies(browser: Client, former: Course, teacher: User, now: datetime) -> None:
    made = copied(former, teacher, now)

    page = browser.get(f"/classes/{former.slug}/keep/").content.decode()

    assert f'href="/classes/{former.slug}/keep/again/"' in page
    assert f'<a href="/classes/{made.slug}/">Waves and Tides · Spring</a>' in page


def test_teacher_who_may_make_no_classes_is_not_led_there(client: Client, former: Course) -> None:
    member(former, "assistant", Role.TEACHER)
    client.force_login(User.objects.get(username="assistant"))

    assert "keep/again/" not in client.get(f"/classes/{former.slug}/keep/").content.decode()
    assert client.get(f"/classes/{former.slug}/keep/again/").status_code == 403
