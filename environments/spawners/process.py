"""Runs notebook servers as processes of this machine, for one trusting person.

Nothing separates such a server from the rest of the person's account, a read-only mount can be written to,
and limits on memory and processors cannot be kept: a limit on one process does not hold for the many a
notebook starts. Other runtimes do these things; this one refuses to work unless the installation is embedded.

Each process of a server carries the server's labels in its environment, and that is all it takes to find
them: the record and the log in CARREL_DATA/run/servers/<server>/ only make it quicker, and remember a
server that has ended.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
from django.conf import settings

from environments.errors import SystemFailure, UserError
from environments.local_images import held
from environments.merging import Merged
from environments.processes import (
    end_labelled,
    has_labels,
    inherited_environment,
    installation_label,
    labelled,
    labels_of,
)
from environments.spawners.homes import bring_home, prepare_home, refresh_home
from environments.spawners.options import SERVER_OPTIONS
from environments.trees import full_disk_reported, remove_tree
from environments.values import (
    Endpoint,
    EngineProblem,
    Handle,
    Image,
    Liveness,
    Material,
    RuntimeReport,
    ServerSpec,
    ServerStatus,
    Usage,
)

SERVER_ID = "CARREL_SERVER_ID"
START_ID = "CARREL_START_ID"
PORT = "CARREL_SERVER_PORT"
HOST = "127.0.0.1"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_SCRIPT = Path(__file__).with_name("notebook.py")
_SCRIPT_END = os.path.join(_SCRIPT.parent.name, _SCRIPT.name)
"""What tells a server from its kernels, wherever Carrel itself was when it was started."""
_JUPYTER_CONFIG = Path(__file__).with_name("jupyter")
"""Defaults of ours for every JupyterLab, which a person's own settings override: no questions about news."""
_LOG_TAIL_BYTES = 16_000
_LAUNCH_SECONDS = 30
_POLL_SECONDS = 0.02
_OPTIONS = (
    *SERVER_OPTIONS,
    f"--ServerApp.ip={HOST}",
)


class ProcessSpawner:
    """Starts JupyterLab from images that are virtual environments, detached from whoever asked."""

    name = "process"
    polite_seconds = 5.0
    """How long a server has to end by itself when it is stopped."""

    def start(self, spec: ServerSpec) -> Endpoint:
        """Start the server; one that is already alive is left alone and its endpoint returned."""
        if not settings.EMBEDDED:
            raise SystemFailure("runtime_unavailable", detail="the process runtime is for embedded installations only")
        if running := _find(spec.handle):
            return _endpoint(running)
        with held(spec.image) as image:
            python = image / "venv" / "bin" / "python"
            if not python.exists():
                raise UserError("image_missing", detail=str(python))
            home = prepare_home(spec)
            directory = _directory(spec.handle)
            try:
                with full_disk_reported():
                    remove_tree(directory)
                    (directory / "runtime").mkdir(mode=0o700, parents=True)
                    return _launch(spec, python, home, directory)
            except BaseException:
                self.stop(spec.handle)
                raise

    def refresh(
        self,
        volume: str,
        *,
        old: Image | None,
        new: Image,
        commit: str,
        leave_out: Collection[str],
        owned: Collection[str] = (),
    ) -> Merged:
        """Merge in this process, which has the files to itself meanwhile."""
        return refresh_home(volume, old=old, new=new, commit=commit, leave_out=leave_out, owned=owned)

    def bring(
        self,
        volume: str,
        material: Material,
        *,
        image: Image,
        filled_from: Image | None,
        leave_out: Collection[str],
    ) -> Merged:
        """Merge in this process; no other merges in these files meanwhile."""
        return bring_home(volume, material, filled_from=filled_from, leave_out=leave_out)

    def poll(self, handle: Handle) -> ServerStatus:
        """What is known of this start. A start that ended before it was recorded is ABSENT."""
        if server := _find(handle):
            return ServerStatus(Liveness.ALIVE, _endpoint(server), log_tail=_log_tail(handle))
        if _record(handle) is None or _is_from_before_boot(handle):
            return ServerStatus(Liveness.ABSENT)
        return ServerStatus(Liveness.EXITED, log_tail=_log_tail(handle))

    def stop(self, handle: Handle) -> None:
        """Ask the server to end, which ends its kernels too; then end whatever carries its labels."""
        if server := _find(handle):
            _end_politely(server, self.polite_seconds)
        if not end_labelled(_labels(handle)):
            raise SystemFailure("runtime_unavailable", detail=f"processes of {handle} cannot be killed")
        directory = _directory(handle)
        if _record(handle) is not None or not (directory / "server.json").exists():
            remove_tree(directory)

    def halt(self, handle: Handle) -> None:
        """The same: none of it takes long."""
        self.stop(handle)

    def list(self) -> Mapping[Handle, Liveness]:
        """Every start of which anything is left, be it only a kernel."""
        found: dict[Handle, Liveness] = {}
        for process in labelled(installation_label(Path(settings.CARREL_DATA))):
            if handle := _handle(process):
                found.setdefault(handle, Liveness.EXITED)
                if _is_server(process, handle):
                    found[handle] = Liveness.ALIVE
        return found

    def usage(self, handle: Handle) -> Usage | None:
        """Summed over the server's processes; memory they share is counted for each."""
        if _find(handle) is None:
            return None
        seconds, memory = 0.0, 0
        for process in labelled(_labels(handle)):
            with suppress(psutil.Error):
                with process.oneshot():
                    times, resident = process.cpu_times(), process.memory_info().rss
                seconds += times.user + times.system + times.children_user + times.children_system
                memory += resident
        return Usage(cpu_seconds=seconds, memory_bytes=memory, measured_at=datetime.now(UTC))

    def report(self) -> RuntimeReport:
        """The Python that starts servers; what they run on themselves is in their images."""
        problem = None if settings.EMBEDDED else EngineProblem.OTHER
        detail = "" if settings.EMBEDDED else "processes are for embedded installations only"
        return RuntimeReport(self.name, version=platform.python_version(), problem=problem, detail=detail)


