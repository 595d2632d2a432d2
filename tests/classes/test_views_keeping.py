"""The pages by which a class is closed, opened again, deleted and brought back."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.test import Client

from accounts.models import User
from classes.keeping import delete
from classes.models import Course, Role
from tests.factories import CourseFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def course(client: Client, teacher: User) -> Course:
    """A class whose teacher is signed in."""
    course = CourseFactory.create(title="Waves and Tides", owner=teacher)
    member(course, "teacher", Role.TEACHER)
    member(course, "student")
    client.force_login(teacher)
    return course


def test_archive_and_reopen_by_button(client: Client, course: Course) -> None:
    client.post(f"/classes/{course.slug}/keep/archive/")
    over = client.get(f"/classes/{course.slug}/keep/").content.decode()
    client.post(f"/classes/{course.slug}/keep/reopen/")
    going_on = client.get(f"/classes/{course.slug}/keep/").content.decode()

    assert f"{course.slug}/keep/reopen/" in over
    assert f"{course.slug}/keep/archive/" in going_on


@pytest.mark.parametrize("typed", ["", "Waves", "Tides and Waves"])
def test_delete_asks_for_the_title(client: Client, course: Course, typed: str) -> None:
    response = client.post(f"/classes/{course.slug}/keep/delete/", {"title": typed})

    assert response.status_code == 422
    assert Course.objects.present().exists()


@pytest.mark.parametrize("typed", ["Waves and Tides", " waves  and tides "])
def test_delete_with_the_title_takes_it_away(client: Client, course: Course, typed: str) -> None:
    response = client.post(f"/classes/{course.slug}/keep/delete/", {"title": typed}, follow=True)

    assert not Course.objects.present().exists()
    assert "Waves and Tides" in response.content.decode()
    assert client.get(f"/classes/{course.slug}/").status_code == 404


def test_list_offers_to_bring_a_deleted_class_back(client: Client, course: Course, now: datetime) -> None:
    delete(course, now=now)

    listed = client.get("/classes/").content.decode()
    response = client.post(f"/classes/{course.slug}/keep/undelete/")

    assert f"{course.slug}/keep/undelete/" in listed
    assert response.headers["Location"] == f"/classes/{course.slug}/"
    assert Course.objects.present().exists()


def test_student_can_bring_nothing_back(client: Client, course: Course, now: datetime) -> None:
    delete(course, now=now)
    client.force_login(User.objects.get(username="student"))

    listed = client.get("/classes/").content.decode()
    response = client.post(f"/classes/{course.slug}/keep/undelete/")

    assert "undelete" not in listed
    assert response.status_code == 404
