"""Runs kernels in containers without a network, for grading what nobody has looked at.

The container's root is read-only; the one place it can write to is a sized tmpfs at /tmp, which counts
towards its memory. It sees nothing of Carrel but the folder where it meets its driver, read-only too.
docs/decisions/sandboxes.md says what each setting is for.

The engine and the driver have to be on one machine, since unix sockets do not leave it. Carrel itself may
run in a container there: its data directory is then looked up in the engine.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from docker.errors import APIError, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.types import LogConfig, Mount, Ulimit

from environments.engine import KIND_LABEL, client, engine_errors, having, installation_labels, own_container
from environments.errors import SystemFailure, UserError
from environments.registry import ensure_local
from environments.sandboxes.base import NO_VARIABLES, ExitReason, SandboxLimits
from environments.sandboxes.connection import START_SECONDS, KernelProcess, SocketConnection, connected
from environments.sandboxes.launch import KILLED, OUT_OF_MEMORY
from environments.sandboxes.rendezvous import (
    LAUNCHER,
    Rendezvous,
    forget,
    is_kernel_id,
    is_left_behind,
    kernel_ids,
    meet,
    new_kernel_id,
)
from environments.values import Image

logger = logging.getLogger(__name__)

KERNEL_LABEL = "carrel.kernel"
EXPIRES_LABEL = "carrel.expires"
"""When the kernel's time is over in any case, in seconds since 1970."""
KIND = "kernel"
USER = "1000:1000"

_SHARED = "/carrel"
_SCRATCH = "/tmp"  # noqa: S108 - of the container
_LOG_LINES = 40
_CONFLICT = 409
_SHM_MB = 64
_FILES = 65_536
"""How many files the kernel may make: each takes kernel memory that the size of a tmpfs leaves out."""
_KILLABLE = 500
"""When the host itself is short of memory, this is to go before Carrel."""


class DockerSandbox:
    """Runs each kernel in a container of its own."""

    name = "docker"

    @contextmanager
    def kernel(
        self,
        image: Image,
        limits: SandboxLimits,
        *,
        files: Iterable[bytes] | None = None,
        kernel_name: str = "python3",
        variables: Mapping[str, str] = NO_VARIABLES,
    ) -> Iterator[SocketConnection]:
        """A kernel in a container, its image fetched from the registry if need be. See the protocol for the rest."""
        ensure_local(image, time_limit_seconds=settings.IMAGE_FETCH_TIME_LIMIT_SECONDS)
        kernel_id, seconds = new_kernel_id(), START_SECONDS + limits.wall_seconds
        with (
            meet(kernel_id, files=files, max_files_mb=limits.disk_mb, seconds=seconds) as place,
            _running(place, image, limits, kernel_name, variables) as container,
            connected(place, _ContainerProcess(container), limits) as connection,
        ):
            yield connection

    def list(self) -> Sequence[str]:
        """Every kernel with a container or a folder."""
        return sorted({*_containers(), *kernel_ids()})

    def discard_leftovers(self) -> int:
        """Remove the containers and folders of drivers that are gone."""
        containers, folders = _containers(), kernel_ids()
        left = {kernel for kernel in {*containers, *folders} if is_left_behind(kernel)}
        left |= {kernel for kernel, labels in containers.items() if kernel not in folders and _is_expired(labels)}
        for kernel in left:
            with engine_errors():
                _remove(_name(kernel))
            forget(kernel)
        return len(left)


class _ContainerProcess(KernelProcess):
    """A kernel as the engine knows it."""

    def __init__(self, container: Container) -> None:
        super().__init__()
        self._container = container

    def look(self) -> ExitReason | None:
        with engine_errors():
            try:
                self._container.reload()
            except NotFound:
                return ExitReason.KILLED
        return _exit_reason(self._container.attrs["State"])

    def kill(self) -> None:
        with engine_errors():
            try:
                self._container.kill()
            except NotFound:
                return
            except APIError as error:
                if error.status_code != _CONFLICT:  # That is: it does not run.
                    raise

    def log_tail(self) -> str:
        with engine_errors():
            return bytes(self._container.logs(tail=_LOG_LINES)).decode(errors="replace")


def _exit_reason(state: Mapping[str, Any]) -> ExitReason | None:
    """What a container's state means. The launcher's word for being out of memory stands in for the engine's,
    which some engines give too late and some not at all.
    """
    if state["Status"] not in ("exited", "dead", "removing"):
        return None
    if state["ExitCode"] == OUT_OF_MEMORY or (state["OOMKilled"] and state["ExitCode"] == KILLED):
        return ExitReason.OOM
    return ExitReason.KILLED if state["ExitCode"] >= 128 else ExitReason.EXITED


# --- Containers -------------------------------------------------------------------------------------------------


