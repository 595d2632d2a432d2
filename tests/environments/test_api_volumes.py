"""Shared files through the API: made, shared, placed in servers, left, deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from accounts.models import User
from environments.models import Access, NotebookServer, ServerMount, SharedVolume, Update, Volume
from tests.environments.api_client import SERVERS, VOLUMES, make_example, program_of
from tests.factories import NotebookServerFactory, ServerMountFactory, SharedVolumeFactory, VolumeMemberFactory

pytestmark = pytest.mark.usefixtures("fake_backends")

READ, WRITE = Access.READ, Access.WRITE


@pytest.fixture
def program(student: User) -> APIClient:
    """A program of the student's."""
    return program_of(student)


@pytest.fixture
def own(student: User) -> SharedVolume:
    """Shared files of the student."""
    return SharedVolumeFactory.create(owner=student, name="data", title="Measurements")


@pytest.fixture
def others(student: User, teacher: User) -> SharedVolume:
    """Shared files of the teacher, which the student may read."""
    shared = SharedVolumeFactory.create(owner=teacher, name="theirs")
    VolumeMemberFactory.create(volume=shared, person=student)
    return shared


@pytest.fixture
def example(settings: Settings, tmp_path: Path) -> str:
    """A repository that needs no network."""
    settings.CARREL_DATA = tmp_path
    make_example(tmp_path, "tiny")
    return "example/tiny"


def send(program: APIClient, method: str, path: str, **fields: Any) -> Any:
    return getattr(program, method)(path, fields, format="json")


def of(shared: SharedVolume, path: str = "") -> str:
    return f"{VOLUMES}{shared.pk}/{path}"


def launch(program: APIClient, *mounts: dict[str, Any], **fields: Any) -> Any:
    return send(program, "post", SERVERS, repository="example/tiny", mounts=list(mounts), **fields)


# --- Shared files


def test_make_answers_with_them(program: APIClient, student: User) -> None:
    response = send(program, "post", VOLUMES, name="data", title="Measurements")

    shared = SharedVolume.objects.get()
    body = response.json()
    assert response.status_code == 201
    assert body == {
        "id": str(shared.pk),
        "name": "data",
        "title": "Measurements",
        "owner": "student",
        "is_owner": True,
        "access": "write",
        "bytes": None,
        "created_at": body["created_at"],
    }


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({}, 400, "invalid"),
        ({"name": ""}, 400, "invalid"),
        ({"name": "a b"}, 400, "volume_name_invalid"),
        ({"name": "../etc"}, 400, "volume_name_invalid"),
        ({"name": "data", "title": "x" * 121}, 400, "invalid"),
        ({"name": "data", "owner": "teacher"}, 400, "invalid"),
        ({"name": "taken"}, 409, "shared_volume_name_taken"),
    ],
)
def test_make_refuses_with_a_code(program: APIClient, fields: dict[str, str], status: int, code: str) -> None:
    SharedVolumeFactory.create(name="taken")

    response = send(program, "post", VOLUMES, **fields)

    assert (response.status_code, response.json()["code"]) == (status, code)


def test_list_shows_what_one_may_use(program: APIClient, own: SharedVolume, others: SharedVolume) -> None:
    SharedVolumeFactory.create()

    rows = program.get(VOLUMES).json()["results"]

    assert {(row["name"], row["is_owner"], row["access"]) for row in rows} == {
        ("data", True, "write"),
        ("theirs", False, "read"),
    }


def test_list_asks_the_database_as_much_for_many(
    program: APIClient, student: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    program.get(VOLUMES)
    SharedVolumeFactory.create_batch(5, owner=student)
    VolumeMemberFactory.create_batch(5, person=student)

    with django_assert_num_queries(3):  # The token, the count, the files.
        program.get(VOLUMES)


def test_one_shows_what_it_takes(program: APIClient, own: SharedVolume) -> None:
    Volume.objects.update(bytes=5)

    assert program.get(of(own)).json()["bytes"] == 5


def test_rename_changes_the_title_alone(program: APIClient, own: SharedVolume) -> None:
    assert send(program, "patch", of(own), title="More").json()["title"] == "More"
    assert send(program, "patch", of(own), name="other").status_code == 400


def test_delete_and_undelete(program: APIClient, own: SharedVolume) -> None:
    assert program.delete(of(own)).status_code == 204
    assert program.get(of(own)).status_code == 404
    assert program.get(VOLUMES).json()["count"] == 0

    assert program.post(of(own, "undelete/")).json()["name"] == "data"


def test_leave_gives_them_up(program: APIClient, others: SharedVolume) -> None:
    assert program.post(of(others, "leave/")).status_code == 204
    assert program.get(of(others)).status_code == 404


def test_leave_of_what_a_group_gives_is_refused(program: APIClient, student: User, own: SharedVolume) -> None:
    group = Group.objects.create(name="physics")
    student.groups.add(group)
    shared = VolumeMemberFactory.create(group=group).volume

    response = program.post(of(shared, "leave/"))

    assert (response.status_code, response.json()["code"]) == (409, "membership_by_group")


# --- With whom


def test_members_are_listed(program: APIClient, own: SharedVolume, teacher: User) -> None:
    VolumeMemberFactory.create(volume=own, person=teacher)
    VolumeMemberFactory.create(volume=own, group=Group.objects.create(name="physics"), access=WRITE)

    rows = program.get(of(own, "members/")).json()

    assert [(row["person"], row["group"], row["access"]) for row in rows] == [
        ("teacher", None, "read"),
        (None, "physics", "write"),
    ]


def test_invite_adds_a_person_or_a_group(program: APIClient, own: SharedVolume, student: User, teacher: User) -> None:
    group = Group.objects.create(name="physics")
    student.groups.add(group)

    person = send(program, "post", of(own, "members/"), person="teacher", access="write")
    everybody = send(program, "post", of(own, "members/"), group="physics")

    assert (person.status_code, everybody.status_code) == (201, 201)
    assert {(row.who, row.access) for row in own.members.all()} == {(teacher, WRITE), (group, READ)}


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({}, 400, "invalid"),
        ({"person": "teacher", "group": "physics"}, 400, "invalid"),
        ({"person": "teacher", "access": "own"}, 400, "invalid"),
        ({"person": "nobody"}, 422, "member_unknown"),
        ({"group": "physics"}, 422, "group_unknown"),
        ({"person": "student"}, 409, "member_is_owner"),
    ],
)
def test_invite_refuses_with_a_code(
    program: APIClient, own: SharedVolume, teacher: User, fields: dict[str, str], status: int, code: str
) -> None:
    Group.objects.create(name="physics")

    response = send(program, "post", of(own, "members/"), **fields)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not own.members.exists()


