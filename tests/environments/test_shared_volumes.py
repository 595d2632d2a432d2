"""Shared files: who may use them, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import cast

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from pytest_django import Settings

from accounts.models import User
from environments import backends, shared_volumes
from environments.errors import SystemFailure, UserError
from environments.models import Access, NotebookServer, SharedVolume, Volume, VolumeMember
from environments.mounts import usable_volumes
from environments.quotas import MEGABYTE, disk_use_of
from environments.reconciling import reconcile
from environments.shared_volumes import (
    change_access,
    delete_shared_volume,
    invite_group,
    invite_person,
    leave_shared_volume,
    make_shared_volume,
    purge_shared_volume,
    remove_member,
    rename_shared_volume,
    undelete_shared_volume,
)
from environments.volumes.fake import FakeVolumeStore
from tests.factories import ServerMountFactory, UserFactory, VolumeFactory, running_server

pytestmark = pytest.mark.django_db

READ, WRITE = Access.READ, Access.WRITE


class StuckStore(FakeVolumeStore):
    """Removes nothing."""

    def delete(self, volume: str) -> None:
        raise SystemFailure("runtime_unavailable")


@pytest.fixture
def shared(teacher: User, now: datetime) -> SharedVolume:
    """Shared files of the teacher."""
    return make_shared_volume(teacher, name="data", title="Measurements", now=now)


@pytest.fixture
def group(teacher: User, student: User) -> Group:
    """A group with the teacher and the student in it."""
    group = Group.objects.create(name="physics")
    group.user_set.add(teacher, student)
    return group


def usable(person: User) -> dict[str, bool]:
    """What this person may use, by name, and whether they may change it."""
    return {volume.name: volume.can_write for volume in usable_volumes(person)}  # type: ignore[attr-defined]


def code_of(refused: pytest.ExceptionInfo[UserError]) -> str:
    return refused.value.code


def confirmed(person: User, email: str) -> None:
    """Have this person have confirmed this address."""
    EmailAddress.objects.create(user=person, email=email, verified=True)


# --- Making


def test_make_gives_files_with_a_key_of_their_own(teacher: User, now: datetime) -> None:
    shared = make_shared_volume(teacher, name="data", title=" Measurements ", now=now)

    assert (shared.name, shared.title, shared.owner) == ("data", "Measurements", teacher)
    assert shared.volume.key == f"shared-{shared.volume.pk.hex}"
    assert shared.volume.owner == teacher


def test_make_without_a_title_takes_the_name(teacher: User, now: datetime) -> None:
    assert make_shared_volume(teacher, name="data", title="  ", now=now).title == "data"


@pytest.mark.parametrize("name", ["", "Data", "a b", "../etc", "-data", "x" * 41, "dätä", "data:ro", "a/b"])
def test_make_refuses_what_cannot_be_a_name(teacher: User, now: datetime, name: str) -> None:
    with pytest.raises(UserError) as refused:
        make_shared_volume(teacher, name=name, now=now)

    assert code_of(refused) == "volume_name_invalid"


def test_make_refuses_a_name_that_somebody_has(shared: SharedVolume, student: User, now: datetime) -> None:
    with pytest.raises(UserError) as refused:
        make_shared_volume(student, name="data", now=now)

    assert code_of(refused) == "shared_volume_name_taken"
    assert Volume.objects.count() == 1


def test_make_refuses_the_name_of_files_that_can_be_brought_back(
    shared: SharedVolume, student: User, now: datetime
) -> None:
    delete_shared_volume(shared, now=now)

    with pytest.raises(UserError) as refused:
        make_shared_volume(student, name="data", now=now)

    assert code_of(refused) == "shared_volume_name_taken"


def test_make_refuses_more_than_one_person_can_have(
    teacher: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_volumes, "MAX_OWNED", 1)
    make_shared_volume(teacher, name="one", now=now)

    with pytest.raises(UserError) as refused:
        make_shared_volume(teacher, name="two", now=now)

    assert code_of(refused) == "shared_volumes_too_many"


def test_make_refuses_where_there_is_no_room(teacher: User, now: datetime, settings: Settings) -> None:
    settings.PERSON_DISK_MB = 5
    VolumeFactory.create(owner=teacher, purpose=Volume.Purpose.HOME, bytes=6 * MEGABYTE)

    with pytest.raises(UserError) as refused:
        make_shared_volume(teacher, name="data", now=now)

    assert code_of(refused) == "shared_volume_quota_exceeded"


def test_rename_changes_the_title_and_not_the_name(shared: SharedVolume) -> None:
    rename_shared_volume(shared, title="More measurements")

    shared.refresh_from_db()
    assert (shared.title, shared.name) == ("More measurements", "data")


# --- Who may use them


def test_owner_may_change_the_files_and_nobody_else_knows_of_them(
    shared: SharedVolume, teacher: User, student: User
) -> None:
    assert usable(teacher) == {"data": True}
    assert usable(student) == {}


@pytest.mark.parametrize(("access", "can_write"), [(READ, False), (WRITE, True)])
def test_invited_person_may_use_them_as_said(
    shared: SharedVolume, student: User, now: datetime, access: Access, can_write: bool
) -> None:
    invite_person(shared, who="student", access=access, now=now)

    assert usable(student) == {"data": can_write}


@pytest.mark.parametrize(("access", "can_write"), [(READ, False), (WRITE, True)])
def test_group_may_use_them_as_said(
    shared: SharedVolume, student: User, stranger: User, group: Group, now: datetime, access: Access, can_write: bool
) -> None:
    invite_group(shared, who="physics", access=access, now=now)

    assert usable(student) == {"data": can_write}
    assert usable(stranger) == {}


@pytest.mark.parametrize("personal", [READ, WRITE])
def test_best_access_counts(shared: SharedVolume, student: User, group: Group, now: datetime, personal: Access) -> None:
    invite_person(shared, who="student", access=personal, now=now)
    invite_group(shared, who="physics", access=WRITE if personal == READ else READ, now=now)

    assert usable(student) == {"data": True}


def test_right_of_another_member_is_nobody_else_s(
    shared: SharedVolume, student: User, stranger: User, now: datetime
) -> None:
    invite_person(shared, who="student", access=READ, now=now)
    invite_person(shared, who="stranger", access=WRITE, now=now)

    assert usable(student) == {"data": False}


def test_who_leaves_the_group_may_no_more(shared: SharedVolume, student: User, group: Group, now: datetime) -> None:
    invite_group(shared, who="physics", access=READ, now=now)

    group.user_set.remove(student)

    assert usable(student) == {}


def test_deleted_files_are_nobody_s(shared: SharedVolume, teacher: User, student: User, now: datetime) -> None:
    invite_person(shared, who="student", access=READ, now=now)

    delete_shared_volume(shared, now=now)

    assert (usable(teacher), usable(student)) == ({}, {})


# --- Inviting


def test_invite_finds_a_confirmed_address(shared: SharedVolume, student: User, now: datetime) -> None:
    confirmed(student, "sam@example.org")

    member = invite_person(shared, who=" Sam@Example.org ", access=READ, now=now)

    assert member.person == student


def test_invite_does_not_believe_an_address_nobody_confirmed(shared: SharedVolume, now: datetime) -> None:
    person = UserFactory.create(username="impostor", email="sam@example.org")
    EmailAddress.objects.create(user=person, email="sam@example.org", verified=False)

    with pytest.raises(UserError) as refused:
        invite_person(shared, who="sam@example.org", access=READ, now=now)

    assert code_of(refused) == "member_unknown"


def test_invite_does_not_take_a_username_for_an_address(shared: SharedVolume, now: datetime) -> None:
    UserFactory.create(username="sam@example.org", email="")

    with pytest.raises(UserError) as refused:
        invite_person(shared, who="sam@example.org", access=READ, now=now)

    assert code_of(refused) == "member_unknown"


def test_invite_does_not_find_somebody_inactive(shared: SharedVolume, student: User, now: datetime) -> None:
    User.objects.filter(pk=student.pk).update(is_active=False)

    with pytest.raises(UserError) as refused:
        invite_person(shared, who="student", access=READ, now=now)

    assert code_of(refused) == "member_unknown"


def test_invite_refuses_the_owner(shared: SharedVolume, now: datetime) -> None:
    with pytest.raises(UserError) as refused:
        invite_person(shared, who="teacher", access=READ, now=now)

    assert code_of(refused) == "member_is_owner"


def test_invite_twice_changes_nothing(shared: SharedVolume, student: User, now: datetime) -> None:
    invite_person(shared, who="student", access=READ, now=now)

    with pytest.raises(UserError) as refused:
        invite_person(shared, who="student", access=WRITE, now=now)

    assert code_of(refused) == "member_there_already"
    assert usable(student) == {"data": False}


def test_invite_refuses_a_group_the_owner_is_not_in(shared: SharedVolume, now: datetime) -> None:
    Group.objects.create(name="everybody")

    with pytest.raises(UserError) as refused:
        invite_group(shared, who="everybody", access=READ, now=now)

    assert code_of(refused) == "group_unknown"


def test_invite_refuses_more_members_than_there_can_be(
    shared: SharedVolume, student: User, stranger: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_volumes, "MAX_MEMBERS", 1)
    invite_person(shared, who="student", access=READ, now=now)

    with pytest.raises(UserError) as refused:
        invite_person(shared, who="stranger", access=READ, now=now)

    assert code_of(refused) == "members_too_many"


def test_change_gives_more_or_less(shared: SharedVolume, student: User, now: datetime) -> None:
    member = invite_person(shared, who="student", access=READ, now=now)

    change_access(member, access=WRITE)

    assert usable(student) == {"data": True}


def test_remove_takes_it_away(shared: SharedVolume, student: User, now: datetime) -> None:
    member = invite_person(shared, who="student", access=WRITE, now=now)

    remove_member(member)

    assert usable(student) == {}


# --- Leaving


def test_leave_gives_up_what_was_given_by_name(shared: SharedVolume, student: User, now: datetime) -> None:
    invite_person(shared, who="student", access=WRITE, now=now)

    leave_shared_volume(shared, person=student)

    assert usable(student) == {}


def test_leave_of_what_a_group_gives_says_which(
    shared: SharedVolume, student: User, group: Group, now: datetime
) -> None:
    invite_group(shared, who="physics", access=READ, now=now)

    with pytest.raises(UserError) as refused:
        leave_shared_volume(shared, person=student)

    assert (code_of(refused), refused.value.facts) == ("membership_by_group", {"group": "physics"})
    assert usable(student) == {"data": False}


def test_leave_leaves_others_alone(shared: SharedVolume, student: User, stranger: User, now: datetime) -> None:
    invite_person(shared, who="student", access=READ, now=now)
    invite_person(shared, who="stranger", access=READ, now=now)

    leave_shared_volume(shared, person=student)

    assert VolumeMember.objects.get().person == stranger


# --- Their size


def test_files_count_as_their_owner_s(shared: SharedVolume, teacher: User, student: User, now: datetime) -> None:
    invite_person(shared, who="student", access=WRITE, now=now)
    Volume.objects.update(bytes=3 * MEGABYTE)

    assert disk_use_of(teacher).used_bytes == 3 * MEGABYTE
    assert disk_use_of(student).used_bytes == 0


def test_deleted_files_make_room(shared: SharedVolume, teacher: User, now: datetime) -> None:
    Volume.objects.update(bytes=3 * MEGABYTE)

    delete_shared_volume(shared, now=now)

    assert disk_use_of(teacher).used_bytes == 0


# --- Deleting


def fill(shared: SharedVolume) -> FakeVolumeStore:
    """Have a file in them; the store that has it."""
    store = cast("FakeVolumeStore", backends.volume_store())
    store.volumes[shared.volume.key] = {PurePosixPath("file"): b"1"}
    return store


def test_undelete_brings_files_back_with_everybody(shared: SharedVolume, student: User, now: datetime) -> None:
    invite_person(shared, who="student", access=WRITE, now=now)
    delete_shared_volume(shared, now=now)

    undelete_shared_volume(shared)

    assert usable(student) == {"data": True}


def test_delete_twice_does_not_begin_anew(shared: SharedVolume, now: datetime) -> None:
    delete_shared_volume(shared, now=now)

    delete_shared_volume(SharedVolume.objects.get(), now=now + timedelta(days=3))

    assert SharedVolume.objects.get().deleted_at == now


def test_deleted_files_stay_until_their_time_is_over(fake_backends: None, shared: SharedVolume, now: datetime) -> None:
    store = fill(shared)
    delete_shared_volume(shared, now=now)

    reconcile(now=now + timedelta(days=7, seconds=-1))

    assert store.exists(shared.volume.key)
    assert SharedVolume.objects.exists()


def test_deleted_files_are_removed_when_their_time_is_over(
    fake_backends: None, shared: SharedVolume, now: datetime
) -> None:
    store, key = fill(shared), shared.volume.key
    delete_shared_volume(shared, now=now)

    reconcile(now=now + timedelta(days=7))

    assert not store.exists(key)
    assert not SharedVolume.objects.exists()
    assert not Volume.objects.exists()


def test_files_that_are_not_deleted_are_never_removed(fake_backends: None, shared: SharedVolume, now: datetime) -> None:
    store = fill(shared)

    purge_shared_volume(shared, now=now + timedelta(days=9999))
    reconcile(now=now + timedelta(days=9999))

    assert store.exists(shared.volume.key)


def test_files_are_not_removed_from_under_a_server(fake_backends: None, shared: SharedVolume, now: datetime) -> None:
    store = fill(shared)
    server = running_server(owner=shared.owner)
    ServerMountFactory.create(server=server, volume=shared, placed_in=server.start_id, placed_to=WRITE)
    delete_shared_volume(shared, now=now)

    purge_shared_volume(shared, now=now + timedelta(days=7))

    assert store.exists(shared.volume.key)


def test_server_that_slept_through_it_does_not_keep_the_files(
    fake_backends: None, shared: SharedVolume, now: datetime
) -> None:
    store, key = fill(shared), shared.volume.key
    server = running_server(owner=shared.owner)
    ServerMountFactory.create(server=server, volume=shared, placed_in=server.start_id, placed_to=WRITE)
    NotebookServer.objects.update(state=NotebookServer.State.STOPPED)
    delete_shared_volume(shared, now=now)

    purge_shared_volume(shared, now=now + timedelta(days=7))

    assert not store.exists(key)
    assert not server.mounts.exists()


def test_files_that_cannot_be_removed_are_tried_again(
    use_backends: Callable[..., None], shared: SharedVolume, now: datetime
) -> None:
    use_backends(volume_store=StuckStore)
    delete_shared_volume(shared, now=now)

    reconcile(now=now + timedelta(days=7))

    assert SharedVolume.objects.exists()
