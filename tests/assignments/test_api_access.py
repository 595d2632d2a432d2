"""Who may ask the API what of assignments: every address, every member of the class, every kind of token."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from django.db import transaction
from django.urls import URLPattern
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Role as SiteRole
from accounts.models import Scope, User
from assignments.api.urls import urlpatterns
from assignments.grading.gradebook import publish_grades
from assignments.grading.marking import comment
from assignments.grading.rubrics import add_item, save_comment
from assignments.models import Assignment, Grade, RegradeRequest
from classes.models import Role
from tests.assignments.drawn_up import checked
from tests.assignments.marked import ESSAY, graded, to_be_graded
from tests.environments.api_client import browser_of, program_of
from tests.factories import CourseFactory, UserFactory, member

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

READ, WRITE = Scope.CLASSES_READ, Scope.CLASSES_WRITE
V1 = "/api/v1/"
GIVEN, DRAFT = V1 + "assignments/{given}/", V1 + "assignments/{draft}/"
OWN, OTHER = V1 + "submissions/{own}/", V1 + "submissions/{other}/"


class Endpoint(NamedTuple):
    """An address, asked with an empty object, and what strangers and members of the class get."""

    name: str
    method: str
    path: str
    stranger: int
    student: int
    grader: int
    teacher: int
    """Whoever runs this Carrel gets the same."""


ENDPOINTS = [
    Endpoint("assignment-list", "GET", V1 + "assignments/", 200, 200, 200, 200),
    Endpoint("assignment-list", "POST", V1 + "assignments/", 400, 400, 400, 400),
    Endpoint("assignment-detail", "GET", GIVEN, 404, 200, 200, 200),
    Endpoint("assignment-detail", "GET", DRAFT, 404, 404, 200, 200),
    Endpoint("assignment-detail", "PATCH", GIVEN, 404, 403, 403, 200),
    Endpoint("assignment-detail", "DELETE", GIVEN, 404, 403, 403, 204),
    Endpoint("source-list", "GET", GIVEN + "notebooks/", 404, 403, 403, 200),
    Endpoint("source-list", "POST", GIVEN + "notebooks/", 404, 403, 403, 400),
    Endpoint("check-list", "GET", GIVEN + "checks/", 404, 403, 403, 200),
    Endpoint("check-list", "POST", GIVEN + "checks/", 404, 403, 403, 202),
    Endpoint("check-detail", "GET", GIVEN + "checks/{check}/", 404, 403, 403, 200),
    Endpoint("release-list", "GET", GIVEN + "releases/", 404, 403, 200, 200),
    Endpoint("release-list", "POST", GIVEN + "releases/", 404, 403, 403, 400),
    Endpoint("extension-list", "GET", GIVEN + "extensions/", 404, 403, 403, 200),
    Endpoint("extension-list", "POST", GIVEN + "extensions/", 404, 403, 403, 400),
    Endpoint("extension-detail", "DELETE", GIVEN + f"extensions/{UUID(int=1)}/", 404, 403, 403, 404),
    Endpoint("grading", "GET", GIVEN + "grading/", 404, 403, 200, 200),
    Endpoint("grading", "POST", GIVEN + "grading/", 404, 403, 403, 202),
    Endpoint("gradebook", "GET", GIVEN + "grades/", 404, 403, 200, 200),
    Endpoint("grades-publish", "POST", GIVEN + "grades/publish/", 404, 403, 403, 200),
    Endpoint("points-file", "GET", GIVEN + "grades/points.csv", 404, 403, 403, 200),
    Endpoint("questions-file", "GET", GIVEN + "grades/cells.csv", 404, 403, 403, 200),
    Endpoint("regrading", "GET", GIVEN + "regrading/", 404, 403, 403, 200),
    Endpoint("regrading", "POST", GIVEN + "regrading/", 404, 403, 403, 202),
    Endpoint("regrading-take-over", "POST", GIVEN + "regrading/take-over/", 404, 403, 403, 200),
    Endpoint("rubric-list", "GET", GIVEN + "rubric/", 404, 403, 200, 200),
    Endpoint("rubric-list", "POST", GIVEN + "rubric/", 404, 403, 400, 400),
    Endpoint("rubric-detail", "PATCH", GIVEN + "rubric/{item}/", 404, 403, 200, 200),
    Endpoint("rubric-detail", "DELETE", GIVEN + "rubric/{item}/", 404, 403, 200, 200),
    Endpoint("rubric-detail", "DELETE", DRAFT + "rubric/{item}/", 404, 404, 404, 404),
    Endpoint("assignment-request-list", "GET", GIVEN + "requests/", 404, 403, 200, 200),
    Endpoint("submission-list", "GET", V1 + "submissions/", 200, 200, 200, 200),
    Endpoint("submission-detail", "GET", OWN, 404, 200, 200, 200),
    Endpoint("submission-detail", "GET", OTHER, 404, 404, 200, 200),
    Endpoint("submission-files", "GET", OWN + "files/", 404, 200, 200, 200),
    Endpoint("submission-files", "GET", OTHER + "files/", 404, 404, 200, 200),
    Endpoint("submission-grade", "POST", OWN + "grade/", 404, 403, 202, 202),
    Endpoint("submission-cells", "GET", OWN + "cells/", 404, 403, 200, 200),
    Endpoint("change-list", "GET", OWN + "changes/", 404, 403, 200, 200),
    Endpoint("change-list", "POST", OWN + "changes/", 404, 403, 400, 400),
    Endpoint("chosen-item-list", "POST", OWN + "rubric/", 404, 403, 400, 400),
    Endpoint("comment-list", "GET", OWN + "comments/", 404, 403, 200, 200),
    Endpoint("comment-list", "POST", OWN + "comments/", 404, 403, 400, 400),
    Endpoint("comment-detail", "PATCH", OWN + "comments/{said}/", 404, 403, 400, 400),
    Endpoint("comment-detail", "DELETE", OWN + "comments/{said}/", 404, 403, 204, 403),
    Endpoint("comment-detail", "DELETE", OTHER + "comments/{said}/", 404, 404, 404, 404),
    Endpoint("saved-comment-list", "GET", V1 + "courses/stats/comments/", 404, 403, 200, 200),
    Endpoint("saved-comment-list", "POST", V1 + "courses/stats/comments/", 404, 403, 400, 400),
    Endpoint("saved-comment-detail", "PATCH", V1 + "courses/stats/comments/{kept}/", 404, 403, 400, 400),
    Endpoint("saved-comment-detail", "DELETE", V1 + "courses/stats/comments/{kept}/", 404, 403, 204, 204),
    Endpoint("saved-comment-detail", "DELETE", V1 + "courses/stats/comments/{others_kept}/", 404, 403, 403, 204),
    Endpoint("request-list", "GET", OWN + "requests/", 404, 200, 200, 200),
    Endpoint("request-list", "GET", OTHER + "requests/", 404, 404, 200, 200),
    Endpoint("request-list", "POST", OWN + "requests/", 404, 400, 404, 404),
    Endpoint("request-answer", "POST", OWN + "requests/{asked}/answer/", 404, 403, 400, 400),
    Endpoint("request-close", "POST", OWN + "requests/{asked}/close/", 404, 403, 200, 200),
    Endpoint("grade-list", "GET", V1 + "grades/", 200, 200, 200, 200),
    Endpoint("grade-detail", "GET", V1 + "grades/{grade}/", 404, 200, 200, 200),
    Endpoint("grade-detail", "GET", V1 + "grades/{other_grade}/", 404, 404, 200, 200),
]
EVERY = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
PEOPLE = ("stranger", "student", "grader", "teacher")

Ask = Callable[[APIClient, Endpoint], int]


@pytest.fixture
def given(teacher: User) -> Assignment:
    """One of a class with somebody in each role."""
    course = CourseFactory.create(owner=teacher, slug="stats")
    for name, role in (("student", Role.STUDENT), ("grader", Role.GRADER), ("teacher", Role.TEACHER)):
        member(course, name, role)
    return to_be_graded(course=course, name="given")


@pytest.fixture
def ask(given: Assignment, teacher: User) -> Ask:
    """Asks an address of this assignment, its submissions and grades; gives the status, and changes nothing."""
    now, course = timezone.now(), given.course
    own = graded(given, course.memberships.get(person__username="student"), now=now)
    publish_grades(given, None, by=teacher, now=now)
    other = graded(given, member(course, "other"), now=now)
    asked = RegradeRequest.objects.create(
        submission=own, notebook=ESSAY.notebook, grade_id=ESSAY.grade_id, opened_at=now
    )
    grader = User.objects.get(username="grader")
    ids = {
        "given": given.pk,
        "draft": to_be_drawn_up(given).pk,
        "check": checked(given).pk,
        "own": own.pk,
        "other": other.pk,
        "asked": asked.pk,
        "item": add_item(given, ESSAY, label="Clear", points=Decimal(1), now=now).pk,
        "said": comment(own, notebook="problem1", cell="essay", text="Why?", by=grader, now=now).pk,
        "kept": save_comment(course, text="Why?", by=grader, now=now).pk,
        "others_kept": save_comment(course, text="Why not?", by=teacher, now=now).pk,
        "grade": Grade.objects.get(submission=own).pk,
        "other_grade": Grade.objects.get(submission=other).pk,
    }

    def asking(client: APIClient, endpoint: Endpoint) -> int:
        sent: dict[str, Any] = (
            {} if endpoint.method in ("GET", "DELETE") else {"data": "{}", "content_type": "application/json"}
        )
        with transaction.atomic():
            status = client.generic(endpoint.method, endpoint.path.format(**ids), **sent).status_code
            transaction.set_rollback(True)
        return status

    return asking


def to_be_drawn_up(given: Assignment) -> Assignment:
    """Another of the class, which nobody has released."""
    return Assignment.objects.create(course=given.course, name="draft", title="Draft")


@EVERY
def test_api_answers_each_person_as_the_table_says(ask: Ask, endpoint: Endpoint) -> None:
    UserFactory.create(username="stranger")
    UserFactory.create(username="root", role=SiteRole.ADMINISTRATOR)

    answers = {who: ask(program_of(User.objects.get(username=who)), endpoint) for who in ("root", *PEOPLE)}

    assert answers == {"root": endpoint.teacher, **{who: getattr(endpoint, who) for who in PEOPLE}}


@EVERY
def test_api_answers_by_the_scope_and_not_at_all_without_csrf_token(
    ask: Ask, teacher: User, endpoint: Endpoint
) -> None:
    needed = READ if endpoint.method == "GET" else WRITE
    others = [scope for scope in Scope if scope != needed]

    assert ask(APIClient(), endpoint) == 401
    assert ask(program_of(teacher, others), endpoint) == 403
    assert ask(program_of(teacher, [needed]), endpoint) == endpoint.teacher
    assert ask(browser_of(teacher), endpoint) == (endpoint.teacher if endpoint.method == "GET" else 403)


def test_table_names_every_address_and_method() -> None:
    known = {(pattern.name, method.upper()) for pattern in urlpatterns for method in _methods(pattern)}

    assert {(endpoint.name, endpoint.method) for endpoint in ENDPOINTS} == known


def _methods(pattern: URLPattern) -> list[str]:
    actions: dict[str, str] = pattern.callback.actions  # type: ignore[attr-defined]
    return [method for method in actions if method != "head"]
