"""What the servers of a class may use, within what its teacher may ask for and its students may have."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from classes.errors import CourseError
from classes.limits import CourseLimits, limits_of, set_limits
from classes.models import Course, Role
from environments.errors import UserError
from environments.models import Quota
from environments.quotas import group_allowance_of
from environments.values import Limits
from tests.factories import CourseFactory, member

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

WANTED = CourseLimits(Limits(1024, 0.5), idle_minutes=30, running_servers=12)


@pytest.fixture
def course(teacher: User) -> Course:
    course = CourseFactory.create(owner=teacher)
    member(course, "teacher", Role.TEACHER)
    return course


def running_servers(course: Course) -> float:
    return group_allowance_of(course.everybody_id).running_servers


def test_set_limits_of_each_server_and_of_all_together(course: Course) -> None:
    set_limits(course, WANTED, by=course.owner)

    assert limits_of(Course.objects.get()) == WANTED
    assert running_servers(course) == 12


def test_set_no_limits_takes_back_those_there_were(course: Course) -> None:
    set_limits(course, WANTED, by=course.owner)

    set_limits(course, CourseLimits(Limits()), by=course.owner)

    assert limits_of(Course.objects.get()) == CourseLimits(Limits())
    assert running_servers(course) == 0


def test_set_more_than_the_class_may_have_is_refused(course: Course) -> None:
    Quota.objects.create(group=course.everybody, group_running_servers=10)

    with pytest.raises(CourseError) as caught:
        set_limits(course, WANTED, by=course.owner)

    assert (caught.value.code, caught.value.facts) == ("class_servers_too_many", {"asked": 12, "limit": 10})


def test_set_less_than_the_class_may_have_leaves_what_it_may(course: Course) -> None:
    quota = Quota.objects.create(group=course.everybody, group_running_servers=20)

    set_limits(course, WANTED, by=course.owner)

    quota.refresh_from_db()
    assert (running_servers(course), quota.group_running_servers) == (12, 20)


def test_quota_that_became_smaller_counts_before_what_the_teacher_asked_for(course: Course) -> None:
    set_limits(course, WANTED, by=course.owner)

    Quota.objects.update(group_running_servers=5)

    assert running_servers(course) == 5


@pytest.mark.parametrize(
    ("setting", "wanted", "code"),
    [
        ("PERSON_MEMORY_MB", CourseLimits(Limits(memory_mb=4096)), "memory_quota_exceeded"),
        ("PERSON_CPUS", CourseLimits(Limits(512, 2048.0)), "cpus_quota_exceeded"),
        ("PERSON_IDLE_MINUTES", CourseLimits(Limits(512), idle_minutes=2000), "idle_quota_exceeded"),
    ],
)
def test_set_more_than_the_teacher_may_ask_for_is_refused(
    course: Course, settings: Settings, setting: str, wanted: CourseLimits, code: str
) -> None:
    setattr(settings, setting, 1024)

    with pytest.raises(UserError) as caught:
        set_limits(course, wanted, by=course.owner)

    assert caught.value.code == code


def test_set_more_than_a_student_could_start_is_refused(course: Course, settings: Settings) -> None:
    settings.PERSON_MEMORY_MB = 1024
    Quota.objects.create(person=course.owner, memory_mb=8192)
    member(course, "student")

    with pytest.raises(UserError) as caught:
        set_limits(course, CourseLimits(Limits(memory_mb=4096)), by=course.owner)

    assert caught.value.code == "memory_quota_exceeded"


def test_page_says_at_the_field_what_is_too_much(client: Client, course: Course) -> None:
    Quota.objects.create(group=course.everybody, group_running_servers=10)
    client.force_login(course.owner)

    response = client.post(reverse("classes:limits", args=[course.slug]), {"running_servers": "12"})

    assert response.status_code == 422
    assert "running_servers" in response.context["form"].errors


def test_page_saves_what_it_shows(client: Client, course: Course) -> None:
    client.force_login(course.owner)
    address = reverse("classes:limits", args=[course.slug])

    client.post(address, {"memory": "1G", "cpus": "0.5", "idle_minutes": "30", "running_servers": "12"})

    shown = client.get(address).context["form"].initial
    assert shown == {"memory": "1024M", "cpus": "0.5", "idle_minutes": 30, "running_servers": 12}