# --- Finding ----------------------------------------------------------------------------------------------------


def _labels(handle: Handle) -> dict[str, str]:
    return {
        **installation_label(Path(settings.CARREL_DATA)),
        SERVER_ID: handle.server_id,
        START_ID: handle.start_id,
    }


def _handle(process: psutil.Process) -> Handle | None:
    labels = labels_of(process)
    handle = Handle(labels.get(SERVER_ID, ""), labels.get(START_ID, ""))
    return handle if _ID.fullmatch(handle.server_id) and _ID.fullmatch(handle.start_id) else None


def _find(handle: Handle) -> psutil.Process | None:
    """The living server process of this start, by its record if there is one, else by its labels."""
    record = _record(handle)
    if record is None:
        return next((process for process in labelled(_labels(handle)) if _is_server(process, handle)), None)
    with suppress(psutil.Error):
        process = psutil.Process(record)
        return process if _is_server(process, handle) else None
    return None


def _is_server(process: psutil.Process, handle: Handle) -> bool:
    """Whether this is the server itself, neither a kernel of it nor a stranger with a reused process id."""
    with suppress(psutil.Error):
        script = "".join(process.cmdline()[1:2])
        return script.endswith(_SCRIPT_END) and has_labels(process, _labels(handle))
    return False


def _endpoint(server: psutil.Process) -> Endpoint:
    return Endpoint(HOST, int(labels_of(server).get(PORT, "0")))


# --- Remembering ------------------------------------------------------------------------------------------------


def _directory(handle: Handle) -> Path:
    if not _ID.fullmatch(handle.server_id):
        raise ValueError(f"not a server id: {handle.server_id!r}")
    return Path(settings.CARREL_DATA) / "run" / "servers" / handle.server_id