def test_member_is_changed_and_removed(program: APIClient, own: SharedVolume) -> None:
    member = VolumeMemberFactory.create(volume=own)

    assert send(program, "patch", of(own, f"members/{member.pk}/"), access="write").json()["access"] == "write"
    assert program.delete(of(own, f"members/{member.pk}/")).status_code == 204
    assert not own.members.exists()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("patch", ""),
        ("delete", ""),
        ("get", "members/"),
        ("post", "members/"),
        ("patch", "members/{member}/"),
        ("delete", "members/{member}/"),
    ],
)
def test_member_may_not_do_what_is_the_owner_s(
    program: APIClient, others: SharedVolume, method: str, path: str
) -> None:
    member = others.members.get()

    response = send(program, method, of(others, path.format(member=member.pk)))

    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")


# --- In servers


def test_launch_places_them_and_says_so(program: APIClient, own: SharedVolume, example: str) -> None:
    response = launch(program, {"volume": "data"}, {"volume": "data", "path": "input/", "read_only": True})

    assert response.status_code == 201
    assert response.json()["mounts"] == [
        {"volume": "data", "path": "input", "read_only": True, "access": None},
        {"volume": "data", "path": "shared/data", "read_only": False, "access": None},
    ]


def test_launch_again_with_the_same_meets_the_same_server(program: APIClient, own: SharedVolume, example: str) -> None:
    answers = [launch(program, {"volume": "data"}) for _time in range(2)]

    assert [answer.status_code for answer in answers] == [201, 200]


@pytest.mark.parametrize(
    ("mounts", "status", "code"),
    [
        ([{"volume": "secret"}], 403, "mount_unknown"),
        ([{"volume": "nothing"}], 403, "mount_unknown"),
        ([{"volume": "theirs"}], 403, "mount_read_only"),
        ([{"volume": "No Name"}], 400, "volume_name_invalid"),
        ([{"volume": "data", "path": "../../etc"}], 400, "mount_path_invalid"),
        ([{"volume": "data", "path": ".ssh"}], 400, "mount_path_invalid"),
        ([{"volume": "data", "path": "home/data"}], 400, "mount_path_taken"),
        (
            [{"volume": "data", "path": "a"}, {"volume": "theirs", "path": "a/b", "read_only": True}],
            400,
            "mount_path_taken",
        ),
    ],
)
def test_launch_refuses_mounts_with_a_code(
    program: APIClient,
    own: SharedVolume,
    others: SharedVolume,
    example: str,
    mounts: list[dict[str, Any]],
    status: int,
    code: str,
) -> None:
    SharedVolumeFactory.create(name="secret")

    response = launch(program, *mounts)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not NotebookServer.objects.exists()


def test_launch_that_needs_other_mounts_is_refused(program: APIClient, own: SharedVolume, example: str) -> None:
    launch(program)

    response = launch(program, {"volume": "data"})

    assert (response.status_code, response.json()["code"]) == (409, "server_differs")


def test_update_adds_mounts_to_a_server(program: APIClient, student: User, own: SharedVolume) -> None:
    server = NotebookServerFactory.create(owner=student)
    ServerMountFactory.create(server=server, path="input")

    response = send(program, "post", f"{SERVERS}{server.pk}/update/", mounts=[{"volume": "data"}])

    assert response.status_code == 202
    assert {wish.path for wish in Update.objects.get().wishes} == {"input", "shared/data"}


@pytest.mark.parametrize(
    ("mount", "status", "code"),
    [
        ({"volume": "secret"}, 403, "mount_unknown"),
        ({"volume": "data", "path": "input/x"}, 400, "mount_path_taken"),
        ({"volume": "data", "path": "../x"}, 400, "mount_path_invalid"),
    ],
)
def test_update_refuses_mounts_with_a_code(
    program: APIClient, student: User, own: SharedVolume, mount: dict[str, str], status: int, code: str
) -> None:
    SharedVolumeFactory.create(name="secret")
    server = NotebookServerFactory.create(owner=student)
    ServerMountFactory.create(server=server, path="input")

    response = send(program, "post", f"{SERVERS}{server.pk}/update/", mounts=[mount])

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not Update.objects.exists()


def test_server_says_what_became_of_a_mount(program: APIClient, student: User, own: SharedVolume) -> None:
    server = NotebookServerFactory.create(owner=student)
    ServerMountFactory.create(server=server, volume=own, placed_in="x", placed_to=READ)

    assert program.get(f"{SERVERS}{server.pk}/").json()["mounts"][0]["access"] == "read"
    assert ServerMount.objects.count() == 1
