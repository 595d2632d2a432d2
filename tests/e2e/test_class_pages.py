"""The pages of a class in a browser: read in both themes and on a telephone, and lessons put in order by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role as SiteRole
from accounts.models import User
from classes.invitations import make_invitation
from classes.lessons import move_lesson
from classes.members import admit
from classes.models import Course, LessonVisit, Role, Section
from classes.roster_files import read_roster
from classes.rosters import keep_draft
from environments.models import NotebookServer, Outcome
from tests.e2e.accessible import assert_accessible_in_both_themes, assert_fits_a_telephone
from tests.factories import AnnouncementFactory, CourseFactory, LessonFactory, NotebookServerFactory, member

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

A_DAY = timedelta(days=1)
ROSTER = b"""username,email,name,section,role
student,,,Group A,grader
,new@example.org,Somebody with quite a long name,,
nobody here,,,,
,twice@example.org,=1+1,,
,boss@example.org,,,boss
"""
"""A list of somebody who changes, somebody new, and three who are left out."""
PAGES = {
    "list": "/classes/",
    "home": "/",
    "today": "/classes/statistics/",
    "lesson": "/classes/statistics/lessons/{lesson}/",
    "announcements": "/classes/statistics/announcements/",
    "files": "/classes/statistics/files/",
    "elsewhere": "/classes/statistics/elsewhere/",
    "server": "/classes/statistics/server/",
    "leave": "/classes/statistics/leave/",
    "join": "/classes/join/",
}
STUDENTS_PAGES = {
    "looks": "/classes/statistics/looks/",
    "no such code": "/classes/join/made-up/",
}
TEACHERS_PAGES = {
    "lessons": "/classes/statistics/lessons/",
    "add a lesson": "/classes/statistics/lessons/new/",
    "change a lesson": "/classes/statistics/lessons/{lesson}/edit/",
    "delete a lesson": "/classes/statistics/lessons/{lesson}/delete/",
    "announce": "/classes/statistics/announcements/new/",
    "material": "/classes/statistics/material/",
    "settings": "/classes/statistics/settings/",
    "environment": "/classes/statistics/environment/",
    "repositories": "/classes/statistics/environment/repositories/",
    "limits": "/classes/statistics/limits/",
    "keep or end": "/classes/statistics/keep/",
    "give it again": "/classes/statistics/keep/again/",
    "delete the class": "/classes/statistics/keep/delete/",
    "live": "/classes/statistics/live/",
    "people": "/classes/statistics/people/",
    "add somebody": "/classes/statistics/people/add/",
    "import a list": "/classes/statistics/people/list/",
    "a list": "/classes/statistics/people/list/{list}/",
    "sections": "/classes/statistics/people/sections/",
    "invite": "/classes/statistics/people/invitations/",
    "invitation": "/classes/statistics/people/invitations/{invitation}/",
    "somebody": "/classes/statistics/people/{person}/",
    "take somebody out": "/classes/statistics/people/{person}/remove/",
    "files of a student": "/classes/statistics/members/{person}/files/",
    "settings of a class that is over": "/classes/over/settings/",
    "live view of a new class": "/classes/empty/live/",
    "make a class": "/classes/new/",
    "from an archive": "/classes/new/archive/",
    "a new class": "/classes/empty/",
    "lessons of a new class": "/classes/empty/lessons/",
}
VISITS = [
    *(pytest.param(Role.STUDENT, path, id=f"student {name}") for name, path in (PAGES | STUDENTS_PAGES).items()),
    *(pytest.param(Role.TEACHER, path, id=f"teacher {name}") for name, path in (PAGES | TEACHERS_PAGES).items()),
]


@pytest.fixture
def course() -> Course:
    """A class in the middle of its term, with something wrong; and one that is new."""
    now = timezone.now()
    course = CourseFactory.create(slug="statistics", description="See https://example.org/.", colour="amber")
    teacher = member(course, "teacher", Role.TEACHER).person
    User.objects.filter(pk=teacher.pk).update(role=SiteRole.TEACHER)
    student = member(course, "student")
    student.last_seen_at = student.hand_raised_at = now
    student.save()
    titles = ["A first look", "Means and what they hide", "Sampling", "Testing a hypothesis without fooling yourself"]
    for n, title in enumerate(titles):
        LessonFactory.create(
            course=course,
            title=title,
            path=f"week-{n}/a-notebook-with-quite-a-long-name.ipynb",
            summary="What it is about.",
            starts_at=now + (n - 1) * A_DAY,
            ends_at=now + (n - 1) * A_DAY + timedelta(hours=2),
            published_at=now - A_DAY if n < 3 else now + A_DAY,
        )
    lesson = course.lessons.all()[0]
    LessonVisit.objects.create(
        membership=student, lesson=lesson, opened_at=now, last_opened_at=now, cells=9, executed_cells=4, tests=2
    )
    AnnouncementFactory.create(course=course, author=teacher, text="The plan: https://example.org/plan")
    AnnouncementFactory.create(course=course, author=teacher, published_at=now + A_DAY)
    failed = {"state": NotebookServer.State.FAILED, "failure_code": "build_failed"}
    NotebookServerFactory.create(owner=student.person, group=course.everybody, **failed)
    empty = CourseFactory.create(slug="empty", environment__outcome=Outcome.PREPARING)
    over = CourseFactory.create(slug="over")
    for other in (empty, over):
        admit(other, teacher, role=Role.TEACHER, now=now)
    Course.objects.filter(pk=over.pk).update(archived_at=now)
    make_invitation(course, by=teacher, lifetime=A_DAY, now=now)
    Section.objects.create(course=course, name="A group with quite a long name")
    keep_draft(course, read_roster(ROSTER), by=teacher, now=now)
    return course


def in_addresses(course: Course) -> dict[str, object]:
    """What stands for one of its things in an address."""
    return {
        "lesson": course.lessons.all()[0].pk,
        "person": course.memberships.get(role=Role.STUDENT).pk,
        "invitation": course.invitations.get().pk,
        "list": course.roster_drafts.get().pk,
    }


@pytest.fixture
def open_page(browser: Browser, live_server: LiveServer, course: Course) -> Iterator[Callable[..., Page]]:
    """Opens a path in a browser of its own, as the class's teacher or its student."""
    contexts = []

    def open_path(path: str, role: Role = Role.TEACHER, *, width: int = 1280, **choices: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 800}, locale="en-GB", **choices)  # type: ignore[arg-type]
        contexts.append(context)
        client = Client()
        client.force_login(course.memberships.get(role=role).person)
        name = settings.SESSION_COOKIE_NAME
        context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        page = context.new_page()
        page.goto(live_server.url + path.format(**in_addresses(course)))
        return page

    yield open_path
    for context in contexts:
        context.close()


