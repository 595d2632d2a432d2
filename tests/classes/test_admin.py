"""Classes in the admin: teachers come in, and find their own classes and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from classes.models import Announcement, Course, Lesson, Membership, Role
from tests.factories import CourseFactory, member
from tests.fakes.git_host import GitHost

pytestmark = pytest.mark.django_db

SAME = {"colour": "blue", "title": "Statistics"}
NO_INLINES = {
    f"{name}-{which}_FORMS": "0" for name in ("lessons", "sections", "announcements") for which in ("TOTAL", "INITIAL")
}


@pytest.fixture
def browse() -> Callable[[User], Client]:
    def signed_in(person: User) -> Client:
        client = Client()
        client.force_login(person)
        return client

    return signed_in


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("algebra", {"requirements.txt": "numpy\n"})
        yield host


@pytest.fixture
def own(teacher: User) -> Course:
    """The class of the teacher."""
    course = CourseFactory.create(title="Statistics")
    member(course, teacher.username, Role.TEACHER)
    return course


@pytest.fixture
def foreign(db: None) -> Course:
    """Somebody else's."""
    course = CourseFactory.create(title="Geometry")
    member(course, "euclid", Role.TEACHER)
    return course


def test_teacher_finds_own_classes_only(
    browse: Callable[[User], Client], teacher: User, own: Course, foreign: Course
) -> None:
    page = browse(teacher).get(reverse("admin:classes_course_changelist")).content.decode()

    assert own.title in page
    assert foreign.title not in page


def test_administrator_finds_all(
    browse: Callable[[User], Client], administrator: User, own: Course, foreign: Course
) -> None:
    page = browse(administrator).get(reverse("admin:classes_course_changelist")).content.decode()

    assert own.title in page
    assert foreign.title in page


def test_somebody_who_only_teaches_in_a_class_is_admitted(browse: Callable[[User], Client], own: Course) -> None:
    assistant = member(own, "assistant", Role.TEACHER).person

    assert browse(assistant).get(reverse("admin:index")).status_code == 200


@pytest.mark.parametrize("role", [Role.STUDENT, Role.GRADER])
def test_others_are_not_admitted(browse: Callable[[User], Client], own: Course, role: Role) -> None:
    person = member(own, "somebody", role).person

    response = browse(person).get(reverse("admin:index"), follow=True)

    assert response.status_code == 403


def test_teacher_finds_nothing_but_classes(browse: Callable[[User], Client], teacher: User, own: Course) -> None:
    page = browse(teacher).get(reverse("admin:index"))

    assert [app["app_label"] for app in page.context["app_list"]] == ["classes"]


@pytest.mark.parametrize("model", ["course", "membership"])
def test_teacher_cannot_open_what_is_of_another_class(
    browse: Callable[[User], Client], teacher: User, own: Course, foreign: Course, model: str
) -> None:
    key = foreign.pk if model == "course" else foreign.memberships.get().pk
    address = reverse(f"admin:classes_{model}_change", args=[key])

    read, written = browse(teacher).get(address), browse(teacher).post(address, SAME | NO_INLINES)

    assert {read.status_code, written.status_code} == {302}  # To the admin's first page: there is no such thing.
    assert Course.objects.get(pk=foreign.pk).title == "Geometry"


def test_teacher_changes_a_class(browse: Callable[[User], Client], teacher: User, own: Course) -> None:
    address = reverse("admin:classes_course_change", args=[own.pk])

    response = browse(teacher).post(address, SAME | NO_INLINES | {"term": "autumn 2026", "idle_minutes": "30"})

    own.refresh_from_db()
    assert response.status_code == 302
    assert (own.term, own.idle_minutes) == ("autumn 2026", 30)


def test_teacher_adds_a_lesson_and_an_announcement(
    browse: Callable[[User], Client], teacher: User, own: Course
) -> None:
    more = {
        "lessons-TOTAL_FORMS": "1",
        "lessons-0-title": "Means",
        "lessons-0-position": "1",
        "announcements-TOTAL_FORMS": "1",
        "announcements-0-title": "Welcome",
        "announcements-0-published_at_0": "2026-10-01",
        "announcements-0-published_at_1": "08:00",
    }

    browse(teacher).post(reverse("admin:classes_course_change", args=[own.pk]), SAME | NO_INLINES | more)

    assert Lesson.objects.get().course == own
    assert Announcement.objects.get().author == teacher


def test_teacher_makes_a_class_with_its_environment(
    browse: Callable[[User], Client], teacher: User, fake_backends: None, host: GitHost
) -> None:
    answers = {"title": "Algebra", "repository": host.url("algebra"), "colour": "teal"}

    response = browse(teacher).post(reverse("admin:classes_course_add"), answers)

    course = Course.objects.get()
    assert response.status_code == 302
    assert (course.title, course.owner, course.colour) == ("Algebra", teacher, "teal")
    assert course.environment is not None
    assert course.environment.build is not None
    assert Membership.objects.get().role == Role.TEACHER


def test_a_repository_that_is_none_is_said_at_its_field(
    browse: Callable[[User], Client], teacher: User, fake_backends: None
) -> None:
    answers = {"title": "Algebra", "repository": "file:///etc", "colour": "teal"}

    page = browse(teacher).post(reverse("admin:classes_course_add"), answers)

    assert "repository" in page.context["adminform"].form.errors
    assert not Course.objects.exists()


def test_a_role_changes_with_its_groups(browse: Callable[[User], Client], teacher: User, own: Course) -> None:
    membership = member(own, "assistant")

    browse(teacher).post(reverse("admin:classes_membership_change", args=[membership.pk]), {"role": "teacher"})

    membership.refresh_from_db()
    assert membership.role == Role.TEACHER
    assert own.teachers in membership.person.groups.all()


def test_the_last_teacher_stays_one(browse: Callable[[User], Client], teacher: User, own: Course) -> None:
    membership = own.memberships.get()
    address = reverse("admin:classes_membership_change", args=[membership.pk])

    page = browse(teacher).post(address, {"role": "student"}, follow=True)

    membership.refresh_from_db()
    assert membership.role == Role.TEACHER
    assert "would be left without a teacher" in page.content.decode()


def test_sections_of_other_classes_are_not_offered(
    browse: Callable[[User], Client], teacher: User, own: Course, foreign: Course
) -> None:
    foreign.sections.create(name="Theirs")
    own.sections.create(name="Ours")
    membership = own.memberships.get()

    page = browse(teacher).get(reverse("admin:classes_membership_change", args=[membership.pk])).content.decode()

    assert "Ours" in page
    assert "Theirs" not in page


def test_nothing_is_deleted_here(browse: Callable[[User], Client], administrator: User, own: Course) -> None:
    response = browse(administrator).post(reverse("admin:classes_course_delete", args=[own.pk]), {"post": "yes"})

    assert response.status_code == 403
    assert Course.objects.filter(pk=own.pk).exists()


def test_many_members_take_as_many_queries_as_few(
    browse: Callable[[User], Client], teacher: User, own: Course, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        member(own, f"student-{number}")
    browser = browse(teacher)

    with django_assert_max_num_queries(12):
        browser.get(reverse("admin:classes_membership_changelist"))
