"""Volumes of the engine, whatever people have put in them."""

from __future__ import annotations

import io
import secrets
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from docker.types import Mount
from pytest_django import Settings

from environments.engine import client
from environments.errors import UserError
from environments.values import VolumeUsage
from environments.volumes.docker import DockerVolumeStore, volume_name
from tests.engine import BASE_IMAGE, clean_engine, leftovers

pytestmark = pytest.mark.docker

VOLUME = f"home-{secrets.token_hex(16)}"


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Iterator[DockerVolumeStore]:
    settings.CARREL_DATA = tmp_path / "data"
    with clean_engine():
        store = DockerVolumeStore()
        store.create(VOLUME)
        yield store


def inside(*commands: str, volume: str = VOLUME, user: str = "1000") -> str:
    """What these commands print, run in a container that has the volume for its working directory."""
    printed: bytes = client().containers.run(
        BASE_IMAGE,
        ["sh", "-ec", "\n".join(commands)],
        user=user,
        mounts=[Mount("/volume", volume_name(volume), type="volume", no_copy=True)],
        working_dir="/volume",
        remove=True,
    )
    return printed.decode().strip()


def tar(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def contents(stream: Iterable[bytes]) -> dict[str, bytes | None]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream)), mode="r:") as archive:
        files = {member: archive.extractfile(member) for member in archive}
        return {member.name: file.read() if file else None for member, file in files.items()}


def test_create_gives_volume_to_the_user_of_servers(store: DockerVolumeStore) -> None:
    assert inside("stat -c %u . && touch mine && echo written").split() == ["1000", "written"]


def test_write_gives_files_and_folders_to_the_user_of_servers(store: DockerVolumeStore) -> None:
    store.write(VOLUME, "inbox", [tar(a__b=b"b")], max_bytes=100_000)

    assert inside("stat -c %u inbox inbox/a inbox/a/b").split() == ["1000"] * 3


def test_write_leaves_modes_of_existing_folders_alone(store: DockerVolumeStore) -> None:
    inside("mkdir -m 700 private")

    store.write(VOLUME, "private", [tar(a=b"a")], max_bytes=100_000)

    assert inside("stat -c %a private") == "700"


def test_read_leaves_out_links_and_pipes(store: DockerVolumeStore) -> None:
    inside("ln -s /etc/passwd passwd; ln -s . loop; mkfifo pipe; echo a > a; mkdir folder; ln -s ../a folder/link")

    assert contents(store.read(VOLUME)) == {"a": b"a\n", "folder": None}


def test_read_gives_content_under_every_name_of_a_file(store: DockerVolumeStore) -> None:
    inside("mkdir x; echo a > x/first; ln x/first x/second")

    assert contents(store.read(VOLUME, "x")) == {"x": None, "x/first": b"a\n", "x/second": b"a\n"}
    assert contents(store.read(VOLUME)) == {"x": None, "x/first": b"a\n", "x/second": b"a\n"}


@pytest.mark.parametrize("path", ["link", "link/passwd", "inner", "inner/a"])
def test_read_follows_no_link(store: DockerVolumeStore, path: str) -> None:
    inside("ln -s /etc link; mkdir real; echo a > real/a; ln -s real inner")

    with pytest.raises(UserError, match="volume_path_invalid"):
        store.read(VOLUME, path)


@pytest.mark.parametrize("target", ["/etc", "../..", "real", "nowhere"])
def test_write_follows_no_link(store: DockerVolumeStore, target: str) -> None:
    inside(f"mkdir real; ln -s {target} link")

    for path, archive in (("link", tar(a=b"a")), ("", tar(link__a=b"a")), ("link/deeper", tar(a=b"a"))):
        with pytest.raises(UserError, match="volume_path_invalid"):
            store.write(VOLUME, path, [archive], max_bytes=100_000)

    assert inside("find . -type f") == ""


def test_write_replaces_link_instead_of_what_it_leads_to(store: DockerVolumeStore) -> None:
    inside("echo original > a; ln -s a link")

    store.write(VOLUME, "", [tar(link=b"new")], max_bytes=100_000)

    assert contents(store.read(VOLUME)) == {"a": b"original\n", "link": b"new"}


def test_usage_follows_no_link(store: DockerVolumeStore) -> None:
    inside("printf 12345 > a; ln -s /usr usr")

    assert store.usage(VOLUME) == VolumeUsage(bytes=5 + len("/usr"), files=2)


def test_snapshot_keeps_links_modes_and_owners(store: DockerVolumeStore) -> None:
    inside("mkdir -m 700 x; echo a > x/a; ln x/a x/b; ln -s x/a link; chmod 750 x/a")

    copy = store.snapshot(VOLUME)

    listed = "find . -printf '%P %y %m %U %l\\n' | sort"
    assert inside(listed, volume=copy) == inside(listed)


def test_read_that_never_begins_leaves_nothing(store: DockerVolumeStore) -> None:
    store.read(VOLUME)

    assert leftovers() == [volume_name(VOLUME)]


def test_read_that_is_given_up_leaves_nothing(store: DockerVolumeStore) -> None:
    store.write(VOLUME, "", [tar(a=b"a" * 2_000_000)], max_bytes=3_000_000)
    stream = store.read(VOLUME)
    next(stream)

    stream.close()  # type: ignore[attr-defined]

    assert leftovers() == [volume_name(VOLUME)]


def test_delete_removes_what_the_engine_made_itself(store: DockerVolumeStore) -> None:
    other = f"home-{secrets.token_hex(16)}"
    inside("true", volume=other)

    store.delete(other)

    assert not store.exists(other)


def test_delete_does_not_wait_for_readers(store: DockerVolumeStore) -> None:
    store.write(VOLUME, "", [tar(a=b"a" * 2_000_000)], max_bytes=3_000_000)
    stream = store.read(VOLUME)
    next(stream)

    store.delete(VOLUME)

    assert not store.exists(VOLUME)
    stream.close()  # type: ignore[attr-defined]


def test_usage_counts_file_that_takes_for_ever_to_read(store: DockerVolumeStore) -> None:
    inside("truncate -s 1T nothing-in-it")

    usage = store.usage(VOLUME, time_limit_seconds=1)

    assert (usage.is_complete, usage.bytes >= 1024**4) == (False, True)
    assert not client().api.containers(all=True, filters={"volume": volume_name(VOLUME)})
