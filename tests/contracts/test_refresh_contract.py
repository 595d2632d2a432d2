"""A new version brought into the home of a server, asked of the fake spawner and of the real ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from environments.merging import Files, Merged
from environments.values import Image
from tests.contracts.homes import HOME, Homes, homes_of

COMMIT = "1a2b3c4d5e6f7081920a1b2c3d4e5f6071829304"
FIRST = {"lesson.ipynb": "1", "data/numbers.csv": "1", "notes.md": "1", "old.txt": "1", "home/x.txt": "1"}
SECOND = {"lesson.ipynb": "2", "data/numbers.csv": "2", "notes.md": "2", "new.txt": "2", "home/x.txt": "2"}


@pytest.fixture(params=["fake", "process", pytest.param("docker", marks=pytest.mark.docker)])
def homes(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[Homes]:
    settings.CARREL_DATA = tmp_path / "data"
    with homes_of(request.param, tmp_path / "images") as homes:
        yield homes


@pytest.fixture
def images(homes: Homes) -> tuple[Image, Image]:
    """The image a home is filled from, and that of a later commit."""
    return homes.image(FIRST), homes.image(SECOND)


def refresh(homes: Homes, old: Image | None, new: Image) -> Merged:
    return homes.spawner.refresh(HOME, old=old, new=new, commit=COMMIT, leave_out={"home"})


def test_refresh_brings_in_what_nobody_changed(homes: Homes, images: tuple[Image, Image]) -> None:
    homes.fill(images[0])

    merged = refresh(homes, *images)

    assert homes.files() == {"lesson.ipynb": "2", "data/numbers.csv": "2", "notes.md": "2", "new.txt": "2"}
    assert merged == Merged(
        added=Files(1, ("new.txt",)),
        replaced=Files(3, ("data/numbers.csv", "lesson.ipynb", "notes.md")),
        deleted=Files(1, ("old.txt",)),
    )


def test_refresh_puts_the_new_version_beside_a_file_that_was_changed(homes: Homes, images: tuple[Image, Image]) -> None:
    homes.fill(images[0])
    homes.work(change={"lesson.ipynb": "my answers", "mine.txt": "mine"})

    merged = refresh(homes, *images)

    files = homes.files()
    assert (files["lesson.ipynb"], files["lesson.1a2b3c4.new.ipynb"], files["mine.txt"]) == ("my answers", "2", "mine")
    assert (merged.beside, merged.targets) == (Files(1, ("lesson.ipynb",)), ("lesson.1a2b3c4.new.ipynb",))


def test_refresh_does_not_bring_back_what_was_deleted(homes: Homes, images: tuple[Image, Image]) -> None:
    homes.fill(images[0])
    homes.work(change={}, delete=("notes.md",))

    merged = refresh(homes, *images)

    assert "notes.md" not in homes.files()
    assert merged.kept == Files(1, ("notes.md",))


def test_refresh_finishes_what_was_interrupted_and_tells_all_of_it(homes: Homes, images: tuple[Image, Image]) -> None:
    homes.fill(images[0])
    homes.work(change={"notes.md": "2", ".carrel-unfinished": "half a fi"}, delete=("old.txt",))

    merged = refresh(homes, *images)

    assert homes.files() == {"lesson.ipynb": "2", "data/numbers.csv": "2", "notes.md": "2", "new.txt": "2"}
    assert (merged.added.count, merged.replaced.count, merged.deleted.count) == (1, 3, 1)


def test_refresh_twice_is_as_good_as_once(homes: Homes, images: tuple[Image, Image]) -> None:
    homes.fill(images[0])
    homes.work(change={"lesson.ipynb": "my answers"}, delete=("notes.md",))
    first = refresh(homes, *images)
    before = homes.files()

    second = refresh(homes, *images)

    assert (homes.files(), second) == (before, first)


def test_refresh_without_the_earlier_image_takes_every_difference_for_a_change(
    homes: Homes, images: tuple[Image, Image]
) -> None:
    homes.fill(images[0])

    merged = refresh(homes, None, images[1])

    files = homes.files()
    assert (files["notes.md"], files["notes.1a2b3c4.new.md"], files["old.txt"]) == ("1", "2", "1")
    assert (merged.replaced, merged.beside.count) == (Files(), 3)


def test_refresh_leaves_a_home_that_was_never_filled_to_the_next_start(
    homes: Homes, images: tuple[Image, Image]
) -> None:
    merged = refresh(homes, *images)
    homes.fill(images[1])

    assert merged == Merged()
    assert homes.files()["notes.md"] == "2"
