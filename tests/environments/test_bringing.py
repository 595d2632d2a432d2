"""Material brought into servers: at once or as they start, once, from where they are, and apart from their images."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.test import TestCase

from accounts.models import User
from environments import bringing, servers, source_trees, starting, updating
from environments.backends import volume_store
from environments.errors import SystemFailure
from environments.models import NotebookServer, ServerMaterial, SourceTree, Update
from environments.reconciling import reconcile
from environments.values import Material, ResolvedRepository
from environments.volumes.fake import FakeVolumeStore
from tests.environments.workshop import Workshop, fake_spawner, fresh, has_image, other
from tests.factories import NotebookServerFactory

pytestmark = pytest.mark.django_db

REPOSITORY = "https://github.com/carrel-tests/example"
FIRST, SECOND, THIRD = ("1" * 40, "2" * 40, "3" * 40)
FILES: dict[str, Mapping[str, str]] = {
    FIRST: {"lesson.ipynb": "1", "notes.md": "1", "old.txt": "1"},
    SECOND: {"lesson.ipynb": "2", "notes.md": "2", "new.csv": "2"},
    THIRD: {"lesson.ipynb": "3", "notes.md": "2", "new.csv": "3"},
}
State = NotebookServer.State


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    """A workshop in which the spawner finds material where it is put."""
    store = volume_store()
    assert isinstance(store, FakeVolumeStore)
    fake_spawner().store = store
    return workshop


def tree_of(commit: str, owner: User, workshop: Workshop, *, url: str = REPOSITORY) -> SourceTree:
    """The files of this commit, fetched."""
    resolved, files = ResolvedRepository(url, commit, "main"), FILES[commit]
    tree = source_trees.request_tree(resolved, owner=owner, now=workshop.now)
    volume_store().create(tree.volume_key)
    volume_store().write(tree.volume_key, Material.FOLDER, [_tar(files)], max_bytes=1_000_000)
    tree.state = SourceTree.State.READY
    tree.manifest = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()}
    tree.save()
    return tree


def bring(server: NotebookServer, commit: str, owner: User, workshop: Workshop, *, url: str = REPOSITORY) -> None:
    """Ask for it, and let workers do what they are asked to do."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        bringing.bring_material(fresh(server), ResolvedRepository(url, commit, "main"), owner=owner, now=workshop.now)
    carry_out(workshop)


def carry_out(workshop: Workshop) -> None:
    keys = dict.fromkeys(key for task, key in workshop.sent if task == "bring_material")
    workshop.sent.clear()
    for key in keys:
        bringing.carry_out_bring(fresh(NotebookServer.objects.get(pk=key)), clock=workshop.clock)


def home_of(server: NotebookServer) -> dict[str, str | None]:
    return fake_spawner().homes[server.volume.key]


def row_of(server: NotebookServer) -> ServerMaterial:
    return ServerMaterial.objects.select_related("base", "wanted").get(server=server)


@pytest.fixture
def running(shop: Workshop, teacher: User) -> NotebookServer:
    """A server that runs with the files of the first commit; all three are fetched."""
    for commit in FILES:
        tree_of(commit, teacher, shop)
    return shop.running_server(files=FILES[FIRST], repository_url=REPOSITORY, commit=FIRST)


def restart(server: NotebookServer, shop: Workshop) -> NotebookServer:
    stop(server, shop)
    servers.start_server(fresh(server), now=shop.now)
    work(shop)
    return fresh(server)


def stop(server: NotebookServer, shop: Workshop) -> None:
    servers.stop_server(fresh(server), now=shop.now)
    work(shop)


def work(shop: Workshop) -> None:
    """Rounds of all workers but those that have to do with material."""
    for _round in range(30):
        shop.now += timedelta(minutes=1)
        shop.sent.clear()
        with TestCase.captureOnCommitCallbacks(execute=True):
            reconcile(now=shop.now)
        messages = [message for message in dict.fromkeys(shop.sent) if message[0] not in _MATERIAL]
        for task, key in messages:
            shop.carry_out(task, key)
        if not messages:
            return


