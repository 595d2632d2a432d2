"""The pages about shared files: made, shared, left, deleted; and what a server's page says of them."""

from __future__ import annotations

import uuid
from datetime import datetime

import pytest
from django.contrib.auth.models import Group
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from environments.models import Access, NotebookServer, SharedVolume, Volume, VolumeMember
from tests.factories import (
    NotebookServerFactory,
    ServerMountFactory,
    SharedVolumeFactory,
    UserFactory,
    VolumeMemberFactory,
    running_server,
)

LIST = "/volumes/"
CREATE = "/volumes/new/"
READ, WRITE = Access.READ, Access.WRITE


@pytest.fixture
def page(client: Client, student: User) -> Client:
    """The student's browser."""
    client.force_login(student)
    return client


@pytest.fixture
def own(student: User) -> SharedVolume:
    """Shared files of the student."""
    return SharedVolumeFactory.create(owner=student, name="data", title="Measurements")


@pytest.fixture
def others(student: User, teacher: User) -> SharedVolume:
    """Shared files of the teacher, which the student may read."""
    shared = SharedVolumeFactory.create(owner=teacher, name="data", title="Measurements")
    VolumeMemberFactory.create(volume=shared, person=student)
    return shared


def text_of(response: object) -> str:
    assert isinstance(response, HttpResponse)
    return " ".join(response.content.decode().split())


def address(shared: SharedVolume, verb: str = "") -> str:
    return f"/volumes/{shared.pk}/{verb}"


def member_address(member: VolumeMember, verb: str) -> str:
    return address(member.volume, f"members/{member.pk}/{verb}/")


# --- The list


def test_list_says_what_to_do_when_there_is_nothing(page: Client) -> None:
    text = text_of(page.get(LIST))

    assert f'href="{CREATE}"' in text
    assert "Shared with me" not in text


def test_list_shows_own_and_others_and_no_stranger_s(page: Client, others: SharedVolume, student: User) -> None:
    mine = SharedVolumeFactory.create(owner=student, title="My own")
    SharedVolumeFactory.create(title="Nobody’s business")

    text = text_of(page.get(LIST))

    assert text.index(address(mine)) < text.index("Shared with me") < text.index(address(others))
    assert "From Teacher" in text
    assert "you may read them" in text
    assert "business" not in text


def test_list_shows_sizes(page: Client, own: SharedVolume, now: datetime) -> None:
    Volume.objects.update(bytes=3 * 1024**2, measured_at=now)

    assert "3.0\xa0MB" in page.get(LIST).content.decode()


def test_list_asks_the_database_as_much_for_many(
    page: Client, student: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for shared in SharedVolumeFactory.create_batch(6, owner=student):
        VolumeMemberFactory.create_batch(2, volume=shared)
    VolumeMemberFactory.create_batch(6, person=student)

    # The session, the person, the files, what was deleted, what they take, what they may, and who knocks.
    with django_assert_max_num_queries(7):
        page.get(LIST)


def test_every_page_leads_to_the_list(page: Client) -> None:
    assert f'href="{LIST}"' in page.get("/").content.decode()


# --- Making


def test_create_makes_them_and_shows_their_page(page: Client, student: User) -> None:
    response = page.post(CREATE, {"title": "Measurements", "name": "data"})

    shared = SharedVolume.objects.get()
    assert (response.status_code, response["Location"]) == (302, address(shared))
    assert (shared.owner, shared.title, shared.name) == (student, "Measurements", "data")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "My Data"}, "“My Data” cannot be the name of shared files."),
        ({"name": "taken"}, "There are shared files called “taken” already"),
        ({"title": ""}, "This field is required."),
        ({"title": "x" * 121}, "at most 120 characters"),
    ],
)
def test_create_says_what_is_wrong_at_the_field(page: Client, fields: dict[str, str], words: str) -> None:
    SharedVolumeFactory.create(name="taken")

    response = page.post(CREATE, {"title": "Measurements", "name": "data"} | fields)

    assert response.status_code == 422
    assert words in str(response.context["form"][next(iter(fields))].errors)
    assert SharedVolume.objects.count() == 1


# --- Their page


