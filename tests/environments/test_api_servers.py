"""Servers through the API: launched, listed, started, stopped, deleted."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from accounts.models import User
from environments.models import Build, NotebookServer
from tests.environments.api_client import SERVERS, make_example, program_of
from tests.factories import BuildFactory, NotebookServerFactory, running_server

pytestmark = pytest.mark.usefixtures("fake_backends")

State = NotebookServer.State


@pytest.fixture
def program(student: User) -> APIClient:
    """A program of the student's."""
    return program_of(student)


@pytest.fixture
def example(settings: Settings, tmp_path: Path) -> str:
    """A repository that needs no network."""
    settings.CARREL_DATA = tmp_path
    make_example(tmp_path, "tiny")
    return "example/tiny"


def launch(program: APIClient, **fields: Any) -> Any:
    """Ask for a server."""
    return program.post(SERVERS, fields, format="json")


def test_launch_answers_with_a_new_server_on_its_way(program: APIClient, example: str) -> None:
    response = launch(program, repository=example)

    body = response.json()
    server = NotebookServer.objects.get()
    build = Build.objects.get()
    assert response.status_code == 201
    assert body == {
        "id": str(server.pk),
        "name": server.name,
        "state": "queued",
        "reason": None,
        "url": server.origin,
        "build": {
            "id": str(build.pk),
            "state": "queued",
            "log_url": f"http://testserver/api/v1/builds/{build.pk}/log/",
        },
        "queue_place": 1,
        "queue": {
            "place": 1,
            "reason": None,
            "estimate_seconds": None,
        },
        "repository": "example/tiny",
        "ref": "",
        "commit": server.commit,
        "urlpath": "",
        "memory_mb": None,
        "cpus": None,
        "idle_minutes": None,
        "lifetime_minutes": None,
        "collaborators": [],
        "mounts": [],
        "credentials": False,
        "public": False,
        "keep_until": None,
        "stops_at": None,
        "disk_bytes": None,
        "created_at": body["created_at"],
        "started_at": None,
        "last_activity_at": None,
        "update": {
            "state": "unknown",
            "commit": None,
            "reason": None,
            "build": None,
            "looked_at": None,
            "previous_commit": None,
            "version_since": body["update"]["version_since"],
            "files_commit": None,
            "merge": None,
            "merge_reason": None,
        },
    }


def test_launch_keeps_every_wish(program: APIClient, example: str) -> None:
    wishes = {
        "ref": "main",
        "urlpath": "lab/tree/first.ipynb",
        "name": "mine",
        "memory_mb": 512,
        "cpus": 1.5,
        "idle_minutes": 30,
        "lifetime_minutes": 120,
    }

    body = launch(program, repository=example, **wishes).json()

    assert {name: body[name] for name in wishes} == wishes


def test_launch_takes_empty_options_of_later_versions(program: APIClient, example: str) -> None:
    response = launch(
        program, repository=example, mounts=[], collaborators=None, public=False, credentials=False, name="", cpus=None
    )

    assert response.status_code == 201


def test_launch_again_meets_the_same_server(program: APIClient, example: str) -> None:
    first = launch(program, repository=example)
    second = launch(program, repository=example)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]


def test_launch_again_wakes_a_sleeping_server(program: APIClient, example: str) -> None:
    launch(program, repository=example)
    NotebookServer.objects.update(state=State.STOPPED)

    response = launch(program, repository=example)

    assert response.status_code == 200
    assert response.json()["state"] == "queued"


def test_launch_other_thing_by_a_name_in_use_is_a_conflict(
    program: APIClient, example: str, settings: Settings
) -> None:
    make_example(settings.CARREL_DATA, "other")
    launch(program, repository=example, name="mine")

    response = launch(program, repository="example/other", name="mine")

    assert response.status_code == 409
    assert response.json()["code"] == "server_differs"


