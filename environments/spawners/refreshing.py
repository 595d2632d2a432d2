"""Brings the files of a new image into a home that was filled from an earlier one (see merging.py)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
from docker.errors import APIError, NotFound
from docker.types import Mount

from environments import merging
from environments.engine import KIND_LABEL, client, engine_errors, installation_labels
from environments.errors import SystemFailure, UserError
from environments.local_images import held
from environments.merging import Merged
from environments.spawners import hardening
from environments.spawners.images import image_facts
from environments.trees import full_disk_reported
from environments.values import Image, Limits
from environments.volumes.archive import printable
from environments.volumes.docker import volume_name
from environments.volumes.local import volume_directory

_HOME, _SEEDED = "/carrel/home", "/carrel/seeded"
_PROGRAM = Path(merging.__file__)
_TIME_LIMIT_SECONDS = 600
_LABEL = {KIND_LABEL: "refresh"}


def refresh_process_home(
    volume: str, *, old: Image | None, new: Image, commit: str, leave_out: Collection[str]
) -> Merged:
    """Merge the repository of the image `new` into a home of the process runtime; `old` is None if it is gone.

    Raises UserError `image_missing`, or SystemFailure `disk_full`, with a part of it done; repeating it does the rest.
    """
    with held(new) as image, _repository_of(old) as known, full_disk_reported():
        return merging.refresh_directory(
            volume_directory(volume), seeded=known, new=image / "repo", commit=commit, leave_out=leave_out
        )


@contextmanager
def _repository_of(old: Image | None) -> Iterator[Path | None]:
    """What an earlier image filled homes with; None if that is gone."""
    with ExitStack() as stack:
        repository = None
        if old:
            with suppress(UserError):
                repository = stack.enter_context(held(old)) / "repo"
        yield repository if repository and repository.is_dir() else None


def refresh_docker_home(
    volume: str, *, old: Image | None, new: Image, commit: str, leave_out: Collection[str]
) -> Merged:
    """Merge the home folder of the image `new` into a home of the Docker runtime; `old` is None if it is gone.

    The new image's own Python does it, as the server's user and as hemmed in as a server, but without a network:
    so whoever made the image gets nothing they would not have in a server. Raises SystemFailure `disk_full`,
    with a part of it done, or `refresh_failed`; repeating it does the rest.
    """
    with engine_errors(), _seeded(old) as seeded:
        facts = image_facts(new.location)
        mounts = [Mount(_HOME, volume_name(volume), type="volume", no_copy=True)]
        if seeded:
            mounts.append(Mount(_SEEDED, seeded, type="volume", read_only=True, no_copy=True))
        arguments = [_HOME, _SEEDED if seeded else "", str(facts.home), commit, *sorted(leave_out)]
        return _merged(_run(facts.id, ["-c", _PROGRAM.read_text(), *arguments], mounts))


@contextmanager
def _seeded(old: Image | None) -> Iterator[str]:
    """A volume with what the earlier image fills homes with; empty when there is no such image any more."""
    name = f"carrel-refresh-{secrets.token_hex(16)}"
    try:
        yield name if old and _fill(name, old) else ""
    finally:
        with suppress(NotFound):
            client().api.remove_volume(name)


def _fill(name: str, image: Image) -> bool:
    """Have the engine do what it does for every new home; nothing of the image is run for it.

    False when the image is gone, or is one that no server can have been started from.
    """
    api = client().api
    try:
        facts = image_facts(image.location)
    except UserError:
        return False
    api.create_volume(name, labels={**installation_labels(), **_LABEL})
    config = api.create_host_config(mounts=[Mount(str(facts.home), name, type="volume")], network_mode="none")
    labels = {**installation_labels(), **_LABEL}
    container = api.create_container(facts.id, command=["never-started"], host_config=config, labels=labels)["Id"]
    api.remove_container(container, v=True, force=True)
    return True


def _run(image: str, arguments: list[str], mounts: list[Mount]) -> str:
    """What the image's Python printed."""
    api = client().api
    container = api.create_container(
        image,
        entrypoint=["python3"],
        command=arguments,
        user=str(hardening.USER_ID),
        working_dir="/",
        environment={"HOME": hardening.SCRATCH},
        labels={**installation_labels(), **_LABEL},
        host_config=api.create_host_config(
            **hardening.host_config(), **hardening.limits(Limits()), mounts=mounts, network_mode="none"
        ),
    )["Id"]
    try:
        return _output(container)
    finally:
        with suppress(NotFound):
            api.remove_container(container, v=True, force=True)


def _output(container: str) -> str:
    api = client().api
    try:
        api.start(container)
        status = api.wait(container, timeout=_TIME_LIMIT_SECONDS)["StatusCode"]
    except (APIError, requests.Timeout) as error:
        raise SystemFailure("refresh_failed", detail=str(error)) from error
    if status == merging.DISK_FULL:
        raise SystemFailure("disk_full")
    if status != 0:
        raise SystemFailure("refresh_failed", detail=api.logs(container, tail=50).decode(errors="replace"))
    return str(api.logs(container, stdout=True, stderr=False, tail=1).decode(errors="replace"))


def _merged(output: str) -> Merged:
    """What the container says it did, if that is at all what was asked of it. Nobody vouches for it."""
    try:
        said: dict[str, Any] = json.loads(output)
        numbers = {name: int(said[name]) for name in ("added", "replaced", "deleted", "kept")}
        return Merged(**numbers, beside=tuple(printable(str(path)) for path in said["beside"][: merging.MAX_NAMED]))
    except (ValueError, TypeError, KeyError) as error:
        raise SystemFailure("refresh_failed", detail=output[:500]) from error
