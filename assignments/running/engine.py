"""Runs nbgrader, in processes of its own, on files in folders.

Nothing in here or below runs what is in a notebook: that is for a sandbox, between `sanitise` and `score`.
A process stands ready with nbgrader imported, and forks for each call; the fork has a folder of its own, an
empty environment, limits, and an end. Everything may be called by any number of threads and processes.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from assignments.errors import REASONS, AssignmentError
from assignments.running.engine_values import (
    CellRow,
    FailedCell,
    Finding,
    Generated,
    Kind,
    Linted,
    Mark,
    Marks,
    Scored,
    ScoredCell,
    StoredAssignment,
    StoredCell,
    StoredCourse,
    StoredMark,
    StoredNotebook,
    StoredPenalty,
    StoredStudent,
    StoredSubmission,
    Validated,
    from_json,
    to_json,
)
from environments.processes import inherited_environment
from environments.scratch import scratch

__all__ = [
    "CellRow",
    "FailedCell",
    "Finding",
    "Generated",
    "Kind",
    "Linted",
    "Mark",
    "Marks",
    "Scored",
    "ScoredCell",
    "Snippet",
    "StoredAssignment",
    "StoredCell",
    "StoredCourse",
    "StoredMark",
    "StoredNotebook",
    "StoredPenalty",
    "StoredStudent",
    "StoredSubmission",
    "Validated",
    "feedback",
    "generate",
    "lint",
    "modernise",
    "read_gradebook",
    "rest",
    "sanitise",
    "score",
    "validate",
    "write_gradebook",
]

CALL_SECONDS = 60.0
LONG_CALL_SECONDS = 600.0
"""For a whole course's gradebook, and for a release whose tests have to be asked of a kernel."""

_START_SECONDS = 60.0
_END_SECONDS = 5.0
_MOST_ANSWER_BYTES = 64_000_000
_MOST_LINE_BYTES = 16_000_000
_LIMITS = {"RLIMIT_CORE": 0, "RLIMIT_DATA": 1024**3, "RLIMIT_FSIZE": 512 * 1024**2, "RLIMIT_NOFILE": 512}
_ROOT = Path(__file__).resolve().parents[2]

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code of an instructor that has to be run for a test to be written, in the kernel of its notebook."""

    notebook: str
    kernel: str
    code: str


Run = Callable[[Snippet], Sequence[Mapping[str, Any]]]
"""Runs code and returns its outputs, as a notebook has them. One kernel for each notebook, in order."""


def generate(source: Path, *, name: str, into: Path, run: Run | None = None) -> Generated:
    """Make the release of an assignment: `release/` and `gradebook.db` in a new folder `into`, or nothing at all.

    Tests that say AUTOTEST are written by asking the instructor's own code, which `run` runs wherever it is safe to:
    in a sandbox. Without it such an assignment is refused. Raises `AssignmentError`.
    """
    arguments = {"source": str(source.absolute()), "name": _checked_name(name), "executes": run is not None}
    with _folder() as folder:
        result = _call("generate", arguments, folder=folder, is_long=True, run=run)
        generated = _understood(Generated, result)
        _place(folder, into)
    return generated


def sanitise(submitted: Path, *, gradebook: Path, name: str, into: Path) -> None:
    """Put a submission's notebooks into a new folder as they are to be run: the instructor's cells restored.

    Only notebooks of the release; data files do not pass through here. Raises `AssignmentError`.
    """
    with _folder() as folder:
        _call("sanitise", _graded(name, gradebook, submitted=submitted), folder=folder)
        _place(folder, into)


def score(executed: Path, *, gradebook: Path, name: str, into: Path) -> Scored:
    """Turn the outputs of notebooks that were sanitised and run into points, and put them, graded, into a new folder.

    Nothing but the outputs is believed. Raises `AssignmentError`.
    """
    with _folder() as folder:
        scored = _understood(Scored, _call("score", _graded(name, gradebook, executed=executed), folder=folder))
        _place(folder, into)
    return scored


def feedback(autograded: Path, *, gradebook: Path, name: str, marks: Marks, into: Path) -> None:
    """Put a page NAME.html for each graded notebook into a new folder. What must stay hidden has to be out of them.

    The pages show what students and graders wrote: scripts in them work. Show them where they can do nothing.
    Raises `AssignmentError`.
    """
    with _folder() as folder:
        arguments = _graded(name, gradebook, autograded=autograded) | {"marks": to_json(marks)}
        _call("feedback", arguments, folder=folder)
        _place(folder, into)


def lint(source: Path, *, name: str) -> Linted:
    """Look at an assignment without running it. Raises `AssignmentError` only where it cannot be looked at."""
    with _folder() as folder:
        arguments = {"source": str(source.absolute()), "name": _checked_name(name)}
        return _understood(Linted, _call("lint", arguments, folder=folder))


def modernise(source: Path, *, into: Path) -> None:
    """Put the notebooks of a folder into a new one, in the format of today. Raises `AssignmentError`."""
    with _folder() as folder:
        _call("modernise", {"source": str(source.absolute())}, folder=folder)
        _place(folder, into)


def validate(notebook: Path) -> Validated:
    """What nbgrader's own Validate button would say of a notebook after it was run. Raises `AssignmentError`."""
    with _folder() as folder:
        return _understood(Validated, _call("validate", {"notebook": str(notebook.absolute())}, folder=folder))