def test_owner_sees_how_to_use_them_and_who_does(page: Client, own: SharedVolume) -> None:
    VolumeMemberFactory.create(volume=own, person=UserFactory.create(display_name="Ada Lovelace"))

    text = text_of(page.get(address(own)))

    assert ">mount=data<" in text
    assert ">mount=data:ro<" in text
    assert "Ada Lovelace" in text


def test_reader_sees_how_to_read_them_and_not_who_else_does(page: Client, others: SharedVolume) -> None:
    VolumeMemberFactory.create(volume=others, person=UserFactory.create(display_name="Ada Lovelace"))

    text = text_of(page.get(address(others)))

    assert ">mount=data:ro<" in text
    assert ">mount=data<" not in text
    assert "Ada Lovelace" not in text  # The form's token may well have an “Ada”.
    assert "/delete/" not in text


def test_page_of_what_is_not_there_is_not_found(page: Client, own: SharedVolume, now: datetime) -> None:
    SharedVolume.objects.update(deleted_at=now)

    assert page.get(address(own)).status_code == 404
    assert page.get(f"/volumes/{uuid.uuid4()}/").status_code == 404


def test_page_asks_the_database_as_much_for_many(
    page: Client, own: SharedVolume, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    VolumeMemberFactory.create_batch(8, volume=own)

    # The session, the person, the files, the groups, the members, and who knocks.
    with django_assert_max_num_queries(6):
        page.get(address(own))


def test_rename_changes_the_title(page: Client, own: SharedVolume) -> None:
    page.post(address(own, "rename/"), {"title": "More"})

    assert SharedVolume.objects.get().title == "More"


@pytest.mark.parametrize(
    "verb", ["rename/", "invite/", "delete/", "members/{member}/change/", "members/{member}/remove/"]
)
def test_member_may_not_do_what_is_the_owner_s(page: Client, others: SharedVolume, verb: str) -> None:
    member = others.members.get()

    response = page.post(address(others, verb.format(member=member.pk)), {"title": "x", "who": "x", "access": "write"})

    assert response.status_code == 403
    assert others.members.get().access == READ


# --- Sharing


@pytest.mark.parametrize("access", [READ, WRITE])
def test_invite_shares_them_with_a_person(page: Client, own: SharedVolume, teacher: User, access: str) -> None:
    response = page.post(address(own, "invite/"), {"who": "teacher", "access": access}, follow=True)

    member = own.members.get()
    assert (member.person, member.access) == (teacher, access)
    assert "Teacher can use these files now." in text_of(response)


def test_invite_shares_them_with_a_group_of_one_s_own(page: Client, own: SharedVolume, student: User) -> None:
    group = Group.objects.create(name="physics")
    student.groups.add(group)
    assert ">physics<" in text_of(page.get(address(own)))

    page.post(address(own, "invite/"), {"who": "", "group": "physics", "access": "read"})

    assert own.members.get().group == group


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"who": ""}, "who", "Name a person or choose a group, one of the two."),
        ({"who": "teacher", "group": "physics"}, "who", "one of the two"),
        ({"who": "nobody"}, "who", "Nobody here has the username"),
        ({"who": "student"}, "who", "your own"),
        ({"who": "x" * 255}, "who", "at most 254 characters"),
        ({"who": "", "group": "chemistry"}, "group", "not one of the available choices"),
        ({"who": "teacher", "access": "own"}, "access", "not one of the available choices"),
    ],
)
def test_invite_says_what_is_wrong_at_the_field(
    page: Client, own: SharedVolume, student: User, teacher: User, fields: dict[str, str], field: str, words: str
) -> None:
    student.groups.add(Group.objects.create(name="physics"))
    Group.objects.create(name="chemistry")

    response = page.post(address(own, "invite/"), {"access": "read"} | fields)

    assert response.status_code == 422
    assert words in str(response.context["invite_form"][field].errors)
    assert not own.members.exists()


def test_invite_without_groups_asks_for_a_person(page: Client, own: SharedVolume) -> None:
    response = page.post(address(own, "invite/"), {"who": "", "access": "read"})

    assert response.status_code == 422
    assert "Name a person." in str(response.context["invite_form"]["who"].errors)
    assert "group" not in response.context["invite_form"].fields


@pytest.mark.parametrize(("before", "after"), [(READ, WRITE), (WRITE, READ)])
def test_change_gives_more_or_less(page: Client, own: SharedVolume, before: str, after: str) -> None:
    member = VolumeMemberFactory.create(volume=own, access=before)

    page.post(member_address(member, "change"), {"access": after})

    assert own.members.get().access == after


