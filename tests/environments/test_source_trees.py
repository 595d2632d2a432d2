"""The files of commits: fetched once, safely, and kept as long as somebody needs them."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings as live_settings
from pytest_django import Settings

from accounts.models import User
from environments import source_trees
from environments.backends import volume_store
from environments.builders.material import Bounds, take
from environments.errors import UserError
from environments.git_credentials import keep_credential
from environments.models import ServerMaterial, SourceTree
from environments.source_trees import carry_out_fetch, request_tree
from environments.values import ResolvedRepository
from tests.factories import NotebookServerFactory
from tests.fakes.backends import FailingVolumeStore
from tests.fakes.git_host import GitHost

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
ROOMY = Bounds(bytes=1_000_000, files=100, seconds=60)
State = SourceTree.State


@pytest.fixture(scope="module")
def host() -> Iterator[GitHost]:
    with GitHost() as host:
        yield host


@pytest.fixture(autouse=True)
def _allowed(host: GitHost, settings: Settings, tmp_path: Path, fake_backends: None) -> None:
    settings.CARREL_DATA, settings.REPOSITORY_ALLOWED_HOSTS = tmp_path / "data", [host.address]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What workers are asked to do, at once."""
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(source_trees, "enqueue", lambda task, key: sent.append((task, str(key))))
    return sent


def fetched(url: str, commit: str, owner: User, now: datetime, *, is_private: bool = False) -> SourceTree:
    tree = request_tree(ResolvedRepository(url, commit, "", is_private), owner=owner, now=now)
    carry_out_fetch(tree, clock=lambda: now)
    return SourceTree.objects.get(pk=tree.pk)


def contents(tree: SourceTree) -> dict[str, str]:
    packed = io.BytesIO(b"".join(volume_store().read(tree.volume_key, "files")))
    with tarfile.open(fileobj=packed) as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        return {name.removeprefix("files/"): file.read().decode() for name, file in files.items() if file}


def test_fetch_keeps_the_files_of_a_commit_and_says_which(host: GitHost, teacher: User, now: datetime) -> None:
    commit = host.add("plain", {"lesson.ipynb": "1", "data/numbers.csv": "1"})

    tree = fetched(host.url("plain"), commit, teacher, now)

    assert contents(tree) == {"lesson.ipynb": "1", "data/numbers.csv": "1"}
    assert (tree.state, tree.bytes) == (State.READY, 2)
    assert sorted(tree.manifest) == ["data", "data/numbers.csv", "lesson.ipynb"]


def test_fetch_leaves_nothing_beside_the_volume(host: GitHost, teacher: User, now: datetime) -> None:
    commit = host.add("clean", {"a": "1"})

    fetched(host.url("clean"), commit, teacher, now)

    assert list((Path(live_settings.CARREL_DATA) / "material").iterdir()) == []


def test_request_by_a_whole_class_is_fetched_once(
    host: GitHost, teacher: User, student: User, now: datetime, sent: list[tuple[str, str]]
) -> None:
    commit = host.add("shared", {"a": "1"})
    fetched(host.url("shared"), commit, teacher, now)
    sent.clear()

    tree = request_tree(ResolvedRepository(host.url("shared"), commit, "main"), owner=student, now=now)

    assert (sent, tree.is_ready, SourceTree.objects.count()) == ([], True, 1)


def test_fetch_shows_the_credential_of_whoever_asked(host: GitHost, teacher: User, now: datetime) -> None:
    commit = host.add("closed", {"a": "1"})
    host.make_private("closed", username="ada", password=PASSWORD)
    keep_credential(teacher, address=host.base_url, username="ada", password=PASSWORD, now=now)

    tree = fetched(host.url("closed"), commit, teacher, now, is_private=True)

    assert contents(tree) == {"a": "1"}


def test_fetch_of_a_private_repository_is_not_given_to_others(
    host: GitHost, teacher: User, student: User, now: datetime
) -> None:
    commit = host.add("closed-too", {"a": "1"})
    host.make_private("closed-too", username="ada", password=PASSWORD)
    keep_credential(teacher, address=host.base_url, username="ada", password=PASSWORD, now=now)
    mine = fetched(host.url("closed-too"), commit, teacher, now, is_private=True)

    theirs = fetched(host.url("closed-too"), commit, student, now, is_private=True)

    assert (mine.state, theirs.state, theirs.failure_code) == (State.READY, State.FAILED, "credential_missing")


