"""A new image's files brought into a home of the Docker runtime: what the engine is left with, and whom it believes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from docker.types import Mount
from pytest_django import Settings

from environments.engine import KIND_LABEL, client
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.merging import Merged
from environments.spawners.docker import DockerSpawner
from environments.values import Image
from environments.volumes.docker import DockerVolumeStore, volume_labels, volume_name
from tests.engine import BASE_IMAGE, clean_engine, image_from, leftovers, wait_until

pytestmark = pytest.mark.docker

COMMIT = "1a2b3c4d5e6f7081920a1b2c3d4e5f6071829304"
HOME = f"server-{secrets.token_hex(16)}"
FIRST = "RUN echo 1 > kept.txt && echo 1 > edited.txt"
SECOND = "RUN echo 2 > kept.txt && echo 2 > edited.txt && mkdir added && echo 2 > added/a"
WORK = "cd /volume && echo mine > edited.txt"


@pytest.fixture
def engine(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.CARREL_DATA = tmp_path / "data"
    with clean_engine():
        yield


@pytest.fixture
def images(engine: None) -> Iterator[tuple[Image, Image]]:
    """An environment's image, and that of a later commit."""
    with image_from(FIRST) as old, image_from(SECOND) as new:
        yield old, new


def refresh(old: Image | None, new: Image) -> Merged:
    return DockerSpawner().refresh(HOME, old=old, new=new, commit=COMMIT, leave_out={"home"})


def work_in_home(image: Image, commands: str = WORK) -> str:
    """Fill the home from the image, as a server's start does, and work in it."""
    client().api.create_volume(volume_name(HOME), labels=volume_labels(HOME))
    mounts = [
        Mount("/home/jovyan", volume_name(HOME), type="volume"),
        Mount("/volume", volume_name(HOME), type="volume", no_copy=True),
    ]
    printed: bytes = client().containers.run(image.location, ["sh", "-ec", commands], mounts=mounts, remove=True)
    return printed.decode()


def program_image(program: str) -> str:
    """The line of a Dockerfile that makes this shell script the image's Python."""
    return f"RUN mkdir bin && printf '%s\\n' '#!/bin/sh' {_quoted(program)} > bin/python3 && chmod +x bin/python3"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def test_refresh_gives_new_files_to_the_user_of_servers(images: tuple[Image, Image]) -> None:
    old, new = images
    work_in_home(old)

    refresh(old, new)

    assert work_in_home(new, "cd /volume && stat -c %U kept.txt added added/a").split() == ["jovyan"] * 3


def test_refresh_leaves_nothing_but_the_home(images: tuple[Image, Image]) -> None:
    old, new = images
    work_in_home(old)

    refresh(old, new)

    assert leftovers() == [volume_name(HOME)]


def test_refresh_takes_an_image_that_was_removed_for_unknown(images: tuple[Image, Image]) -> None:
    old, new = images
    work_in_home(old)

    merged = refresh(Image("gone", "carrel-test-gone"), new)

    assert (merged.replaced.count, set(merged.targets)) == (0, {"edited.1a2b3c4.new.txt", "kept.1a2b3c4.new.txt"})


def test_refresh_removes_what_a_killed_worker_has_left(images: tuple[Image, Image]) -> None:
    old, new = images
    work_in_home(old)
    labels = {**volume_labels(HOME), KIND_LABEL: "refresh"}
    client().api.create_volume("carrel-refresh-of-a-killed-worker", labels=labels)
    mounts = [Mount("/volume", "carrel-refresh-of-a-killed-worker", type="volume")]
    name = f"{volume_name(HOME)}-refresh"
    client().containers.run(BASE_IMAGE, ["sleep", "600"], name=name, labels=labels, mounts=mounts, detach=True)

    merged = refresh(old, new)

    assert merged.beside.count == 1
    assert leftovers() == [volume_name(HOME)]


def test_refresh_by_two_at_once_does_no_harm(images: tuple[Image, Image]) -> None:
    old, new = images
    work_in_home(old)

    with ThreadPoolExecutor(2) as pool:
        ends = [pool.submit(refresh, old, new) for _ in range(2)]
    codes = {error.code for end in ends if isinstance(error := end.exception(), EnvironmentsError)}
    refresh(old, new)

    merged = work_in_home(new, "cd /volume && cat kept.txt edited.txt edited.1a2b3c4.new.txt").split()
    assert (codes <= {"refresh_failed"}, merged, leftovers()) == (True, ["2", "mine", "2"], [volume_name(HOME)])


def test_deleting_the_home_removes_whoever_is_at_work_in_it(images: tuple[Image, Image]) -> None:
    old, _new = images
    work_in_home(old)
    mounts = [Mount("/volume", volume_name(HOME), type="volume")]
    labels = {**volume_labels(HOME), KIND_LABEL: "refresh"}
    client().containers.run(BASE_IMAGE, ["sleep", "600"], labels=labels, mounts=mounts, detach=True)

    DockerVolumeStore().delete(HOME)

    assert leftovers() == []


@pytest.mark.parametrize(
    "program",
    [
        "exit 3",
        "echo nonsense",
        'echo "{}"',
        "echo '[1]'",
        'echo \'{"added": 1, "replaced": 0, "deleted": 0, "kept": 0, "beside": [], "targets": []}\'',
        "yes '[' | tr -d '\\n' | head -c 200000",
        "yes",
    ],
)
def test_refresh_believes_no_image_that_talks_nonsense(
    engine: None, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("environments.spawners.container_homes._TIME_LIMIT_SECONDS", 5)
    DockerVolumeStore().create(HOME)
    with (
        image_from(program_image(program), "ENV PATH=/home/jovyan/bin:/usr/bin:/bin") as image,
        pytest.raises(SystemFailure, match="refresh_failed"),
    ):
        refresh(None, image)

    assert leftovers() == [volume_name(HOME)]


def test_refresh_stores_no_more_than_it_shows_of_what_an_image_says(engine: None) -> None:
    DockerVolumeStore().create(HOME)
    files, none = {"count": -3, "names": ["x" * 500] * 80}, {"count": 0, "names": []}
    said = {"added": files, "replaced": none, "deleted": none, "kept": none, "beside": none, "targets": []}
    program = f"echo '{json.dumps(said)}'"
    with image_from(program_image(program), "ENV PATH=/home/jovyan/bin:/usr/bin:/bin") as image:
        merged = refresh(None, image)

    assert (merged.added.count, len(merged.added.names), len(merged.added.names[0])) == (0, 50, 200)


def test_refresh_from_an_image_that_can_be_no_server_is_refused_as_its_start_is(engine: None) -> None:
    DockerVolumeStore().create(HOME)

    with image_from("USER root") as image, pytest.raises(UserError, match="image_user_root"):
        refresh(None, image)


def test_refresh_says_that_the_disk_is_full(engine: None) -> None:
    full = {"type": "tmpfs", "device": "tmpfs", "o": "size=64k,nr_inodes=2,uid=1000"}
    client().api.create_volume(volume_name(HOME), driver_opts=full, labels=volume_labels(HOME))
    place = Mount("/volume", volume_name(HOME), type="volume", no_copy=True)
    holder = client().containers.run(
        BASE_IMAGE, ["sh", "-c", "touch /volume/own.txt; sleep 600"], mounts=[place], detach=True
    )
    try:
        wait_until(lambda: holder.exec_run("ls /volume").output == b"own.txt\n")

        with pytest.raises(SystemFailure, match="disk_full"):
            refresh(None, Image("base", BASE_IMAGE))
    finally:
        holder.remove(force=True)
