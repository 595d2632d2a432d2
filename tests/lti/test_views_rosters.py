"""The button of a class's list of people, and the page that says what the platform's list would do."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from classes.members import admit
from classes.models import Course, Role
from lti.models import AuditEntry, Context, LtiPerson, Platform, Roster
from lti.rosters import syncing
from tests.factories import CourseFactory, member
from tests.lti.campus import COURSE, Campus

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response


@pytest.fixture
def course(teacher: User) -> Course:
    course = CourseFactory.create(title="Computing 101", slug="computing", owner=teacher)
    admit(course, teacher, role=Role.TEACHER, now=timezone.now())
    return course


@pytest.fixture
def context(campus: Campus, course: Course) -> Context:
    return campus.context(course=course)


@pytest.fixture
def browser(client: Client, teacher: User) -> Client:
    client.force_login(teacher)
    return client


def address(context: Context) -> str:
    return f"/lti/classes/computing/people/{context.pk}/"


def words_of(response: Response) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def people(browser: Client) -> str:
    return words_of(browser.get("/classes/computing/people/"))


def pressed(browser: Client, context: Context) -> str:
    """Press the button, and go where that leads."""
    return words_of(browser.post(f"{address(context)}read/", follow=True))


def confirmed(browser: Client, context: Context, page: str, **fields: str) -> Response:
    """Say that what the page shows is right."""
    seen = re.search(r'name="seen" value="(\w+)"', page)
    assert seen is not None
    response: Response = browser.post(address(context), {"seen": seen[1]} | fields, follow=True)
    return response


def test_list_is_looked_at_and_taken_over(browser: Client, context: Context, course: Course, teacher: User) -> None:
    assert "Update from Pretend University" in people(browser)

    page = pressed(browser, context)
    assert "Ada Lindqvist" in page
    assert "Change 5 people" in page
    assert course.memberships.count() == 1

    after = words_of(confirmed(browser, context, page))
    assert "5 people came into the class." in after
    assert "5 people were on its list" in after
    assert course.memberships.count() == 6
    entry = AuditEntry.objects.exclude(what="platform_added").get()
    assert (entry.what, entry.actor, entry.facts["came"]) == ("roster_applied", teacher, 5)


def test_new_teachers_are_named(browser: Client, context: Context) -> None:
    page = pressed(browser, context)

    assert "These people would see everybody's work" in page.replace("&#x27;", "'")
    assert "Tess Moreau (Teacher)" in page


def test_nothing_to_change_is_said_at_once(browser: Client, context: Context) -> None:
    syncing.sync(context, now=timezone.now())

    assert "there was nothing to change" in pressed(browser, context)


def test_page_is_shown_anew_where_the_class_has_changed(browser: Client, context: Context, course: Course) -> None:
    page = pressed(browser, context)
    ada = member(course, "ada").person
    LtiPerson.objects.create(platform=context.deployment.platform, sub=_sub_of(context, "Ada Lindqvist"), user=ada)

    response = confirmed(browser, context, page)

    assert response.status_code == 409
    assert "The class has changed since this page was shown" in words_of(response)
    assert "Change 4 people" in words_of(response)
    assert course.memberships.count() == 2


def _sub_of(context: Context, name: str) -> str:
    listed = Roster.objects.get(context=context).listed
    return str(next(one["sub"] for one in listed if one["name"] == name))


def test_many_who_would_go_have_to_be_confirmed(
    browser: Client, campus: Campus, context: Context, course: Course
) -> None:
    syncing.sync(context, now=timezone.now())
    for username in ("ada", "ben"):
        campus.lms.do("unenrol", course=COURSE, username=username)

    page = pressed(browser, context)
    assert "2 of 5 people would leave the class" in page

    refused = confirmed(browser, context, page)
    assert (refused.status_code, course.memberships.present().count()) == (409, 6)

    after = words_of(confirmed(browser, context, page, confirmed="1"))
    assert "2 have left the class." in after
    assert course.memberships.present().count() == 4


def test_stopped_sync_is_told_on_the_page_of_people(
    browser: Client, campus: Campus, context: Context, course: Course
) -> None:
    syncing.sync(context, now=timezone.now())
    campus.lms.do("answer", path=".*/memberships", merge={"members": []})
    syncing.sync(context, now=timezone.now())

    assert "4 of 5 people would leave the class" in people(browser)
    assert "There is nobody on the list" in pressed(browser, context)


def test_failure_is_told_once(browser: Client, campus: Campus, context: Context) -> None:
    campus.lms.do("answer", path=".*/memberships", status=500, body="")

    page = pressed(browser, context)

    assert page.count("did not answer when it was asked") == 1
    assert AuditEntry.objects.exclude(what="platform_added").get().what == "roster_stopped"


def test_failure_that_goes_on_is_noted_once(browser: Client, campus: Campus, context: Context) -> None:
    campus.lms.do("answer", path=".*/memberships", status=500, body="")

    pressed(browser, context)
    pressed(browser, context)

    assert AuditEntry.objects.filter(what="roster_stopped").count() == 1


def test_second_of_two_clicks_is_told(browser: Client, context: Context) -> None:
    Roster.objects.create(context=context, lease_expires_at=timezone.now() + timedelta(minutes=1))

    assert "is being read by somebody else" in pressed(browser, context)


def test_list_that_is_gone_leads_back(browser: Client, context: Context) -> None:
    response = browser.get(address(context))

    assert response.status_code == 302
    assert "an hour has passed" in str(next(iter(get_messages(response.wsgi_request))))


def test_course_without_a_list_is_told_what_to_do(browser: Client, campus: Campus, course: Course) -> None:
    campus.context(course=course, memberships_url="")

    page = people(browser)
    assert "Put a link to Carrel into the course there" in page
    assert "Update from" not in page


@pytest.mark.parametrize("facts", [{"state": Platform.State.DISABLED}, {"state": Platform.State.PENDING}])
def test_platform_that_is_not_in_use_is_not_shown(browser: Client, context: Context, facts: dict[str, str]) -> None:
    Platform.objects.update(**facts)

    assert "Pretend University" not in people(browser)


def test_grader_sees_how_it_stands(client: Client, context: Context, course: Course) -> None:
    client.force_login(member(course, "grader", Role.GRADER).person)

    page = people(client)
    assert "“Computing 101” in Pretend University" in page
    assert "Update from" not in page


def test_class_that_is_over_has_no_button(browser: Client, context: Context, course: Course) -> None:
    Course.objects.update(archived_at=timezone.now())

    assert "Update from" not in people(browser)
    assert "is over" in pressed(browser, context)


def test_course_of_another_class_is_not_found(browser: Client, campus: Campus, context: Context, teacher: User) -> None:
    Context.objects.update(course=CourseFactory.create())

    assert browser.post(f"{address(context)}read/").status_code == 404
    assert browser.get(address(context)).status_code == 404


def test_hostile_names_are_only_words(browser: Client, campus: Campus, context: Context) -> None:
    campus.lms.do("person", username="ada", given_name="<script>alert(1)</script>", family_name="{% now %}👩‍🔬")

    page = pressed(browser, context)

    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;" in page
    assert "👩‍🔬" in page


@pytest.mark.parametrize("count", [3, 120])
def test_queries_of_the_pages_do_not_grow(
    browser: Client, campus: Campus, context: Context, count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    campus.lms.do("students", course=COURSE, count=count)
    pressed(browser, context)

    with django_assert_max_num_queries(20):
        assert browser.get(address(context)).status_code == 200


@pytest.mark.parametrize("courses", [1, 4])
def test_page_of_people_asks_no_more_for_more_courses(
    browser: Client, campus: Campus, course: Course, courses: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(courses):
        context = campus.deployment.contexts.create(context_id=str(number), course=course, memberships_url="https://m")
        Roster.objects.create(context=context)
    people(browser)

    with django_assert_num_queries(12):
        people(browser)
