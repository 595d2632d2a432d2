"""The page of a class, its announcements and settings, and a person's classes on the first page."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from classes.models import Course, Role
from classes.profiles import profile_of
from classes.stamps import stamp
from environments.models import NotebookServer, Outcome
from tests.factories import AnnouncementFactory, CourseFactory, LessonFactory, NotebookServerFactory, member

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

AN_HOUR = timedelta(hours=1)


@pytest.fixture
def course() -> Course:
    """A class with a teacher and a student."""
    course = CourseFactory.create(slug="statistics", title="Statistics", environment__has_image=True)
    member(course, "teacher", Role.TEACHER)
    member(course, "student")
    return course


@pytest.fixture
def teaching(client: Client, course: Course) -> Client:
    """The browser of its teacher."""
    client.force_login(course.memberships.get(role=Role.TEACHER).person)
    return client


@pytest.fixture
def learning(client: Client, course: Course) -> Client:
    """The browser of its student."""
    client.force_login(course.memberships.get(role=Role.STUDENT).person)
    return client


def words_of(client: Client, path: str = "/classes/statistics/") -> str:
    return client.get(path).content.decode()


class TestToday:
    """The page of a class."""

    def test_shows_a_student_the_lesson_that_is_on(self, learning: Client, course: Course) -> None:
        LessonFactory.create(course=course, title="Sampling", starts_at=timezone.now() - AN_HOUR)

        words = words_of(learning)

        assert 'class="next-lesson"' in words
        assert "not opened yet" in words

    def test_tells_a_student_that_there_is_nothing_yet(self, learning: Client, course: Course) -> None:
        LessonFactory.create(course=course, title="Secret", published_at=None)

        words = words_of(learning)

        assert "No lessons yet" in words
        assert "Secret" not in words

    def test_asks_nobody_to_begin_in_a_class_that_is_over(
        self, learning: Client, course: Course, now: datetime
    ) -> None:
        LessonFactory.create(course=course, published_at=now - timedelta(days=1))
        Course.objects.update(archived_at=now)

        assert "Begin here" not in words_of(learning)

    def test_promises_a_student_no_announcements_where_there_are_none(self, learning: Client) -> None:
        assert "Announcements" not in words_of(learning)

    def test_tells_students_nothing_of_the_state_of_the_class(self, learning: Client, course: Course) -> None:
        course.environment.failure_code = "post_build_failed"  # type: ignore[union-attr]
        course.environment.save()  # type: ignore[union-attr]

        words = words_of(learning)

        assert "could not be prepared" not in words
        assert "students here now" not in words

    def test_tells_a_teacher_what_a_new_class_lacks(self, teaching: Client, course: Course) -> None:
        course.memberships.filter(role=Role.STUDENT).delete()

        words = words_of(teaching)

        assert "Getting the class ready" in words
        assert "Add the first lesson" in words

    def test_tells_so_no_more_once_it_has_all(self, teaching: Client, course: Course) -> None:
        LessonFactory.create(course=course)

        assert "Getting the class ready" not in words_of(teaching)

    def test_tells_a_teacher_that_the_environment_fails(self, teaching: Client, course: Course) -> None:
        environment = course.environment
        assert environment is not None
        environment.outcome, environment.failure_code = Outcome.FAILED, "post_build_failed"
        environment.save()

        words = words_of(teaching)

        assert "The newest version of the environment could not be prepared" in words
        assert "students get the version before" in words

    def test_names_a_few_of_the_servers_that_could_not_start(self, teaching: Client, course: Course) -> None:
        failed = {"state": NotebookServer.State.FAILED, "failure_code": "build_failed"}
        NotebookServerFactory.create_batch(7, group=course.everybody, **failed)

        words = words_of(teaching)

        assert words.count("The environment could not be prepared.") == 5
        assert "And others." in words

    def test_warns_a_teacher_of_a_draft_that_comes_next(self, teaching: Client, course: Course) -> None:
        LessonFactory.create(course=course, starts_at=timezone.now() + AN_HOUR, published_at=None)

        assert "It is still a draft: students do not see it." in words_of(teaching)

    @pytest.mark.parametrize("who", ["teacher", "student"])
    def test_asks_the_same_however_large_the_class_is(
        self, client: Client, course: Course, who: str, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        client.force_login(User.objects.get(username=who))
        for n in range(6):
            member(course, f"member{n}")
            LessonFactory.create(course=course, starts_at=timezone.now() + n * AN_HOUR)
            AnnouncementFactory.create(course=course, author=course.owner)
            NotebookServerFactory.create(group=course.everybody, state=NotebookServer.State.FAILED)

        # Session, person, class, standing, that they are here, who knocks, lessons, visits, announcements, material;
        # for students what is due and what came back; for teachers what is to be graded or
        # answered, people, servers, archives.
        with django_assert_num_queries(15 if who == "teacher" else 12):
            client.get("/classes/statistics/")


class TestAnnouncements:
    """Telling the class something."""

    def test_add_tells_the_class(self, teaching: Client, course: Course) -> None:
        teaching.post("/classes/statistics/announcements/new/", {"title": "Room 2", "publish": "now"})

        announcement = course.announcements.get()
        assert (announcement.title, announcement.author) == ("Room 2", User.objects.get(username="teacher"))
        assert announcement.is_published(timezone.now())

    def test_add_offers_no_drafts(self, teaching: Client, course: Course) -> None:
        page = teaching.post("/classes/statistics/announcements/new/", {"title": "Room 2", "publish": "draft"})

        assert page.status_code == 422

    def test_edit_shows_both_where_somebody_saved_meanwhile(self, teaching: Client, course: Course) -> None:
        announcement = AnnouncementFactory.create(course=course, title="Room 2")

        page = teaching.post(
            f"/classes/statistics/announcements/{announcement.pk}/edit/",
            {"title": "Room 3", "publish": "now", "seen": "of before"},
        )

        assert page.status_code == 409
        assert "Saved now: “Room 2”" in page.content.decode()

    def test_delete_takes_it_away(self, teaching: Client, course: Course) -> None:
        announcement = AnnouncementFactory.create(course=course)

        teaching.post(f"/classes/statistics/announcements/{announcement.pk}/delete/")

        assert not course.announcements.exists()

    def test_one_of_another_class_is_not_found(self, teaching: Client) -> None:
        elsewhere = AnnouncementFactory.create()

        page = teaching.post(f"/classes/statistics/announcements/{elsewhere.pk}/delete/")

        assert page.status_code == 404

    def test_page_shows_the_newest_first_and_the_rest_elsewhere(self, learning: Client, course: Course) -> None:
        for n in range(5):
            AnnouncementFactory.create(course=course, title=f"News {n}", published_at=timezone.now() - n * AN_HOUR)

        page = learning.get("/classes/statistics/")

        assert [each.title for each in page.context["announcements"]] == ["News 0", "News 1", "News 2"]
        assert "All announcements" in page.content.decode()

    def test_links_are_made_of_addresses_alone(self, learning: Client, course: Course) -> None:
        text = "See https://example.org/?a=1&b=2 <img src=x onerror=alert(1)> javascript:alert(1)"
        AnnouncementFactory.create(course=course, text=text)

        words = words_of(learning)

        assert '<a href="https://example.org/?a=1&amp;b=2" rel="nofollow">' in words
        assert "<img src=x" not in words
        assert 'href="javascript:' not in words

    def test_those_to_come_are_not_read_by_students(self, learning: Client, course: Course) -> None:
        AnnouncementFactory.create(course=course, title="Mock exam", published_at=timezone.now() + AN_HOUR)

        assert "Mock exam" not in words_of(learning)
        assert "Mock exam" not in words_of(learning, "/classes/statistics/announcements/")


class TestSettings:
    """What a class says of itself."""

    def typed(self, course: Course, **others: str) -> dict[str, str]:
        said = {"title": course.title, "colour": course.colour, "seen": stamp(profile_of(course))}
        return said | others

    def test_change_saves(self, teaching: Client, course: Course) -> None:
        answers = self.typed(course, term="autumn", starts_on="2026-09-01", colour="red")

        teaching.post("/classes/statistics/settings/", answers)

        course.refresh_from_db()
        assert (course.term, course.starts_on, course.colour) == ("autumn", date(2026, 9, 1), "red")

    def test_change_shows_both_where_somebody_saved_meanwhile(self, teaching: Client, course: Course) -> None:
        answers = self.typed(course, title="Mine", colour="red")
        Course.objects.update(title="Theirs", colour="teal", starts_on=date(2026, 9, 1))

        page = teaching.post("/classes/statistics/settings/", answers)

        words = page.content.decode()
        assert page.status_code == 409
        assert 'value="Mine"' in words
        assert "Saved now: “Theirs”" in words
        assert "Saved now: Teal" in words
        assert "Saved now: 1 September 2026" in words
        assert Course.objects.get().title == "Theirs"

    def test_days_are_shown_as_a_browser_reads_them_in_french(self, teaching: Client, course: Course) -> None:
        Course.objects.update(starts_on=date(2026, 9, 1))
        User.objects.filter(username="teacher").update(language="fr")

        assert 'value="2026-09-01"' in words_of(teaching, "/classes/statistics/settings/")

    def test_last_day_before_the_first_is_refused(self, teaching: Client, course: Course) -> None:
        answers = self.typed(course, starts_on="2026-09-01", ends_on="2026-08-01")

        page = teaching.post("/classes/statistics/settings/", answers)

        assert list(page.context["form"].errors) == ["ends_on"]

    @pytest.mark.parametrize("page", ["settings", "limits"])
    def test_fields_cannot_be_filled_in_once_the_class_is_over(
        self, teaching: Client, course: Course, now: datetime, page: str
    ) -> None:
        Course.objects.update(archived_at=now)

        words = teaching.get(f"/classes/statistics/{page}/").content.decode()

        assert re.search(r"<fieldset[^>]* disabled>", words)

    def test_nothing_is_saved_once_the_class_is_over(self, teaching: Client, course: Course, now: datetime) -> None:
        Course.objects.update(archived_at=now)

        page = teaching.post("/classes/statistics/settings/", self.typed(course, title="Later"))

        assert page.status_code == 409
        assert Course.objects.get().title == "Statistics"


class TestHome:
    """A person's classes on the first page."""

    def test_shows_the_classes_somebody_is_in(self, learning: Client) -> None:
        assert 'href="/classes/statistics/"' in words_of(learning, "/")

    def test_shows_no_class_that_is_over(self, learning: Client, now: datetime) -> None:
        Course.objects.update(archived_at=now)

        assert "My classes" not in words_of(learning, "/")

    def test_says_nothing_of_classes_to_somebody_in_none(self, client: Client, stranger: User) -> None:
        client.force_login(stranger)

        assert "My classes" not in words_of(client, "/")

    def test_shows_whoever_runs_the_site_their_own_only(
        self, client: Client, course: Course, administrator: User
    ) -> None:
        client.force_login(administrator)

        assert "My classes" not in words_of(client, "/")
