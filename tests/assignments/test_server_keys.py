"""The key that a class's server carries by itself: for whom, to what, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, Scope, User
from accounts.tokens import find_token
from assignments.models import Assignment, Submission, Way
from assignments.submitting.submissions import receive
from classes.members import remove
from classes.models import Course, Membership, Role
from environments import credentials
from environments.collaborating import let_in
from environments.models import Collaborator, Environment, NotebookServer
from tests.assignments.test_api_exchange import EXCHANGE, WORK, submit
from tests.environments.api_client import program_with
from tests.factories import (
    AssignmentFactory,
    BuildFactory,
    CourseFactory,
    NotebookServerFactory,
    UserFactory,
    in_class,
    member,
    prepared,
    released,
)

pytestmark = pytest.mark.django_db

State = NotebookServer.State


@pytest.fixture
def now() -> datetime:
    """The API goes by the real clock."""
    return timezone.now()


@pytest.fixture
def course(teacher: User) -> Course:
    course = prepared(CourseFactory.create(owner=teacher, slug="stats", title="Statistics"))
    member(course, "teacher", Role.TEACHER)
    return course


@pytest.fixture
def student(course: Course) -> Membership:
    return member(course, "student")


@pytest.fixture
def given(course: Course) -> Assignment:
    assignment = AssignmentFactory.create(course=course, name="given", title="Given")
    released(assignment)
    return assignment


def starting(membership: Membership, **fields: Any) -> NotebookServer:
    """The member's server of the class in the middle of its start, made from what the class uses."""
    environment = membership.course.environment
    assert environment is not None
    version = {"repository_url": environment.repository_url, "commit": environment.commit}
    usual = {"state": State.STARTING, "start_id": "a" * 32}
    return NotebookServerFactory.create(**in_class(membership) | version | usual | fields)


def running(membership: Membership, now: datetime) -> tuple[NotebookServer, str]:
    """The member's server, which runs, and the secret it carries."""
    server = starting(membership)
    secret = credentials.give(server, now=now)
    NotebookServer.objects.filter(pk=server.pk).update(state=State.RUNNING)
    server.refresh_from_db()
    return server, secret


# --- For whom ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
def test_server_of_a_member_carries_a_key_to_the_exchange_alone(course: Course, now: datetime, role: Role) -> None:
    membership = member(course, "somebody", role)

    secret = credentials.give(starting(membership), now=now)

    token = find_token(secret, now=now)
    assert token is not None
    assert (token.user, token.scopes, token.group) == (membership.person, [Scope.EXCHANGE], course.everybody)


def test_key_that_was_asked_for_opens_both(student: Membership, now: datetime) -> None:
    secret = credentials.give(starting(student, with_credentials=True), now=now)

    token = find_token(secret, now=now)
    assert token is not None
    assert set(token.scopes) == {*credentials.SCOPES, Scope.EXCHANGE}


def test_first_server_of_a_class_carries_one_before_anything_is_in_use(
    course: Course, student: Membership, now: datetime
) -> None:
    environment = course.environment
    assert environment is not None
    environment.versions.all().delete()
    build = BuildFactory.create(repository_url="https://github.com/carrel-tests/class", commit="3" * 40)
    Environment.objects.filter(pk=environment.pk).update(repository_url="", commit="", build=build)

    secret = credentials.give(starting(student, commit="3" * 40), now=now)

    assert secret


@pytest.mark.parametrize(
    "fields",
    [
        {"repository_url": "https://github.com/somebody/else"},
        {"commit": "9" * 40},
        {"name": "another"},
        {"group": None},
        {"is_throwaway": True},
    ],
    ids=["another repository", "another commit", "another name", "no class", "a copy to try"],
)
def test_server_that_is_not_what_the_class_runs_carries_none(
    course: Course, student: Membership, now: datetime, fields: dict[str, Any]
) -> None:
    changes = {"repository_url": "https://github.com/carrel-tests/class", "commit": "1" * 40} | fields

    assert credentials.give(starting(student, **changes), now=now) == ""
    assert not ApiToken.objects.exists()


def test_server_of_somebody_who_left_carries_none(student: Membership, now: datetime) -> None:
    remove(student, now=now)

    assert credentials.give(starting(student), now=now) == ""


