"""Shared files in servers: asked for, placed at a start, and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath

import pytest
from django.contrib.auth.models import Group
from pytest_django import Settings

from accounts.models import User
from environments import shared_volumes, starting, updating
from environments.errors import UserError
from environments.launching import launch, make_image, spec_of
from environments.links import read_mount
from environments.models import Access, NotebookServer, ServerMount, SharedVolume, Update, VolumeMember
from environments.mounts import Standing, check_mounts, mount_views
from environments.references import parse
from environments.values import LaunchSpec, Mount, MountWish
from tests.environments.workshop import SECOND, Workshop, fake_spawner, fresh, has_image, other, updated_server
from tests.factories import NotebookServerFactory, ServerMountFactory, SharedVolumeFactory, VolumeMemberFactory
from tests.fakes.git_host import GitHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

State = NotebookServer.State
READ, WRITE = Access.READ, Access.WRITE


@pytest.fixture
def shared(teacher: User) -> SharedVolume:
    """Shared files of the teacher."""
    return SharedVolumeFactory.create(owner=teacher, name="data")


@pytest.fixture
def member(shared: SharedVolume, student: User) -> VolumeMember:
    """The student, who may change them."""
    return VolumeMemberFactory.create(volume=shared, person=student, access=WRITE)


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    """A git host with one repository."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": "numpy\n"})
        yield host


def spec(host: GitHost, *mounts: str, name: str = "") -> LaunchSpec:
    return LaunchSpec(parse(host.url("statistics")), name=name, mounts=tuple(map(read_mount, mounts)))


def refusal_of(person: User, *mounts: MountWish) -> UserError:
    with pytest.raises(UserError) as refused:
        check_mounts(person, mounts)
    return refused.value


# --- Asking


@pytest.mark.parametrize("read_only", [True, False])
def test_member_who_may_change_files_gets_them_as_asked(student: User, member: VolumeMember, read_only: bool) -> None:
    (mount,) = check_mounts(student, [MountWish("data", "input/data", read_only)])

    assert (mount.volume, mount.path, mount.read_only) == (member.volume, "input/data", read_only)


def test_forbidden_files_are_refused_just_as_unknown_ones(shared: SharedVolume, stranger: User) -> None:
    forbidden, unknown = (refusal_of(stranger, MountWish(name, "shared/x")) for name in ("data", "nothing"))

    assert (forbidden.code, unknown.code) == ("mount_unknown", "mount_unknown")
    assert forbidden.explain().sentence.replace("data", "nothing") == unknown.explain().sentence


def test_deleted_files_are_refused_just_as_unknown_ones(shared: SharedVolume, teacher: User, now: datetime) -> None:
    shared_volumes.delete_shared_volume(shared, now=now)

    assert refusal_of(teacher, MountWish("data", "shared/data")).code == "mount_unknown"


def test_who_may_read_and_asks_for_more_is_told_to_ask_for_less(student: User, member: VolumeMember) -> None:
    shared_volumes.change_access(member, access=READ)

    refusal = refusal_of(student, MountWish("data", "shared/data"))

    assert refusal.code == "mount_read_only"
    assert "“:ro”" in refusal.explain().next_step
    assert check_mounts(student, [MountWish("data", "shared/data", read_only=True)])


@pytest.mark.parametrize(
    "path",
    [
        "../data",
        "a/../../b",
        "a/..",
        "/../etc",
        ".ssh",
        ".jupyter/lab",
        "/.local",
        "a\\b",
        "a\nb",
        "a:b",
        "x" * 256,
        "a/" * 251 + "a",
    ],
)
def test_path_that_leaves_or_hides_is_refused(student: User, member: VolumeMember, path: str) -> None:
    assert refusal_of(student, MountWish("data", path)).code == "mount_path_invalid"


@pytest.mark.parametrize("path", ["/data", "data/", "./data", "//data", "data/."])
def test_path_is_understood_however_it_is_written(student: User, member: VolumeMember, path: str) -> None:
    (mount,) = check_mounts(student, [MountWish("data", path)])

    assert mount.path == "data"


@pytest.mark.parametrize(
    "paths",
    [
        ["home"],
        ["home/data"],
        ["home/a/b"],
        ["a", "a"],
        ["a", "a/"],
        ["a", "a/b"],
        ["a/b/c", "a"],
        ["x", "a/b", "a/b/c/d"],
    ],
)
def test_paths_that_hide_one_another_are_refused(student: User, member: VolumeMember, paths: list[str]) -> None:
    other = SharedVolumeFactory.create(owner=student, name="other")
    names = [member.volume.name, other.name, other.name]

    wishes = [MountWish(name, path) for name, path in zip(names, paths, strict=False)]

    assert refusal_of(student, *wishes).code == "mount_path_taken"


