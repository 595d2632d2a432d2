"""Runs kernels as processes of this machine, for one trusting person who grades for herself.

What the operating system gives without privileges is used. On Linux that is usually a set of namespaces:
no network, and a process tree that ends as one. Elsewhere the network stays open, and processes are found
by their labels as those of notebook servers are. A kernel can read what the person can read, and memory
and disk are watched rather than kept: other sandboxes do better, and this one refuses to work unless the
installation is embedded.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psutil
from django.conf import settings

from environments.errors import SystemFailure, UserError
from environments.local_images import held
from environments.processes import end_labelled, inherited_environment, installation_label, labelled, labels_of
from environments.sandboxes.base import NO_VARIABLES, ExitReason, SandboxLimits
from environments.sandboxes.connection import START_SECONDS, KernelProcess, SocketConnection, connected
from environments.sandboxes.launch import OUT_OF_MEMORY
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
from environments.trees import tree_usage
from environments.values import Image

KERNEL_ID = "CARREL_KERNEL_ID"

_PROBE_SECONDS = 10.0
_END_SECONDS = 10.0
_LOG_TAIL_BYTES = 4000
_MEGABYTE = 1024**2
_NAMESPACES = ("unshare", "--user", "--map-current-user", "--net", "--ipc")
_PROCESS_NAMESPACE = ("--pid", "--fork", "--kill-child", "--mount-proc")


class ProcessSandbox:
    """Runs each kernel as a process tree of its own."""

    name = "process"

    def __init__(self, *, use_namespaces: bool = True) -> None:
        self._use_namespaces = use_namespaces

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
        """A kernel as a process. See the protocol for what it promises."""
        if not settings.EMBEDDED:
            raise SystemFailure("runtime_unavailable", detail="the process sandbox is for embedded installations only")
        kernel_id, seconds = new_kernel_id(), START_SECONDS + limits.wall_seconds
        with (
            held(image) as folder,
            meet(kernel_id, files=files, max_files_mb=limits.disk_mb, seconds=seconds) as place,
        ):
            python = folder / "venv" / "bin" / "python"
            if not python.exists():
                raise UserError("image_missing", detail=str(python))
            arguments = [*self._seal(), *_arguments(python, place, limits, kernel_name)]
            with (
                _running(place, arguments, _environment(python, kernel_id, variables), limits) as process,
                connected(place, process, limits) as connection,
            ):
                yield connection

    def list(self) -> Sequence[str]:
        """Every kernel with a process or a folder."""
        return sorted({*_with_processes(), *kernel_ids()})

    def discard_leftovers(self) -> int:
        """End the processes and remove the folders of drivers that are gone."""
        left = {kernel for kernel in kernel_ids() if is_left_behind(kernel)}
        left |= _with_processes() - {*kernel_ids()}  # The folder is there as long as the processes.
        for kernel in left:
            _end(kernel)
            forget(kernel)
        return len(left)

    def _seal(self) -> tuple[str, ...]:
        return namespaces() if self._use_namespaces else ()


@cache
def namespaces() -> tuple[str, ...]:
    """The beginning of a command line that shuts a process off; empty where this machine does not allow it."""
    for arguments in ((*_NAMESPACES, *_PROCESS_NAMESPACE), _NAMESPACES):
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run([*arguments, "true"], capture_output=True, timeout=_PROBE_SECONDS, check=True)
            return arguments
    return ()


class _Process(KernelProcess):
    """A kernel as the operating system knows it: a tree of processes that carry its label."""

    watch_seconds = 0.2

    def __init__(self, place: Rendezvous, root: subprocess.Popen[bytes], limits: SandboxLimits) -> None:
        super().__init__()
        self._place = place
        self._root = root
        self._limits = limits

    def look(self) -> ExitReason | None:
        status = self._root.poll()
        if status is None:
            return None
        if status == OUT_OF_MEMORY:
            return ExitReason.OOM
        return ExitReason.KILLED if status < 0 or status >= 128 else ExitReason.EXITED

    def kill(self) -> None:
        """Kill the first process, whose namespace goes with it, and then whatever still has the label."""
        self._root.kill()
        _end(self._place.kernel_id)
        self._root.wait(timeout=_END_SECONDS)

    def exceeded(self) -> ExitReason | None:
        processes, memory = self._descendants(), 0
        if len(processes) > self._limits.pids:
            return ExitReason.KILLED
        for process in processes:
            with suppress(psutil.Error):
                memory += _private_bytes(process)
        if memory > self._limits.memory_mb * _MEGABYTE:
            return ExitReason.OOM
        is_full = tree_usage(self._place.scratch).bytes > self._limits.disk_mb * _MEGABYTE
        return ExitReason.KILLED if is_full else None

    def _descendants(self) -> Sequence[psutil.Process]:
        with suppress(psutil.Error):
            return psutil.Process(self._root.pid).children(recursive=True)
        return []

    def log_tail(self) -> str:
        return (self._place.directory / "log").read_text(errors="replace")[-_LOG_TAIL_BYTES:]


def _private_bytes(process: psutil.Process) -> int:
    """The memory of a process, without what it shares with others where that is known."""
    memory = process.memory_info()
    return int(memory.rss) - int(getattr(memory, "shared", 0))


@contextmanager
def _running(
    place: Rendezvous, arguments: Sequence[str], environment: Mapping[str, str], limits: SandboxLimits
) -> Iterator[_Process]:
    place.scratch.mkdir(mode=0o700)
    with (place.directory / "log").open("wb") as log:
        root = subprocess.Popen(
            arguments,
            cwd=place.scratch,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    process = _Process(place, root, limits)
    try:
        yield process
    finally:
        process.kill()


def _arguments(python: Path, place: Rendezvous, limits: SandboxLimits, kernel_name: str) -> list[str]:
    launcher, shared, scratch = (str(path) for path in (place.shared / LAUNCHER, place.shared, place.scratch))
    return [str(python), "-I", launcher, shared, scratch, kernel_name, json.dumps(_rlimits(limits))]


def _rlimits(limits: SandboxLimits) -> dict[str, int]:
    """What the operating system keeps for each process: the rest is watched.

    Data rather than address space, of which scientific libraries reserve many times what they use. The
    number of processes has no limit here: it would count all of the person's own. Processor time counts from the
    first import on, and is there for a driver that is gone: a living one ends the kernel by the clock before.
    """
    cpu_seconds = math.ceil((START_SECONDS + limits.wall_seconds) * max(1.0, limits.cpus))
    rlimits = {"CORE": 0, "CPU": cpu_seconds, "FSIZE": limits.disk_mb * _MEGABYTE}
    return rlimits | ({"DATA": limits.memory_mb * _MEGABYTE} if sys.platform == "linux" else {})


def _environment(python: Path, kernel_id: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Where programs are, the language, what was asked for, and the labels; nothing else of the person's or of ours."""
    inherited = inherited_environment()
    words = {name: value for name, value in inherited.items() if name.startswith(("LANG", "LC_")) or name == "TZ"}
    path = os.pathsep.join([str(python.parent), inherited.get("PATH", os.defpath)])
    places = {"PATH": path, "VIRTUAL_ENV": str(python.parent.parent)}
    return {**words, **places, **variables, **_label(kernel_id)}


# --- Finding ----------------------------------------------------------------------------------------------------


def _label(kernel_id: str) -> dict[str, str]:
    return {**installation_label(Path(settings.CARREL_DATA)), KERNEL_ID: kernel_id}


def _with_processes() -> set[str]:
    """The ids of this installation's kernels that have living processes."""
    found = labelled(installation_label(Path(settings.CARREL_DATA)))
    return {kernel for process in found if is_kernel_id(kernel := labels_of(process).get(KERNEL_ID, ""))}


def _end(kernel_id: str) -> None:
    if not end_labelled(_label(kernel_id), within_seconds=_END_SECONDS):
        raise SystemFailure("runtime_unavailable", detail=f"processes of kernel {kernel_id} cannot be killed")
