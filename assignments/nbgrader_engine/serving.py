"""Answers call after call, each in a process of its own: a fork of one that has nbgrader imported already.

nbgrader takes two seconds to import and changes the state of its process while it works, so it must be neither
started nor reused for each submission. The caller sends one line of JSON at a time over a socket, and gets one
line back when the fork has ended; in between the fork may use the socket to ask the caller to run code.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import shutil
import signal
import socket
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import nbformat

from assignments.nbgrader_engine.commands import OUT, answer

ANSWER = "answer.json"
OURS = "carrel-engine-"
"""How the folders are called that a caller makes for us. No other is ever removed, whatever somebody says."""

_IDLE_SECONDS = 600
_GRACE_SECONDS = 5


def serve(channel: socket.socket) -> None:
    """Answer until the caller is gone, or has not asked for ten minutes. Then the folders go that it can have left."""
    _warm_up()
    reader, folders = channel.makefile("rb"), [os.environ["HOME"]]
    while select.select([channel], [], [], _IDLE_SECONDS)[0] and (line := reader.readline()):
        request = json.loads(line)
        folders[1:] = [request["folder"]]
        status = _answered_by_a_fork(channel, request)
        with suppress(OSError):
            channel.sendall(json.dumps({"ended": status}).encode() + b"\n")
    for folder in folders:
        if Path(folder).name.startswith(OURS):
            shutil.rmtree(folder, ignore_errors=True)


def _warm_up() -> None:
    """Do once what every fork would do at its first notebook: imports, mappings and compiled queries stay.

    Each step works in a folder of its own, as a fork does. What is in memory then is not looked at again by the
    collector of garbage, which would copy it into every fork.
    """
    root = Path.cwd()
    (root / "source").mkdir()
    tests = {"schema_version": 3, "grade": True, "solution": False, "locked": True, "grade_id": "a", "points": 1}
    cell = nbformat.v4.new_code_cell("1", metadata={"nbgrader": tests})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), root / "source" / "a.ipynb")
    _rehearse(root, "generate", source=root / "source")
    book = root / "generate" / OUT / "gradebook.db"
    _rehearse(root, "sanitise", submitted=root / "source", gradebook=book)
    _rehearse(root, "score", executed=root / "sanitise" / OUT, gradebook=book)
    gc.collect()
    gc.freeze()


def _rehearse(root: Path, command: str, **places: Path) -> None:
    (root / command).mkdir()
    os.chdir(root / command)
    answer(command, {"name": "rehearsal", **{name: str(place) for name, place in places.items()}})
    os.chdir(root)


def _answered_by_a_fork(channel: socket.socket, request: dict[str, Any]) -> str:
    """How it ended: `done`, `slow`, or `died`. Nothing of it is left."""
    ended, holds = os.pipe()
    process = os.fork()
    if not process:
        os.close(ended)
        _work(channel, request)
    os.close(holds)
    in_time = _wait(ended, channel, request["seconds"])
    os.close(ended)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)
    with suppress(ProcessLookupError):  # It may have been killed before it had a group.
        os.kill(process, signal.SIGKILL)
    status = os.waitpid(process, 0)[1]
    if not in_time or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGALRM, signal.SIGXCPU)):
        return "slow"
    return "done" if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0 else "died"


def _wait(ended: int, channel: socket.socket, seconds: float) -> bool:
    """Whether it ended by itself in time: its end of the pipe closes with it, and the caller's with the caller."""
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(channel, 0)
    return any(descriptor == ended for descriptor, _event in poll.poll(seconds * 1000))


# --- In the fork -------------------------------------------------------------------------------------------------


def _work(channel: socket.socket, request: dict[str, Any]) -> None:
    """Answer one request, and end."""
    status = 1
    try:
        os.setsid()
        _confine(request)
        reply = answer(request["command"], request["arguments"], execute=_Asking(channel))
        with open(ANSWER, "x", encoding="utf-8") as file:
            json.dump(reply, file)
        status = 0
    finally:
        os._exit(status)


def _confine(request: dict[str, Any]) -> None:
    """The folder, the limits, and no way to say anything but the answer."""
    os.chdir(request["folder"])
    os.environ.update(HOME=request["folder"], TMPDIR=request["folder"])
    tempfile.tempdir = request["folder"]
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    for name, most in request["limits"].items():
        if hasattr(resource, name):
            _hard = resource.getrlimit(getattr(resource, name))[1]
            most = most if _hard == resource.RLIM_INFINITY else min(most, _hard)
            with suppress(ValueError, OSError):  # Not every system knows every limit.
                resource.setrlimit(getattr(resource, name), (most, most))
    signal.alarm(int(request["seconds"]) + _GRACE_SECONDS)  # Should the process that watches be killed.


class _Asking:
    """Has code run by the caller."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._reader: BinaryIO = channel.makefile("rb")

    def __call__(self, snippet: dict[str, str]) -> list[dict[str, Any]]:
        self._channel.sendall(json.dumps({"run": snippet}).encode() + b"\n")
        line = self._reader.readline()
        if not line:
            os._exit(1)
        outputs: list[dict[str, Any]] = json.loads(line)["outputs"]
        return outputs
