"""Brings the files of a new image into a home of the Docker runtime that was filled from an earlier one.

Everything made for it carries the label of the volume, so that whoever comes next finds what a worker that was
killed has left; the container carries its name, so that two never work in the same files.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

import requests
from docker.errors import APIError, NotFound
from docker.types import Mount

from environments import merging
from environments.engine import KIND_LABEL, client, is_disk_full
from environments.errors import SystemFailure, UserError
from environments.merging import Files, Merged
from environments.spawners import hardening
from environments.spawners.images import image_facts
from environments.values import Image, Limits, Material
from environments.volumes.archive import Entry, pack, printable
from environments.volumes.docker import remove_all, remove_container, volume_exists, volume_labels, volume_name
from environments.volumes.engine_files import write_tar

_HOME, _SEEDED, _MATERIAL = "/carrel/home", "/carrel/seeded", "/carrel/material"
_JOB = "/carrel-job.json"
_PROGRAM = Path(merging.__file__)
_TIME_LIMIT_SECONDS = 600
_KIND = {KIND_LABEL: "refresh"}


def refresh_home(
    volume: str,
    *,
    old: Image | None,
    new: Image,
    commit: str,
    leave_out: Collection[str],
    owned: Collection[str] = (),
) -> Merged:
    """Merge the home folder of the image `new` into this home; see the protocol for what is promised.

    The new image's own Python does it, as the server's user and as hemmed in as a server, but without a network:
    so whoever made the image gets nothing they would not have in a server.
    """
    with _refusals_reported():
        if not volume_exists(volume):
            return Merged()
        remove_all(_labels(volume))  # Whoever is still at work here, be it for a worker that was killed.
        facts = image_facts(new.location)
        job = {"new": str(facts.home), "commit": commit, "leave_out": sorted(leave_out), "owned": list(owned)}
        with _seeded(volume, old) as seeded:
            return _merged(_run(volume, facts.id, job | {"seeded": _SEEDED if seeded else ""}, _at(_SEEDED, seeded)))


def bring_home(
    volume: str, material: Material, *, image: Image, filled_from: Image | None, leave_out: Collection[str]
) -> Merged:
    """Merge material into this home, in the same way; see the protocol for what is promised."""
    with _refusals_reported():
        if not volume_exists(volume):
            return Merged()
        if not volume_exists(material.volume):
            raise SystemFailure("material_missing", detail=material.volume)
        remove_all(_labels(volume))
        facts = image_facts(image.location)
        job = {
            "new": f"{_MATERIAL}/{material.FOLDER}",
            "commit": material.commit,
            "leave_out": sorted(leave_out),
            "wanted": dict(material.wanted),
            "given": dict(material.given),
        }
        labels = volume_labels(material.volume)
        mounts = [
            Mount(_MATERIAL, volume_name(material.volume), type="volume", read_only=True, no_copy=True, labels=labels)
        ]
        if filled_from is None or filled_from.location == image.location:
            # What the image fills homes with is where the container has its own home.
            return _merged(_run(volume, facts.id, job | {"seeded": str(facts.home) if filled_from else ""}, mounts))
        with _seeded(volume, filled_from) as seeded:
            job["seeded"] = _SEEDED if seeded else ""
            return _merged(_run(volume, facts.id, job, mounts + _at(_SEEDED, seeded)))


@contextmanager
def _refusals_reported() -> Iterator[None]:
    try:
        yield
    except APIError as error:  # The engine answers, and refuses: perhaps another worker has just taken over.
        if is_disk_full(error):
            raise
        raise SystemFailure("refresh_failed", detail=str(error)) from error


def _at(place: str, volume: str) -> list[Mount]:
    """The mount of a volume, if there is one, to be read at this place."""
    return [Mount(place, volume, type="volume", read_only=True, no_copy=True)] if volume else []


def _labels(volume: str) -> dict[str, str]:
    return {**volume_labels(volume), **_KIND}


@contextmanager
def _seeded(volume: str, old: Image | None) -> Iterator[str]:
    """A volume with what the earlier image fills homes with; empty when there is no such image any more."""
    name = f"carrel-refresh-{secrets.token_hex(16)}"
    try:
        yield name if old and _fill(name, old, _labels(volume)) else ""
    finally:
        with suppress(NotFound):
            client().api.remove_volume(name)


def _fill(name: str, image: Image, labels: dict[str, str]) -> bool:
    """Have the engine do what it does for every new home; nothing of the image is run for it.

    False when the image is gone, or is one that no server can have been started from.
    """
    api = client().api
    try:
        facts = image_facts(image.location)
    except UserError:
        return False
    api.create_volume(name, labels=labels)
    config = api.create_host_config(mounts=[Mount(str(facts.home), name, type="volume")], network_mode="none")
    container = api.create_container(facts.id, command=["never-started"], host_config=config, labels=labels)["Id"]
    api.remove_container(container, v=True, force=True)
    return True


def _run(volume: str, image: str, job: dict[str, Any], mounts: list[Mount]) -> str:
    """What the image's Python printed, once it has done this in the home."""
    api = client().api
    home = Mount(_HOME, volume_name(volume), type="volume", no_copy=True, labels=volume_labels(volume))
    config = api.create_host_config(
        **hardening.host_config(), **hardening.limits(Limits()), mounts=[home, *mounts], network_mode="none"
    )
    container = api.create_container(
        image,
        name=f"{volume_name(volume)}-refresh",
        entrypoint=["python3"],
        command=["-c", _PROGRAM.read_text(), _JOB],
        user=str(hardening.USER_ID),
        working_dir="/",
        environment={"HOME": hardening.SCRATCH},
        labels=_labels(volume),
        host_config=config,
    )["Id"]
    try:
        write_tar(container, "/", _job_file(job | {"home": _HOME}))
        return _output(container)
    finally:
        with suppress(NotFound):
            remove_container(container)


def _job_file(job: dict[str, Any]) -> Iterator[bytes]:
    """Beside the command, which would be too long with the names of all files."""
    text = json.dumps(job).encode()
    return pack([Entry(PurePosixPath(_JOB).relative_to("/"), size=len(text), content=[text])])


def _output(container: str) -> str:
    """What it printed; its log is bounded, whatever runs in there.

    Raises `disk_full`, `material_missing` or `refresh_failed`.
    """
    api = client().api
    try:
        api.start(container)
        status = api.wait(container, timeout=_TIME_LIMIT_SECONDS)["StatusCode"]
    except (requests.Timeout, requests.ConnectionError) as error:  # Which of them depends on the kind of socket.
        raise SystemFailure("refresh_failed", detail=str(error)) from error
    if status == merging.DISK_FULL:
        raise SystemFailure("disk_full")
    if status == merging.NOT_THERE:
        raise SystemFailure("material_missing")
    if status != 0:
        raise SystemFailure("refresh_failed", detail=api.logs(container, tail=50).decode(errors="replace"))
    return str(api.logs(container, stdout=True, stderr=False).decode(errors="replace"))


def _merged(output: str) -> Merged:
    """What the container says it did, if that is at all what was asked of it. Nobody vouches for it."""
    try:
        said: dict[str, Any] = json.loads(output)
        kinds = {kind: _files(said[kind]) for kind in ("added", "replaced", "deleted", "kept", "beside")}
        return Merged(**kinds, targets=_names(said["targets"]))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SystemFailure("refresh_failed", detail=output[:500]) from error


def _files(said: dict[str, Any]) -> Files:
    return Files(max(0, int(said["count"])), _names(said["names"]))


def _names(said: list[Any]) -> tuple[str, ...]:
    return tuple(printable(str(name)) for name in said[: merging.MAX_NAMED])
