"""Whoever uses an image holds it, and nobody removes it meanwhile."""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from environments.errors import UserError
from environments.local_images import held, remove_remains, remove_unless_held
from environments.values import Image
from tests.stack import wait_until


@pytest.fixture
def image(tmp_path: Path) -> Image:
    place = tmp_path / "images" / "key"
    place.mkdir(parents=True)
    (place / "image.json").write_text("{}")
    return Image("key", str(place))


def test_remove_takes_image_and_leaves_nothing(image: Image) -> None:
    place = Path(image.location)

    assert remove_unless_held(place)
    assert list(place.parent.iterdir()) == []


def test_remove_spares_image_that_is_held(image: Image) -> None:
    with held(image) as place:
        assert not remove_unless_held(place)

        assert (place / "image.json").exists()


def test_remove_takes_image_that_was_held(image: Image) -> None:
    with held(image) as place:
        pass

    assert remove_unless_held(place)


def test_image_can_be_held_by_several(image: Image) -> None:
    with held(image), held(image) as place:
        assert place.is_dir()


def test_remove_does_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    assert not remove_unless_held(tmp_path / "gone")


def test_image_that_is_gone_cannot_be_held(image: Image) -> None:
    remove_unless_held(Path(image.location))

    with pytest.raises(UserError, match="image_missing"), held(image):
        pass


def test_image_that_goes_while_somebody_waits_for_it_cannot_be_held(image: Image) -> None:
    place = Path(image.location)
    codes = list[str]()

    def hold() -> None:
        try:
            with held(image):
                codes.append("held")
        except UserError as error:
            codes.append(error.code)

    waiting = threading.Thread(target=hold)
    remover = os.open(place, os.O_RDONLY)
    fcntl.flock(remover, fcntl.LOCK_EX)
    waiting.start()
    wait_until(lambda: _times_open(place) == 2, seconds=30, why="somebody waits for the image")
    place.rename(place.with_name("elsewhere"))
    os.close(remover)
    waiting.join(30)

    assert codes == ["image_missing"]


def test_remains_of_an_interrupted_removal_go(image: Image) -> None:
    images = Path(image.location).parent
    (images / ".other.removed-0123abcd" / "venv").mkdir(parents=True)

    remove_remains(images)

    assert [place.name for place in images.iterdir()] == ["key"]


def _times_open(place: Path) -> int:
    """How often this process has the folder open."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            links.append(descriptor.readlink())
    return links.count(place)