_MATERIAL = ("fetch_tree", "bring_tree", "bring_material")


# --- Bringing ------------------------------------------------------------------------------------------------


def test_material_comes_to_a_server_that_runs(running: NotebookServer, teacher: User, shop: Workshop) -> None:
    home_of(running)["lesson.ipynb"] = "my answers"

    bring(running, SECOND, teacher, shop)

    assert home_of(running) == {
        "lesson.ipynb": "my answers",
        "lesson.2222222.new.ipynb": "2",
        "notes.md": "2",
        "new.csv": "2",
    }
    assert row_of(running).is_up_to_date
    assert row_of(running).reports[0]["targets"] == ["lesson.2222222.new.ipynb"]


def test_material_comes_to_a_server_that_sleeps_when_it_starts(
    running: NotebookServer, teacher: User, shop: Workshop
) -> None:
    stop(running, shop)

    bring(running, SECOND, teacher, shop)
    before = dict(home_of(running))
    servers.start_server(fresh(running), now=shop.now)
    work(shop)

    assert (before["notes.md"], home_of(running)["notes.md"]) == ("1", "2")


def test_material_comes_with_the_first_start(shop: Workshop, teacher: User) -> None:
    for commit in FILES:
        tree_of(commit, teacher, shop)
    waiting = {"state": State.QUEUED, "version_since": shop.now, "repository_url": REPOSITORY, "commit": FIRST}
    server = has_image(NotebookServerFactory.create(**waiting), FILES[FIRST])
    bring(server, SECOND, teacher, shop)

    starting.carry_out_start(fresh(server), clock=shop.clock)

    assert (fresh(server).state, home_of(server)) == (State.RUNNING, FILES[SECOND])


def test_material_that_is_there_costs_one_question(
    running: NotebookServer, teacher: User, shop: Workshop, django_assert_num_queries: Any
) -> None:
    bring(running, SECOND, teacher, shop)
    server, again = fresh(running), ResolvedRepository(REPOSITORY, SECOND, "main")

    with django_assert_num_queries(1):
        bringing.bring_material(server, again, owner=teacher, now=shop.now)

    assert fake_spawner().brought == [(running.volume.key, SECOND)]


def test_material_is_brought_from_where_the_files_are(running: NotebookServer, teacher: User, shop: Workshop) -> None:
    bring(running, SECOND, teacher, shop)
    home_of(running)["new.csv"] = "my own"
    del home_of(running)["notes.md"]

    bring(running, THIRD, teacher, shop)

    assert home_of(running) == {"lesson.ipynb": "3", "new.csv": "my own", "new.3333333.new.csv": "3"}


def test_material_goes_back(running: NotebookServer, teacher: User, shop: Workshop) -> None:
    for commit in (SECOND, THIRD, SECOND):
        bring(running, commit, teacher, shop)

    assert home_of(running) == FILES[SECOND]


def test_material_of_another_repository_adds_to_the_files(
    running: NotebookServer, teacher: User, shop: Workshop
) -> None:
    elsewhere = "https://github.com/carrel-tests/material"
    tree_of(THIRD, teacher, shop, url=elsewhere)
    del home_of(running)["old.txt"]
    home_of(running)["notes.md"] = "mine"

    bring(running, THIRD, teacher, shop, url=elsewhere)

    assert home_of(running) == {**FILES[THIRD], "notes.md": "mine", "notes.3333333.new.md": "2"}


def test_material_waits_until_it_is_fetched(running: NotebookServer, teacher: User, shop: Workshop) -> None:
    SourceTree.objects.filter(commit=SECOND).update(state=SourceTree.State.QUEUED)
    bring(running, SECOND, teacher, shop)
    before = dict(home_of(running))
    SourceTree.objects.filter(commit=SECOND).update(state=SourceTree.State.READY)

    with TestCase.captureOnCommitCallbacks(execute=True):
        bringing.enqueue_waiting_material(now=shop.now, tree=SourceTree.objects.get(commit=SECOND))
    carry_out(shop)

    assert (before["notes.md"], home_of(running)["notes.md"]) == ("1", "2")