def _record(handle: Handle) -> int | None:
    """The process id of this start, as it was recorded; None for a start that was not."""
    try:
        record = json.loads((_directory(handle) / "server.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return int(record["pid"]) if record["start_id"] == handle.start_id else None


def _is_from_before_boot(handle: Handle) -> bool:
    """Whether the machine was restarted since: then nothing went wrong with the server."""
    return (_directory(handle) / "server.json").stat().st_mtime < psutil.boot_time()


def _write_record(directory: Path, handle: Handle, pid: int, port: int) -> None:
    unfinished = directory / "server.json.unfinished"
    unfinished.write_text(json.dumps({"pid": pid, "port": port, "start_id": handle.start_id}))
    unfinished.replace(directory / "server.json")


def _log_tail(handle: Handle) -> str:
    try:
        with (_directory(handle) / "server.log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


# --- Starting ---------------------------------------------------------------------------------------------------


def _launch(spec: ServerSpec, python: Path, home: Path, directory: Path) -> Endpoint:
    with _reserved_port() as (port, reservation), (directory / "server.log").open("wb") as log:
        arguments = [str(python), str(_SCRIPT), *_OPTIONS, f"--ServerApp.port={port}", f"--ServerApp.root_dir={home}"]
        arguments.append(f"--ServerApp.jpserver_extensions={_extensions(spec, python.parent)}")
        if os.geteuid() == 0:
            arguments.append("--allow-root")
        pid = _run(arguments, _environment(spec, python, home, directory, port), home, log.fileno(), reservation)
    _write_record(directory, spec.handle, pid, port)
    return Endpoint(HOST, port)


def _extensions(spec: ServerSpec, programs: Path) -> dict[str, bool]:
    """Which extensions that come with JupyterLab to leave out, and ours; whatever else is installed is loaded.

    `notebook_shim` redirects addresses of the classic notebook, which was never here. `jupyter_lsp` looks
    for language servers by starting npm, at every start and in the person's home.
    """
    extensions = {"notebook_shim": False, "jupyter_lsp": (programs / "pylsp").exists()}
    return extensions | ({"carrel_spare": True} if spec.keeps_spare_kernel else {})


def _run(arguments: list[str], environment: dict[str, str], home: Path, log: int, reservation: Sequence[int]) -> int:
    try:
        launched = subprocess.run(
            arguments,
            env=environment,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=reservation,
            start_new_session=True,
            timeout=_LAUNCH_SECONDS,
            check=True,
        )
        return int(launched.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        raise SystemFailure("start_failed", detail=str(error)) from error
    except FileNotFoundError as error:
        raise UserError("image_missing", detail=str(error)) from error


@contextmanager
def _reserved_port() -> Iterator[tuple[int, Sequence[int]]]:
    """A free port, and on Linux a descriptor that keeps others from getting it before the server listens.

    There a socket that is bound but does not listen blocks the port for everybody but those who bind to it
    by number and allow sharing, as the server does. It goes to the server, so the reservation lasts as long.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((HOST, 0))
        port = holder.getsockname()[1]
        if sys.platform == "linux":
            yield port, (holder.fileno(),)
        else:
            holder.close()
            yield port, ()


def _environment(spec: ServerSpec, python: Path, home: Path, directory: Path, port: int) -> dict[str, str]:
    """What the server and its kernels get to see. Runtime files stay out of the home, which may be full."""
    inherited = inherited_environment()
    return {
        **inherited,
        **spec.environment,
        **_credential(spec, directory),
        **_labels(spec.handle),
        PORT: str(port),
        "HOME": str(home),
        "JUPYTER_CONFIG_PATH": str(_JUPYTER_CONFIG),
        "JUPYTER_RUNTIME_DIR": str(directory / "runtime"),
        "JUPYTER_TOKEN": spec.token,
        "PATH": os.pathsep.join([str(python.parent), inherited.get("PATH", os.defpath)]),
        "SHELL": inherited.get("SHELL") or shutil.which("bash") or "/bin/sh",
        "VIRTUAL_ENV": str(python.parent.parent),
    }


def _credential(spec: ServerSpec, directory: Path) -> dict[str, str]:
    """The key to Carrel itself, if there is one, also in a file that goes with all else about this start."""
    if not spec.credential:
        return {}
    path = directory / "token"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(spec.credential)
    return {"CARREL_TOKEN": spec.credential, "CARREL_TOKEN_FILE": str(path)}


# --- Stopping ---------------------------------------------------------------------------------------------------


def _end_politely(server: psutil.Process, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    with suppress(psutil.NoSuchProcess):
        server.terminate()
        while time.monotonic() < deadline and server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
            time.sleep(_POLL_SECONDS)