def read_gradebook(gradebook: Path) -> StoredCourse:
    """Everything in the gradebook.db of a course made with nbgrader, old ones too. Raises `AssignmentError`."""
    with _folder() as folder:
        arguments = {"gradebook": str(gradebook.absolute())}
        return _understood(StoredCourse, _call("read_gradebook", arguments, folder=folder, is_long=True))


def write_gradebook(course: StoredCourse, *, into: Path) -> None:
    """Put a `gradebook.db` that nbgrader opens into a new folder. Raises `AssignmentError`."""
    with _folder() as folder:
        arguments = {"course": to_json(course)}
        _call("write_gradebook", arguments, folder=folder, is_long=True)
        _place(folder, into)


# --- A call ------------------------------------------------------------------------------------------------------


def rest() -> None:
    """End the processes that stand ready, where none will be needed for long. The next call starts one."""
    _engines.end()


def _checked_name(name: str) -> str:
    """nbgrader takes the name of an assignment for a folder, a pattern and a regular expression."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", name):
        raise AssignmentError("assignment_name_invalid", name=name[:100])
    return name


def _graded(name: str, gradebook: Path, **folder: Path) -> dict[str, Any]:
    places = {key: str(path.absolute()) for key, path in {**folder, "gradebook": gradebook}.items()}
    return {"name": _checked_name(name), **places}


@contextmanager
def _folder() -> Iterator[Path]:
    with scratch("engine") as folder:
        yield folder.resolve()


def _place(folder: Path, into: Path) -> None:
    """Move what a call made to where it is wanted, whole. Raises FileExistsError if something is there."""
    if into.exists() and any(into.iterdir()):
        raise FileExistsError(into)
    staged = into.with_name(f".{into.name}-{uuid.uuid4().hex}")
    try:
        shutil.copytree(folder / "out", staged)
        staged.rename(into)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


def _call(
    command: str, arguments: Mapping[str, Any], *, folder: Path, is_long: bool = False, run: Run | None = None
) -> object:
    """The result of a command that worked in the folder. Raises `AssignmentError`."""
    seconds = LONG_CALL_SECONDS if is_long else CALL_SECONDS
    request = {
        "command": command,
        "arguments": arguments,
        "folder": str(folder),
        "seconds": seconds,
        "limits": {**_LIMITS, "RLIMIT_CPU": int(seconds) + 1},
    }
    with _engines.one() as engine:
        ended = engine.ask(request, run)
    if ended != "done":
        raise AssignmentError("engine_too_slow" if ended == "slow" else "engine_failed", detail=f"{command}: {ended}")
    return _result(folder / "answer.json")


def _result(path: Path) -> object:
    if path.stat().st_size > _MOST_ANSWER_BYTES:
        raise AssignmentError("engine_failed", detail="the answer is too long")
    reply = json.loads(path.read_bytes())
    if "error" not in reply:
        return reply["result"]
    error = reply["error"]
    if error["code"] not in REASONS:
        raise AssignmentError("engine_failed", detail=f"unknown code {error['code']}: {error['detail']}")
    raise AssignmentError(error["code"], detail=error["detail"], **error["facts"])


def _understood(type_: type[_Value], result: object) -> _Value:
    try:
        return from_json(type_, result)
    except ValueError as error:
        raise AssignmentError("engine_failed", detail=str(error)) from error


# --- The process that stands ready -------------------------------------------------------------------------------


class _Gone(Exception):
    """The process has ended, or says what it should not."""


class _Engine:
    """nbgrader imported and waiting. It ends when this end of the socket does, by whatever way."""

    def __init__(self) -> None:
        self._scratch = ExitStack()
        home = str(self._scratch.enter_context(scratch("engine-home")))
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "assignments.nbgrader_engine", "serve"],
                cwd=home,
                env=_environment(home),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._reader = self._channel.makefile("rb")

    def ask(self, request: Mapping[str, Any], run: Run | None) -> str:
        """How the call ended. Raises `_Gone` if the process has."""
        self._channel.settimeout(_START_SECONDS + request["seconds"])
        self._send(request)
        while "ended" not in (reply := self._receive()):
            outputs = run(Snippet(**reply["run"])) if run is not None else ()
            self._send({"outputs": list(outputs)})
        return str(reply["ended"])

    def _send(self, message: Mapping[str, Any]) -> None:
        try:
            self._channel.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise _Gone from error

    def _receive(self) -> dict[str, Any]:
        try:
            line = self._reader.readline(_MOST_LINE_BYTES)
        except OSError as error:
            raise _Gone from error
        if not line.endswith(b"\n"):
            raise _Gone
        message: dict[str, Any] = json.loads(line)
        return message

    def end(self) -> None:
        """End it, and what it was doing: it does so itself when it sees this end close."""
        self._close()
        try:
            self._process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._scratch.close()

    def let_go(self) -> None:
        """Close this end in a child of the process whose engine it is."""
        self._close()
        self._process.returncode = 0  # Not ours to wait for.

    def _close(self) -> None:
        self._reader.close()
        self._channel.close()


class _Engines:
    """The engines of this process that have nothing to do at the moment. At most as many are kept as were needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Engine] = []

    @contextmanager
    def one(self) -> Iterator[_Retrying]:
        """An engine for one call. It is kept for the next only if the call went well."""
        retrying = _Retrying(self._take())
        try:
            yield retrying
        except BaseException:
            retrying.engine.end()
            raise
        with self._lock:
            self._idle.append(retrying.engine)

    def _take(self) -> _Engine:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Engine()

    def end(self) -> None:
        """End them all."""
        with self._lock:
            while self._idle:
                self._idle.pop().end()

    def forget(self) -> None:
        """After a fork: they belong to the parent, and must end with it rather than with us."""
        self._lock = threading.Lock()
        for engine in self._idle:
            engine.let_go()
        self._idle = []