def test_server_of_a_deleted_class_carries_none(course: Course, student: Membership, now: datetime) -> None:
    Course.objects.filter(pk=course.pk).update(deleted_at=now)

    assert credentials.give(starting(student), now=now) == ""


def test_server_that_others_may_enter_carries_none(student: Membership, now: datetime) -> None:
    server = starting(student)
    Collaborator.objects.create(server=server, person=UserFactory.create(), invited_at=now)

    assert credentials.give(server, now=now) == ""


# --- To what -----------------------------------------------------------------------------------------------


def test_key_fetches_and_submits_in_its_class(given: Assignment, student: Membership, now: datetime) -> None:
    _server, secret = running(student, now)
    program = program_with(secret)

    fetched, submitted = program.get(EXCHANGE + "stats/given/files/"), submit(program)

    assert (fetched.status_code, submitted.status_code) == (200, 201)
    assert Submission.objects.get().membership == student


def test_key_does_not_see_another_class_of_its_person(
    given: Assignment, student: Membership, teacher: User, now: datetime
) -> None:
    other = CourseFactory.create(owner=teacher, slug="algebra")
    theirs = member(other, "student")
    assignment = AssignmentFactory.create(course=other, name="given")
    released(assignment)
    submission = receive(assignment, theirs, WORK, way=Way.LAB, by=theirs.person, now=now)
    program = program_with(running(student, now)[1])

    listed = program.get(EXCHANGE).json()
    statuses = [
        program.get(f"{EXCHANGE}algebra/given/files/").status_code,
        submit(program, path=f"{EXCHANGE}algebra/given/").status_code,
        program.get(f"{EXCHANGE}submissions/{submission.pk}/files/").status_code,
        program.get(f"{EXCHANGE}submissions/{submission.pk}/feedback/").status_code,
    ]

    assert [course["id"] for course in listed["courses"]] == ["stats"]
    assert [each["course_id"] for each in listed["assignments"]] == ["stats"]
    assert statuses == [404] * 4


def test_key_opens_nothing_else(student: Membership, now: datetime) -> None:
    program = program_with(running(student, now)[1])

    assert [program.get(f"/api/v1/{place}/").status_code for place in ("servers", "courses")] == [403, 403]


def test_its_person_sees_what_it_is_for(client: Client, student: Membership, now: datetime) -> None:
    server, secret = running(student, now)
    client.force_login(student.person)

    of_server = client.get(f"/servers/{server.pk}/").content.decode()
    of_account = client.get("/account/").content.decode()

    assert "fetch and submit your assignments of this class, and nothing else" in of_server
    assert f"only in “{student.course.everybody.name}”" in of_account
    assert secret not in of_server + of_account


# --- How it ends -------------------------------------------------------------------------------------------


def test_key_ends_when_somebody_is_let_in(student: Membership, now: datetime) -> None:
    server, secret = running(student, now)

    let_in(server, [UserFactory.create()], by=student.person, now=now)

    server.refresh_from_db()
    assert find_token(secret, now=now) is None
    assert server.credentials_dropped_at is None


def test_key_reaches_nothing_from_the_moment_its_person_leaves(
    given: Assignment, student: Membership, now: datetime
) -> None:
    _server, secret = running(student, now)

    remove(student, now=now)

    listed = program_with(secret).get(EXCHANGE).json()
    assert listed == {"courses": [], "assignments": []}


@pytest.mark.parametrize(
    "end",
    [
        lambda student, now: remove(student, now=now),
        lambda student, now: NotebookServer.objects.update(state=State.STOPPED),
    ],
    ids=["the person left", "the server stopped"],
)
def test_reconciler_ends_it(
    fake_backends: None, student: Membership, now: datetime, end: Callable[[Membership, datetime], object]
) -> None:
    _server, secret = running(student, now)
    end(student, now)

    credentials.withdraw_leftovers()

    assert find_token(secret, now=now) is None


def test_reconciler_leaves_keys_that_are_in_use(fake_backends: None, student: Membership, now: datetime) -> None:
    _server, secret = running(student, now)

    credentials.withdraw_leftovers()

    assert find_token(secret, now=now) is not None
