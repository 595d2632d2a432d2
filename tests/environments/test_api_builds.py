"""Builds and the catalog through the API."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from environments.models import Build, BuildLogLine, NotebookServer
from tests.environments.api_client import BUILDS, program_of
from tests.factories import BuildFactory, NotebookServerFactory

pytestmark = pytest.mark.usefixtures("fake_backends")


@pytest.fixture
def program(student: User) -> APIClient:
    """A program of the student's."""
    return program_of(student)


@pytest.fixture
def build(student: User) -> Build:
    """A build under way with three lines of log."""
    build: Build = BuildFactory.create(requested_by=student, state=Build.State.BUILDING)
    BuildLogLine.objects.bulk_create(
        BuildLogLine(build=build, sequence=number, phase="building", text=f"line {number}") for number in (1, 2, 3)
    )
    return build


def waiting_server(owner: User, build: Build) -> NotebookServer:
    """A server that waits for this build."""
    server: NotebookServer = NotebookServerFactory.create(owner=owner, build=build, state=NotebookServer.State.BUILDING)
    return server


def test_read_build_says_how_it_stands(program: APIClient, build: Build) -> None:
    body = program.get(f"{BUILDS}{build.pk}/").json()

    assert body["state"] == "building"
    assert body["reason"] is None
    assert body["queue_place"] is None
    assert body["log_url"] == f"http://testserver{BUILDS}{build.pk}/log/"


def test_read_build_says_why_it_failed(program: APIClient, student: User) -> None:
    build = BuildFactory.create(
        requested_by=student,
        state=Build.State.FAILED,
        failure_code="package_not_found",
        failure_facts={"package": "nunpy"},
    )

    body = program.get(f"{BUILDS}{build.pk}/").json()

    assert body["reason"]["code"] == "package_not_found"
    assert "nunpy" in body["reason"]["message"]


def test_read_build_that_one_waits_for_with_somebody_else(program: APIClient, student: User, stranger: User) -> None:
    build = BuildFactory.create(requested_by=stranger, state=Build.State.BUILDING)
    waiting_server(student, build)

    assert program.get(f"{BUILDS}{build.pk}/").status_code == 200


@pytest.mark.parametrize(
    ("query", "texts", "last"),
    [
        ("", ["line 1", "line 2", "line 3"], 3),
        ("?after=0", ["line 1", "line 2", "line 3"], 3),
        ("?after=2", ["line 3"], 3),
        ("?after=3", [], 3),
        ("?after=99", [], 99),
    ],
)
def test_log_goes_on_where_one_was(program: APIClient, build: Build, query: str, texts: list[str], last: int) -> None:
    body = program.get(f"{BUILDS}{build.pk}/log/{query}").json()

    assert [line["text"] for line in body["lines"]] == texts
    assert body["last"] == last
    assert body["state"] == "building"


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 30, "%00"])
def test_log_refuses_what_is_no_position(program: APIClient, build: Build, after: str) -> None:
    response = program.get(f"{BUILDS}{build.pk}/log/?after={after}")

    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert list(response.json()["fields"]) == ["after"]


def test_cancel_stops_ones_own_server_and_the_build(program: APIClient, student: User, build: Build) -> None:
    server = waiting_server(student, build)

    response = program.post(f"{BUILDS}{build.pk}/cancel/")

    server.refresh_from_db()
    build.refresh_from_db()
    assert response.status_code == 202
    assert server.state == NotebookServer.State.STOPPED
    assert build.cancel_requested_at is not None


def test_cancel_leaves_the_build_to_others_who_wait(
    program: APIClient, student: User, stranger: User, build: Build
) -> None:
    waiting_server(student, build)
    others = waiting_server(stranger, build)

    program.post(f"{BUILDS}{build.pk}/cancel/")

    others.refresh_from_db()
    build.refresh_from_db()
    assert others.state == NotebookServer.State.BUILDING
    assert build.cancel_requested_at is None


def test_cancel_takes_nothing_from_others_when_one_waits_no_longer(
    program: APIClient, stranger: User, build: Build
) -> None:
    others = waiting_server(stranger, build)

    response = program.post(f"{BUILDS}{build.pk}/cancel/")

    others.refresh_from_db()
    build.refresh_from_db()
    assert response.status_code == 202
    assert others.state == NotebookServer.State.BUILDING
    assert build.cancel_requested_at is None


def test_cancel_of_a_build_that_ended_is_a_conflict(program: APIClient, student: User) -> None:
    build = BuildFactory.create(requested_by=student, state=Build.State.SUCCEEDED)

    response = program.post(f"{BUILDS}{build.pk}/cancel/")

    assert (response.status_code, response.json()["code"]) == (409, "state_conflict")