class _Retrying:
    """An engine, and a fresh one if it ended while nobody asked it anything."""

    def __init__(self, engine: _Engine) -> None:
        self.engine = engine

    def ask(self, request: Mapping[str, Any], run: Run | None) -> str:
        """How the call ended; `died` if even a fresh process did."""
        try:
            return self.engine.ask(request, run)
        except _Gone:
            self.engine.end()
            _emptied(Path(request["folder"]))
            self.engine = _Engine()
        try:
            return self.engine.ask(request, run)
        except _Gone as error:
            raise AssignmentError("engine_failed", detail="nbgrader does not start") from error


def _emptied(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _environment(home: str) -> dict[str, str]:
    """Where programs are and which language: nothing that is a secret, and nobody's settings for Jupyter."""
    inherited = inherited_environment()
    kept = {name: value for name, value in inherited.items() if name.startswith(("LANG", "LC_"))}
    programs = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)])
    ours = {"PATH": programs, "PYTHONPATH": str(_ROOT), "PYTHONWARNINGS": "ignore", "PYTHONUTF8": "1"}
    return {**kept, **ours, "HOME": home, "TMPDIR": home, "JUPYTER_NO_CONFIG": "1", "IPYTHONDIR": home}


_engines = _Engines()
os.register_at_fork(after_in_child=_engines.forget)
atexit.register(_engines.end)
