"""What a class works in and on, over the API: its environment, files, hand-ins, live view and archives."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from classes.files import Area, make_area
from classes.models import ArchiveState, Course, CourseExport, HandIn, LessonVisit, Role
from environments.models import Environment, Outcome
from environments.pinning import put_in_use
from tests.environments.api_client import program_of, queries_of
from tests.factories import CourseFactory, LessonFactory, NotebookServerFactory, hand_in_of, in_class, member, prepared

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

STATS = "/api/v1/courses/stats/"
ENVIRONMENT = f"{STATS}environments/students/"


@pytest.fixture
def course(teacher: User) -> Course:
    course = prepared(CourseFactory.create(owner=teacher, slug="stats"))
    member(course, "teacher", Role.TEACHER)
    member(course, "student")
    return course


@pytest.fixture
def program(course: Course, teacher: User) -> APIClient:
    """A teacher's."""
    return program_of(teacher)


@pytest.fixture
def students(course: Course) -> APIClient:
    """A student's program."""
    return program_of(User.objects.get(username="student"))


def prepare_next(course: Course) -> str:
    """Another version, prepared and waiting; what it is named by."""
    Environment.objects.filter(course=course).update(commit="2" * 40, image_key="2" * 64)
    return "2" * 64


# --- The environment ---------------------------------------------------------------------------------------


def test_environment_says_what_is_in_use_and_what_waits(program: APIClient, course: Course) -> None:
    ready = prepare_next(course)

    (answer,) = program.get(f"{STATS}environments/").json()

    assert (answer["audience"], answer["in_use"]["commit"], answer["before"]) == ("students", "1" * 40, None)
    assert (answer["ready"], answer["ready_commit"]) == (ready, "2" * 40)


def test_environment_says_why_it_could_not_be_prepared(program: APIClient, course: Course) -> None:
    failed = {"outcome": Outcome.FAILED, "failure_code": "repository_unreachable", "failure_facts": {}}
    Environment.objects.filter(course=course).update(**failed)

    (answer,) = program.get(f"{STATS}environments/").json()

    assert (answer["rebuild_outcome"], answer["reason"]["code"]) == ("failed", "repository_unreachable")


def test_environment_is_put_in_use_and_taken_back(program: APIClient, course: Course) -> None:
    ready = prepare_next(course)

    used = program.post(f"{ENVIRONMENT}use/", {"version": ready}, format="json").json()
    gone_back = program.post(f"{ENVIRONMENT}back/", {"version": used["before"]["version"]}, format="json").json()

    assert (used["in_use"]["version"], used["in_use"]["put_in_use_by"], used["ready"]) == (ready, "Teacher", None)
    assert (gone_back["in_use"]["commit"], gone_back["in_use"]["is_return"]) == ("1" * 40, True)


@pytest.mark.parametrize("action", ["use", "back"])
def test_environment_is_not_changed_to_what_nobody_saw(program: APIClient, course: Course, action: str) -> None:
    prepare_next(course)

    response = program.post(f"{ENVIRONMENT}{action}/", {"version": "3" * 64}, format="json")

    assert (response.status_code, response.json()["code"]) == (409, "version_changed")


def test_environment_is_prepared_beside_the_one_in_use(program: APIClient, course: Course) -> None:
    Environment.objects.filter(course=course).update(provider="example", repository="nothing-there")

    response = program.post(f"{ENVIRONMENT}prepare/")

    assert (response.status_code, response.json()["code"]) == (422, "repository_not_found")


def test_versions_are_listed_with_as_many_queries_for_many(program: APIClient, course: Course, teacher: User) -> None:
    queries_of(program, f"{ENVIRONMENT}versions/")
    few = queries_of(program, f"{ENVIRONMENT}versions/")
    assert course.environment is not None
    for n in range(2, 9):
        Environment.objects.filter(course=course).update(commit=f"{n}" * 40, image_key=f"{n}" * 64)
        put_in_use(course.environment, image_key=f"{n}" * 64, by=teacher, now=timezone.now())

    assert queries_of(program, f"{ENVIRONMENT}versions/") == few
    answer = program.get(f"{ENVIRONMENT}versions/").json()
    assert [version["commit"][0] for version in answer["results"]] == [*"87654321"]


# --- Files and what is handed in ---------------------------------------------------------------------------


def test_files_are_given_listed_and_taken_away(program: APIClient, students: APIClient, course: Course) -> None:
    made = program.post(f"{STATS}files/common/").json()
    listed = {area["area"]: area for area in students.get(f"{STATS}files/").json()}
    program.delete(f"{STATS}files/common/")

    assert listed["common"] == made
    assert (made["folder"], listed["hand_in"]["volume"]) == ("shared/stats-common", None)
    assert all(area["volume"] is None for area in students.get(f"{STATS}files/").json())


def test_hand_ins_are_ones_own_to_a_student_and_all_to_a_teacher(
    program: APIClient, students: APIClient, course: Course
) -> None:
    for name in ("student", "other"):
        hand_in_of(member(course, name))

    assert [each["username"] for each in students.get(f"{STATS}hand-ins/").json()["results"]] == ["student"]
    assert program.get(f"{STATS}hand-ins/").json()["count"] == 2


