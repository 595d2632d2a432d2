"""The API keeps to its description, whatever it is sent: every answer is one of those described, and none a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as examples
from pytest_django import Settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from accounts.models import Scope, User
from accounts.tokens import create_token
from assignments.grading.gradebook import publish_grades
from classes.members import admit
from classes.models import Role
from environments.models import Build, BuildLogLine, NotebookServer
from tests.assignments.marked import graded, to_be_graded
from tests.environments.api_client import make_example
from tests.factories import (
    BuildFactory,
    CourseFactory,
    EnvironmentFactory,
    NotebookServerFactory,
    member,
    prepared,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends", "only_our_transactions")]

SERVERS = {UUID(int=number): state for number, state in enumerate(NotebookServer.State, start=1)}
BUILDS = {UUID(int=number): state for number, state in enumerate(Build.State, start=101)}
DELETED, NOWHERE = UUID(int=201), UUID(int=202)
ASSIGNMENT, SUBMISSION = UUID(int=301), UUID(int=302)
KNOWN = {
    "servers": [*SERVERS, DELETED, NOWHERE],
    "builds": [*BUILDS, NOWHERE],
    "assignments": [ASSIGNMENT, NOWHERE],
    "submissions": [SUBMISSION, NOWHERE],
}
REPOSITORIES = ("example/statistics", "example/nothing", "git/%2Fetc", "http://10.0.0.1/x", "http://127.0.0.1:1/x")
EXAMPLE = {"provider": "example", "repository": "statistics"}
NO_SUCH_THING = (404, 405)
"""Schemathesis also tries addresses and methods that are not in the description."""
OF_CLASSES = ("courses", "assignments", "submissions", "grades")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

schemathesis.serializer.alias("application/x-tar", "application/octet-stream")


def described(*phases: str) -> OpenApiSchema:
    """The description, from which requests are made in these ways: at the bounds of every field, and by chance."""
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/", get_wsgi_application())
    schema.config.phases.update(phases=list(phases))
    return schema


api = described("coverage", "fuzzing")
plain = described("fuzzing")


@api.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    """Ask about what there is, where any id would do."""
    known = next((keys for part, keys in KNOWN.items() if f"/v1/{part}/" in context.operation.path), [NOWHERE])
    with suppress(AttributeError, KeyError, TypeError, ValueError):
        number = UUID(path_parameters["id"]).int
        return path_parameters | {"id": str(known[number % len(known)])}
    return path_parameters


@api.hook
def map_body(context: Any, body: Any) -> Any:
    """Launch what there is, or is not; no words of chance are taken for a host to be asked, or a class."""
    if isinstance(body, dict) and isinstance(body.get("course"), str):
        return body | {"course": "stats"}
    if isinstance(body, dict) and isinstance(text := body.get("repository"), str) and 0 < len(text) <= 2000:
        return body | {"repository": REPOSITORIES[sum(map(ord, text)) % len(REPOSITORIES)]}
    return body


@pytest.fixture
def only_our_transactions() -> Iterator[None]:
    """Requests do not close the connection that the test rolls back, as those of Django's test client do not."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example is that can be launched."""
    place = tmp_path_factory.mktemp("data")
    make_example(place, "statistics")
    return place


@pytest.fixture
def scene(student: User, settings: Settings, data: Path) -> User:
    """Somebody who has a server and a build in every state, teaches a class, and may ask as often as they like."""
    settings.API_LAUNCHES_PER_MINUTE = settings.API_REQUESTS_PER_MINUTE = 0
    settings.CARREL_DATA = data
    for key, build_state in BUILDS.items():
        build = BuildFactory.create(pk=key, state=build_state, requested_by=student)
        BuildLogLine.objects.create(build=build, sequence=1, phase="building", text="Collecting numpy")
    for key, state in SERVERS.items():
        NotebookServerFactory.create(pk=key, owner=student, state=state, build=build, **EXAMPLE)
    NotebookServerFactory.create(pk=DELETED, owner=student, deleted_at=timezone.now())
    EnvironmentFactory.create()
    course = prepared(CourseFactory.create(owner=student, slug="stats"))
    admit(course, student, role=Role.TEACHER, now=timezone.now())
    assignment = to_be_graded(pk=ASSIGNMENT, course=course, name="given")
    graded(assignment, member(course, "ada"), now=timezone.now(), pk=SUBMISSION)
    publish_grades(assignment, None, by=student, now=timezone.now())
    return student


def token_for(user: User, *scopes: Scope, days: int = 1) -> dict[str, str]:
    """The header that shows a token with these scopes."""
    made_at = timezone.now() - timedelta(days=2 if days < 0 else 0)
    secret = create_token(user, name="test", scopes=list(scopes), days=abs(days), now=made_at)[1]
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def shown(scene: User) -> dict[str, str]:
    """The header of a program that may do whatever its person may."""
    return token_for(scene, *Scope)


BARRED: Mapping[str, Callable[[User, Scope], dict[str, str]]] = {
    "nobody": lambda _user, _needed: {},
    "an unknown token": lambda _user, _needed: {"Authorization": "Bearer carrel_" + "x" * 43},
    "an expired token": lambda user, needed: token_for(user, needed, days=-1),
    "every other scope": lambda user, needed: token_for(user, *(scope for scope in Scope if scope != needed)),
}
"""Who may not do what needs a scope."""


def needed_for(case: schemathesis.Case[Any]) -> Scope:
    """The scope that docs/api.md names. To see a class's codes is to be able to let people in."""
    changes = case.method in ("POST", "PATCH", "DELETE")
    if "/exchange/" in case.path:
        return Scope.EXCHANGE
    if any(f"/v1/{part}/" in case.path for part in OF_CLASSES):
        return Scope.CLASSES_WRITE if changes or "/invitations/" in case.path else Scope.CLASSES_READ
    return Scope.SERVERS_WRITE if changes else Scope.SERVERS_READ


@api.parametrize()
@examples(max_examples=5, suppress_health_check=list(HealthCheck))
def test_api_answers_as_described(case: schemathesis.Case[Any], shown: dict[str, str]) -> None:
    with transaction.atomic():
        case.call_and_validate(headers=shown, checks=CHECKS)
        transaction.set_rollback(True)


@plain.parametrize()
@examples(max_examples=1, suppress_health_check=list(HealthCheck))
def test_api_refuses_as_described(case: schemathesis.Case[Any], student: User) -> None:
    for who, header in BARRED.items():
        with transaction.atomic():
            answer = case.call_and_validate(headers=header(student, needed_for(case)), checks=CHECKS)
            transaction.set_rollback(True)

        refused = 403 if who == "every other scope" else 401
        assert answer.status_code in (refused, *NO_SUCH_THING), who