def handle_of(page: Page, title: str) -> Locator:
    return page.get_by_role("button", name=f"Move {title}", exact=True)


def titles_on(page: Page) -> Locator:
    return page.locator(".plan .lesson-title")


@pytest.mark.parametrize(("role", "path"), VISITS)
def test_page_is_accessible_and_fits_a_telephone(open_page: Callable[..., Page], role: Role, path: str) -> None:
    page = open_page(path, role)

    assert_accessible_in_both_themes(page)
    assert_fits_a_telephone(page)


def test_lesson_is_dragged_to_another_place(open_page: Callable[..., Page], course: Course) -> None:
    page = open_page("/classes/statistics/lessons/")
    rows = page.locator(".plan-row")
    start, end = handle_of(page, "A first look").bounding_box(), rows.nth(2).bounding_box()
    assert start is not None
    assert end is not None

    page.mouse.move(start["x"] + 5, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(start["x"] + 5, end["y"] + end["height"] - 5, steps=8)
    page.mouse.up()

    expect(rows.nth(2).locator(".lesson-mark")).to_have_text("3")  # Drawn again by the server.
    expect(titles_on(page).nth(2)).to_have_text("A first look")
    assert [each.title for each in course.lessons.all()][2] == "A first look"


def test_lesson_is_moved_by_the_keyboard_and_left_where_it_was(open_page: Callable[..., Page], course: Course) -> None:
    page = open_page("/classes/statistics/lessons/")
    handle = handle_of(page, "Sampling")

    handle.press("Enter")
    handle.press("ArrowUp")
    handle.press("Escape")
    expect(titles_on(page).nth(2)).to_have_text("Sampling")
    handle.press("Enter")
    handle.press("ArrowUp")
    expect(page.locator("[data-reorder-said]")).to_have_text("Place 2")
    handle.press("Enter")

    expect(page.locator(".plan-row").nth(1).locator(".lesson-mark")).to_have_text("2")
    expect(titles_on(page).nth(1)).to_have_text("Sampling")
    expect(handle).to_be_focused()
    assert [each.title for each in course.lessons.all()][1] == "Sampling"


def test_lesson_is_moved_without_a_script(open_page: Callable[..., Page], course: Course) -> None:
    page = open_page("/classes/statistics/lessons/", java_script_enabled=False)

    page.get_by_role("button", name="Move Sampling up").click()

    expect(titles_on(page).nth(1)).to_have_text("Sampling")
    expect(handle_of(page, "Sampling")).to_have_count(0)


def test_teacher_is_told_that_somebody_else_moved_lessons_meanwhile(
    open_page: Callable[..., Page], course: Course
) -> None:
    page = open_page("/classes/statistics/lessons/")
    move_lesson(course.lessons.get(title="A first look"), before=None, seen="")

    page.get_by_role("button", name="Move Sampling up").click()

    expect(page.get_by_text("Somebody else has changed the lessons meanwhile.")).to_be_visible()
    expect(titles_on(page).nth(0)).to_have_text("Sampling")
    expect(titles_on(page).nth(3)).to_have_text("A first look")


def test_date_is_asked_for_only_where_there_is_one(open_page: Callable[..., Page]) -> None:
    page = open_page("/classes/statistics/lessons/new/")
    date = page.get_by_label("From", exact=True)
    expect(date).to_be_hidden()

    page.get_by_label("From a date on").check()

    expect(date).to_be_visible()


def test_dates_are_asked_for_in_the_time_zone_they_are_read_in(open_page: Callable[..., Page], course: Course) -> None:
    lesson = course.lessons.get(title="Sampling")
    before = lesson.starts_at
    assert before is not None
    there = before.astimezone(ZoneInfo("Asia/Kolkata"))

    page = open_page(f"/classes/statistics/lessons/{lesson.pk}/edit/", timezone_id="Asia/Kolkata")
    expect(page.locator("input[name=starts_at]")).to_have_value(re.compile(f"^{there:%Y-%m-%dT%H:%M}"))
    with page.expect_navigation():
        page.get_by_role("button", name="Save").click()

    lesson.refresh_from_db()
    assert f"{lesson.starts_at:%Y-%m-%d %H:%M}" == f"{before:%Y-%m-%d %H:%M}"
