"""A new image's files brought into the homes of both runtimes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.types import Mount
from pytest_django import Settings

from environments.engine import client
from environments.errors import SystemFailure
from environments.merging import Merged
from environments.spawners.refreshing import refresh_docker_home, refresh_process_home
from environments.values import Image
from environments.volumes.docker import DockerVolumeStore, volume_labels, volume_name
from environments.volumes.local import LocalVolumeStore, volume_directory
from tests.engine import BASE_IMAGE, clean_engine, image_from, leftovers

COMMIT = "1a2b3c4d5e6f7081920a1b2c3d4e5f6071829304"
HOME = f"server-{secrets.token_hex(16)}"
FIRST = "RUN echo 1 > kept.txt && echo 1 > edited.txt && echo 1 > gone.txt && mkdir home && touch home/x"
SECOND = "RUN echo 2 > kept.txt && echo 2 > edited.txt && mkdir -p added home && echo 2 > added/a && touch home/y"
WORK = "cd /volume && echo mine > edited.txt && echo mine > own.txt"


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


def work_in_home(image: Image, commands: str = WORK) -> str:
    """Fill the home from the image, as a server's start does, and work in it."""
    client().api.create_volume(volume_name(HOME), labels=volume_labels(HOME))
    mounts = [
        Mount("/home/jovyan", volume_name(HOME), type="volume"),
        Mount("/volume", volume_name(HOME), type="volume", no_copy=True),
    ]
    printed: bytes = client().containers.run(image.location, ["sh", "-ec", commands], mounts=mounts, remove=True)
    return printed.decode()


@pytest.mark.docker
def test_refresh_merges_new_image_into_home(images: tuple[Image, Image]) -> None:
    old, new = images
    work_in_home(old)

    merged = refresh_docker_home(HOME, old=old, new=new, commit=COMMIT, leave_out={"home"})

    listed = work_in_home(new, "cd /volume && grep . *.txt added/* && ls -A home && stat -c %U kept.txt added")
    assert listed.split() == [
        "edited.1a2b3c4.new.txt:2",
        "edited.txt:mine",
        "kept.txt:2",
        "own.txt:mine",
        "added/a:2",
        "x",
        "jovyan",
        "jovyan",
    ]
    assert merged == Merged(added=2, replaced=1, deleted=1, kept=1, beside=("edited.1a2b3c4.new.txt",))


@pytest.mark.docker
def test_refresh_leaves_nothing_but_the_home(images: tuple[Image, Image]) -> None:
    old, new = images
    work_in_home(old)

    refresh_docker_home(HOME, old=old, new=new, commit=COMMIT, leave_out=())

    assert leftovers() == [volume_name(HOME)]


@pytest.mark.docker
def test_refresh_without_the_earlier_image_keeps_what_differs(images: tuple[Image, Image]) -> None:
    old, new = images
    work_in_home(old)

    merged = refresh_docker_home(HOME, old=Image("gone", "carrel-test-gone"), new=new, commit=COMMIT, leave_out=())

    assert (merged.replaced, merged.deleted) == (0, 0)
    assert set(merged.beside) == {"edited.1a2b3c4.new.txt", "kept.1a2b3c4.new.txt"}


@pytest.mark.docker
@pytest.mark.parametrize(
    "program",
    [
        "exit 3",
        "echo nonsense",
        'echo "{}"',
        "echo '[1]'",
        'echo \'{"added": "many", "replaced": 0, "deleted": 0, "kept": 0, "beside": []}\'',
    ],
)
def test_refresh_believes_no_image_that_talks_nonsense(engine: None, program: str) -> None:
    DockerVolumeStore().create(HOME)
    script = f"RUN mkdir bin && printf '%s\\n' '#!/bin/sh' {_quoted(program)} > bin/python3 && chmod +x bin/python3"
    with (
        image_from(script, "ENV PATH=/home/jovyan/bin:/usr/bin:/bin") as image,
        pytest.raises(SystemFailure, match="refresh_failed"),
    ):
        refresh_docker_home(HOME, old=None, new=image, commit=COMMIT, leave_out=())

    assert leftovers() == [volume_name(HOME)]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@pytest.mark.docker
def test_refresh_says_that_the_disk_is_full(engine: None) -> None:
    full = {"type": "tmpfs", "device": "tmpfs", "o": "size=64k,nr_inodes=1,uid=1000"}
    client().api.create_volume(volume_name(HOME), driver_opts=full, labels=volume_labels(HOME))

    with pytest.raises(SystemFailure, match="disk_full"):
        refresh_docker_home(HOME, old=None, new=Image("base", BASE_IMAGE), commit=COMMIT, leave_out=())


def test_refresh_merges_new_repository_into_home_of_process_runtime(settings: Settings, tmp_path: Path) -> None:
    settings.CARREL_DATA = tmp_path / "data"
    LocalVolumeStore().create(HOME)
    home = volume_directory(HOME)
    for place, content in (("old/repo", "1"), ("new/repo", "2"), (home, "1")):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "a.txt").write_text(content)
    old, new = Image("old", str(tmp_path / "old")), Image("new", str(tmp_path / "new"))

    merged = refresh_process_home(HOME, old=old, new=new, commit=COMMIT, leave_out={"home"})

    assert (home / "a.txt").read_text() == "2"
    assert merged.replaced == 1
