"""Making a class, and its form."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from classes.courses import Plan, make_course
from classes.models import Colour, Course, Joined, Membership, Role
from environments.models import Outcome, Rebuild, Visibility
from environments.values import Reference, ResolvedRepository
from tests.fakes.git_host import GitHost

COMMIT = "a" * 40
RESOLVED = ResolvedRepository("https://github.com/carrel-tests/statistics", COMMIT, "")
PLAN = Plan("Statistics, first term", Reference("gh", "carrel-tests/statistics", ""), code="MATH 101", term="Autumn")


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": "numpy\n"})
        yield host


@pytest.fixture
def browser(client: Client, teacher: User) -> Client:
    client.force_login(teacher)
    return client


def test_make_course_has_its_environment_prepared_at_once(fake_backends: None, teacher: User, now: datetime) -> None:
    course = make_course(teacher, PLAN, resolved=RESOLVED, now=now)

    environment = course.environment
    assert environment is not None
    assert (environment.outcome, environment.newest_commit) == (Outcome.PREPARING, COMMIT)
    assert (environment.visibility, environment.rebuild) == (Visibility.PRIVATE, Rebuild.NEVER)


def test_make_course_has_its_maker_teach_it(fake_backends: None, teacher: User, now: datetime) -> None:
    course = make_course(teacher, PLAN, resolved=RESOLVED, now=now)

    membership = Membership.objects.get(course=course)
    assert (membership.person, membership.role, membership.joined_by) == (teacher, Role.TEACHER, Joined.CREATOR)
    assert set(teacher.groups.all()) == {course.everybody, course.teachers}


def test_make_course_gives_each_an_address_of_its_own(fake_backends: None, teacher: User, now: datetime) -> None:
    slugs = [make_course(teacher, PLAN, resolved=RESOLVED, now=now).slug for _number in range(3)]

    assert slugs == ["math-101-autumn", "math-101-autumn-2", "math-101-autumn-3"]


def test_make_course_takes_titles_that_are_long_or_strange(fake_backends: None, teacher: User, now: datetime) -> None:
    plan = Plan("统计学 " * 24, PLAN.reference)

    first, second = (make_course(teacher, plan, resolved=RESOLVED, now=now) for _number in range(2))

    assert (first.slug, second.slug) == ("class", "class-2")
    assert first.everybody.name != second.everybody.name


def test_the_form_makes_a_class_of_a_title_and_a_repository(
    browser: Client, teacher: User, fake_backends: None, host: GitHost
) -> None:
    response = browser.post("/classes/new/", {"title": "Statistics", "repository": host.url("statistics")})

    course = Course.objects.get()
    assert response["Location"] == f"/classes/{course.slug}/"
    assert (course.owner, course.title, course.colour) == (teacher, "Statistics", Colour.BLUE)


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"title": ""}, "title"),
        ({"repository": ""}, "repository"),
        ({"repository": "file:///etc"}, "repository"),
        ({"repository": "https://127.0.0.1/a"}, "repository"),
        ({"ref": "--upload-pack=x"}, "ref"),
        ({"ref": "no-such-branch"}, "ref"),
        ({"starts_on": "2026-10-01", "ends_on": "2026-09-01"}, "ends_on"),
        ({"colour": "ultraviolet"}, "colour"),
    ],
)
def test_the_form_says_at_its_field_what_is_wrong(
    browser: Client, fake_backends: None, host: GitHost, answers: dict[str, str], field: str
) -> None:
    good = {"title": "Statistics", "repository": host.url("statistics")}

    page = browser.post("/classes/new/", good | answers)

    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert not Course.objects.exists()


def test_the_list_shows_what_is_over_apart(browser: Client, fake_backends: None, teacher: User, now: datetime) -> None:
    going_on, over = (make_course(teacher, PLAN, resolved=RESOLVED, now=now) for _number in range(2))
    Course.objects.filter(pk=over.pk).update(archived_at=now)

    page = browser.get("/classes/")

    assert [card.course for card in page.context["going_on"]] == [going_on]
    assert [card.course for card in page.context["over"]] == [over]
