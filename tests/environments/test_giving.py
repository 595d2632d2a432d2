"""Files given to servers: each in its place before anybody was in, else in a new folder, and nothing overwritten."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import TestCase

from accounts.models import User
from environments import giving, servers
from environments.backends import volume_store
from environments.models import GivenFiles, NotebookServer
from environments.volumes.archive import Entry, pack
from environments.volumes.fake import FakeVolumeStore
from tests.environments.workshop import Workshop, fresh, has_image
from tests.factories import NotebookServerFactory

pytestmark = pytest.mark.django_db

KEY = "kept-" + "0" * 32
State = NotebookServer.State


@pytest.fixture
def group() -> Group:
    return Group.objects.create(name="class")


@pytest.fixture
def server(workshop: Workshop, student: User, group: Group) -> NotebookServer:
    """A server of the class that nobody has been in; what its image brings is there."""
    server = has_image(NotebookServerFactory.create(owner=student, group=group, name="waves", state=State.STOPPED))
    fill(server.volume.key, {"1.ipynb": b"from the image"})
    return server


def fill(key: str, files: dict[str, bytes]) -> None:
    volume_store().create(key)
    entries = (Entry(PurePosixPath(path), size=len(data), content=[data]) for path, data in files.items())
    volume_store().write(key, "", pack(entries), max_bytes=1_000_000)


def files_in(server: NotebookServer) -> dict[str, bytes]:
    store = volume_store()
    assert isinstance(store, FakeVolumeStore)
    found = store.volumes[server.volume.key]
    return {str(path): content for path, content in found.items() if content is not None}


def give(server: NotebookServer, now: datetime, files: dict[str, bytes] | None = None, **changes: Any) -> GivenFiles:
    """Have these wait for the server."""
    fill(KEY, {"1.ipynb": b"solved"} if files is None else files)
    assert server.group
    asked: dict[str, Any] = {"name": server.name, "folder": "from before", "max_bytes": 1_000_000, **changes}
    with TestCase.captureOnCommitCallbacks(execute=True):
        return giving.give(server.owner, group=server.group, volume_key=KEY, now=now, **asked)


def start(server: NotebookServer, workshop: Workshop) -> None:
    servers.start_server(fresh(server), now=workshop.now)
    workshop.work_until_done()
    assert fresh(server).state == State.RUNNING


def test_are_in_their_places_when_a_server_first_runs(workshop: Workshop, server: NotebookServer) -> None:
    give(server, workshop.now)

    start(server, workshop)

    assert files_in(server) == {"1.ipynb": b"solved"}
    assert GivenFiles.objects.get().given_at


def test_are_in_a_new_folder_of_a_server_that_was_used(workshop: Workshop, server: NotebookServer) -> None:
    start(server, workshop)
    servers.stop_server(fresh(server), now=workshop.now)
    workshop.work_until_done()
    give(server, workshop.now)

    start(server, workshop)

    assert files_in(server) == {"1.ipynb": b"from the image", "from before/1.ipynb": b"solved"}
    assert GivenFiles.objects.get().given_in == "from before"


def test_are_given_at_once_to_a_server_that_runs(workshop: Workshop, server: NotebookServer) -> None:
    start(server, workshop)

    give(server, workshop.now)

    assert ("give_files", str(server.pk)) in workshop.sent
    giving.carry_out_giving(fresh(server), clock=workshop.clock)
    assert files_in(server)["from before/1.ipynb"] == b"solved"


def test_are_given_once(workshop: Workshop, server: NotebookServer) -> None:
    give(server, workshop.now)
    start(server, workshop)
    fill(server.volume.key, {"1.ipynb": b"changed since"})

    giving.carry_out_giving(fresh(server), clock=workshop.clock)

    assert files_in(server) == {"1.ipynb": b"changed since"}


def test_leave_alone_what_is_mounted_in_a_home(workshop: Workshop, server: NotebookServer) -> None:
    give(server, workshop.now, {"home/.bashrc": b"evil", "notes.md": b"mine"})

    start(server, workshop)

    assert set(files_in(server)) == {"1.ipynb", "notes.md"}


@pytest.mark.parametrize("name", ["another", "waves-teacher"])
def test_are_for_the_server_of_that_name_alone(workshop: Workshop, server: NotebookServer, name: str) -> None:
    give(server, workshop.now, name=name)

    start(server, workshop)

    assert files_in(server) == {"1.ipynb": b"from the image"}


def test_are_for_servers_of_that_group_alone(workshop: Workshop, server: NotebookServer) -> None:
    give(server, workshop.now)
    NotebookServer.objects.update(group=Group.objects.create(name="another class"))

    start(server, workshop)

    assert files_in(server) == {"1.ipynb": b"from the image"}


class TestDeadWorker:
    """Whoever gave them was killed before it was written down."""

    def test_are_given_again_in_their_places_while_nobody_was_in(
        self, workshop: Workshop, server: NotebookServer
    ) -> None:
        give(server, workshop.now)
        left_behind(workshop.now)
        workshop.now += timedelta(minutes=1)

        start(server, workshop)

        assert files_in(server) == {"1.ipynb": b"solved"}

    def test_go_to_one_more_folder_where_somebody_is_at_work(self, workshop: Workshop, server: NotebookServer) -> None:
        start(server, workshop)
        give(server, workshop.now)
        left_behind(workshop.now)
        fill(server.volume.key, {"from before/1.ipynb": b"half given, and changed"})

        workshop.work_until_done()

        assert files_in(server)["from before/1.ipynb"] == b"half given, and changed"
        assert files_in(server)["from before (2)/1.ipynb"] == b"solved"

    def test_are_left_to_a_worker_that_is_alive(self, workshop: Workshop, server: NotebookServer) -> None:
        start(server, workshop)
        give(server, workshop.now)
        left_behind(workshop.now)

        giving.carry_out_giving(fresh(server), clock=workshop.clock)

        assert files_in(server) == {"1.ipynb": b"from the image"}


def left_behind(now: datetime) -> None:
    """As the row is while the first worker is at it."""
    GivenFiles.objects.update(attempts=1, lease_expires_at=now + timedelta(seconds=10))


class TestFailure:
    """They cannot be given."""

    def test_keeps_nobody_from_working(self, workshop: Workshop, server: NotebookServer) -> None:
        give(server, workshop.now, {"1.ipynb/inside": b"a folder here is a file there"})

        start(server, workshop)

        row = GivenFiles.objects.get()
        assert (row.given_at, row.failure_code) == (None, "volume_path_invalid")
        assert row.failure
        assert files_in(server) == {"1.ipynb": b"from the image"}

    def test_is_tried_again_after_a_while_in_a_folder(self, workshop: Workshop, server: NotebookServer) -> None:
        give(server, workshop.now, {"1.ipynb/inside": b"mine"})
        start(server, workshop)
        at_once = fresh(server)
        giving.carry_out_giving(at_once, clock=workshop.clock)
        before = files_in(server)
        workshop.now += giving.RETRY_AFTER + timedelta(seconds=1)

        giving.carry_out_giving(fresh(server), clock=workshop.clock)

        assert before == {"1.ipynb": b"from the image"}
        assert files_in(server)["from before (2)/1.ipynb/inside"] == b"mine"
        assert not GivenFiles.objects.get().failure

    def test_refuses_more_than_was_said(self, workshop: Workshop, server: NotebookServer) -> None:
        give(server, workshop.now, {"large": bytes(100_000)}, max_bytes=10_000)

        start(server, workshop)

        assert GivenFiles.objects.get().failure_code == "volume_too_large"


def test_removes_the_volume_once_its_files_were_given(workshop: Workshop, server: NotebookServer) -> None:
    give(server, workshop.now)
    giving.remove_given(now=workshop.now + timedelta(days=30))
    waits = volume_store().exists(KEY)
    start(server, workshop)

    giving.remove_given(now=workshop.now + giving.KEPT + timedelta(seconds=1))

    assert waits
    assert not volume_store().exists(KEY)
    assert not GivenFiles.objects.exists()


def test_take_back_removes_what_waits(workshop: Workshop, server: NotebookServer, group: Group) -> None:
    give(server, workshop.now)

    giving.take_back(group)

    assert not volume_store().exists(KEY)
    assert not GivenFiles.objects.exists()
