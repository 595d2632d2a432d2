"""Runs a kernel inside a sandbox and carries bytes between its sockets and the driver's.

Run by an image's own Python, so it imports nothing but the standard library and keeps to what 3.7 has:

    launch.py SHARED SCRATCH KERNEL_NAME [RLIMITS]

SHARED is read-only and holds the driver's sockets; SCRATCH is where the kernel may write; RLIMITS is a JSON
object of resource limits by name. It ends when the kernel ends, with its status, or when the driver goes.
Whatever the kernel runs could take this script over: nothing outside depends on its being honest.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

OUT_OF_MEMORY = 99
"""Exit status for a kernel that was killed for want of memory."""
CANNOT_START = 98
KILLED = 128 + signal.SIGKILL

CHANNELS = {"shell": "k-1", "iopub": "k-2", "control": "k-4"}
_PIECE = 1 << 16
_START_SECONDS = 60.0
_DRAIN_SECONDS = 2.0
_POLL_SECONDS = 0.01
_LOG_TAIL_BYTES = 4000
_MOST_KILLABLE = 1000
"""When memory is short, the kernel is to go before this script, which still has output to deliver."""


def main(shared: Path, scratch: Path, kernel_name: str, rlimits: dict[str, int]) -> int:
    """The exit status."""
    work, private = prepare(shared, scratch)
    kills_before = memory_kills()
    kernel = start_kernel(kernel_name, work, private, rlimits)
    pairs = connect(shared, work, kernel)
    if pairs is None:
        sys.stderr.write((private / "log").read_text(errors="replace")[-_LOG_TAIL_BYTES:])
        return CANNOT_START
    pumps = [pump(inner, outer) for inner, outer in pairs]
    for inner, outer in pairs:
        pump(outer, inner, then=lambda: end(kernel))
    status = wait_for(kernel)
    deadline = time.monotonic() + _DRAIN_SECONDS
    for thread in pumps:
        thread.join(max(0.0, deadline - time.monotonic()))
    return OUT_OF_MEMORY if status == KILLED and memory_kills() > kills_before else status


def prepare(shared: Path, scratch: Path) -> tuple[Path, Path]:
    """The working directory with its files, and a folder for what is nobody's business."""
    work, private = scratch / "work", scratch / "private"
    for folder in (work, private):
        folder.mkdir(mode=0o700)
    with tarfile.open(shared / "files.tar") as archive:
        archive.extractall(work)  # noqa: S202 - plain files and folders only, made so by the driver
    connection = private / "connection.json"
    connection.touch(mode=0o600)
    connection.write_bytes((shared / "connection.json").read_bytes())
    profile = private / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    # A history is of no use here, and complains among the output when there is no room for it.
    (profile / "ipython_config.py").write_text("get_config().HistoryManager.enabled = False\n")
    os.environ.update(
        HOME=str(work),
        TMPDIR=str(scratch),
        IPYTHONDIR=str(private / "ipython"),
        JUPYTER_RUNTIME_DIR=str(private),
        XDG_CACHE_HOME=str(private / "cache"),
    )
    return work, private


def start_kernel(name: str, work: Path, private: Path, rlimits: dict[str, int]) -> int:
    """The process id of the kernel, which leads a session of its own."""
    arguments = [word.replace("{connection_file}", str(private / "connection.json")) for word in command(name)]

    def restrict() -> None:
        for limit, value in rlimits.items():
            resource.setrlimit(getattr(resource, "RLIMIT_" + limit), (value, value))
        if sys.platform == "linux":
            Path("/proc/self/oom_score_adj").write_text(str(_MOST_KILLABLE))

    with (private / "log").open("wb") as log:
        kernel = subprocess.Popen(
            arguments,
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=restrict,
        )
    kernel.returncode = 0  # It is waited for below, together with what it leaves behind.
    return kernel.pid


def command(name: str) -> list[str]:
    """How the image says this kernel is started; its own Python where it does not say."""
    places = [Path(prefix, "share/jupyter") for prefix in (sys.prefix, "/usr/local", "/usr")]
    places[:0] = [Path(place) for place in os.environ.get("JUPYTER_PATH", "").split(os.pathsep) if place]
    for place in places:
        specification = place / "kernels" / name / "kernel.json"
        if specification.is_file():
            program, *rest = json.loads(specification.read_text())["argv"]
            return [sys.executable if program in ("python", "python3") else program, *rest]
    if name == "python3":
        return [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    raise FileNotFoundError(f"no kernel called {name}")


def connect(shared: Path, work: Path, kernel: int) -> list[tuple[socket.socket, socket.socket]] | None:
    """The kernel's sockets, each with the driver's; None if either does not come to listen.

    Addresses are relative, since they have to be short.
    """
    os.chdir(work)
    deadline = time.monotonic() + _START_SECONDS
    pairs = []
    for name, inner_name in CHANNELS.items():
        os.chdir(work)
        inner = try_connect(f"../private/{inner_name}")
        while inner is None:
            if time.monotonic() > deadline or os.waitpid(kernel, os.WNOHANG)[0]:
                return None
            time.sleep(_POLL_SECONDS)
            inner = try_connect(f"../private/{inner_name}")
        os.chdir(shared)
        outer = try_connect(name)
        if outer is None:
            return None
        pairs.append((inner, outer))
    return pairs


def try_connect(address: str) -> socket.socket | None:
    """A connection, or None where nobody listens."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        return None
    return connection


def pump(source: socket.socket, target: socket.socket, *, then: Callable[[], None] | None = None) -> threading.Thread:
    """Carry bytes one way, as fast as the other side takes them, in a thread. Calls `then` when there are no more."""

    def carry() -> None:
        with suppress(OSError):
            for data in iter(lambda: source.recv(_PIECE), b""):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        if then is not None:
            then()

    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    return thread


def end(kernel: int) -> None:
    """Kill the kernel, and with it whatever has not left its session."""
    with suppress(ProcessLookupError):
        os.killpg(kernel, signal.SIGKILL)


def wait_for(kernel: int) -> int:
    """The exit status of the kernel, burying orphans meanwhile."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == kernel:
            return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def memory_kills() -> int:
    """How many processes of this container were killed for want of memory; 0 where that cannot be known."""
    for place in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        try:
            facts = dict(line.split() for line in Path(place).read_text().splitlines())
            return int(facts["oom_kill"])
        except (OSError, ValueError, KeyError):
            continue
    return 0


if __name__ == "__main__":
    try:
        code = main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], json.loads((sys.argv[4:] or ["{}"])[0]))
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        code = CANNOT_START
    sys.stderr.flush()
    os._exit(code)