@contextmanager
def _running(
    place: Rendezvous, image: Image, limits: SandboxLimits, kernel_name: str, variables: Mapping[str, str]
) -> Iterator[Container]:
    with engine_errors():
        container = _create(place, image, limits, kernel_name, variables)
    try:
        with engine_errors():
            container.start()
        yield container
    finally:
        try:
            with engine_errors():
                _remove(_name(place.kernel_id))
        except SystemFailure:  # What the kernel said is worth more than the container: it is found later.
            logger.exception("the container of kernel %s is left behind", place.kernel_id)


def _create(
    place: Rendezvous, image: Image, limits: SandboxLimits, kernel_name: str, variables: Mapping[str, str]
) -> Container:
    try:
        declared = client().images.get(image.location).attrs["Config"].get("Volumes") or {}
        return client().containers.create(
            image.location,
            ["python3", "-I", f"{_SHARED}/{LAUNCHER}", _SHARED, _SCRATCH, kernel_name],
            name=_name(place.kernel_id),
            labels=_labels(place.kernel_id, time.time() + START_SECONDS + limits.wall_seconds),
            mounts=[Mount(_SHARED, _path_in_engine(place.shared), type="bind", read_only=True)],
            working_dir=_SCRATCH,
            environment=dict(variables),
            user=USER,
            tmpfs=_writable(limits, declared),
            **_restrictions(limits),
        )
    except ImageNotFound as error:
        raise UserError("image_missing", detail=str(error)) from error


def _restrictions(limits: SandboxLimits) -> dict[str, Any]:
    """Everything that keeps a kernel where it is."""
    memory = f"{limits.memory_mb}m"
    return {
        "network_mode": "none",
        "runtime": settings.CONTAINER_RUNTIME or None,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "ipc_mode": "private",
        "mem_limit": memory,
        "memswap_limit": memory,
        "oom_score_adj": _KILLABLE,
        "nano_cpus": int(limits.cpus * 1e9),
        "pids_limit": limits.pids,
        "shm_size": f"{_SHM_MB}m",
        "ulimits": [Ulimit(name="core", soft=0, hard=0), Ulimit(name="nofile", soft=1024, hard=4096)],
        "init": True,
        "healthcheck": {"test": ["NONE"]},
        "log_config": LogConfig(type="json-file", config={"max-size": "64k", "max-file": "1"}),
    }


def _writable(limits: SandboxLimits, declared: Iterable[str]) -> dict[str, str]:
    """Where the kernel can write. A volume the image declares would be a place on the host's disk without a limit."""
    options = "rw,exec,nosuid,nodev,mode=1777"
    return dict.fromkeys(declared, f"{options},size=1m,nr_inodes=64") | {
        _SCRATCH: f"{options},size={limits.disk_mb}m,nr_inodes={_FILES}"
    }


def _remove(name: str) -> None:
    try:
        client().api.remove_container(name, force=True, v=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != _CONFLICT:  # That is: somebody else is removing it.
            raise


# --- Finding ----------------------------------------------------------------------------------------------------


def _name(kernel_id: str) -> str:
    return f"carrel-kernel-{kernel_id}"


def _labels(kernel_id: str, expires: float) -> dict[str, str]:
    return {
        **installation_labels(),
        KIND_LABEL: KIND,
        KERNEL_LABEL: kernel_id,
        EXPIRES_LABEL: str(int(expires)),
    }


def _containers() -> dict[str, Mapping[str, str]]:
    """The labels of the containers of this installation's kernels, running or not, by the kernels' ids."""
    filters = having({**installation_labels(), KIND_LABEL: KIND})
    with engine_errors():
        found = [container["Labels"] for container in client().api.containers(all=True, filters=filters)]
    return {kernel: labels for labels in found if is_kernel_id(kernel := labels.get(KERNEL_LABEL, ""))}


def _is_expired(labels: Mapping[str, str]) -> bool:
    """Whether a container without a folder here, whose driver may be elsewhere, has had its time."""
    with suppress(ValueError):
        return time.time() > float(labels.get(EXPIRES_LABEL, "0"))
    return True


# --- Places -----------------------------------------------------------------------------------------------------


def _path_in_engine(path: Path) -> str:
    """The path by which the engine knows a folder of ours: another one where Carrel runs in a container itself."""
    own = own_container()
    if own is None:
        return str(path.absolute())
    try:
        mounts = client().api.inspect_container(own)["Mounts"]
    except NotFound:  # A container of another engine: this one is inside it and sees what we see.
        return str(path.absolute())
    return path_behind_mounts(path.absolute(), mounts)


def path_behind_mounts(path: Path, mounts: Iterable[Mapping[str, str]]) -> str:
    """Where on the engine's machine the folder is that a container with these mounts knows as `path`.

    Raises SystemFailure `runtime_unavailable` for one that exists in the container only.
    """
    holding = [mount for mount in mounts if path.is_relative_to(mount["Destination"])]
    if not holding:
        detail = f"CARREL_DATA ({settings.CARREL_DATA}) has to be a volume or bind mount of Carrel's container"
        raise SystemFailure("runtime_unavailable", detail=detail)
    nearest = max(holding, key=lambda mount: len(mount["Destination"]))
    return str(Path(nearest["Source"], path.relative_to(nearest["Destination"])))
