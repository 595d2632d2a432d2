"""Material brought into the home of a server, asked of the fake spawner and of the real ones."""

from __future__ import annotations

import hashlib
import io
import secrets
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pytest_django import Settings

from environments.errors import SystemFailure
from environments.merging import Files, Merged
from environments.spawners.fake import FakeSpawner
from environments.values import Image, Manifest, Material
from environments.volumes.base import VolumeStore
from environments.volumes.docker import DockerVolumeStore
from environments.volumes.local import LocalVolumeStore
from tests.contracts.homes import HOME, Homes, homes_of

FIRST = {"lesson.ipynb": "1", "data/numbers.csv": "1", "notes.md": "1", "old.txt": "1", "home/x.txt": "1"}
GENERATED = {"made.txt": "made when the image was", "lesson.ipynb": "1, prepared"}
SECOND = {"lesson.ipynb": "2", "data/numbers.csv": "2", "notes.md": "2", "data/new.txt": "2", "home/x.txt": "2"}
THIRD = {"lesson.ipynb": "3", "data/numbers.csv": "2"}


def commit_of(files: Mapping[str, str]) -> str:
    return hashlib.sha1(repr(files).encode()).hexdigest()  # noqa: S324 - as long as git's


def manifest_of(files: Mapping[str, str]) -> Manifest:
    folders = {path.rpartition("/")[0] for path in files} - {""}
    return {
        **dict.fromkeys(folders),
        **{path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()},
    }


class Class:
    """A home, and material for it."""

    def __init__(self, homes: Homes, store: VolumeStore) -> None:
        self.homes = homes
        self.store = store
        self.image = homes.image({**FIRST, **GENERATED})
        homes.fill(self.image)

    def material(self, files: Mapping[str, str], given: Mapping[str, str]) -> Material:
        volume = f"material-{secrets.token_hex(16)}"
        self.store.create(volume)
        self.store.write(volume, Material.FOLDER, [_tar(files)], max_bytes=1_000_000)
        return Material(volume, commit_of(files), wanted=manifest_of(files), given=manifest_of(given))

    def bring_first(self, files: Mapping[str, str], *, filled_from: Image | None = None) -> Merged:
        return self._bring(self.material(files, FIRST), filled_from or self.image)

    def bring_next(self, files: Mapping[str, str], given: Mapping[str, str]) -> Merged:
        return self._bring(self.material(files, given), None)

    def _bring(self, material: Material, filled_from: Image | None) -> Merged:
        return self.homes.spawner.bring(HOME, material, image=self.image, filled_from=filled_from, leave_out={"home"})


@pytest.fixture(params=["fake", "process", pytest.param("docker", marks=pytest.mark.docker)])
def here(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[Class]:
    settings.CARREL_DATA = tmp_path / "data"
    with homes_of(request.param, tmp_path / "images") as homes:
        spawner = homes.spawner
        store: VolumeStore = DockerVolumeStore() if request.param == "docker" else LocalVolumeStore()
        yield Class(homes, spawner.store if isinstance(spawner, FakeSpawner) else store)


def test_bring_replaces_what_nobody_changed_and_leaves_what_the_image_made(here: Class) -> None:
    merged = here.bring_first(SECOND)

    assert here.homes.files() == {
        "lesson.ipynb": "2",
        "data/numbers.csv": "2",
        "notes.md": "2",
        "data/new.txt": "2",
        "made.txt": "made when the image was",
    }
    assert merged == Merged(
        added=Files(1, ("data/new.txt",)),
        replaced=Files(3, ("data/numbers.csv", "lesson.ipynb", "notes.md")),
        deleted=Files(1, ("old.txt",)),
    )


def test_bring_puts_the_new_version_beside_a_file_that_was_changed(here: Class) -> None:
    here.homes.work(change={"lesson.ipynb": "my answers", "mine.txt": "mine"})

    merged = here.bring_first(SECOND)

    copy = f"lesson.{commit_of(SECOND)[:7]}.new.ipynb"
    files = here.homes.files()
    assert (files["lesson.ipynb"], files[copy], files["mine.txt"]) == ("my answers", "2", "mine")
    assert (merged.beside, merged.targets) == (Files(1, ("lesson.ipynb",)), (copy,))


def test_bring_does_not_bring_back_what_was_deleted(here: Class) -> None:
    here.homes.work(change={}, delete=("notes.md",))

    merged = here.bring_first(SECOND)

    assert "notes.md" not in here.homes.files()
    assert merged.kept == Files(1, ("notes.md",))


def test_bring_merges_from_what_was_brought_before(here: Class) -> None:
    here.bring_first(SECOND)
    here.homes.work(change={"data/new.txt": "my own"})

    merged = here.bring_next(THIRD, SECOND)

    assert here.homes.files() == {
        "lesson.ipynb": "3",
        "data/numbers.csv": "2",
        "data/new.txt": "my own",
        "made.txt": "made when the image was",
    }
    assert (merged.replaced.names, merged.deleted.names, merged.kept.names) == (
        ("lesson.ipynb",),
        ("notes.md",),
        ("data/new.txt",),
    )


def test_bring_goes_back_to_an_earlier_version(here: Class) -> None:
    here.bring_first(SECOND)
    here.bring_next(THIRD, SECOND)

    here.bring_next(SECOND, THIRD)

    assert here.homes.files() == {
        **{k: v for k, v in SECOND.items() if k != "home/x.txt"},
        "made.txt": GENERATED["made.txt"],
    }


def test_bring_twice_is_as_good_as_once(here: Class) -> None:
    here.homes.work(change={"lesson.ipynb": "my answers"}, delete=("notes.md",))
    first, before = here.bring_first(SECOND), here.homes.files()

    second = here.bring_first(SECOND)

    assert (here.homes.files(), second) == (before, first)


def test_bring_finishes_what_was_interrupted(here: Class) -> None:
    here.homes.work(change={"notes.md": "2", ".carrel-unfinished": "half a fi"}, delete=("old.txt",))

    merged = here.bring_first(SECOND)

    assert here.homes.files()["notes.md"] == "2"
    assert (merged.added.count, merged.replaced.count, merged.deleted.count) == (1, 3, 1)


def test_bring_takes_every_difference_for_a_change_where_the_image_is_gone(here: Class) -> None:
    merged = here.bring_next(SECOND, {})

    assert here.homes.files()["notes.md"] == "1"
    assert (merged.beside.count, merged.deleted.count) == (3, 0)


def test_bring_says_that_the_material_is_gone(here: Class) -> None:
    material = here.material(SECOND, FIRST)
    here.store.delete(material.volume)

    with pytest.raises(SystemFailure, match="material_missing"):
        here.homes.spawner.bring(HOME, material, image=here.image, filled_from=here.image, leave_out=())


def test_bring_says_that_some_of_the_material_is_gone(here: Class) -> None:
    material = here.material({"notes.md": "2"}, FIRST)

    with pytest.raises(SystemFailure, match="material_missing"):
        here.homes.spawner.bring(
            HOME,
            Material(material.volume, material.commit, wanted=manifest_of(SECOND), given={}),
            image=here.image,
            filled_from=None,
            leave_out=(),
        )


def test_refresh_leaves_alone_what_comes_with_the_material(here: Class) -> None:
    here.bring_first(THIRD)
    newer = here.homes.image({**SECOND, "made.txt": "made again"})

    here.homes.spawner.refresh(
        HOME, old=here.image, new=newer, commit="2" * 40, leave_out={"home"}, owned=manifest_of({**FIRST, **SECOND})
    )

    assert here.homes.files() == {**THIRD, "made.txt": "made again"}


def _tar(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()
