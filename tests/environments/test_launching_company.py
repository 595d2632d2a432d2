"""Launches that name who may enter the server too."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from environments import credentials
from environments.collaborating import invite
from environments.errors import UserError
from environments.launching import launch, spec_of
from environments.links import link_to
from environments.models import Collaborator, NotebookServer
from environments.updating import update_server
from environments.values import LaunchSpec, Reference
from tests.environments.api_client import SERVERS, make_example, program_of
from tests.factories import running_server, update_of

pytestmark = pytest.mark.usefixtures("fake_backends")


@pytest.fixture
def spec(settings: Settings, tmp_path: Path, db: None) -> LaunchSpec:
    """A launch that lets the stranger in."""
    settings.CARREL_DATA = tmp_path
    make_example(tmp_path, "tiny")
    return LaunchSpec(Reference("example", "tiny"), collaborators=("stranger",))


@pytest.fixture
def page(client: Client, student: User) -> Client:
    client.force_login(student)
    return client


def people_in(server: NotebookServer) -> list[str]:
    return [collaborator.person.username for collaborator in server.collaborators.all()]


def test_launch_lets_them_in(student: User, stranger: User, spec: LaunchSpec, now: datetime) -> None:
    server = launch(student, spec, now=now)

    collaborator = Collaborator.objects.get()
    assert (collaborator.server, collaborator.person, collaborator.invited_by) == (server, stranger, student)
    assert spec_of(server) == spec


def test_launch_with_somebody_who_does_not_exist_makes_nothing(student: User, spec: LaunchSpec, now: datetime) -> None:
    with pytest.raises(UserError) as refusal:
        launch(student, spec, now=now)

    assert (refusal.value.code, refusal.value.facts) == ("collaborator_unknown", {"people": "stranger"})
    assert not NotebookServer.objects.exists()


def test_launch_with_oneself_is_alone(student: User, spec: LaunchSpec, now: datetime) -> None:
    server = launch(student, LaunchSpec(spec.reference, collaborators=("student",)), now=now)

    assert people_in(server) == []


def test_launch_again_lets_in_who_is_missing_and_puts_nobody_out(
    student: User, stranger: User, teacher: User, spec: LaunchSpec, now: datetime
) -> None:
    launch(student, spec, now=now)

    server = launch(student, LaunchSpec(spec.reference, collaborators=("teacher",)), now=now)

    assert sorted(people_in(server)) == ["stranger", "teacher"]


def test_launch_over_the_api(student: User, stranger: User, spec: LaunchSpec) -> None:
    program = program_of(student)

    response = program.post(SERVERS, {"repository": "example/tiny", "collaborators": ["stranger"]}, format="json")

    assert (response.status_code, response.json()["collaborators"]) == (201, ["stranger"])


def test_launch_over_the_api_with_somebody_who_does_not_exist(student: User, spec: LaunchSpec) -> None:
    program = program_of(student)

    response = program.post(SERVERS, {"repository": "example/tiny", "collaborators": ["nobody"]}, format="json")

    assert (response.status_code, response.json()["code"]) == (422, "collaborator_unknown")


def test_follow_link_tells_at_once_of_somebody_who_does_not_exist(page: Client, spec: LaunchSpec) -> None:
    response = page.get(link_to(spec))

    assert response.status_code == 422
    assert "“stranger”" in response.content.decode()


def test_follow_link_asks_before_anybody_is_let_in(page: Client, stranger: User, spec: LaunchSpec) -> None:
    asked = page.get(link_to(spec))
    before = Collaborator.objects.count()
    page.post("/launch/", {"proposal": asked.context["proposal"]})

    assert (before, people_in(NotebookServer.objects.get())) == (0, ["stranger"])


def test_follow_link_to_a_server_that_lacks_company_asks_too(
    page: Client, student: User, stranger: User, spec: LaunchSpec, now: datetime
) -> None:
    server = launch(student, LaunchSpec(spec.reference), now=now)

    asked = page.get(link_to(spec))
    before = people_in(server)
    page.post("/launch/", {"proposal": asked.context["proposal"]})

    assert (before, people_in(NotebookServer.objects.get())) == ([], ["stranger"])


def test_follow_link_to_a_server_with_that_company_leads_there(
    page: Client, student: User, stranger: User, spec: LaunchSpec, now: datetime
) -> None:
    server = launch(student, spec, now=now)

    assert page.get(link_to(spec))["Location"].startswith(f"/servers/{server.pk}/")


def test_share_link_names_nobody(page: Client, student: User, stranger: User, spec: LaunchSpec, now: datetime) -> None:
    server = launch(student, spec, now=now)

    assert "collaborator=" not in page.get(f"/servers/{server.pk}/").content.decode()


def test_company_ends_the_owners_key(student: User, stranger: User, now: datetime) -> None:
    server = running_server(owner=student, with_credentials=True)

    invite(server, "stranger", by=student, now=now)

    server.refresh_from_db()
    assert (server.with_credentials, server.credentials_dropped_at) == (False, now)


def test_company_ends_a_key_that_is_on_its_way(student: User, stranger: User, now: datetime) -> None:
    server = running_server(owner=student)
    update = update_of(server, with_credentials=True)

    invite(server, "stranger", by=student, now=now)

    update.refresh_from_db()
    assert not update.with_credentials


def test_update_gives_no_key_to_a_shared_server(student: User, stranger: User, spec: LaunchSpec, now: datetime) -> None:
    server = running_server(owner=student)
    invite(server, "stranger", by=student, now=now)

    with pytest.raises(UserError) as refusal:
        update_server(server, replace(server.target, with_credentials=True), now=now)

    assert refusal.value.code == "credentials_shared"


def test_start_gives_no_key_to_a_shared_server(student: User, stranger: User, now: datetime) -> None:
    """Whatever its row says."""
    server = running_server(owner=student, state="starting")
    invite(server, "stranger", by=student, now=now)
    NotebookServer.objects.update(with_credentials=True)

    assert credentials.give(NotebookServer.objects.get(), now=now) == ""
