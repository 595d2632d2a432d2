"""Updates through the API: asked for, refused, told of, taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Scope, User
from environments.launching import launch
from environments.models import Build, NotebookServer, Update
from environments.references import parse
from environments.values import LaunchSpec
from tests.environments.api_client import BUILDS, SERVERS, program_of
from tests.factories import BuildFactory, NotebookServerFactory, ServerMountFactory, running_server, update_of
from tests.fakes.git_host import GitHost

pytestmark = pytest.mark.usefixtures("fake_backends")

State = NotebookServer.State
NONE = {"count": 0, "names": []}


@pytest.fixture
def program(student: User) -> APIClient:
    """A program of the student's."""
    return program_of(student)


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    """A git host with one repository called statistics."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": ""})
        yield host


@pytest.fixture
def launched(host: GitHost, student: User, now: datetime) -> NotebookServer:
    """The student's server, asleep, of the commit there is."""
    server = launch(student, LaunchSpec(parse(host.url("statistics"))), now=now)
    NotebookServer.objects.update(state=State.STOPPED)
    return server


def update_in(program: APIClient, server: NotebookServer) -> Any:
    """What the API says of the server's update."""
    return program.get(f"{SERVERS}{server.pk}/").json()["update"]


def test_update_of_a_server_that_is_up_to_date_says_so(program: APIClient, launched: NotebookServer) -> None:
    response = program.post(f"{SERVERS}{launched.pk}/update/")

    body = response.json()
    assert (response.status_code, body["update"]["state"], body["update"]["commit"]) == (
        202,
        "up_to_date",
        launched.commit,
    )
    assert body["update"]["looked_at"] is not None


def test_update_prepares_the_newest_version(program: APIClient, launched: NotebookServer, host: GitHost) -> None:
    commit = host.commit("statistics", {"new.txt": "2"})

    response = program.post(f"{SERVERS}{launched.pk}/update/")

    body = response.json()
    assert (response.status_code, body["state"], body["commit"]) == (202, "stopped", launched.commit)
    assert (body["update"]["state"], body["update"]["commit"]) == ("preparing", commit)
    assert body["update"]["build"]["state"] == "queued"


