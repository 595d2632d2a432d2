"""The builder, spawner, sandbox and volume store this installation uses: those of its runtime.

`RUNTIME` names a runtime, `auto` takes Docker where an engine answers. A single backend can be replaced by
the setting of its name (`BUILDER`, `SPAWNER`, `SANDBOX`, `VOLUME_STORE`), a dotted path.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Any, cast

from django.conf import settings
from django.utils.module_loading import import_string

from environments.builders.base import Builder
from environments.errors import SystemFailure
from environments.sandboxes.base import Sandbox
from environments.spawners.base import Spawner
from environments.volumes.base import VolumeStore

RUNTIMES = {
    "process": {
        "BUILDER": "environments.builders.venv.VenvBuilder",
        "SPAWNER": "environments.spawners.process.ProcessSpawner",
        "SANDBOX": "environments.sandboxes.process.ProcessSandbox",
        "VOLUME_STORE": "environments.volumes.local.LocalVolumeStore",
    },
    "docker": {
        "BUILDER": "environments.builders.repo2docker.Repo2DockerBuilder",
        "SPAWNER": "environments.spawners.docker.DockerSpawner",
        "SANDBOX": "environments.sandboxes.docker.DockerSandbox",
        "VOLUME_STORE": "environments.volumes.docker.DockerVolumeStore",
    },
}


class Choice(StrEnum):
    """How a runtime came to be the one in use."""

    SET = "set"
    """`RUNTIME` names it."""
    FOUND = "found"
    """`RUNTIME` is auto, and an engine answered when this process first needed to know."""
    NOT_FOUND = "not-found"
    """`RUNTIME` is auto, and none did."""


@cache
def runtime() -> str:
    """What notebook servers run on: a key of `RUNTIMES`.

    Decided once per process. Raises SystemFailure `runtime_unavailable` where nothing can be chosen.
    """
    if settings.RUNTIME != "auto":
        if settings.RUNTIME not in RUNTIMES:
            raise SystemFailure("runtime_unavailable", detail=f"RUNTIME is {settings.RUNTIME!r}")
        return str(settings.RUNTIME)
    if _engine_answers():
        return "docker"
    if settings.EMBEDDED:
        return "process"
    raise SystemFailure("runtime_unavailable", detail="RUNTIME is auto, and no Docker Engine answers")


def choice() -> Choice:
    """Why this runtime is the one in use. Raises what `runtime` raises."""
    if settings.RUNTIME != "auto":
        return Choice.SET
    return Choice.FOUND if runtime() == "docker" else Choice.NOT_FOUND


@cache
def builder() -> Builder:
    """Turns repositories into images."""
    return cast("Builder", _backend("BUILDER"))


@cache
def spawner() -> Spawner:
    """Runs notebook servers."""
    return cast("Spawner", _backend("SPAWNER"))


@cache
def sandbox() -> Sandbox:
    """Runs kernels for grading."""
    return cast("Sandbox", _backend("SANDBOX"))


@cache
def volume_store() -> VolumeStore:
    """Keeps files."""
    return cast("VolumeStore", _backend("VOLUME_STORE"))


def _backend(setting: str) -> Any:
    return import_string(getattr(settings, setting) or RUNTIMES[runtime()][setting])()


def _engine_answers() -> bool:
    from environments.engine import client, engine_errors  # Not needed, and not cheap, without Docker.

    try:
        with engine_errors():
            return bool(client().ping())
    except SystemFailure:
        return False
