"""The home of a server: seeded once, mounts in their places, nothing lost."""

from __future__ import annotations

import fcntl
import os
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from pytest_django import Settings

from environments import merging
from environments.errors import SystemFailure, UserError
from environments.merging import Merged
from environments.spawners.homes import prepare_home, refresh_home
from environments.values import Handle, Image, Mount, ServerSpec
from environments.volumes.local import LocalVolumeStore, mounts_record, volume_directory

HOME_VOLUME = "home-" + "b" * 32
SHARED_VOLUME = "shared-" + "c" * 32


@pytest.fixture
def spec(settings: Settings, tmp_path: Path) -> ServerSpec:
    settings.CARREL_DATA = tmp_path / "data"
    repository = tmp_path / "image" / "repo"
    (repository / "home").mkdir(parents=True)
    (repository / "home" / "in-the-way.txt").touch()
    (repository / "shared" / "data").mkdir(parents=True)
    (repository / "first.ipynb").write_text("{}")
    (repository / "link").symlink_to("first.ipynb")
    mounts = (Mount(HOME_VOLUME, PurePosixPath("home")),)
    return ServerSpec(Handle("s", "x"), Image("key", str(tmp_path / "image")), "server-" + "a" * 32, mounts, "token")


def test_prepare_home_copies_the_repository(spec: ServerSpec) -> None:
    home = prepare_home(spec)

    assert {entry.name for entry in home.iterdir()} == {"first.ipynb", "home", "link", "shared"}
    assert str((home / "link").readlink()) == "first.ipynb"


def test_prepare_home_leaves_out_what_a_mount_takes_the_place_of(spec: ServerSpec) -> None:
    home = prepare_home(spec)

    assert (home / "home").readlink() == volume_directory(HOME_VOLUME)
    assert not list((home / "home").iterdir())


def test_prepare_home_keeps_the_image_untouched_by_edits(spec: ServerSpec) -> None:
    home = prepare_home(spec)

    (home / "first.ipynb").write_text("edited")

    assert (Path(spec.image.location) / "repo" / "first.ipynb").read_text() == "{}"


def test_prepare_home_seeds_only_once(spec: ServerSpec) -> None:
    home = prepare_home(spec)
    (home / "first.ipynb").unlink()

    prepare_home(spec)

    assert not (home / "first.ipynb").exists()


def test_prepare_home_repairs_interrupted_copy(spec: ServerSpec) -> None:
    home = volume_directory(spec.home)
    home.mkdir(parents=True)
    unfinished = home.with_name(f".{home.name}.seeding")
    unfinished.mkdir()
    (unfinished / "half.txt").touch()

    prepare_home(spec)

    assert (home / "first.ipynb").exists()
    assert not unfinished.exists()


def test_prepare_home_moves_aside_what_is_in_the_place_of_a_mount(spec: ServerSpec) -> None:
    home = prepare_home(replace(spec, mounts=()))

    prepare_home(spec)
    (home / "home").unlink()
    (home / "home").mkdir()
    prepare_home(spec)

    assert (home / "home").readlink() == volume_directory(HOME_VOLUME)
    assert (home / "home.from-repository" / "in-the-way.txt").exists()
    assert (home / "home.from-repository-1").is_dir()


def test_prepare_home_replaces_stale_link(spec: ServerSpec, tmp_path: Path) -> None:
    home = prepare_home(spec)
    (home / "home").unlink()
    (home / "home").symlink_to(tmp_path / "elsewhere")

    prepare_home(spec)

    assert (home / "home").readlink() == volume_directory(HOME_VOLUME)


def test_prepare_home_places_mount_in_folder(spec: ServerSpec) -> None:
    mounts = (Mount(SHARED_VOLUME, PurePosixPath("shared/data")),)

    home = prepare_home(replace(spec, mounts=mounts))

    assert (home / "shared" / "data").readlink() == volume_directory(SHARED_VOLUME)


def test_prepare_home_does_not_place_mount_through_link(spec: ServerSpec, tmp_path: Path) -> None:
    home, outside = prepare_home(replace(spec, mounts=())), tmp_path / "outside"
    outside.mkdir()
    (home / "shared").rename(home / "renamed")
    (home / "shared").symlink_to(outside)

    prepare_home(replace(spec, mounts=(Mount(SHARED_VOLUME, PurePosixPath("shared/data")),)))

    assert not list(outside.iterdir())
    assert (home / "shared" / "data").readlink() == volume_directory(SHARED_VOLUME)


