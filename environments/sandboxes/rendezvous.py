"""Where a driver and its kernel meet: a folder per kernel, with the sockets the driver listens on.

    CARREL_DATA/run/kernels/<id>/lock      held by the driver as long as it lives
    CARREL_DATA/run/kernels/<id>/shared/   what the kernel's side gets to see, and never gets to change
    CARREL_DATA/run/kernels/<id>/scratch/  where a kernel without a container works

The driver listens and the kernel's side connects. So the kernel needs no place of the driver's it can write
to: it can put no link where a socket should be, fill no disk, and have any user id.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from environments.sandboxes.base import Channel
from environments.trees import full_disk_reported, remove_tree
from environments.volumes.archive import Entry, pack, unpack

LAUNCHER = "launch.py"
"""Runs on the kernel's side, from the shared folder."""
_CONNECTION = {
    "transport": "ipc",
    "ip": "../private/k",
    "shell_port": 1,
    "iopub_port": 2,
    "stdin_port": 3,
    "control_port": 4,
    "hb_port": 5,
    "signature_scheme": "hmac-sha256",
}
"""Where the kernel itself listens, seen from its working directory: socket addresses are short."""
_ID = re.compile(r"[0-9a-f]{16}")
_GRACE_SECONDS = 60.0
_MEGABYTE = 1024**2


@dataclass(frozen=True, slots=True)
class Rendezvous:
    """The folder of one kernel while its driver lives."""

    kernel_id: str
    directory: Path
    key: bytes
    listeners: dict[Channel, socket.socket]

    @property
    def shared(self) -> Path:
        """What the kernel's side may read."""
        return self.directory / "shared"

    @property
    def scratch(self) -> Path:
        """Where a kernel without a container may write."""
        return self.directory / "scratch"


def new_kernel_id() -> str:
    """Names one run of one kernel; 64 random bits."""
    return secrets.token_hex(8)


@contextmanager
def meet(kernel_id: str, *, files: Iterable[bytes] | None, max_files_mb: int, seconds: float) -> Iterator[Rendezvous]:
    """Make the folder and listen; remove it at the end.

    Others consider it left behind when this process has died, or in any case some time after `seconds`.
    Raises UserError for files that are refused, SystemFailure `disk_full`.
    """
    directory, key = _directory(kernel_id), secrets.token_hex(32).encode()
    shared = directory / "shared"
    with ExitStack() as stack:
        with full_disk_reported():
            directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.mkdir(mode=0o700)
            stack.callback(remove_tree, directory)
            stack.enter_context(_held(directory / "lock", until=time.time() + seconds))
            shared.mkdir()
            shared.chmod(0o755)
            _write(shared, key, pack(given_files(files, max_mb=max_files_mb)))
            listeners = {channel: stack.enter_context(_listener(shared, channel)) for channel in Channel}
        yield Rendezvous(kernel_id, directory, key, listeners)


def given_files(stream: Iterable[bytes] | None, *, max_mb: int) -> Iterator[Entry]:
    """What is in a tar stream, checked; nothing where there is none. Raises UserError as `unpack` does."""
    return iter(()) if stream is None else unpack(stream, max_bytes=max_mb * _MEGABYTE)


def kernel_ids() -> list[str]:
    """Every kernel that has a folder."""
    parent = _directory("0" * 16).parent
    names = os.listdir(parent) if parent.is_dir() else []
    return sorted(name for name in names if _ID.fullmatch(name))


def is_kernel_id(text: str) -> bool:
    """Whether this can be one."""
    return _ID.fullmatch(text) is not None


def is_left_behind(kernel_id: str) -> bool:
    """Whether the driver of this kernel is dead, or had its time long ago. False where there is no folder."""
    directory = _directory(kernel_id)
    try:
        with (directory / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _is_over(directory / "lock", grace=_GRACE_SECONDS)
    except FileNotFoundError:  # Just being made, or made by somebody who died that very moment.
        return _is_over(directory, grace=_GRACE_SECONDS)
    return True


def forget(kernel_id: str) -> None:
    """Remove the folder of a kernel that is gone."""
    remove_tree(_directory(kernel_id))


def _directory(kernel_id: str) -> Path:
    if not _ID.fullmatch(kernel_id):
        raise ValueError(f"not a kernel id: {kernel_id!r}")
    return Path(settings.CARREL_DATA) / "run" / "kernels" / kernel_id


def _is_over(path: Path, *, grace: float) -> bool:
    try:
        return path.stat().st_mtime + grace < time.time()
    except FileNotFoundError:
        return False


@contextmanager
def _held(path: Path, *, until: float) -> Iterator[None]:
    """A lock that ends with this process. The file's time says when the driver should be done."""
    unfinished = path.with_name(".lock")
    with unfinished.open("x") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.utime(unfinished, (until, until))
        unfinished.rename(path)
        yield


def _write(shared: Path, key: bytes, files: Iterable[bytes]) -> None:
    """Readable for whatever user the kernel is: the folder above keeps everybody else out."""
    shutil.copyfile(Path(__file__).with_name(LAUNCHER), shared / LAUNCHER)
    (shared / "connection.json").write_text(json.dumps(_CONNECTION | {"key": key.decode()}))
    with (shared / "files.tar").open("wb") as archive:
        archive.writelines(files)
    for path in shared.iterdir():
        path.chmod(0o644)


@contextmanager
def _listener(shared: Path, channel: Channel) -> Iterator[socket.socket]:
    descriptor = os.open(shared, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            # Addresses hold about a hundred bytes, which a path below the data directory may exceed.
            short = Path(f"/proc/self/fd/{descriptor}")
            listener.bind(str((short if short.is_dir() else shared) / channel))
            (shared / channel).chmod(0o666)
            listener.listen(1)
            yield listener
    finally:
        os.close(descriptor)