def test_paths_beside_one_another_are_fine(student: User, member: VolumeMember) -> None:
    SharedVolumeFactory.create(owner=student, name="other")
    wishes = [MountWish("data", "a/b"), MountWish("other", "a/bc"), MountWish("other", "homes")]

    assert len(check_mounts(student, wishes)) == 3


# --- Launching


def test_launch_remembers_what_was_asked_for(host: GitHost, student: User, member: VolumeMember, now: datetime) -> None:
    wanted = spec(host, "data:input:ro", "data", name="mine")

    server = launch(student, wanted, now=now)

    assert set(spec_of(server).mounts) == set(wanted.mounts)


@pytest.mark.parametrize("mount", ["nothing", "data:home", "data:a/../.."])
def test_launch_that_is_refused_leaves_nothing(
    host: GitHost, student: User, member: VolumeMember, now: datetime, mount: str
) -> None:
    with pytest.raises(UserError):
        launch(student, spec(host, mount), now=now)

    assert not NotebookServer.objects.exists()
    assert not ServerMount.objects.exists()


def test_image_alone_is_not_made_for_files_one_may_not_use(host: GitHost, stranger: User, now: datetime) -> None:
    with pytest.raises(UserError, match="mount_unknown"):
        make_image(stranger, spec(host, "data"), now=now)


def test_launch_again_meets_the_same_server(host: GitHost, student: User, member: VolumeMember, now: datetime) -> None:
    first = launch(student, spec(host, "data"), now=now)

    assert launch(student, spec(host, "data"), now=now) == first
    assert launch(student, spec(host), now=now) == first


@pytest.mark.parametrize("mount", ["other", "data:elsewhere", "data:shared/data:ro"])
def test_launch_does_not_meet_a_server_without_what_is_asked_for(
    host: GitHost, student: User, member: VolumeMember, now: datetime, mount: str
) -> None:
    SharedVolumeFactory.create(owner=student, name="other")
    launch(student, spec(host, "data"), now=now)

    with pytest.raises(UserError, match="server_differs"):
        launch(student, spec(host, mount), now=now)


def test_launch_again_meets_the_server_of_who_may_use_the_files_no_more(
    host: GitHost, student: User, member: VolumeMember, now: datetime
) -> None:
    server = launch(student, spec(host, "data"), now=now)
    shared_volumes.remove_member(member)

    assert launch(student, spec(host, "data"), now=now) == server


def test_copy_to_try_only_reads(host: GitHost, student: User, member: VolumeMember, now: datetime) -> None:
    server = launch(student, replace(spec(host, "data"), is_public=True), now=now)

    assert [wish.read_only for wish in server.wishes] == [True]


def test_copy_to_try_is_enough_for_who_may_only_read(
    host: GitHost, student: User, member: VolumeMember, now: datetime
) -> None:
    shared_volumes.change_access(member, access=READ)

    server = launch(student, replace(spec(host, "data"), is_public=True), now=now)

    assert len(server.wishes) == 1


# --- Starting


def server_with(mount: str, owner: User, shared: SharedVolume) -> NotebookServer:
    """A server of this person that waits to be started, with these files."""
    server = has_image(NotebookServerFactory.create(owner=owner, state=State.QUEUED))
    wish = read_mount(mount)
    ServerMountFactory.create(server=server, volume=shared, path=wish.path, read_only=wish.read_only)
    return server


def placed(server: NotebookServer) -> list[Mount]:
    """The shared files that the server was started with."""
    _home, *mounts = fake_spawner().specs[fresh(server).handle].mounts
    return list(mounts)


def start(server: NotebookServer, workshop: Workshop) -> NotebookServer:
    starting.carry_out_start(fresh(server), clock=workshop.clock)
    assert fresh(server).state == State.RUNNING
    return fresh(server)


@pytest.mark.parametrize("mount", ["data:input", "data:input:ro"])
def test_start_places_files_as_asked(workshop: Workshop, student: User, member: VolumeMember, mount: str) -> None:
    server = start(server_with(mount, student, member.volume), workshop)

    assert placed(server) == [Mount(member.volume.volume.key, PurePosixPath("input"), mount.endswith(":ro"))]
    (view,) = mount_views(server)
    assert (view.standing, view.words) == (Standing.AS_ASKED, "")


def test_start_of_a_copy_to_try_places_them_and_no_personal_files(
    workshop: Workshop, student: User, member: VolumeMember
) -> None:
    server = server_with("data:input:ro", student, member.volume)
    NotebookServer.objects.update(is_throwaway=True)

    start(server, workshop)

    mounts = fake_spawner().specs[fresh(server).handle].mounts
    assert [(str(mount.path), mount.read_only) for mount in mounts] == [("input", True)]


