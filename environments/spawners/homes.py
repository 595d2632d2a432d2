"""Prepares the folder a server of the process runtime calls home: the repository, and links to its mounts."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path, PurePosixPath

from environments import merging
from environments.errors import SystemFailure, UserError
from environments.local_images import held
from environments.merging import Merged, NewVersionGone
from environments.trees import copy_tree, full_disk_reported, remove_tree
from environments.values import Image, Material, Mount, ServerSpec
from environments.volumes.local import mounts_record, volume_directory


def prepare_home(spec: ServerSpec) -> Path:
    """The home folder, seeded from the image when it is empty, with every mount in its place and no other.

    Safe to repeat: what an interrupted attempt left is done again. Raises SystemFailure `disk_full` and
    UserError `volume_path_invalid` for a mount outside the home.
    """
    home = volume_directory(spec.home)
    for mount in spec.mounts:
        _check(mount)
    with full_disk_reported():
        _seed(home, Path(spec.image.location) / "repo", leave_out={mount.path.parts[0] for mount in spec.mounts})
        _unlink_others(home, spec)
        for mount in spec.mounts:
            _link(home, mount)
    return home


def refresh_home(
    volume: str,
    *,
    old: Image | None,
    new: Image,
    commit: str,
    leave_out: Collection[str],
    owned: Collection[str] = (),
) -> Merged:
    """Merge the repository of the image `new` into this home; see the protocol for what is promised."""
    home = volume_directory(volume)
    if not home.is_dir():
        return Merged()
    with _merging_in(home), held(new) as image, _repository_of(old) as known:
        return merging.refresh_directory(
            home, seeded=known, new=image / "repo", commit=commit, leave_out=leave_out, owned=owned
        )


def bring_home(volume: str, material: Material, *, filled_from: Image | None, leave_out: Collection[str]) -> Merged:
    """Merge material into this home; see the protocol for what is promised."""
    home = volume_directory(volume)
    if not home.is_dir():
        return Merged()
    with _merging_in(home), _repository_of(filled_from) as known:
        return merging.bring_directory(
            home,
            given=material.given,
            wanted=material.wanted,
            new=volume_directory(material.volume) / material.FOLDER,
            commit=material.commit,
            seeded=known,
            leave_out=leave_out,
        )


@contextmanager
def _merging_in(home: Path) -> Iterator[None]:
    """Nobody else merges in this folder meanwhile. What goes wrong is said in our words."""
    try:
        with full_disk_reported(), _locked(home):
            yield
    except NewVersionGone as error:
        raise SystemFailure("material_missing", detail=str(error)) from error
    except OSError as error:
        raise SystemFailure("refresh_failed", detail=str(error)) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Have a folder for oneself, as long as this process lives: two at work in it could mix up a file."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _repository_of(old: Image | None) -> Iterator[Path | None]:
    """What an earlier image filled homes with; None if that is gone."""
    with ExitStack() as stack:
        repository = None
        if old:
            with suppress(UserError):
                repository = stack.enter_context(held(old)) / "repo"
        yield repository if repository and repository.is_dir() else None


def _check(mount: Mount) -> None:
    if not mount.path.parts or mount.path.is_absolute() or ".." in mount.path.parts:
        raise UserError("volume_path_invalid", path=str(mount.path))


def _seed(home: Path, repository: Path, *, leave_out: set[str]) -> None:
    """Copy the repository to an empty home: whole beside it first, then there in one move.

    Copied, never linked: what a person edits must not change what others start from.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(home.iterdir()) or not repository.is_dir():
        return
    unfinished = home.with_name(f".{home.name}.seeding")
    remove_tree(unfinished)
    try:
        copy_tree(repository, unfinished, leave_out=leave_out)
        unfinished.chmod(0o700)
        unfinished.rename(home)
    except BaseException:
        remove_tree(unfinished)
        raise


def _unlink_others(home: Path, spec: ServerSpec) -> None:
    """Take out the mounts of earlier starts that are not wanted any more, and remember those that are."""
    record, wanted = mounts_record(spec.home), sorted(str(mount.path) for mount in spec.mounts)
    for path in set(_recorded(record)) - set(wanted):
        place = home / path
        if place.is_symlink() and place.readlink().parent == home.parent:
            place.unlink()
    unfinished = record.with_name(f"{record.name}.unfinished")
    unfinished.write_text(json.dumps(wanted))
    unfinished.replace(record)


def _recorded(record: Path) -> list[str]:
    try:
        return [str(path) for path in json.loads(record.read_text())]
    except (FileNotFoundError, ValueError, TypeError):
        return []


def _link(home: Path, mount: Mount) -> None:
    target, place = volume_directory(mount.volume), home.joinpath(mount.path)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in _between(home, mount.path):
        if folder.is_symlink() or not folder.is_dir():
            _move_aside(folder)
            folder.mkdir()
    if place.is_symlink():
        if place.readlink() == target:
            return
        place.unlink()
    _move_aside(place)
    place.symlink_to(target, target_is_directory=True)


def _between(home: Path, path: PurePosixPath) -> Iterable[Path]:
    """The folders above a mount, from the top down."""
    return [home.joinpath(parent) for parent in reversed(path.parents) if parent.parts]


def _move_aside(place: Path) -> None:
    """Make room for a mount without losing what the repository or the person put there."""
    if not os.path.lexists(place):
        return
    names = (f"{place.name}.from-repository{f'-{number}' if number else ''}" for number in count())
    place.rename(next(aside for name in names if not os.path.lexists(aside := place.with_name(name))))