def test_material_comes_although_the_first_commit_is_gone(
    running: NotebookServer, teacher: User, shop: Workshop
) -> None:
    """As after a force-push: the image says what the files were."""
    SourceTree.objects.filter(commit=FIRST).update(state=SourceTree.State.FAILED, manifest={}, requested_at=shop.now)
    home_of(running)["lesson.ipynb"] = "my answers"

    bring(running, SECOND, teacher, shop)

    assert (home_of(running)["notes.md"], home_of(running)["lesson.ipynb"]) == ("2", "my answers")
    assert home_of(running)["old.txt"] == "1"


def test_material_comes_although_what_was_brought_is_gone_from_its_host(
    running: NotebookServer, teacher: User, shop: Workshop
) -> None:
    bring(running, SECOND, teacher, shop)
    SourceTree.objects.filter(commit=SECOND).update(state=SourceTree.State.REMOVED)

    bring(running, THIRD, teacher, shop)

    assert home_of(running) == FILES[THIRD]


# --- What goes wrong -----------------------------------------------------------------------------------------


def test_material_whose_worker_died_is_brought_by_another_which_tells_the_same(
    running: NotebookServer, teacher: User, shop: Workshop
) -> None:
    home_of(running)["lesson.ipynb"] = "my answers"
    spawner = fake_spawner()
    spawner.after_bring = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        bring(running, SECOND, teacher, shop)
    ServerMaterial.objects.update(lease_expires_at=shop.now)  # It had no time to give it back.
    spawner.after_bring = lambda: None
    shop.now += timedelta(minutes=1)

    with TestCase.captureOnCommitCallbacks(execute=True):
        bringing.enqueue_waiting_material(now=shop.now)
    carry_out(shop)

    report = row_of(running).reports[0]
    assert row_of(running).is_up_to_date
    assert (report["replaced"]["names"], report["added"]["names"]) == (["notes.md"], ["new.csv"])
    assert report["targets"] == ["lesson.2222222.new.ipynb"]


def test_material_is_left_to_a_worker_that_is_alive(running: NotebookServer, teacher: User, shop: Workshop) -> None:
    bringing.bring_material(fresh(running), ResolvedRepository(REPOSITORY, SECOND, ""), owner=teacher, now=shop.now)
    ServerMaterial.objects.update(lease_expires_at=shop.now + timedelta(seconds=5))

    bringing.carry_out_bring(fresh(running), clock=shop.clock)

    assert fake_spawner().brought == []


@pytest.mark.parametrize("code", ["disk_full", "refresh_failed", "runtime_unavailable"])
def test_material_that_cannot_be_brought_says_why_and_lets_the_server_start(
    running: NotebookServer, teacher: User, shop: Workshop, code: str
) -> None:
    stop(running, shop)
    bring(running, SECOND, teacher, shop)
    fake_spawner().bring_errors.append(SystemFailure(code))

    servers.start_server(fresh(running), now=shop.now)
    work(shop)

    assert (fresh(running).state, row_of(running).failure_code) == (State.RUNNING, code)


def test_material_that_could_not_be_brought_is_tried_again_when_it_is_asked_for(
    running: NotebookServer, teacher: User, shop: Workshop
) -> None:
    fake_spawner().bring_errors.append(SystemFailure("disk_full"))
    bring(running, SECOND, teacher, shop)
    first = row_of(running)

    bring(running, SECOND, teacher, shop)

    assert (first.failure_code, row_of(running).failure_code) == ("disk_full", "")
    assert home_of(running) == FILES[SECOND]