def test_start_places_files_to_be_read_that_may_only_be_read_by_now(
    workshop: Workshop, student: User, member: VolumeMember
) -> None:
    shared_volumes.change_access(member, access=READ)

    server = start(server_with("data", student, member.volume), workshop)

    assert [mount.read_only for mount in placed(server)] == [True]
    (view,) = mount_views(server)
    assert (view.standing, view.can_write) == (Standing.ONLY_TO_READ, False)


def test_start_leaves_out_what_may_not_be_used_by_now(workshop: Workshop, student: User, member: VolumeMember) -> None:
    shared_volumes.remove_member(member)

    server = start(server_with("data", student, member.volume), workshop)

    assert placed(server) == []
    assert [view.standing for view in mount_views(server)] == [Standing.WITHDRAWN]


def test_start_leaves_out_deleted_files(workshop: Workshop, student: User, member: VolumeMember) -> None:
    shared_volumes.delete_shared_volume(member.volume, now=workshop.now)

    server = start(server_with("data", student, member.volume), workshop)

    assert placed(server) == []


def test_start_places_again_what_was_given_back(workshop: Workshop, student: User, member: VolumeMember) -> None:
    server = server_with("data", student, member.volume)
    shared_volumes.delete_shared_volume(member.volume, now=workshop.now)
    shared_volumes.undelete_shared_volume(member.volume)

    assert len(placed(start(server, workshop))) == 1


# --- Giving a server more


def other_files(owner: User) -> SharedVolume:
    return SharedVolumeFactory.create(owner=owner, name="other")


def test_update_gives_a_running_server_files_besides(workshop: Workshop, student: User, member: VolumeMember) -> None:
    server = start(server_with("data", student, member.volume), workshop)
    other = other_files(student)
    wish = LaunchSpec(server.reference, mounts=(read_mount("other:more:ro"),))

    updating.update_server(server, updating.target_of_launch(server, wish), now=workshop.now)
    workshop.work_until_done()

    assert fresh(server).state == State.RUNNING
    assert [(mount.volume, str(mount.path), mount.read_only) for mount in placed(server)] == [
        (other.volume.key, "more", True),
        (member.volume.volume.key, "shared/data", False),
    ]


def test_update_puts_files_in_the_place_of_others(workshop: Workshop, student: User, member: VolumeMember) -> None:
    server = start(server_with("data", student, member.volume), workshop)
    wish = LaunchSpec(server.reference, mounts=(read_mount("data:shared/data:ro"),))

    updating.update_server(server, updating.target_of_launch(server, wish), now=workshop.now)
    workshop.work_until_done()

    assert [mount.read_only for mount in placed(server)] == [True]


def test_update_to_another_version_keeps_the_files(workshop: Workshop, student: User, member: VolumeMember) -> None:
    server = start(server_with("data", student, member.volume), workshop)

    updating.update_server(server, other(server), now=workshop.now)
    has_image(Update.objects.get())
    workshop.work_until_done()

    assert len(placed(server)) == 1


def test_roll_back_keeps_the_files(workshop: Workshop, student: User, member: VolumeMember) -> None:
    server = updated_server(workshop, commit=SECOND)
    ServerMountFactory.create(server=server)

    updating.roll_back(server, now=workshop.now)
    workshop.work_until_done()

    assert len(placed(server)) == 1


def test_update_passes_over_files_that_are_gone_by_then(
    workshop: Workshop, student: User, member: VolumeMember
) -> None:
    server = start(server_with("data", student, member.volume), workshop)
    wish = LaunchSpec(server.reference, mounts=(read_mount("other"),))
    gone = other_files(student)
    updating.update_server(server, updating.target_of_launch(server, wish), now=workshop.now)
    gone.delete()

    workshop.work_until_done()

    assert (fresh(server).state, len(placed(server))) == (State.RUNNING, 1)


# --- Having a server do without


def test_update_takes_files_out_of_a_running_server(workshop: Workshop, student: User, member: VolumeMember) -> None:
    server = start(server_with("data", student, member.volume), workshop)

    updating.update_server(server, updating.target_with_mounts(server, []), now=workshop.now)
    workshop.work_until_done()

    assert fresh(server).state == State.RUNNING
    assert placed(server) == []


def test_update_to_certain_files_gives_those_and_no_others(
    workshop: Workshop, student: User, member: VolumeMember
) -> None:
    server = start(server_with("data", student, member.volume), workshop)
    other = other_files(student)
    wishes = [read_mount("other:shared/data")]

    updating.update_server(server, updating.target_with_mounts(server, wishes), now=workshop.now)
    workshop.work_until_done()

    assert [mount.volume for mount in placed(server)] == [other.volume.key]


def test_files_that_were_taken_back_may_stay_asked_for(workshop: Workshop, student: User, member: VolumeMember) -> None:
    server = start(server_with("data", student, member.volume), workshop)
    shared_volumes.remove_member(member)

    target = updating.target_with_mounts(server, [read_mount("data")])

    assert target == server.target


