"""The page that tells members how to work without Carrel."""

from __future__ import annotations

import pytest
from django.test import Client

from classes.models import Course
from tests.factories import BuildFactory, CourseFactory, member

pytestmark = pytest.mark.django_db

COMMIT = "5" * 40


@pytest.fixture
def course(client: Client) -> Course:
    """A class whose student is signed in, and whose environment is made."""
    course = CourseFactory.create(slug="waves", title="Waves")
    assert course.environment
    course.environment.repository_url, course.environment.commit = "https://git.example.org/ada/waves", COMMIT
    course.environment.save()
    client.force_login(member(course, "student").person)
    return course


def test_page_names_the_version_the_class_works_with(client: Client, course: Course) -> None:
    page = client.get("/classes/waves/elsewhere/").content.decode()

    assert f"git checkout --detach {COMMIT}" in page
    assert f"jupyter-repo2docker --ref {COMMIT} https://git.example.org/ada/waves" in page


@pytest.mark.parametrize(("system", "name"), [("posix", "waves.sh"), ("windows", "waves.ps1")])
def test_script_is_a_file_to_keep(client: Client, course: Course, system: str, name: str) -> None:
    response = client.get(f"/classes/waves/elsewhere/{system}/")

    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert COMMIT in response.content.decode()


def test_script_for_no_system_is_not_found(client: Client, course: Course) -> None:
    assert client.get("/classes/waves/elsewhere/amiga/").status_code == 404


def test_page_takes_the_version_that_could_not_be_made_here(client: Client, course: Course) -> None:
    assert course.environment
    course.environment.repository_url = course.environment.commit = ""
    course.environment.build = BuildFactory.create(commit="6" * 40)
    course.environment.save()

    page = client.get("/classes/waves/elsewhere/").content.decode()

    assert f"git checkout --detach {'6' * 40}" in page


@pytest.mark.parametrize("url", ["example:statistics", "zenodo+https://zenodo.org/records/1"])
def test_page_says_when_nothing_can_be_fetched(client: Client, course: Course, url: str) -> None:
    assert course.environment
    course.environment.repository_url = url
    course.environment.build = BuildFactory.create(repository_url=url)
    course.environment.save()

    page = client.get("/classes/waves/elsewhere/").content.decode()

    assert "cannot be fetched from elsewhere" in page
    assert client.get("/classes/waves/elsewhere/posix/").status_code == 404


def test_page_says_when_nothing_is_prepared(client: Client, course: Course) -> None:
    assert course.environment
    course.environment.repository_url = course.environment.commit = ""
    course.environment.save()

    assert "Not prepared yet" in client.get("/classes/waves/elsewhere/").content.decode()