def test_hand_in_of_another_class_is_out_of_reach(program: APIClient) -> None:
    other = hand_in_of(member(CourseFactory.create(), "other"))

    assert program.get(f"{STATS}hand-ins/{other.pk}/").status_code == 404


def test_hand_in_is_asked_for_and_has_a_receipt(students: APIClient, course: Course, now: datetime) -> None:
    make_area(course, Area.HAND_IN, now=now)
    NotebookServerFactory.create(**in_class(course.memberships.get(person__username="student")))

    response = students.post(f"{STATS}hand-ins/", {"path": "report.ipynb"}, format="json")

    assert response.status_code == 201
    receipt = students.get(f"{STATS}hand-ins/{response.json()['id']}/").json()
    assert (receipt["path"], receipt["state"], receipt["files"]) == ("report.ipynb", HandIn.State.WAITING, [])


@pytest.mark.parametrize("path", ["../other", "home", "shared/stats"])
def test_hand_in_of_what_is_not_ones_own_is_refused(
    students: APIClient, course: Course, now: datetime, path: str
) -> None:
    make_area(course, Area.HAND_IN, now=now)
    NotebookServerFactory.create(**in_class(course.memberships.get(person__username="student")))

    response = students.post(f"{STATS}hand-ins/", {"path": path}, format="json")

    assert (response.status_code, response.json()["code"]) == (400, "hand_in_path_invalid")


def test_hand_ins_cost_as_many_queries_for_many(program: APIClient, course: Course) -> None:
    hand_in_of(member(course, "student"))
    queries_of(program, f"{STATS}hand-ins/")
    few = queries_of(program, f"{STATS}hand-ins/")
    for n in range(10):
        hand_in_of(member(course, f"student{n}"))

    assert queries_of(program, f"{STATS}hand-ins/") == few


# --- Live --------------------------------------------------------------------------------------------------


def test_live_says_where_each_student_is(program: APIClient, course: Course) -> None:
    now, ada = timezone.now(), member(course, "ada")
    lesson = LessonFactory.create(course=course, title="Means")
    counts = {"cells": 8, "executed_cells": 2, "progressed_at": now}
    LessonVisit.objects.create(membership=ada, lesson=lesson, opened_at=now, last_opened_at=now, **counts)
    course.memberships.filter(pk=ada.pk).update(hand_raised_at=now, last_seen_at=now)

    answer = program.get(f"{STATS}live/?sort=hand").json()

    seat = answer["results"][0]
    assert (seat["username"], seat["lesson"], seat["presence"]) == ("ada", "Means", "reading")
    assert (seat["progress"]["cells"], seat["progress"]["executed"]) == (8, 2)
    assert seat["hand_raised_at"] is not None


@pytest.mark.parametrize(
    ("query", "found"),
    [("", ["ada", "student"]), ("?show=here", ["ada"]), ("?section=Monday", []), ("?limit=1", ["ada"])],
)
def test_live_is_of_those_who_are_asked_for(program: APIClient, course: Course, query: str, found: list[str]) -> None:
    ada = member(course, "ada")
    course.memberships.filter(pk=ada.pk).update(last_seen_at=timezone.now())

    assert [seat["username"] for seat in program.get(f"{STATS}live/{query}").json()["results"]] == found


@pytest.mark.parametrize("query", ["?show=everything", "?sort=luck", "?section=" + "x" * 61, "?limit=x"])
def test_live_of_what_makes_no_sense_is_refused(program: APIClient, query: str) -> None:
    response = program.get(f"{STATS}live/{query}")

    assert (response.status_code, response.json()["code"]) == (400, "invalid")


def test_live_costs_as_many_queries_for_many(program: APIClient, course: Course) -> None:
    queries_of(program, f"{STATS}live/")
    few = queries_of(program, f"{STATS}live/")
    for n in range(10):
        member(course, f"student{n}")

    assert queries_of(program, f"{STATS}live/") == few


# --- Archives ----------------------------------------------------------------------------------------------


def test_export_is_asked_for_once_at_a_time_and_deleted(program: APIClient, course: Course) -> None:
    asked: list[Any] = [program.post(f"{STATS}exports/", {"with_work": True}, format="json") for _twice in range(2)]

    assert [response.status_code for response in asked] == [202, 202]
    assert asked[0].json() == asked[1].json()
    assert asked[0].json()["with_work"] is True
    program.delete(f"{STATS}exports/{asked[0].json()['id']}/")
    assert program.get(f"{STATS}exports/").json()["count"] == 0


def test_export_that_failed_says_why(program: APIClient, course: Course) -> None:
    failed = {"state": ArchiveState.FAILED, "failure_code": "class_archive_interrupted"}
    export = CourseExport.objects.create(course=course, **failed)

    assert program.get(f"{STATS}exports/{export.pk}/").json()["reason"]["code"] == "class_archive_interrupted"


def test_export_of_another_class_is_out_of_reach(program: APIClient) -> None:
    other = CourseExport.objects.create(course=CourseFactory.create(), asked_at=timezone.now() - timedelta(days=1))

    assert program.get(f"{STATS}exports/{other.pk}/").status_code == 404
    assert program.delete(f"{STATS}exports/{other.pk}/").status_code == 404