def test_update_twice_is_one_update(program: APIClient, launched: NotebookServer, host: GitHost) -> None:
    host.commit("statistics", {"new.txt": "2"})

    answers = [program.post(f"{SERVERS}{launched.pk}/update/") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert Update.objects.count() == 1


def test_update_of_a_server_on_its_way_is_a_conflict(
    program: APIClient, launched: NotebookServer, host: GitHost
) -> None:
    host.commit("statistics", {"new.txt": "2"})
    NotebookServer.objects.update(state=State.STARTING)

    response = program.post(f"{SERVERS}{launched.pk}/update/")

    assert (response.status_code, response.json()["code"]) == (409, "state_conflict")


def test_update_of_a_repository_that_is_gone_says_so(
    program: APIClient, launched: NotebookServer, host: GitHost
) -> None:
    host.make_private("statistics")

    response = program.post(f"{SERVERS}{launched.pk}/update/")

    assert (response.status_code, response.json()["code"]) == (422, "repository_not_found")


def test_updates_are_counted_with_launches(program: APIClient, launched: NotebookServer, settings: Settings) -> None:
    settings.API_LAUNCHES_PER_MINUTE = 1

    answers = [program.post(f"{SERVERS}{launched.pk}/update/").status_code for _ in range(2)]

    assert answers == [202, 429]


def test_update_takes_shared_files_out(program: APIClient, student: User) -> None:
    server = running_server(owner=student)
    left, kept = ServerMountFactory.create(server=server), ServerMountFactory.create(server=server)

    response = program.post(f"{SERVERS}{server.pk}/update/", {"remove_mounts": [f"/{left.path}/"]}, format="json")

    assert response.status_code == 202
    assert Update.objects.get().wishes == (kept.wish,)


def test_update_without_files_a_server_does_not_have_is_none(program: APIClient, student: User) -> None:
    server = running_server(owner=student)

    response = program.post(f"{SERVERS}{server.pk}/update/", {"remove_mounts": ["shared/data"]}, format="json")

    assert response.status_code == 202
    assert not Update.objects.exists()


def test_update_without_files_outside_the_home_is_refused(program: APIClient, student: User) -> None:
    server = running_server(owner=student)

    response = program.post(f"{SERVERS}{server.pk}/update/", {"remove_mounts": ["../data"]}, format="json")

    assert (response.status_code, response.json()["code"]) == (400, "mount_path_invalid")


def test_read_says_why_a_new_version_could_not_be_prepared(program: APIClient, student: User) -> None:
    server = running_server(owner=student)
    update_of(server, failure_code="package_not_found", failure_facts={"package": "nympy"})

    body = program.get(f"{SERVERS}{server.pk}/").json()

    assert (body["state"], body["reason"], body["update"]["state"]) == ("running", None, "failed")
    assert body["update"]["reason"]["code"] == "package_not_found"
    assert "nympy" in body["update"]["reason"]["message"]


def test_read_tells_what_became_of_the_files(program: APIClient, student: User) -> None:
    report = {
        "added": {"count": 1, "names": ["new.csv"]},
        **dict.fromkeys(("replaced", "deleted", "kept"), NONE),
        "beside": {"count": 1, "names": ["a.ipynb"]},
        "targets": ["a.1a2b3c4.new.ipynb"],
    }
    server = running_server(owner=student, merge_report=report, files_commit="1" * 40)

    update = update_in(program, server)

    assert (update["merge"], update["merge_reason"], update["files_commit"]) == (report, None, "1" * 40)


def test_read_tells_why_the_files_could_not_be_merged(program: APIClient, student: User) -> None:
    server = running_server(owner=student, merge_report={"failure_code": "disk_full", "failure_facts": {}})

    update = update_in(program, server)

    assert (update["merge"], update["merge_reason"]["code"]) == (None, "disk_full")


def test_rollback_asks_for_the_version_before(program: APIClient, student: User) -> None:
    before = {f"previous_{name}": name for name in ("provider", "repository", "repository_url", "image_key")}
    server = running_server(owner=student, previous_commit="0" * 40, **before)

    response = program.post(f"{SERVERS}{server.pk}/rollback/")

    body = response.json()
    assert (response.status_code, body["state"], body["update"]["commit"]) == (202, "running", "0" * 40)
    assert body["update"]["previous_commit"] == "0" * 40


def test_rollback_without_a_version_before_is_a_conflict(program: APIClient, student: User) -> None:
    server = running_server(owner=student)

    response = program.post(f"{SERVERS}{server.pk}/rollback/")

    assert (response.status_code, response.json()["code"]) == (409, "no_version_before")


@pytest.mark.parametrize("verb", ["update", "rollback"])
def test_others_find_no_server_to_change(program: APIClient, stranger: User, verb: str) -> None:
    server = running_server(owner=stranger)

    assert program.post(f"{SERVERS}{server.pk}/{verb}/").status_code == 404


@pytest.mark.parametrize("verb", ["update", "rollback"])
def test_a_token_that_may_only_read_changes_nothing(student: User, verb: str) -> None:
    server = running_server(owner=student)

    response = program_of(student, [Scope.SERVERS_READ]).post(f"{SERVERS}{server.pk}/{verb}/")

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")


def test_build_of_an_update_is_seen_by_whose_server_it_is_for(program: APIClient, student: User) -> None:
    build = BuildFactory.create(state=Build.State.BUILDING)
    update_of(running_server(owner=student), build=build)

    assert program.get(f"{BUILDS}{build.pk}/").status_code == 200


def test_build_of_an_update_is_nobody_elses(program: APIClient, stranger: User) -> None:
    build = BuildFactory.create(state=Build.State.BUILDING)
    update_of(running_server(owner=stranger), build=build)

    assert program.get(f"{BUILDS}{build.pk}/").status_code == 404


def test_build_of_an_update_is_hidden_with_the_deleted_server(program: APIClient, student: User) -> None:
    build = BuildFactory.create(state=Build.State.BUILDING)
    update_of(NotebookServerFactory.create(owner=student, deleted_at=timezone.now()), build=build)

    assert program.get(f"{BUILDS}{build.pk}/").status_code == 404


def test_cancel_of_its_build_gives_an_update_up(program: APIClient, student: User) -> None:
    build = BuildFactory.create(state=Build.State.QUEUED)
    server = running_server(owner=student)
    update_of(server, build=build)

    response = program.post(f"{BUILDS}{build.pk}/cancel/")

    server.refresh_from_db()
    assert (response.status_code, response.json()["state"], server.pending_update) == (202, "cancelled", None)


def test_update_to_what_is_given_keeps_the_rest(program: APIClient, launched: NotebookServer, host: GitHost) -> None:
    host.commit("statistics", {"a.txt": "newer"})

    response = program.post(f"{SERVERS}{launched.pk}/update/", {"memory_mb": 700}, format="json")

    update = Update.objects.get()
    assert response.status_code == 202
    assert (update.memory_mb, update.commit, update.reference) == (700, launched.commit, launched.reference)


def test_update_to_another_version_or_repository(program: APIClient, launched: NotebookServer, host: GitHost) -> None:
    host.add("physics", {"requirements.txt": ""})
    address = f"{SERVERS}{launched.pk}/update/"

    missing = program.post(address, {"ref": "no-such-branch"}, format="json")
    response = program.post(address, {"repository": host.url("physics")}, format="json")

    assert (missing.status_code, missing.json()["code"]) == (422, "ref_unknown")
    assert response.status_code == 202
    assert Update.objects.get().reference == parse(host.url("physics"))


@pytest.mark.parametrize("body", [{"memory_mb": 0}, {"name": "x"}, {"cpus": "nan"}, ["memory_mb"]])
def test_update_to_what_cannot_be_is_refused(program: APIClient, launched: NotebookServer, body: Any) -> None:
    response = program.post(f"{SERVERS}{launched.pk}/update/", body, format="json")

    assert response.status_code == 400
    assert not Update.objects.exists()
