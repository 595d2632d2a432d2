"""What a class works in changes when a teacher says so, and not before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from classes.courses import Plan, make_course
from classes.environments import (
    Audience,
    EnvironmentView,
    choose_repository,
    do_without,
    go_back,
    look_for_newer,
    put_in_use,
    view_of,
)
from classes.errors import CourseError
from classes.models import Course, Role
from environments.git_credentials import keep_credential, resolve_for
from environments.models import Environment
from environments.references import parse
from tests.environments.recipes import work
from tests.factories import NotebookServerFactory, member
from tests.fakes.backends import FailingBuilder
from tests.fakes.git_host import GitHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    """A git host with two repositories."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": "numpy\n"})
        host.add("solutions", {"requirements.txt": "numpy\n", "solutions.ipynb": "{}"})
        yield host


@pytest.fixture
def course(host: GitHost, teacher: User, now: datetime) -> Course:
    """A class, its environment prepared."""
    reference = parse(host.url("statistics"))
    plan = Plan("Statistics", reference)
    course = make_course(teacher, plan, resolved=resolve_for(teacher, reference, now=now), now=now)
    work(now)
    return fresh(course)


@pytest.fixture
def browser(client: Client, course: Course) -> Client:
    """The teacher's."""
    client.force_login(course.owner)
    return client


def fresh(course: Course) -> Course:
    return Course.objects.get(pk=course.pk)


def seen(course: Course, audience: Audience = Audience.STUDENTS) -> EnvironmentView:
    view = view_of(fresh(course), audience, reader=course.owner)
    assert view is not None
    return view


def in_use(course: Course, audience: Audience = Audience.STUDENTS) -> str:
    version = seen(course, audience).in_use
    assert version is not None
    return version.commit


def prepare_next(course: Course, host: GitHost, now: datetime) -> EnvironmentView:
    """Another commit, looked for and prepared."""
    host.commit("statistics", {"requirements.txt": f"numpy\n# after {in_use(course)}\n"})
    look_for_newer(fresh(course), Audience.STUDENTS, now=now)
    work(now)
    return seen(course)


def address(course: Course, name: str = "environment-detail") -> str:
    return reverse(f"classes:{name}", args=[course.slug])


def test_look_prepares_a_newer_version_beside_the_one_in_use(course: Course, host: GitHost, now: datetime) -> None:
    before = in_use(course)

    view = prepare_next(course, host, now)

    assert (in_use(course), view.is_ready) == (before, True)
    assert view.environment.commit != before


def test_look_that_fails_takes_nothing_away(
    course: Course, host: GitHost, now: datetime, use_backends: Callable[..., None]
) -> None:
    before = in_use(course)
    use_backends(builder=FailingBuilder)

    view = prepare_next(course, host, now)

    assert (in_use(course), view.is_ready, view.environment.failure is None) == (before, False, False)
    assert [line.text for line in view.log][-1] == "error: something went wrong"


def test_version_put_in_use_is_what_the_class_uses_until_it_goes_back(
    course: Course, host: GitHost, now: datetime
) -> None:
    first = seen(course)
    newer = prepare_next(course, host, now).environment

    put_in_use(course, Audience.STUDENTS, image_key=newer.image_key, by=course.owner, now=now)
    assert in_use(course) == newer.commit
    assert first.in_use is not None
    go_back(course, Audience.STUDENTS, image_key=first.in_use.image_key, by=course.owner, now=now)

    assert (in_use(course), seen(course).went_back) == (first.in_use.commit, True)


def test_view_counts_the_servers_that_are_behind(course: Course, host: GitHost, now: datetime) -> None:
    NotebookServerFactory.create(group=course.everybody, name=course.slug, commit=in_use(course))
    newer = prepare_next(course, host, now).environment
    NotebookServerFactory.create(group=course.everybody, name=course.slug, commit=newer.commit)

    put_in_use(course, Audience.STUDENTS, image_key=newer.image_key, by=course.owner, now=now)

    assert (seen(course).servers, seen(course).behind) == (2, 1)


def test_choose_another_repository_leaves_the_class_what_it_uses_until_it_is_put_in_use(
    course: Course, host: GitHost, now: datetime
) -> None:
    before = in_use(course)

    choose_repository(course, Audience.STUDENTS, parse(host.url("solutions")), by=course.owner, now=now)
    work(now)

    assert (in_use(course), seen(course).is_ready) == (before, True)