@pytest.mark.parametrize(("path", "code"), [("gone", "repository_not_found"), ("there", "ref_unknown")])
def test_fetch_says_why_there_is_nothing(host: GitHost, teacher: User, now: datetime, path: str, code: str) -> None:
    host.add("there", {"a": "1"})

    tree = fetched(host.url(path), "f" * 40, teacher, now)

    assert (tree.state, tree.failure_code) == (State.FAILED, code)


def test_fetch_that_failed_is_tried_again_for_whoever_asks_later(host: GitHost, teacher: User, now: datetime) -> None:
    tree = fetched(host.url("late"), "f" * 40, teacher, now)
    later = now + source_trees.RETRY_AFTER

    again = [
        request_tree(tree.resolved, owner=teacher, now=moment).state for moment in (now + timedelta(seconds=1), later)
    ]

    assert again == [State.FAILED, State.QUEUED]


def test_fetch_on_a_full_disk_says_so_and_leaves_nothing(
    host: GitHost, teacher: User, now: datetime, use_backends: Callable[..., None]
) -> None:
    use_backends(volume_store=FailingVolumeStore)
    commit = host.add("full", {"a": "1"})

    tree = fetched(host.url("full"), commit, teacher, now)

    assert (tree.failure_code, volume_store().exists(tree.volume_key)) == ("disk_full", False)


def test_fetch_whose_worker_was_killed_is_finished_by_another(
    host: GitHost, teacher: User, now: datetime, monkeypatch: pytest.MonkeyPatch, sent: list[tuple[str, str]]
) -> None:
    commit = host.add("killed", {"a": "1"})
    tree = request_tree(ResolvedRepository(host.url("killed"), commit, ""), owner=teacher, now=now)
    SourceTree.objects.filter(pk=tree.pk).update(state=State.FETCHING, attempts=1, lease_expires_at=now)
    half = Path(live_settings.CARREL_DATA) / "material" / tree.id.hex / "repo"
    half.mkdir(parents=True)
    volume_store().create(tree.volume_key)
    later = now + timedelta(minutes=1)
    sent.clear()

    source_trees.enqueue_waiting_trees(now=later)
    carry_out_fetch(SourceTree.objects.get(), clock=lambda: later)

    assert sent[0] == ("fetch_tree", str(tree.pk))
    assert contents(SourceTree.objects.get()) == {"a": "1"}


def test_fetch_is_given_up_when_its_workers_keep_dying(host: GitHost, teacher: User, now: datetime) -> None:
    tree = request_tree(ResolvedRepository(host.url("plain"), "f" * 40, ""), owner=teacher, now=now)
    SourceTree.objects.update(state=State.FETCHING, attempts=source_trees.MAX_ATTEMPTS, lease_expires_at=now)

    carry_out_fetch(SourceTree.objects.get(), clock=lambda: now + timedelta(minutes=1))

    tree.refresh_from_db()
    assert (tree.state, tree.failure_code) == (State.FAILED, "material_interrupted")


def test_fetch_is_left_to_a_worker_that_is_alive(host: GitHost, teacher: User, now: datetime) -> None:
    request_tree(ResolvedRepository(host.url("plain"), "f" * 40, ""), owner=teacher, now=now)
    SourceTree.objects.update(state=State.FETCHING, attempts=1, lease_expires_at=now + timedelta(seconds=5))

    carry_out_fetch(SourceTree.objects.get(), clock=lambda: now)

    assert SourceTree.objects.get().state == State.FETCHING


