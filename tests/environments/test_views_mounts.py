"""The page about one server's shared files: what it offers, and what comes of it."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from environments import shared_volumes
from environments.models import Access, NotebookServer, Update, VolumeMember
from tests.factories import ServerMountFactory, SharedVolumeFactory, VolumeMemberFactory, running_server

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

State = NotebookServer.State


@pytest.fixture
def page(client: Client, student: User) -> Client:
    client.force_login(student)
    return client


@pytest.fixture
def server(student: User) -> NotebookServer:
    """A server of the student's that runs."""
    return running_server(owner=student)


@pytest.fixture
def member(student: User, teacher: User) -> VolumeMember:
    """The student, who may read the teacher's files."""
    shared = SharedVolumeFactory.create(owner=teacher, name="data", title="Data of spring")
    return VolumeMemberFactory.create(volume=shared, person=student, access=Access.READ)


def path_of(server: NotebookServer) -> str:
    return f"/servers/{server.pk}/mounts/"


def choices(page: Client, server: NotebookServer) -> dict[str, str]:
    """What can be ticked, and what it is called."""
    return dict(page.get(path_of(server)).context["form"].fields["mounts"].choices)


def test_offer_what_the_person_may_use_and_what_the_server_has(
    page: Client, server: NotebookServer, member: VolumeMember
) -> None:
    ServerMountFactory.create(server=server, volume=member.volume, path="input", read_only=True)

    assert choices(page, server) == {
        "data:shared/data:ro": "Data of spring",
        "data:input:ro": "“data” in the folder input, to read",
    }
    assert page.get(path_of(server)).context["form"]["mounts"].value() == ["data:input:ro"]


def test_say_where_shared_files_come_from_to_who_has_none(page: Client, server: NotebookServer) -> None:
    text = page.get(path_of(server)).content.decode()

    assert "Nobody shares files with you" in text
    assert 'href="/volumes/"' in text


def test_warn_that_a_running_server_is_started_anew(page: Client, server: NotebookServer, member: VolumeMember) -> None:
    words = "Your server is started anew for this."

    running = page.get(path_of(server)).content.decode()
    NotebookServer.objects.update(state=State.STOPPED)
    asleep = page.get(path_of(server)).content.decode()

    assert (words in running, words in asleep) == (True, False)


@pytest.mark.parametrize(
    ("state", "words"),
    [(State.RUNNING, "is started anew with these files"), (State.STOPPED, "has these files when it starts")],
)
def test_change_is_told_of(page: Client, server: NotebookServer, member: VolumeMember, state: str, words: str) -> None:
    NotebookServer.objects.update(state=state)

    text = page.post(path_of(server), {"mounts": ["data:shared/data:ro"]}, follow=True).content.decode()

    assert words in text


def test_ticked_files_are_put_in(page: Client, server: NotebookServer, member: VolumeMember) -> None:
    response = page.post(path_of(server), {"mounts": ["data:shared/data:ro"]})

    assert response["Location"] == f"/servers/{server.pk}/"
    assert [wish.volume for wish in Update.objects.get().wishes] == ["data"]


def test_files_that_are_ticked_no_more_are_taken_out(
    page: Client, server: NotebookServer, member: VolumeMember
) -> None:
    ServerMountFactory.create(server=server, volume=member.volume, read_only=True)

    page.post(path_of(server), {})

    assert Update.objects.get().wishes == ()


def test_files_that_were_withdrawn_can_be_taken_out(page: Client, server: NotebookServer, member: VolumeMember) -> None:
    ServerMountFactory.create(server=server, volume=member.volume, read_only=True)
    shared_volumes.remove_member(member)

    page.post(path_of(server), {})

    assert Update.objects.get().wishes == ()


def test_files_that_nobody_offered_are_refused(page: Client, server: NotebookServer, teacher: User) -> None:
    SharedVolumeFactory.create(owner=teacher, name="secret")
    ServerMountFactory.create(server=server)

    response = page.post(path_of(server), {"mounts": ["secret:shared/secret"]})

    assert response.status_code == 422
    assert not Update.objects.exists()


def test_server_that_is_just_being_started_says_so(page: Client, server: NotebookServer, member: VolumeMember) -> None:
    NotebookServer.objects.update(state=State.STARTING)

    response = page.post(path_of(server), {"mounts": ["data:shared/data:ro"]})

    assert response.status_code == 422
    assert "field-error" in response.content.decode()


@pytest.mark.parametrize(("has_files", "words"), [(True, "Add or remove"), (False, "Add some")])
def test_server_leads_to_its_shared_files(
    page: Client, server: NotebookServer, member: VolumeMember, has_files: bool, words: str
) -> None:
    if has_files:
        ServerMountFactory.create(server=server, volume=member.volume, read_only=True)

    text = page.get(f"/servers/{server.pk}/").content.decode()

    assert f'<a href="{path_of(server)}">{words}</a>' in text


def test_copy_to_try_leads_to_none(page: Client, server: NotebookServer, member: VolumeMember) -> None:
    NotebookServer.objects.update(is_throwaway=True)

    assert path_of(server) not in page.get(f"/servers/{server.pk}/").content.decode()