def test_files_may_not_be_chosen_at_paths_inside_one_another(
    workshop: Workshop, student: User, member: VolumeMember
) -> None:
    server = start(server_with("data", student, member.volume), workshop)

    with pytest.raises(UserError, match="mount_path_taken"):
        updating.target_with_mounts(server, [read_mount("data"), read_mount("data:shared/data:ro")])


def test_launch_without_files_takes_them_out_before_it_puts_others_in(
    workshop: Workshop, student: User, member: VolumeMember
) -> None:
    server = start(server_with("data", student, member.volume), workshop)
    wish = LaunchSpec(server.reference, mounts=(read_mount("data:shared:ro"),))

    target = updating.target_of_launch(server, wish, without={"shared/data", "nowhere"})

    assert [mount.path for mount in target.mounts] == ["shared"]


# --- Taking back


@pytest.fixture
def running(workshop: Workshop, student: User, member: VolumeMember) -> NotebookServer:
    """A server of the student's that runs with the teacher's files, which they may change."""
    return start(server_with("data", student, member.volume), workshop)


def test_server_goes_on_while_nothing_is_taken_back(workshop: Workshop, running: NotebookServer) -> None:
    workshop.work_until_done()

    assert fresh(running).state == State.RUNNING


def test_server_is_stopped_whose_owner_may_use_the_files_no_more(
    workshop: Workshop, running: NotebookServer, member: VolumeMember
) -> None:
    shared_volumes.remove_member(member)

    workshop.work_until_done()

    server = fresh(running)
    assert (server.state, server.failure_code) == (State.STOPPED, "mount_withdrawn")
    assert server.failure is not None
    assert "“data”" in server.failure.sentence


def test_server_is_stopped_whose_owner_may_only_read_the_files_by_now(
    workshop: Workshop, running: NotebookServer, member: VolumeMember
) -> None:
    shared_volumes.change_access(member, access=READ)

    workshop.work_until_done()

    assert (fresh(running).state, fresh(running).failure_code) == (State.STOPPED, "mount_became_read_only")


def test_server_is_stopped_whose_owner_is_no_more_in_the_group(
    workshop: Workshop, student: User, shared: SharedVolume
) -> None:
    group = Group.objects.create(name="physics")
    group.user_set.add(student)
    VolumeMemberFactory.create(volume=shared, group=group)
    server = start(server_with("data:x:ro", student, shared), workshop)

    group.user_set.remove(student)
    workshop.work_until_done()

    assert fresh(server).state == State.STOPPED


def test_server_that_was_stopped_starts_again_without_the_files(
    workshop: Workshop, running: NotebookServer, member: VolumeMember
) -> None:
    shared_volumes.remove_member(member)
    workshop.work_until_done()
    NotebookServer.objects.update(state=State.QUEUED)

    start(running, workshop)
    workshop.work_until_done()

    assert fresh(running).state == State.RUNNING
    assert placed(running) == []


def test_server_that_only_reads_goes_on_when_nothing_may_be_changed_any_more(
    workshop: Workshop, student: User, member: VolumeMember
) -> None:
    server = start(server_with("data:x:ro", student, member.volume), workshop)
    shared_volumes.change_access(member, access=READ)

    workshop.work_until_done()

    assert fresh(server).state == State.RUNNING


def test_server_keeps_deleted_files_until_it_stops(
    workshop: Workshop, running: NotebookServer, member: VolumeMember
) -> None:
    shared_volumes.delete_shared_volume(member.volume, now=workshop.now)

    workshop.work_until_done()

    assert fresh(running).state == State.RUNNING
    assert [view.standing for view in mount_views(running)] == [Standing.ENDING]


def test_server_is_stopped_before_deleted_files_are_removed(
    workshop: Workshop, running: NotebookServer, member: VolumeMember
) -> None:
    shared_volumes.delete_shared_volume(member.volume, now=workshop.now)

    workshop.now += timedelta(days=8)
    workshop.work_until_done()
    workshop.work()

    assert fresh(running).state == State.STOPPED
    assert not SharedVolume.objects.exists()


def test_start_that_is_taken_over_owns_up_to_what_it_may_have_placed(
    workshop: Workshop, running: NotebookServer, member: VolumeMember
) -> None:
    """A worker that started the server died before it said so; meanwhile the right was taken back."""
    NotebookServer.objects.update(state=State.STARTING, lease_expires_at=workshop.now - timedelta(seconds=1))
    shared_volumes.remove_member(member)
    starting.carry_out_start(fresh(running), clock=workshop.clock)

    workshop.work_until_done()

    assert (fresh(running).state, fresh(running).failure_code) == (State.STOPPED, "mount_withdrawn")