def test_remove_unneeded_keeps_what_a_server_is_to_get_and_the_names_of_what_it_has(
    host: GitHost, teacher: User, now: datetime
) -> None:
    trees = [fetched(host.url("kept"), host.add("kept", {"a": str(n)}), teacher, now) for n in range(3)]
    ServerMaterial.objects.create(server=NotebookServerFactory.create(), base=trees[0], wanted=trees[1])

    source_trees.remove_unneeded_trees(now=now + source_trees.KEPT + timedelta(days=1))

    assert [volume_store().exists(tree.volume_key) for tree in trees] == [False, True, False]
    assert [tree.manifest == trees[0].manifest for tree in SourceTree.objects.filter(pk=trees[0].pk)] == [True]
    assert not SourceTree.objects.filter(pk=trees[2].pk).exists()


# --- Hostile repositories ------------------------------------------------------------------------------------


def folder_with(root: Path, **files: bytes) -> Path:
    root.mkdir()
    for name, content in files.items():
        (root / name).write_bytes(content)
    return root


def test_take_leaves_out_what_is_neither_file_nor_folder(tmp_path: Path) -> None:
    root = folder_with(tmp_path / "repo", plain=b"1")
    (root / "passwords").symlink_to("/etc/passwd")
    (root / "everything").symlink_to("/")
    os.mkfifo(root / "pipe")

    taken = take(root, ROOMY)

    assert list(taken.manifest) == ["plain"]
    assert sorted(taken.left_out) == ["everything", "passwords", "pipe"]


def test_take_leaves_out_other_repositories_and_what_git_keeps(tmp_path: Path) -> None:
    root = folder_with(tmp_path / "repo", plain=b"1")
    (root / "submodule").mkdir()
    for name in (".git", "sub/.GIT"):
        (root / name / "hooks").mkdir(parents=True)
        (root / name / "config").write_text("[core] fsmonitor = evil")

    taken = take(root, ROOMY)

    assert (list(taken.manifest), taken.left_out) == (["plain"], ("submodule",))


@pytest.mark.parametrize(
    "name", [b"broken-\xff", b"two\nlines", b"back\\slash", b".carrel-unfinished", b".carrel-before"]
)
def test_take_leaves_out_names_that_cannot_be_shown_or_are_our_own(tmp_path: Path, name: bytes) -> None:
    root = folder_with(tmp_path / "repo", plain=b"1")
    Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_text("1")

    taken = take(root, ROOMY)

    assert (list(taken.manifest), len(taken.left_out)) == (["plain"], 1)


def test_take_names_the_largest_of_too_much(tmp_path: Path) -> None:
    root = folder_with(tmp_path / "repo", small=b"1")
    with (root / "huge.csv").open("wb") as file:
        file.truncate(5_000_000_000)

    with pytest.raises(UserError, match="material_too_large") as caught:
        take(root, ROOMY)

    assert caught.value.facts == {"megabytes": 1, "path": "huge.csv", "size": 5000}


def test_take_refuses_more_files_than_allowed(tmp_path: Path) -> None:
    root = folder_with(tmp_path / "repo", **{f"file{number}": b"" for number in range(101)})

    with pytest.raises(UserError, match="material_too_many_files"):
        take(root, ROOMY)


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("MATERIAL_MAX_MB", 0, "material_too_large"),
        ("MATERIAL_MAX_FILES", 0, "material_too_many_files"),
        ("MATERIAL_TIME_LIMIT_SECONDS", 0, "material_timeout"),
    ],
)
def test_fetch_says_which_bound_it_met(
    host: GitHost, teacher: User, now: datetime, settings: Settings, setting: str, value: int, code: str
) -> None:
    setattr(settings, setting, value)
    commit = host.add("bounded", {"a": "1"})

    tree = fetched(host.url("bounded"), commit, teacher, now)

    assert (tree.failure_code, bool(tree.failure and tree.failure.sentence)) == (code, True)


def test_fetch_leaves_links_and_submodules_out_and_says_so(host: GitHost, teacher: User, now: datetime) -> None:
    host.add("hostile", {"plain": "1"})
    host.link("hostile", "link", "/etc/passwd")
    commit = host.link_submodule("hostile", "other", "1" * 40)

    tree = fetched(host.url("hostile"), commit, teacher, now)

    assert (contents(tree), sorted(tree.left_out)) == ({"plain": "1"}, ["link", "other"])