@pytest.mark.parametrize("path", ["", "..", "a/../../b", "/etc"])
def test_prepare_home_refuses_mount_outside(spec: ServerSpec, path: str) -> None:
    with pytest.raises(UserError, match="volume_path_invalid"):
        prepare_home(replace(spec, mounts=(Mount(HOME_VOLUME, PurePosixPath(path)),)))

    assert not volume_directory(spec.home).exists()


def refresh(spec: ServerSpec, new: Image) -> Merged:
    return refresh_home(spec.home, old=spec.image, new=new, commit="1a2b3c4d5e6f", leave_out={"home"})


@pytest.fixture
def new(tmp_path: Path) -> Image:
    """The image of a later commit."""
    repository = tmp_path / "new" / "repo"
    (repository / "home").mkdir(parents=True)
    (repository / "home" / "later.txt").touch()
    (repository / "first.ipynb").write_text("2")
    return Image("new", str(tmp_path / "new"))


def test_refresh_home_leaves_mounts_and_what_is_in_them_alone(spec: ServerSpec, new: Image) -> None:
    home = prepare_home(spec)

    refresh(spec, new)

    assert (home / "first.ipynb").read_text() == "2"
    assert (home / "home").readlink() == volume_directory(HOME_VOLUME)
    assert not list((home / "home").iterdir())


def test_refresh_home_has_the_files_to_itself(spec: ServerSpec, new: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    home, refusals = prepare_home(spec), []

    def come_second(*_arguments: object, **_options: object) -> Merged:
        descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as refusal:
            refusals.append(refusal)
        os.close(descriptor)
        return Merged()

    monkeypatch.setattr(merging, "refresh_directory", come_second)
    refresh(spec, new)

    assert len(refusals) == 1


def test_refresh_home_says_that_something_is_in_the_way(spec: ServerSpec, new: Image) -> None:
    home = prepare_home(spec)
    (home / ".carrel-unfinished").mkdir()

    with pytest.raises(SystemFailure, match="refresh_failed"):
        refresh(spec, new)

    assert (home / "first.ipynb").read_text() == "{}"


# --- Mounts of earlier starts


def with_shared(spec: ServerSpec, path: str = "shared/data") -> ServerSpec:
    return replace(spec, mounts=(*spec.mounts, Mount(SHARED_VOLUME, PurePosixPath(path))))


def test_prepare_home_takes_out_a_mount_that_is_wanted_no_more(spec: ServerSpec) -> None:
    home = prepare_home(with_shared(spec))

    prepare_home(spec)

    assert not os.path.lexists(home / "shared" / "data")
    assert (home / "home").is_symlink()


def test_prepare_home_takes_out_a_mount_that_has_moved(spec: ServerSpec) -> None:
    home = prepare_home(with_shared(spec))

    prepare_home(with_shared(spec, "elsewhere"))

    assert not os.path.lexists(home / "shared" / "data")
    assert (home / "elsewhere").readlink() == volume_directory(SHARED_VOLUME)


def test_prepare_home_leaves_what_the_person_put_in_place_of_a_mount(spec: ServerSpec) -> None:
    home = prepare_home(with_shared(spec))
    (home / "shared" / "data").unlink()
    (home / "shared" / "data").symlink_to("/srv/data")

    prepare_home(spec)

    assert str((home / "shared" / "data").readlink()) == "/srv/data"


def test_prepare_home_starts_although_its_record_is_damaged(spec: ServerSpec) -> None:
    prepare_home(with_shared(spec))
    mounts_record(spec.home).write_text("[1, ")

    assert prepare_home(spec).is_dir()


def test_nothing_is_left_of_a_home_that_is_deleted(spec: ServerSpec) -> None:
    home = prepare_home(with_shared(spec))

    LocalVolumeStore().delete(spec.home)

    assert [entry for entry in home.parent.iterdir() if home.name in entry.name] == []
    assert volume_directory(SHARED_VOLUME).is_dir()
