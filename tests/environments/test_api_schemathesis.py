"""The API keeps to its description, whatever it is sent: every answer is one of those described, and none a crash."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
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
from schemathesis.specs.openapi.checks import positive_data_acceptance

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
def token(student: User, settings: Settings, tmp_path: Path) -> str:
    """The student's, for everything; they have a server and a build in every state."""
    settings.API_LAUNCHES_PER_MINUTE = settings.API_REQUESTS_PER_MINUTE = 0
    settings.CARREL_DATA = tmp_path
    make_example(tmp_path, "statistics")
    for key, build_state in BUILDS.items():
        build = BuildFactory.create(pk=key, state=build_state, requested_by=student)
        BuildLogLine.objects.create(build=build, sequence=1, phase="building", text="Collecting numpy")
    for key, state in SERVERS.items():
        NotebookServerFactory.create(pk=key, owner=student, state=state, build=build)
    NotebookServerFactory.create(pk=DELETED, owner=student, deleted_at=timezone.now())
    EnvironmentFactory.create()
    return create_token(student, name="test", scopes=list(Scope), days=1, now=timezone.now())[1]


@api.parametrize()
@examples(max_examples=10, suppress_health_check=list(HealthCheck))
def test_api_answers_as_described(case: schemathesis.Case, token: str) -> None:
    with transaction.atomic():
        case.call_and_validate(
            headers={"Authorization": f"Bearer {token}"},
            # What fits the description may still name no repository there is, or a time gone by.
            excluded_checks=[positive_data_acceptance],
        )
        transaction.set_rollback(True)
