"""Volumes as folders, when what is in them is hostile."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from pytest_django import Settings

from environments.errors import UserError
from environments.volumes.local import LocalVolumeStore, volume_directory

VOLUME = "server-" + "c" * 32


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> LocalVolumeStore:
    settings.CARREL_DATA = tmp_path / "data"
    store = LocalVolumeStore()
    store.create(VOLUME)
    return store


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with a secret, which no volume may lead to."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("a secret")
    return outside


def archive(name: str, content: bytes = b"new", mode: int = 0o644) -> list[bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = len(content), mode, 1_700_000_000
        tar.addfile(info, io.BytesIO(content))
    return [buffer.getvalue()]


def names(stream: Iterable[bytes]) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream)), mode="r:") as tar:
        return tar.getnames()


@pytest.mark.parametrize(
    "key", ["", "..", "home", "home-123", "../home-" + "a" * 32, "home-" + "a" * 32 + "/..", "home-" + "a" * 32 + "\n"]
)
def test_volume_directory_refuses_what_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="not a volume key"):
        volume_directory(key)


def test_read_leaves_out_links_and_devices(store: LocalVolumeStore, outside: Path) -> None:
    root = volume_directory(VOLUME)
    (root / "kept.txt").write_text("kept")
    (root / "link.txt").symlink_to(outside / "secret.txt")
    (root / "folder").symlink_to(outside)
    os.mkfifo(root / "pipe")

    assert names(store.read(VOLUME)) == ["kept.txt"]


@pytest.mark.parametrize("path", ["link.txt", "folder", "folder/secret.txt", "pipe"])
def test_read_does_not_go_through_links(store: LocalVolumeStore, outside: Path, path: str) -> None:
    root = volume_directory(VOLUME)
    (root / "link.txt").symlink_to(outside / "secret.txt")
    (root / "folder").symlink_to(outside)
    os.mkfifo(root / "pipe")

    with pytest.raises(UserError, match="volume_path_invalid"):
        b"".join(store.read(VOLUME, path))


@pytest.mark.parametrize(("path", "name"), [("folder", "x.txt"), ("", "folder/x.txt"), ("folder/deeper", "x.txt")])
def test_write_does_not_go_through_links(store: LocalVolumeStore, outside: Path, path: str, name: str) -> None:
    (volume_directory(VOLUME) / "folder").symlink_to(outside)

    with pytest.raises(UserError, match="volume_path_invalid"):
        store.write(VOLUME, path, archive(name), max_bytes=10_000)

    assert [entry.name for entry in outside.iterdir()] == ["secret.txt"]


def test_write_replaces_link_itself(store: LocalVolumeStore, outside: Path) -> None:
    link = volume_directory(VOLUME) / "link.txt"
    link.symlink_to(outside / "secret.txt")

    store.write(VOLUME, "", archive("link.txt"), max_bytes=10_000)

    assert (outside / "secret.txt").read_text() == "a secret"
    assert (link.is_symlink(), link.read_bytes()) == (False, b"new")


def test_write_keeps_time_and_executable_bit_only(store: LocalVolumeStore) -> None:
    store.write(VOLUME, "", archive("run.sh", mode=0o6777), max_bytes=10_000)

    status = (volume_directory(VOLUME) / "run.sh").stat()
    assert (status.st_mode & 0o7700, status.st_mode & 0o002, status.st_mtime) == (0o700, 0, 1_700_000_000)


def test_write_leaves_no_unfinished_file(store: LocalVolumeStore) -> None:
    truncated = archive("a.txt", b"a" * 5000)[0][:3000]

    with pytest.raises(UserError, match="volume_archive_invalid"):
        store.write(VOLUME, "", [truncated], max_bytes=10_000)

    assert list(volume_directory(VOLUME).iterdir()) == []


def test_usage_does_not_follow_links(store: LocalVolumeStore, outside: Path) -> None:
    (volume_directory(VOLUME) / "folder").symlink_to(outside)

    assert store.usage(VOLUME).bytes == 0


def test_snapshot_keeps_links_as_links(store: LocalVolumeStore, outside: Path) -> None:
    (volume_directory(VOLUME) / "folder").symlink_to(outside)

    copy = store.snapshot(VOLUME)

    assert (volume_directory(copy) / "folder").readlink() == outside


def test_delete_does_not_follow_links(store: LocalVolumeStore, outside: Path) -> None:
    (volume_directory(VOLUME) / "folder").symlink_to(outside)

    store.delete(VOLUME)

    assert (outside / "secret.txt").exists()


def test_delete_removes_folder_nobody_may_enter(store: LocalVolumeStore) -> None:
    closed = volume_directory(VOLUME) / "closed" / "deeper"
    closed.mkdir(parents=True)
    (closed / "a.txt").touch()
    closed.chmod(0)
    closed.parent.chmod(0)

    store.delete(VOLUME)

    assert not store.exists(VOLUME)


def test_delete_finishes_what_was_interrupted(store: LocalVolumeStore) -> None:
    directory = volume_directory(VOLUME)
    doomed = directory.with_name(f".{VOLUME}.deleted")
    directory.rename(doomed)

    store.delete(VOLUME)

    assert not doomed.exists()