def test_material_whose_files_are_gone_is_fetched_again(running: NotebookServer, teacher: User, shop: Workshop) -> None:
    volume_store().delete(SourceTree.objects.get(commit=SECOND).volume_key)

    bring(running, SECOND, teacher, shop)

    assert SourceTree.objects.get(commit=SECOND).state == SourceTree.State.QUEUED
    assert (row_of(running).failure_code, row_of(running).lease_expires_at) == ("", None)


def test_material_that_is_replaced_meanwhile_is_written_down_as_brought(
    running: NotebookServer, teacher: User, shop: Workshop
) -> None:
    third = SourceTree.objects.get(commit=THIRD)
    fake_spawner().after_bring = lambda: ServerMaterial.objects.update(wanted=third)  # type: ignore[assignment]

    bring(running, SECOND, teacher, shop)

    assert (row_of(running).base, row_of(running).wanted) == (SourceTree.objects.get(commit=SECOND), third)


# --- Beside updates of the environment -----------------------------------------------------------------------


def update(server: NotebookServer, commit: str, shop: Workshop, image_files: Mapping[str, str]) -> NotebookServer:
    """Update the environment, and let the server start with it."""
    updating.update_server(fresh(server), other(server, commit=commit), now=shop.now)
    has_image(Update.objects.get(), image_files)
    work(shop)
    return fresh(server)


def test_update_to_the_commit_of_the_material_merges_nothing_twice(
    running: NotebookServer, teacher: User, shop: Workshop
) -> None:
    home_of(running)["lesson.ipynb"] = "my answers"
    bring(running, SECOND, teacher, shop)
    home = home_of(running)
    del home["lesson.2222222.new.ipynb"]  # Dealt with.
    home["new.csv"] = "my own numbers"
    del home["notes.md"]
    before = dict(home)

    server = update(running, SECOND, shop, FILES[SECOND])

    assert (server.state, server.commit, home_of(server)) == (State.RUNNING, SECOND, before)


def test_update_to_an_older_commit_than_the_material_takes_nothing_back(
    running: NotebookServer, teacher: User, shop: Workshop
) -> None:
    bring(running, THIRD, teacher, shop)

    server = update(running, SECOND, shop, {**FILES[SECOND], "old.txt": "2"})

    assert home_of(server) == FILES[THIRD]


def test_update_brings_what_only_the_image_has(running: NotebookServer, teacher: User, shop: Workshop) -> None:
    bring(running, SECOND, teacher, shop)

    server = update(running, SECOND, shop, {**FILES[SECOND], "made.bin": "made when the image was"})

    assert home_of(server) == {**FILES[SECOND], "made.bin": "made when the image was"}


def test_going_back_to_the_image_before_leaves_the_material(
    running: NotebookServer, teacher: User, shop: Workshop
) -> None:
    bring(running, SECOND, teacher, shop)
    server = update(running, SECOND, shop, FILES[SECOND])

    updating.roll_back(server, now=shop.now)
    work(shop)
    restart(server, shop)

    assert (fresh(server).commit, home_of(server)) == (FIRST, FILES[SECOND])


def test_material_after_an_update_and_a_way_back_goes_on_from_what_was_brought(
    running: NotebookServer, teacher: User, shop: Workshop
) -> None:
    bring(running, SECOND, teacher, shop)
    server = update(running, SECOND, shop, FILES[SECOND])
    updating.roll_back(server, now=shop.now)
    work(shop)
    home_of(server)["lesson.ipynb"] = "my answers"

    bring(server, THIRD, teacher, shop)

    assert home_of(server) == {
        "lesson.ipynb": "my answers",
        "lesson.3333333.new.ipynb": "3",
        "notes.md": "2",
        "new.csv": "3",
    }


def test_update_without_material_goes_on_as_ever(running: NotebookServer, shop: Workshop) -> None:
    server = update(running, SECOND, shop, FILES[SECOND])

    assert (home_of(server), bringing.owned_by_material(server)) == (FILES[SECOND], ())


def _tar(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()