def test_launch_same_name_as_a_stranger_is_none_of_their_business(
    program: APIClient, example: str, stranger: User
) -> None:
    NotebookServerFactory.create(owner=stranger, name="mine")

    assert launch(program, repository=example, name="mine").status_code == 201


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"repository": "example/none"}, 422, "repository_not_found"),
        ({"repository": "example/tiny", "ref": "nope"}, 422, "ref_unknown"),
        ({"repository": "example/tiny", "ref": "--upload-pack=x"}, 400, "ref_invalid"),
        ({"repository": "example/tiny", "name": "Not A Name"}, 400, "name_invalid"),
        ({"repository": "example/tiny", "urlpath": "../../etc/passwd"}, 400, "path_invalid"),
        ({"repository": "example/tiny", "urlpath": "https://evil.example/"}, 400, "path_elsewhere"),
        ({"repository": "xx/a/b"}, 400, "provider_unknown"),
        ({"repository": "nonsense"}, 400, "repository_invalid"),
        ({"repository": "--upload-pack=x"}, 400, "repository_invalid"),
        ({"repository": "file:///etc"}, 400, "repository_local_forbidden"),
        ({"repository": "ext::sh -c id"}, 400, "repository_scheme_forbidden"),
        ({"repository": "/etc"}, 400, "repository_local_forbidden"),
        ({"repository": "http://127.0.0.1:9/a.git"}, 403, "repository_address_forbidden"),
        ({"repository": "http://169.254.169.254/latest"}, 403, "repository_address_forbidden"),
        ({"repository": "https://me:secret@github.com/a/b"}, 400, "repository_has_credentials"),
    ],
)
def test_launch_refused_with_a_code_of_its_own(
    program: APIClient, example: str, fields: dict[str, str], status: int, code: str
) -> None:
    response = launch(program, **fields)

    body = response.json()
    assert (response.status_code, body["code"]) == (status, code)
    assert body["message"]
    assert body["next_step"]
    assert not NotebookServer.objects.exists()


def test_launch_with_a_key_says_so(program: APIClient, example: str) -> None:
    response = launch(program, repository=example, credentials=True)

    assert response.json()["credentials"] is True
    assert NotebookServer.objects.get().with_credentials


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, "repository"),
        ({"repository": ""}, "repository"),
        ({"repository": None}, "repository"),
        ({"repository": ["a"]}, "repository"),
        ({"repository": {"a": 1}}, "repository"),
        ({"repository": "x" * 2001}, "repository"),
        ({"repository": "a\x00b"}, "repository"),
        ({"ref": "x" * 251}, "ref"),
        ({"urlpath": "x" * 501}, "urlpath"),
        ({"name": "x" * 101}, "name"),
        ({"name": 5.5, "cpus": "many"}, "cpus"),
        ({"memory_mb": 0}, "memory_mb"),
        ({"memory_mb": -1}, "memory_mb"),
        ({"memory_mb": 1.5}, "memory_mb"),
        ({"memory_mb": True}, "memory_mb"),
        ({"memory_mb": 10**30}, "memory_mb"),
        ({"memory_mb": "9" * 5000}, "memory_mb"),
        ({"cpus": 0}, "cpus"),
        ({"cpus": "nan"}, "cpus"),
        ({"cpus": "inf"}, "cpus"),
        ({"cpus": 10**400}, "cpus"),
        ({"idle_minutes": 0}, "idle_minutes"),
        ({"lifetime_minutes": 10**9}, "lifetime_minutes"),
        ({"mounts": "data:data"}, "mounts"),
        ({"mounts": ["data:data"]}, "mounts"),
        ({"mounts": {"volume": "data"}}, "mounts"),
        ({"mounts": [{}]}, "mounts"),
        ({"mounts": [{"volume": None}]}, "mounts"),
        ({"mounts": [{"volume": "data", "mode": "ro"}]}, "mounts"),
        ({"mounts": [{"volume": "data", "read_only": "maybe"}]}, "mounts"),
        ({"mounts": [{"volume": "data", "path": "x" * 501}]}, "mounts"),
        ({"mounts": [{"volume": f"data-{n}"} for n in range(21)]}, "mounts"),
        ({"Repository": "example/tiny"}, "Repository"),
        ({"state": "running"}, "state"),
        ({"owner": "stranger"}, "owner"),
    ],
)
def test_launch_names_the_field_that_is_wrong(
    program: APIClient, example: str, fields: dict[str, object], wrong: str
) -> None:
    given = fields if "repository" in fields or not fields else {"repository": example, **fields}

    response = launch(program, **given)

    body = response.json()
    assert (response.status_code, body["code"]) == (400, "invalid")
    assert wrong in body["fields"]
    assert not NotebookServer.objects.exists()