def test_remove_takes_it_away(page: Client, own: SharedVolume) -> None:
    member = VolumeMemberFactory.create(volume=own)

    page.post(member_address(member, "remove"))

    assert not own.members.exists()


def test_member_of_other_files_is_not_found(page: Client, own: SharedVolume) -> None:
    elsewhere = VolumeMemberFactory.create()

    response = page.post(address(own, f"members/{elsewhere.pk}/remove/"))

    assert response.status_code == 404
    assert VolumeMember.objects.exists()


# --- Leaving and deleting


def test_leave_asks_and_then_leaves(page: Client, others: SharedVolume) -> None:
    assert "Leave “Measurements”?" in text_of(page.get(address(others, "leave/")))
    assert others.members.exists()

    page.post(address(others, "leave/"))

    assert not others.members.exists()


def test_leave_of_what_a_group_gives_says_so(page: Client, student: User, teacher: User) -> None:
    group = Group.objects.create(name="physics")
    student.groups.add(group)
    shared = VolumeMemberFactory.create(volume__owner=teacher, group=group).volume

    response = page.post(address(shared, "leave/"), follow=True)

    assert "because you are in the group “physics”" in text_of(response)
    assert "By your group" in text_of(response)


def test_delete_says_what_goes_and_who_has_them(page: Client, own: SharedVolume, student: User) -> None:
    server = running_server(owner=student)
    ServerMountFactory.create(server=server, volume=own, placed_in=server.start_id, placed_to=WRITE)

    text = text_of(page.get(address(own, "delete/")))

    assert "For 7 days you can bring them back." in text
    assert "1 running server has these files now" in text
    assert SharedVolume.objects.present().exists()


def test_deleted_files_are_offered_and_brought_back(page: Client, own: SharedVolume) -> None:
    text = text_of(page.post(address(own, "delete/"), follow=True))
    assert "Recently deleted" in text

    page.post(address(own, "undelete/"))

    assert SharedVolume.objects.get().deleted_at is None


def test_undelete_of_what_is_not_deleted_is_not_found(page: Client, own: SharedVolume) -> None:
    assert page.post(address(own, "undelete/")).status_code == 404


# --- A server's page


def server_page(page: Client, server: NotebookServer) -> str:
    return text_of(page.get(f"/servers/{server.pk}/"))


def test_page_of_a_server_shows_its_shared_files(page: Client, others: SharedVolume, student: User) -> None:
    server = NotebookServerFactory.create(owner=student)
    ServerMountFactory.create(server=server, volume=others, path="input", read_only=True)

    text = server_page(page, server)

    assert f'<a href="{address(others)}">Measurements</a>: <code>input</code>, to read.' in text
    assert "mount=data:input:ro" in text


def test_page_of_a_server_says_what_may_not_be_changed_any_more(
    page: Client, others: SharedVolume, student: User
) -> None:
    server = NotebookServerFactory.create(owner=student)
    ServerMountFactory.create(server=server, volume=others)

    assert "You may no longer change these files" in server_page(page, server)


def test_page_of_a_server_says_what_is_left_out_and_only_its_name(
    page: Client, others: SharedVolume, student: User
) -> None:
    server = NotebookServerFactory.create(owner=student)
    ServerMountFactory.create(server=server, volume=others)
    others.members.all().delete()

    text = server_page(page, server)

    assert "You may no longer use these files" in text
    assert "Measurements" not in text


def test_page_of_a_server_says_why_it_was_stopped(page: Client, student: User) -> None:
    server = NotebookServerFactory.create(owner=student, failure_code="mount_withdrawn", failure_facts={"name": "data"})

    text = server_page(page, server)

    assert "because you may no longer use the shared files “data”" in text
    assert 'id="start-server"' in text


def test_page_of_a_server_asks_the_database_as_much_for_many_mounts(
    page: Client, student: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    server = running_server(owner=student)
    for _ in range(5):
        ServerMountFactory.create(server=server)

    # The session, the person, the server, the disk, the quota, the owner; four for the mounts, three for company; and
    # who knocks.
    with django_assert_max_num_queries(14):
        page.get(f"/servers/{server.pk}/")
