"""The class of the demo: believable, made once, and nobody's who was there before."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Role as SiteRole
from accounts.models import User
from classes.invitations import accept_invitation
from classes.models import Course, Lesson, LessonVisit, Membership, Role
from config import demo, demo_class
from environments.models import Build
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

MATERIAL = demo.EXAMPLES / demo_class.REPOSITORY


@pytest.fixture
def cast() -> None:
    """The demo's people who have accounts."""
    UserFactory.create(username="teacher", role=SiteRole.TEACHER)
    UserFactory.create(username="grader")
    UserFactory.create(username="student")


@pytest.fixture
def course(cast: None, now: datetime) -> Course:
    """The class as it is made."""
    demo_class.load_class(MATERIAL, now=now)
    return Course.objects.get()


def test_has_a_teacher_a_grader_and_twenty_students(course: Course) -> None:
    roles = list(course.memberships.values_list("role", flat=True))

    assert {role: roles.count(role) for role in roles} == {Role.TEACHER: 1, Role.GRADER: 1, Role.STUDENT: 20}
    assert course.memberships.filter(person__username="student", role=Role.STUDENT).exists()


def test_gives_classmates_no_password_and_a_section(course: Course) -> None:
    classmates = course.memberships.students().exclude(person__username="student")

    assert not any(membership.person.has_usable_password() for membership in classmates)
    assert {membership.section.name for membership in classmates if membership.section} == set(demo_class.SECTIONS)


def test_has_members_in_the_groups_of_the_class(course: Course) -> None:
    assert course.everybody.user_set.count() == 22
    assert [person.username for person in course.teachers.user_set.all()] == ["teacher"]


def test_lets_in_whoever_has_the_code_of_its_invitation(course: Course, now: datetime) -> None:
    newcomer = UserFactory.create()

    accept_invitation(course.invitations.get().code, person=newcomer, now=now)

    assert course.memberships.get(person=newcomer).role == Role.STUDENT


def test_is_in_its_third_lesson(course: Course, now: datetime) -> None:
    lessons = list(course.lessons.all())

    going_on = [it for it in lessons if it.starts_at and it.ends_at and it.starts_at <= now < it.ends_at]
    assert len(lessons) == 4
    assert going_on == [lessons[2]]
    assert [lesson.is_published(now) for lesson in lessons] == [True, True, True, False]


def test_opens_notebooks_that_are_in_its_material(course: Course) -> None:
    assert all((MATERIAL / lesson.path).is_file() for lesson in course.lessons.all())


def test_has_work_under_way_that_could_be_true(course: Course, now: datetime) -> None:
    visits = list(LessonVisit.objects.select_related("lesson", "membership"))

    assert len(visits) > 40
    assert all(0 < visit.executed_cells <= visit.cells and visit.validated_cells <= visit.tests for visit in visits)
    assert all(visit.opened_at <= visit.last_opened_at <= now for visit in visits)
    assert not Lesson.objects.filter(published_at__gt=now, visits__isnull=False).exists()


def test_has_one_raised_hand_in_the_present_lesson(course: Course) -> None:
    asking = Membership.objects.get(hand_raised_at__isnull=False)

    assert asking.visits.filter(lesson__position=2).exists()


def test_has_an_open_invitation_and_announcements(course: Course, now: datetime) -> None:
    assert course.invitations.open(now).count() == 1
    assert course.announcements.filter(published_at__lte=now).count() == 2


def test_builds_nothing(course: Course) -> None:
    assert not Build.objects.exists()


def test_is_left_as_it_is_once_it_was_made(course: Course, now: datetime) -> None:
    course.title = "Ours now"
    course.save()
    course.lessons.all()[0].delete()

    demo_class.load_class(MATERIAL, now=now)

    assert Course.objects.get().title == "Ours now"
    assert Lesson.objects.count() == 3


def test_does_not_come_back_while_its_deletion_is_under_way(course: Course, now: datetime) -> None:
    Course.objects.update(deleted_at=now)

    demo_class.load_class(MATERIAL, now=now)

    assert Course.objects.count() == 1


@pytest.mark.parametrize("username", ["teacher", "amina"])
def test_takes_in_nobody_who_merely_has_the_same_username(cast: None, now: datetime, username: str) -> None:
    User.objects.filter(username=username).delete()
    somebody = UserFactory.create(username=username, email="somebody@example.com")

    demo_class.load_class(MATERIAL, now=now)

    assert not somebody.groups.exists()
    assert not somebody.memberships.exists()


def test_asks_few_questions_of_the_database(
    cast: None, now: datetime, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(400):
        demo_class.load_class(MATERIAL, now=now)


@pytest.mark.parametrize("path", sorted(MATERIAL.glob("*.ipynb")), ids=lambda path: path.name)
def test_every_exercise_is_followed_by_its_check(path: Path) -> None:
    cells = json.loads(path.read_text())["cells"]
    kinds = [next(iter(cell["metadata"].get("tags", [])), cell["cell_type"]) for cell in cells]

    exercises = [place for place, kind in enumerate(kinds) if kind == "exercise"]

    assert len(exercises) >= 3
    assert all(kinds[place + 1] == "check" for place in exercises)
    assert kinds.count("check") == len(exercises)


def test_is_loaded_with_the_rest_of_the_demo(settings: Settings, tmp_path: Path) -> None:
    settings.CARREL_DATA = tmp_path

    demo.load()
    demo.load()

    assert Course.objects.get().title == demo_class.TITLE
