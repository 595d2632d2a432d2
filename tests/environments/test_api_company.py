"""Company over the API."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Scope, User
from environments.collaborating import let_in
from environments.models import Collaborator, Invitation, NotebookServer
from tests.environments.api_client import SERVERS, program_of
from tests.factories import running_server

SHARED = "/api/v1/shared-servers/"


@pytest.fixture
def server(student: User) -> NotebookServer:
    return running_server(owner=student, name="statistics")


@pytest.fixture
def program(student: User) -> APIClient:
    """A program of the owner's."""
    return program_of(student)


@pytest.fixture
def guest(server: NotebookServer, stranger: User) -> APIClient:
    """A program of somebody who was let in."""
    let_in(server, [stranger], by=server.owner, now=timezone.now())
    return program_of(stranger)


def test_let_somebody_in(program: APIClient, server: NotebookServer, stranger: User) -> None:
    response = program.post(f"{SERVERS}{server.pk}/collaborators/", {"username": "stranger"}, format="json")

    collaborator = Collaborator.objects.get()
    assert response.status_code == 201
    assert response.json() == {
        "id": str(collaborator.pk),
        "username": "stranger",
        "name": "Stranger",
        "invited_at": response.json()["invited_at"],
        "last_entered_at": None,
    }
    assert program.get(f"{SERVERS}{server.pk}/collaborators/").json() == [response.json()]
    assert program.get(f"{SERVERS}{server.pk}/").json()["collaborators"] == ["stranger"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"username": "nobody"}, 422, "collaborator_unknown"),
        ({"username": "student"}, 409, "collaborator_is_owner"),
        ({"username": ""}, 400, "invalid"),
        ({"username": "stranger", "mode": "read"}, 400, "invalid"),
        ({}, 400, "invalid"),
    ],
)
def test_let_in_refuses(
    program: APIClient, server: NotebookServer, stranger: User, fields: dict[str, str], status: int, code: str
) -> None:
    response = program.post(f"{SERVERS}{server.pk}/collaborators/", fields, format="json")

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not Collaborator.objects.exists()


def test_put_somebody_out(program: APIClient, server: NotebookServer, guest: APIClient) -> None:
    collaborator = Collaborator.objects.get()

    response = program.delete(f"{SERVERS}{server.pk}/collaborators/{collaborator.pk}/")

    assert (response.status_code, Collaborator.objects.count()) == (204, 0)
    assert guest.get(SHARED).json()["results"] == []


def test_put_out_somebody_of_another_server(program: APIClient, server: NotebookServer, stranger: User) -> None:
    other = running_server()
    let_in(other, [stranger], by=other.owner, now=timezone.now())
    collaborator = Collaborator.objects.get()

    for pk in (server.pk, other.pk, uuid.uuid4()):
        assert program.delete(f"{SERVERS}{pk}/collaborators/{collaborator.pk}/").status_code == 404
    assert Collaborator.objects.exists()


def test_make_a_link_that_is_shown_once(
    program: APIClient, server: NotebookServer, stranger: User, client: Client
) -> None:
    made = program.post(f"{SERVERS}{server.pk}/invitations/", {"days": 1, "uses": 2}, format="json").json()
    listed = program.get(f"{SERVERS}{server.pk}/invitations/").json()
    client.force_login(stranger)
    client.post(made["url"].removeprefix("http://localhost:8000"))

    assert listed == [{name: value for name, value in made.items() if name != "url"}]
    assert (made["uses_left"], Invitation.objects.get().uses_left) == (2, 1)
    assert Collaborator.objects.get().person == stranger


@pytest.mark.parametrize("fields", [{"days": 31}, {"days": 0}, {"uses": 0}, {"uses": 51}, {"for": "ever"}])
def test_make_a_link_with_nonsense(program: APIClient, server: NotebookServer, fields: dict[str, object]) -> None:
    assert program.post(f"{SERVERS}{server.pk}/invitations/", fields, format="json").status_code == 400


def test_withdraw_a_link(program: APIClient, server: NotebookServer) -> None:
    made = program.post(f"{SERVERS}{server.pk}/invitations/", {}, format="json").json()

    response = program.delete(f"{SERVERS}{server.pk}/invitations/{made['id']}/")

    assert response.status_code == 204
    assert program.get(f"{SERVERS}{server.pk}/invitations/").json() == []


def test_guest_finds_the_server_and_where_to_enter_it(guest: APIClient, server: NotebookServer) -> None:
    assert guest.get(SHARED).json()["results"] == [
        {
            "id": str(server.pk),
            "name": "statistics",
            "owner": "student",
            "owner_name": "Student",
            "state": "running",
            "url": server.origin,
            "urlpath": "",
        }
    ]


def test_guest_leaves(guest: APIClient, server: NotebookServer) -> None:
    assert guest.delete(f"{SHARED}{server.pk}/").status_code == 204
    assert guest.delete(f"{SHARED}{server.pk}/").status_code == 404
    assert not Collaborator.objects.exists()


def test_guest_needs_the_scope_to_leave(stranger: User, guest: APIClient, server: NotebookServer) -> None:
    assert program_of(stranger, [Scope.SERVERS_READ]).delete(f"{SHARED}{server.pk}/").status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""),
        ("delete", ""),
        ("post", "start/"),
        ("post", "stop/"),
        ("post", "keep/"),
        ("post", "update/"),
        ("post", "rollback/"),
        ("get", "collaborators/"),
        ("post", "collaborators/"),
        ("get", "invitations/"),
        ("post", "invitations/"),
    ],
)
def test_guest_has_none_of_the_owners_rights(guest: APIClient, server: NotebookServer, method: str, path: str) -> None:
    response = getattr(guest, method)(f"{SERVERS}{server.pk}/{path}", format="json")

    server.refresh_from_db()
    assert response.status_code == 404
    assert (server.state, server.deleted_at) == ("running", None)


@pytest.mark.parametrize("collaborators", [[None, None], [["bob"]], [{"a": 1}, "x" * 300], "bob"])
def test_launch_says_what_is_wrong_with_a_list_as_with_any_field(program: APIClient, collaborators: object) -> None:
    fields = {"repository": "example/none", "collaborators": collaborators}

    response = program.post(SERVERS, fields, format="json")

    assert response.status_code == 400
    assert list(response.json()["fields"]) == ["collaborators"]
    assert all(isinstance(words, str) for words in response.json()["fields"]["collaborators"])
