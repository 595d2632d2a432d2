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
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import Scope, User
from accounts.tokens import create_token
from environments.models import Build, BuildLogLine, NotebookServer
from tests.environments.api_client import make_example
from tests.factories import BuildFactory, EnvironmentFactory, NotebookServerFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends", "only_our_transactions")]

SERVERS = {UUID(int=number): state for number, state in enumerate(NotebookServer.State, start=1)}
BUILDS = {UUID(int=number): state for number, state in enumerate(Build.State, start=101)}
DELETED, NOWHERE = UUID(int=201), UUID(int=202)
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

api = schemathesis.openapi.from_wsgi("/api/v1/schema/", get_wsgi_application())


@api.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    """Ask about what there is, where any id would do."""
    known = [*SERVERS, DELETED, NOWHERE] if "/servers/" in context.operation.path else [*BUILDS, NOWHERE]
    with suppress(KeyError, TypeError, ValueError):
        number = UUID(path_parameters["id"]).int
        return path_parameters | {"id": str(known[number % len(known)])}
    return path_parameters


@api.hook
def map_body(context: Any, body: Any) -> Any:
    """Launch what there is, or is not; no words of chance are taken for a host to be asked."""
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


@pytest.fixture
def scene(student: User, settings: Settings, tmp_path: Path) -> User:
    """Somebody who has a server and a build in every state, and may ask as often as they like."""
    settings.API_LAUNCHES_PER_MINUTE = settings.API_REQUESTS_PER_MINUTE = 0
    settings.CARREL_DATA = tmp_path
    make_example(tmp_path, "statistics")
    for key, build_state in BUILDS.items():
        build = BuildFactory.create(pk=key, state=build_state, requested_by=student)
        BuildLogLine.objects.create(build=build, sequence=1, phase="building", text="Collecting numpy")
    for key, state in SERVERS.items():
        NotebookServerFactory.create(pk=key, owner=student, state=state, build=build, **EXAMPLE)
    NotebookServerFactory.create(pk=DELETED, owner=student, deleted_at=timezone.now())
    EnvironmentFactory.create()
    return student


def token_for(user: User, *scopes: Scope, days: int = 1) -> dict[str, str]:
    """The header that shows a token with these scopes."""
    made_at = timezone.now() - timedelta(days=2 if days < 0 else 0)
    secret = create_token(user, name="test", scopes=list(scopes), days=abs(days), now=made_at)[1]
    return {"Authorization": f"Bearer {secret}"}


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
@examples(max_examples=25, suppress_health_check=list(HealthCheck))
def test_api_answers_as_described(case: schemathesis.Case[Any], scene: User) -> None:
    with transaction.atomic():
        case.call_and_validate(headers=token_for(scene, *Scope), checks=[*CHECKS, ignored_auth])
        transaction.set_rollback(True)


@pytest.mark.parametrize("who", BARRED)
@api.parametrize()
@examples(max_examples=2, suppress_health_check=list(HealthCheck))
def test_api_refuses_as_described(case: schemathesis.Case[Any], scene: User, who: str) -> None:
    with transaction.atomic():
        headers = BARRED[who](scene, needed_for(case))
        answer = case.call_and_validate(headers=headers, checks=CHECKS)
        transaction.set_rollback(True)

    refused = 403 if who == "every other scope" else 401
    assert answer.status_code in (refused, *NO_SUCH_THING)
