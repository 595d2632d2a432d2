"""Classes and their people over the API: who may ask what, and what comes of it."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Role as SiteRole
from accounts.models import Scope, User
from classes.invitations import make_invitation
from classes.members import Place, remove, settle
from classes.models import Course, CourseExport, Joined, Membership, Role, Section
from tests.environments.api_client import browser_of, program_of, program_with_expired_token
from tests.factories import AnnouncementFactory, CourseFactory, LessonFactory, UserFactory, hand_in_of, member

pytestmark = pytest.mark.django_db

COURSES = "/api/v1/courses/"
STATS = COURSES + "stats/"


class Endpoint(NamedTuple):
    """One address, the scope it needs, and its answers to a student, a grader and a teacher."""

    method: str
    path: str
    scope: Scope
    student: int
    grader: int
    teacher: int
    administrator: int = 0
    """For whoever runs this Carrel and is no member, where that is not what a teacher gets."""


READ, WRITE = Scope.CLASSES_READ, Scope.CLASSES_WRITE
OF_ASSIGNMENTS = ("/api/v1/courses/{slug}/comments/", "/api/v1/courses/{slug}/comments/{comment_id}/")
"""Below a class, and in the table of the app above: `tests/assignments/test_api_access.py`."""
OF_ALL = Endpoint("GET", COURSES, READ, 200, 200, 200)
OF_ONE = [
    Endpoint("GET", STATS, READ, 200, 200, 200),
    Endpoint("GET", STATS + "members/", READ, 403, 200, 200),
    Endpoint("POST", STATS + "members/", WRITE, 403, 403, 400),
    Endpoint("PATCH", STATS + "members/{member}/", WRITE, 403, 403, 200),
    Endpoint("DELETE", STATS + "members/{member}/", WRITE, 403, 403, 204),
    Endpoint("GET", STATS + "invitations/", WRITE, 403, 403, 200),
    Endpoint("POST", STATS + "invitations/", WRITE, 403, 403, 201),
    Endpoint("DELETE", STATS + "invitations/{invitation}/", WRITE, 403, 403, 204),
    Endpoint("GET", STATS + "lessons/", READ, 200, 200, 200),
    Endpoint("POST", STATS + "lessons/", WRITE, 403, 403, 400),
    Endpoint("GET", STATS + "lessons/{lesson}/", READ, 200, 200, 200),
    Endpoint("GET", STATS + "lessons/{draft}/", READ, 404, 200, 200),
    Endpoint("PATCH", STATS + "lessons/{lesson}/", WRITE, 403, 403, 200),
    Endpoint("POST", STATS + "lessons/{lesson}/publish/", WRITE, 403, 403, 200),
    Endpoint("POST", STATS + "lessons/{lesson}/move/", WRITE, 403, 403, 400),
    Endpoint("DELETE", STATS + "lessons/{lesson}/", WRITE, 403, 403, 204),
    Endpoint("GET", STATS + "announcements/", READ, 200, 200, 200),
    Endpoint("POST", STATS + "announcements/", WRITE, 403, 403, 400),
    Endpoint("PATCH", STATS + "announcements/{notice}/", WRITE, 403, 403, 200),
    Endpoint("DELETE", STATS + "announcements/{notice}/", WRITE, 403, 403, 204),
    Endpoint("GET", STATS + "environments/", READ, 403, 403, 200),
    Endpoint("GET", STATS + "environments/students/versions/", READ, 403, 403, 200),
    Endpoint("POST", STATS + "environments/teachers/prepare/", WRITE, 403, 403, 409),
    Endpoint("POST", STATS + "environments/students/use/", WRITE, 403, 403, 400),
    Endpoint("POST", STATS + "environments/students/back/", WRITE, 403, 403, 400),
    Endpoint("POST", STATS + "environments/nobody/prepare/", WRITE, 403, 403, 404),
    Endpoint("GET", STATS + "files/", READ, 200, 200, 200),
    Endpoint("POST", STATS + "files/common/", WRITE, 403, 403, 200),
    Endpoint("DELETE", STATS + "files/common/", WRITE, 403, 403, 204),
    Endpoint("POST", STATS + "files/others/", WRITE, 403, 403, 404),
    Endpoint("GET", STATS + "hand-ins/", READ, 200, 200, 200),
    Endpoint("POST", STATS + "hand-ins/", WRITE, 409, 409, 409, administrator=403),
    Endpoint("GET", STATS + "hand-ins/{hand_in}/", READ, 403, 200, 200),
    Endpoint("GET", STATS + "live/", READ, 403, 200, 200),
    Endpoint("GET", STATS + "exports/", READ, 403, 403, 200),
    Endpoint("POST", STATS + "exports/", WRITE, 403, 403, 202),
    Endpoint("GET", STATS + "exports/{export}/", READ, 403, 403, 200),
    Endpoint("DELETE", STATS + "exports/{export}/", WRITE, 403, 403, 204),
]
EVERY = pytest.mark.parametrize("endpoint", [OF_ALL, *OF_ONE], ids=lambda it: f"{it.method} {it.path}")
EVERY_OF_ONE = pytest.mark.parametrize("endpoint", OF_ONE, ids=lambda it: f"{it.method} {it.path}")

Ask = Callable[[APIClient, Endpoint], int]


@pytest.fixture(autouse=True)
def nobody_has_guessed() -> None:
    cache.clear()


@pytest.fixture
def course(teacher: User) -> Course:
    course = CourseFactory.create(owner=teacher, slug="stats", title="Statistics")
    for name, role in (("teacher", Role.TEACHER), ("grader", Role.GRADER), ("student", Role.STUDENT)):
        member(course, name, role)
    return course


@pytest.fixture
def program(course: Course) -> APIClient:
    return program_of(User.objects.get(username="teacher"))


@pytest.fixture
def ask(course: Course) -> Ask:
    """Asks an address about the class, and about somebody in it; gives the status."""
    somebody = member(course, "somebody")
    now = timezone.now()
    there = {
        "member": somebody,
        "invitation": make_invitation(course, by=course.owner, lifetime=timedelta(days=1), now=now),
        "lesson": LessonFactory.create(course=course),
        "draft": LessonFactory.create(course=course, published_at=None),
        "notice": AnnouncementFactory.create(course=course),
        "hand_in": hand_in_of(somebody),
        "export": CourseExport.objects.create(course=course),
    }

    def asking(client: APIClient, endpoint: Endpoint) -> int:
        path = endpoint.path.format(**{name: row.pk for name, row in there.items()})
        return client.generic(endpoint.method, path, content_type="application/json").status_code

    return asking


def test_table_names_every_address_of_a_class() -> None:
    paths = json.loads(APIClient().get("/api/v1/schema/", HTTP_ACCEPT="application/json").content)["paths"]

    ours = [path for path in paths if "/courses/" in path and path not in OF_ASSIGNMENTS]
    described = {(method.upper(), path) for path in ours for method in paths[path]}
    assert described == {(endpoint.method, _as_described(endpoint.path)) for endpoint in [OF_ALL, *OF_ONE]}


def _as_described(path: str) -> str:
    """An address of the table as the description has it."""
    path = re.sub(r"{\w+}", "{id}", path.replace(STATS, COURSES + "{slug}/"))
    path = path.replace("courses/{id}/", "courses/{slug}/")
    path = re.sub(r"environments/\w+/", "environments/{audience}/", path)
    return re.sub(r"files/\w+/", "files/{area}/", path)


@EVERY
def test_api_refuses_nobody_in_particular(ask: Ask, endpoint: Endpoint) -> None:
    assert ask(APIClient(), endpoint) == 401


@EVERY_OF_ONE
def test_api_hides_a_class_from_strangers(ask: Ask, stranger: User, endpoint: Endpoint) -> None:
    assert ask(program_of(stranger), endpoint) == 404


@EVERY_OF_ONE
def test_api_hides_a_class_from_whom_it_was_taken(ask: Ask, course: Course, endpoint: Endpoint) -> None:
    gone = member(course, "gone", Role.GRADER)
    remove(gone, now=timezone.now())

    assert ask(program_of(gone.person), endpoint) == 404


@EVERY_OF_ONE
def test_api_hides_a_class_that_is_deleted(ask: Ask, teacher: User, endpoint: Endpoint) -> None:
    Course.objects.update(deleted_at=timezone.now())

    assert ask(program_of(teacher), endpoint) == 404


@EVERY
@pytest.mark.parametrize("who", ["student", "grader", "teacher"])
def test_api_answers_each_member_as_the_table_says(ask: Ask, endpoint: Endpoint, who: str) -> None:
    program = program_of(User.objects.get(username=who), [endpoint.scope])

    assert ask(program, endpoint) == getattr(endpoint, who)


@EVERY
def test_api_answers_whoever_runs_the_site_as_a_teacher(ask: Ask, endpoint: Endpoint) -> None:
    root = UserFactory.create(username="root", role=SiteRole.ADMINISTRATOR)

    assert ask(program_of(root), endpoint) == (endpoint.administrator or endpoint.teacher)


@EVERY
def test_api_refuses_a_token_without_the_scope(ask: Ask, teacher: User, endpoint: Endpoint) -> None:
    others = [scope for scope in Scope if scope != endpoint.scope]

    assert ask(program_of(teacher, others), endpoint) == 403


@EVERY
def test_api_says_what_an_address_is_for(ask: Ask, teacher: User, endpoint: Endpoint) -> None:
    program = program_of(teacher)

    assert ask(program, endpoint._replace(method="OPTIONS")) == 200


@EVERY
def test_api_refuses_an_expired_token(ask: Ask, teacher: User, endpoint: Endpoint) -> None:
    assert ask(program_with_expired_token(teacher), endpoint) == 401


@EVERY
def test_api_changes_nothing_for_a_browser_without_csrf_token(ask: Ask, teacher: User, endpoint: Endpoint) -> None:
    expected = endpoint.teacher if endpoint.method == "GET" else 403

    assert ask(browser_of(teacher), endpoint) == expected


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("whose", ["another class", "nobody"])
def test_api_finds_no_member_of_another_class(program: APIClient, method: str, whose: str) -> None:
    other = member(CourseFactory.create(), "other").pk if whose == "another class" else uuid.uuid4()

    assert program.generic(method, f"{STATS}members/{other}/", content_type="application/json").status_code == 404


# --- What comes of it --------------------------------------------------------------------------------------


def add(program: APIClient, **wish: Any) -> Any:
    return program.post(f"{STATS}members/", wish, format="json")


def test_course_says_what_one_is_in_it_and_who_teaches(course: Course) -> None:
    answer = program_of(User.objects.get(username="student")).get(STATS).json()

    assert (answer["title"], answer["role"], answer["section"]) == ("Statistics", "student", None)
    assert answer["teachers"] == ["Teacher"]


def test_courses_are_those_one_is_in(course: Course) -> None:
    CourseFactory.create()

    answer = program_of(User.objects.get(username="student")).get(COURSES).json()

    assert [each["slug"] for each in answer["results"]] == ["stats"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["grader", "student", "teacher"]),
        ("?q=GRAD", ["grader"]),
        ("?role=student", ["student"]),
        ("?section=monday", ["student"]),
        ("?limit=1&offset=1", ["student"]),
    ],
)
def test_members_are_listed_as_asked(program: APIClient, course: Course, query: str, found: list[str]) -> None:
    section = Section.objects.create(course=course, name="Monday")
    course.memberships.filter(person__username="student").update(section=section)

    answer = program.get(f"{STATS}members/{query}").json()

    assert [each["username"] for each in answer["results"]] == found


@pytest.mark.parametrize("query", ["?role=king", "?limit=x", "?q=%00", "?section=" + "x" * 61])
def test_members_are_not_listed_for_what_makes_no_sense(program: APIClient, query: str) -> None:
    response = program.get(f"{STATS}members/{query}")

    assert (response.status_code, response.json()["code"]) == (400, "invalid")


def test_members_cost_as_many_queries_for_many(program: APIClient, course: Course) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            program.get(f"{STATS}members/")
        return len(asked)

    queries()  # The first use of a token is noted.
    few = queries()
    people = User.objects.bulk_create(User(username=f"more{n}") for n in range(80))
    settle(course, [Place(person) for person in people], joined_by=Joined.ROSTER, now=timezone.now())

    assert queries() == few


def test_add_takes_role_and_section(program: APIClient, course: Course) -> None:
    UserFactory.create(username="ada")

    response = add(program, username="ada", role="grader", section="Monday")

    assert response.status_code == 201
    ada = course.memberships.get(person__username="ada")
    assert (ada.role, str(ada.section)) == (Role.GRADER, "Monday")


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"username": "nobody"}, 422, "member_unknown"),
        ({"username": "student"}, 409, "member_there_already"),
        ({"username": "ada", "section": "=1"}, 422, "section_name_invalid"),
        ({"username": "ada", "role": "king"}, 400, "invalid"),
        ({"username": "ada", "rôle": "grader"}, 400, "invalid"),
        ({"username": "a\x00"}, 400, "invalid"),
        ({}, 400, "invalid"),
    ],
)
def test_add_refuses_and_changes_nothing(
    program: APIClient, course: Course, wish: dict[str, Any], status: int, code: str
) -> None:
    UserFactory.create(username="ada")

    response = add(program, **wish)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert (course.memberships.count(), course.sections.count()) == (3, 0)


@pytest.mark.parametrize(
    ("wish", "role", "section"),
    [
        ({"role": "grader"}, "grader", "Monday"),
        ({"section": "Friday"}, "student", "Friday"),
        ({"section": "MONDAY"}, "student", "Monday"),
        ({"section": None}, "student", None),
        ({}, "student", "Monday"),
    ],
)
def test_change_takes_what_is_given(
    program: APIClient, course: Course, wish: dict[str, Any], role: str, section: str | None
) -> None:
    monday = Section.objects.create(course=course, name="Monday")
    student = course.memberships.get(person__username="student")
    Membership.objects.filter(pk=student.pk).update(section=monday)

    answer = program.patch(f"{STATS}members/{student.pk}/", wish, format="json").json()

    assert (answer["role"], answer["section"]) == (role, section)


def test_change_leaves_a_teacher(program: APIClient, course: Course) -> None:
    last = course.memberships.get(role=Role.TEACHER)

    response = program.patch(f"{STATS}members/{last.pk}/", {"role": "student"}, format="json")

    assert (response.status_code, response.json()["code"]) == (409, "course_needs_teacher")


def test_change_is_refused_once_the_class_is_over(program: APIClient, course: Course) -> None:
    Course.objects.update(archived_at=timezone.now())
    student = course.memberships.get(person__username="student")

    response = program.patch(f"{STATS}members/{student.pk}/", {"role": "grader"}, format="json")

    assert (response.status_code, response.json()["code"]) == (409, "course_over")


def test_remove_keeps_the_row(program: APIClient, course: Course) -> None:
    student = course.memberships.get(person__username="student")

    program.delete(f"{STATS}members/{student.pk}/")

    student.refresh_from_db()
    assert (student.is_present, student.was_removed) == (False, True)


def test_invitation_is_made_listed_and_withdrawn(program: APIClient, course: Course) -> None:
    made = program.post(f"{STATS}invitations/", {"section": "Monday", "uses": 3}, format="json").json()
    listed = program.get(f"{STATS}invitations/").json()
    program.delete(f"{STATS}invitations/{made['id']}/")

    assert listed == [made]
    assert made["url"].endswith(f"/classes/join/{made['code']}/")
    assert program.get(f"{STATS}invitations/").json() == []


@pytest.mark.parametrize("wish", [{"role": "teacher"}, {"role": "grader", "days": 30, "uses": 1}])
def test_invitation_of_staff_is_small(program: APIClient, wish: dict[str, Any]) -> None:
    response = program.post(f"{STATS}invitations/", wish, format="json")

    assert (response.status_code, response.json()["code"]) == (422, "invitation_too_wide")