def test_choose_a_repository_for_teachers_prepares_it(course: Course, host: GitHost, now: datetime) -> None:
    choose_repository(course, Audience.TEACHERS, parse(host.url("solutions")), by=course.owner, now=now)
    work(now)

    assert in_use(course, Audience.TEACHERS) != in_use(course)


def test_choose_a_private_repository_is_for_the_owner_alone(course: Course, host: GitHost, now: datetime) -> None:
    host.make_private("solutions", username="ada", password="secret")
    other = member(course, "other", Role.TEACHER).person
    keep_credential(other, address=host.url("solutions"), username="ada", password="secret", now=now)

    with pytest.raises(CourseError) as caught:
        choose_repository(course, Audience.TEACHERS, parse(host.url("solutions")), by=other, now=now)

    assert caught.value.code == "repository_private"
    assert fresh(course).teacher_environment is None


def test_do_without_an_environment_for_teachers_takes_it_away(course: Course, host: GitHost, now: datetime) -> None:
    choose_repository(course, Audience.TEACHERS, parse(host.url("solutions")), by=course.owner, now=now)

    do_without(fresh(course), now=now)

    assert fresh(course).teacher_environment is None
    assert Environment.objects.count() == 1


def test_nothing_is_prepared_for_a_class_that_is_over(course: Course, now: datetime) -> None:
    course.archived_at = now

    with pytest.raises(CourseError) as caught:
        look_for_newer(course, Audience.STUDENTS, now=now)

    assert caught.value.code == "course_over"


# --- Pages


def test_page_leads_from_a_newer_version_to_its_use_and_back(browser: Client, course: Course, host: GitHost) -> None:
    first = seen(course).in_use
    assert first is not None
    host.commit("statistics", {"requirements.txt": "scipy\n"})

    browser.post(address(course, "environment-prepare"), {"audience": "students"})
    work()
    assert "A newer version is ready" in browser.get(address(course)).content.decode()
    key = seen(course).environment.image_key
    browser.post(address(course, "environment-use"), {"audience": "students", "version": key})
    assert in_use(course) != first.commit
    assert f"Go back to {first.commit[:7]}" in browser.get(address(course)).content.decode()
    browser.post(address(course, "environment-back"), {"audience": "students", "version": first.image_key})

    assert in_use(course) == first.commit


def test_page_shows_why_a_version_could_not_be_prepared(
    browser: Client, course: Course, host: GitHost, now: datetime, use_backends: Callable[..., None]
) -> None:
    use_backends(builder=FailingBuilder)
    prepare_next(course, host, now)

    page = browser.get(address(course)).content.decode()

    assert "no-such-package" in page
    assert "error: something went wrong" in page
    assert "Nobody in the class is disturbed" in page
    assert "Try again" in page


def test_page_of_a_version_chosen_by_somebody_else_says_so(browser: Client, course: Course) -> None:
    response = browser.post(
        address(course, "environment-use"), {"audience": "students", "version": "0" * 64}, follow=True
    )

    assert "in the meantime" in response.content.decode()


def test_repositories_are_chosen_on_their_page(browser: Client, course: Course, host: GitHost) -> None:
    response = browser.post(
        address(course, "environment-settings"),
        {"students_repository": host.url("statistics"), "teachers_repository": host.url("solutions")},
    )

    environment = fresh(course).teacher_environment
    assert response["Location"] == address(course)
    assert environment is not None
    assert environment.is_held


def test_repository_that_is_not_there_is_told_at_its_field(browser: Client, course: Course, host: GitHost) -> None:
    response = browser.post(
        address(course, "environment-settings"),
        {"students_repository": host.url("statistics"), "teachers_repository": host.url("nothing")},
    )

    assert response.status_code == 422
    assert "teachers_repository" in response.context["form"].errors


def test_page_of_repositories_shows_those_there_are(browser: Client, course: Course) -> None:
    form = browser.get(address(course, "environment-settings")).context["form"]

    response = browser.post(address(course, "environment-settings"), form.initial)

    assert response["Location"] == address(course)
    assert fresh(course).teacher_environment is None