def test_list_shows_own_servers_only(program: APIClient, student: User, stranger: User) -> None:
    mine = NotebookServerFactory.create(owner=student)
    NotebookServerFactory.create(owner=student, deleted_at=timezone.now())
    NotebookServerFactory.create(owner=stranger)

    body = program.get(SERVERS).json()

    assert [server["id"] for server in body["results"]] == [str(mine.pk)]
    assert body["count"] == 1


@pytest.mark.parametrize("query", ["limit=100000000000000000000", "offset=99999999999999999999"])
def test_list_survives_any_page(program: APIClient, student: User, query: str) -> None:
    NotebookServerFactory.create(owner=student)

    assert program.get(f"{SERVERS}?{query}").status_code == 200


def test_list_asks_the_database_as_much_for_many(
    program: APIClient, student: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    program.get(SERVERS)
    for _number in range(10):
        running_server(owner=student, build=BuildFactory.create(state=Build.State.SUCCEEDED))

    with django_assert_num_queries(5):  # The token, the count, the servers with their builds, company, mounts.
        program.get(SERVERS)


def test_list_asks_the_database_as_much_for_many_that_wait(
    program: APIClient, student: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _number in range(15):
        NotebookServerFactory.create(owner=student, state=State.QUEUED)
        NotebookServerFactory.create(owner=student, state=State.QUEUED, build=BuildFactory.create())
    program.get(SERVERS)

    # The token, the count, the servers, company, mounts; six for the two queues, two for how long things took.
    with django_assert_num_queries(13):
        body = program.get(SERVERS).json()

    assert sorted(server["queue_place"] for server in body["results"]) == sorted([*range(1, 16), *range(1, 16)])


def test_read_says_why_a_server_failed(program: APIClient, student: User) -> None:
    server = NotebookServerFactory.create(
        owner=student, state=State.FAILED, failure_code="start_timeout", failure_facts={"seconds": 60}
    )

    body = program.get(f"{SERVERS}{server.pk}/").json()

    assert body["state"] == "failed"
    assert body["reason"]["code"] == "start_timeout"
    assert "60 seconds" in body["reason"]["message"]
    assert body["reason"]["next_step"]


def test_read_speaks_the_language_asked_for(program: APIClient, student: User) -> None:
    server = NotebookServerFactory.create(owner=student, state=State.FAILED, failure_code="server_died")

    english = program.get(f"{SERVERS}{server.pk}/", HTTP_ACCEPT_LANGUAGE="en").json()["reason"]

    assert english["message"] == "The server stopped by itself."


def test_read_shows_no_secret(program: APIClient, student: User) -> None:
    server = running_server(owner=student)

    body = program.get(f"{SERVERS}{server.pk}/").json()

    assert not {"endpoint", "start_id", "token", "owner", "failure_log", "subdomain"} & set(body)
    assert server.endpoint not in str(body)


@pytest.mark.parametrize("state", [State.STOPPED, State.FAILED])
def test_start_puts_a_sleeping_server_on_its_way(program: APIClient, student: User, state: str) -> None:
    server = NotebookServerFactory.create(owner=student, state=state, failure_code="server_died")

    response = program.post(f"{SERVERS}{server.pk}/start/")

    assert response.status_code == 202
    assert response.json()["state"] == "queued"
    assert response.json()["reason"] is None


def test_start_of_a_running_server_changes_nothing(program: APIClient, student: User) -> None:
    server = running_server(owner=student)

    response = program.post(f"{SERVERS}{server.pk}/start/")

    assert (response.status_code, response.json()["state"]) == (202, "running")


def test_start_of_a_stopping_server_is_a_conflict(program: APIClient, student: User) -> None:
    server = NotebookServerFactory.create(owner=student, state=State.STOPPING)

    response = program.post(f"{SERVERS}{server.pk}/start/")

    assert (response.status_code, response.json()["code"]) == (409, "state_conflict")


def test_stop_asks_a_running_server_to_stop(program: APIClient, student: User) -> None:
    server = running_server(owner=student)

    response = program.post(f"{SERVERS}{server.pk}/stop/")

    assert (response.status_code, response.json()["state"]) == (202, "stopping")


def test_keep_puts_the_stop_off_and_null_takes_that_back(program: APIClient, student: User) -> None:
    now = timezone.now()
    server = running_server(owner=student, idle_minutes=10, last_activity_at=now)
    until = (now + timedelta(hours=2)).isoformat()

    kept = program.post(f"{SERVERS}{server.pk}/keep/", {"until": until}, format="json")
    taken_back = program.post(f"{SERVERS}{server.pk}/keep/", {"until": None}, format="json")

    assert (kept.status_code, taken_back.status_code) == (200, 200)
    assert datetime.fromisoformat(kept.json()["stops_at"]) == datetime.fromisoformat(until)
    assert kept.json()["keep_until"] == kept.json()["stops_at"]
    assert taken_back.json()["keep_until"] is None
    assert datetime.fromisoformat(taken_back.json()["stops_at"]) == now + timedelta(minutes=10)


def test_keep_does_not_put_off_the_end_of_a_lifetime(program: APIClient, student: User) -> None:
    now = timezone.now()
    server = running_server(owner=student, lifetime_minutes=30, started_at=now)
    until = (now + timedelta(hours=2)).isoformat()

    body = program.post(f"{SERVERS}{server.pk}/keep/", {"until": until}, format="json").json()

    assert datetime.fromisoformat(body["stops_at"]) == now + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"until": "2020-01-01T00:00:00Z"}, "keep_past"),
        ({"until": "9999-12-31T23:59:59Z"}, "keep_too_long"),
        ({"until": "9999-12-31T23:59:59-23:59"}, "invalid"),
        ({"until": "0001-01-01T00:00:00+23:59"}, "invalid"),
        ({"until": "tomorrow"}, "invalid"),
        ({"until": ""}, "invalid"),
        ({"until": 5}, "invalid"),
        ({"until": True}, "invalid"),
        ({"until": ["2020-01-01T00:00:00Z"]}, "invalid"),
        ({"until": "\x00"}, "invalid"),
        ({"until": "9" * 4000}, "invalid"),
        ({"Until": None}, "invalid"),
        ({}, "invalid"),
        ([], "invalid"),
    ],
)
def test_keep_refuses_what_is_no_coming_moment(program: APIClient, student: User, body: object, code: str) -> None:
    server = running_server(owner=student)

    response = program.post(f"{SERVERS}{server.pk}/keep/", body, format="json")

    server.refresh_from_db()
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert server.keep_until is None


def test_keep_of_a_sleeping_server_is_a_conflict(program: APIClient, student: User) -> None:
    server = NotebookServerFactory.create(owner=student)
    until = (timezone.now() + timedelta(hours=2)).isoformat()

    response = program.post(f"{SERVERS}{server.pk}/keep/", {"until": until}, format="json")

    assert (response.status_code, response.json()["code"]) == (409, "state_conflict")


def test_delete_makes_it_vanish_once(program: APIClient, student: User) -> None:
    server = NotebookServerFactory.create(owner=student)

    first = program.delete(f"{SERVERS}{server.pk}/")
    second = program.delete(f"{SERVERS}{server.pk}/")

    assert (first.status_code, second.status_code) == (204, 404)
    assert program.get(SERVERS).json()["count"] == 0
