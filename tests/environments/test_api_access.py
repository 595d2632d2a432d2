"""Who may ask the API what: every address, every kind of caller."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import NamedTuple

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Scope, User
from accounts.tokens import create_token
from environments.models import Build, NotebookServer, Visibility
from tests.environments.api_client import (
    BUILDS,
    ENVIRONMENTS,
    SERVERS,
    VOLUMES,
    browser_of,
    program_of,
    program_with,
    program_with_expired_token,
)
from tests.factories import (
    BuildFactory,
    EnvironmentFactory,
    NotebookServerFactory,
    SharedVolumeFactory,
    VolumeMemberFactory,
)

pytestmark = pytest.mark.usefixtures("fake_backends")


class Endpoint(NamedTuple):
    """One address, how to ask it, the scope it needs, and its answer to the owner."""

    method: str
    path: str
    scope: Scope
    status: int


READ, WRITE = Scope.SERVERS_READ, Scope.SERVERS_WRITE
OF_ONE = [
    Endpoint("GET", SERVERS + "{server}/", READ, 200),
    Endpoint("DELETE", SERVERS + "{server}/", WRITE, 204),
    Endpoint("POST", SERVERS + "{server}/start/", WRITE, 202),
    Endpoint("POST", SERVERS + "{server}/stop/", WRITE, 202),
    Endpoint("POST", SERVERS + "{server}/keep/", WRITE, 400),
    Endpoint("GET", SERVERS + "{server}/collaborators/", READ, 200),
    Endpoint("POST", SERVERS + "{server}/collaborators/", WRITE, 400),
    Endpoint("GET", SERVERS + "{server}/invitations/", READ, 200),
    Endpoint("POST", SERVERS + "{server}/invitations/", WRITE, 201),
    Endpoint("GET", BUILDS + "{build}/", READ, 200),
    Endpoint("GET", BUILDS + "{build}/log/", READ, 200),
    Endpoint("POST", BUILDS + "{build}/cancel/", WRITE, 202),
    Endpoint("GET", ENVIRONMENTS + "{environment}/", READ, 200),
    Endpoint("PATCH", ENVIRONMENTS + "{environment}/", WRITE, 200),
    Endpoint("DELETE", ENVIRONMENTS + "{environment}/", WRITE, 204),
    Endpoint("POST", ENVIRONMENTS + "{environment}/fork/", WRITE, 201),
    Endpoint("POST", ENVIRONMENTS + "{environment}/rebuild/", WRITE, 422),
]
OF_ONE += [
    Endpoint("GET", VOLUMES + "{shared}/", READ, 200),
    Endpoint("PATCH", VOLUMES + "{shared}/", WRITE, 400),
    Endpoint("DELETE", VOLUMES + "{shared}/", WRITE, 204),
    Endpoint("POST", VOLUMES + "{shared}/leave/", WRITE, 204),
    Endpoint("POST", VOLUMES + "{deleted}/undelete/", WRITE, 200),
    Endpoint("GET", VOLUMES + "{shared}/members/", READ, 200),
    Endpoint("POST", VOLUMES + "{shared}/members/", WRITE, 400),
    Endpoint("PATCH", VOLUMES + "{shared}/members/{member}/", WRITE, 400),
    Endpoint("DELETE", VOLUMES + "{shared}/members/{member}/", WRITE, 204),
]
OF_ALL = [
    Endpoint("GET", VOLUMES, READ, 200),
    Endpoint("POST", VOLUMES, WRITE, 400),
    Endpoint("GET", SERVERS, READ, 200),
    Endpoint("POST", SERVERS, WRITE, 400),
    Endpoint("GET", ENVIRONMENTS, READ, 200),
    Endpoint("POST", ENVIRONMENTS, WRITE, 400),
    Endpoint("GET", "/api/v1/disk/", READ, 200),
    Endpoint("GET", "/api/v1/shared-servers/", READ, 200),
    Endpoint("GET", "/api/v1/usage/", READ, 200),
]
EVERY = pytest.mark.parametrize("endpoint", OF_ONE + OF_ALL, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
EVERY_OF_ONE = pytest.mark.parametrize("endpoint", OF_ONE, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")

Ask = Callable[[APIClient, Endpoint], int]


@pytest.fixture
def ask(student: User) -> Ask:
    """Asks an address about a server of the student that waits for its build, or an environment; gives the status."""
    build = BuildFactory.create(requested_by=student, state=Build.State.QUEUED)
    server = NotebookServerFactory.create(owner=student, state=NotebookServer.State.QUEUED, build=build)
    environment = EnvironmentFactory.create(
        owner=student, visibility=Visibility.PRIVATE, provider="example", repository="none"
    )
    member = VolumeMemberFactory.create(volume__owner=student)
    deleted = SharedVolumeFactory.create(owner=student, deleted_at=timezone.now())

    def asking(client: APIClient, endpoint: Endpoint) -> int:
        ids = {"shared": member.volume.pk, "member": member.pk, "deleted": deleted.pk, "environment": environment.pk}
        path = endpoint.path.format(server=server.pk, build=build.pk, **ids)
        return client.generic(endpoint.method, path, content_type="application/json").status_code

    return asking


@EVERY
def test_api_refuses_nobody_in_particular(ask: Ask, endpoint: Endpoint) -> None:
    assert ask(APIClient(), endpoint) == 401


@EVERY_OF_ONE
def test_api_hides_from_a_stranger(ask: Ask, stranger: User, endpoint: Endpoint) -> None:
    assert ask(program_of(stranger), endpoint) == 404
    assert ask(browser_of(stranger), endpoint) in (403, 404)


@EVERY_OF_ONE
def test_api_hides_from_an_administrator(ask: Ask, administrator: User, endpoint: Endpoint) -> None:
    assert ask(program_of(administrator), endpoint) == 404


@EVERY
def test_api_answers_a_token_with_just_the_scope(ask: Ask, student: User, endpoint: Endpoint) -> None:
    assert ask(program_of(student, [endpoint.scope]), endpoint) == endpoint.status


@EVERY
def test_api_refuses_a_token_without_the_scope(ask: Ask, student: User, endpoint: Endpoint) -> None:
    others = [scope for scope in Scope if scope != endpoint.scope]

    assert ask(program_of(student, others), endpoint) == 403


@EVERY
def test_api_refuses_an_expired_token(ask: Ask, student: User, endpoint: Endpoint) -> None:
    assert ask(program_with_expired_token(student), endpoint) == 401


@EVERY
def test_api_refuses_the_token_of_somebody_inactive(ask: Ask, student: User, endpoint: Endpoint) -> None:
    program = program_of(student)
    User.objects.update(is_active=False)

    assert ask(program, endpoint) == 401


@EVERY
def test_api_answers_who_is_signed_in_but_changes_nothing_without_csrf_token(
    ask: Ask, student: User, endpoint: Endpoint
) -> None:
    expected = endpoint.status if endpoint.method == "GET" else 403

    assert ask(browser_of(student), endpoint) == expected


@EVERY
def test_api_answers_who_is_signed_in(ask: Ask, student: User, endpoint: Endpoint) -> None:
    browser = APIClient()
    browser.force_login(student)

    assert ask(browser, endpoint) == endpoint.status


@EVERY
def test_api_refuses_a_browser_whose_account_was_switched_off(ask: Ask, student: User, endpoint: Endpoint) -> None:
    browser = browser_of(student)
    User.objects.update(is_active=False)

    assert ask(browser, endpoint) == 401


@pytest.mark.parametrize(
    "secret", ["", "x", "carrel_" + "0" * 64, "a b", "é", "\x00", "x" * 10_000], ids=lambda secret: repr(secret[:10])
)
def test_api_refuses_what_is_no_token(db: None, secret: str) -> None:
    response = program_with(secret).get(SERVERS)

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert response.json()["code"] == "not_authenticated"


@pytest.mark.parametrize("header", ["Token {}", "Basic {}", "{}"])
def test_api_knows_tokens_as_bearers_only(student: User, header: str) -> None:
    _, secret = create_token(student, name="test", scopes=list(Scope), days=1, now=timezone.now())

    assert APIClient(HTTP_AUTHORIZATION=header.format(secret)).get(SERVERS).status_code == 401


@EVERY_OF_ONE
def test_api_hides_what_there_is_not(student: User, endpoint: Endpoint) -> None:
    names = ("server", "build", "environment", "shared", "member", "deleted")
    path = endpoint.path.format(**{name: uuid.uuid4() for name in names})

    response = program_of(student).generic(endpoint.method, path)

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"
