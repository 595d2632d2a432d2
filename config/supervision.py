"""Keeps a handful of child processes alive: starts them, restarts them, follows what they say, ends them.

Every child leads a session of its own, so that whatever it started (a pool of workers, say) is one
process group with it and ends with it. What was started is written down, so that a supervisor that was
killed leaves nothing its successor cannot find.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import re
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

import psutil
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from environments.processes import everybody, has_labels

FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
"""A child that lived this long is restarted as quickly as if it had never failed."""
LAST_WORDS_SECONDS = 1.0
"""How long the output of a child that has ended is still read; something it started may hold it open."""
CLOCK_TOLERANCE_SECONDS = 5.0
"""The time a process was born is derived from the clock, which may have been put right since."""
MAX_LINE_BYTES = 16_384
LOG_FILE_BYTES = 5_000_000
LOG_FILES_KEPT = 3
LAST_WORDS_LINES = 8

_LEVEL = re.compile(r"(?:\[?\d{4}-\d\d-\d\d \S+ )?(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")
_WORTH_SHOWING = {"WARNING", "ERROR", "CRITICAL"}

Announce = Callable[[str], None]


class StartRefused(Exception):
    """The stack cannot be started here and now; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep alive, and the seconds it may take to end before its group is killed."""

    name: str
    command: tuple[str, ...]
    stop_seconds: float


@contextlib.contextmanager
def only_supervisor(lock: Path, refusal: str) -> Iterator[None]:
    """Hold the lock of a data directory. Raises `StartRefused` with the refusal when another process does."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartRefused(refusal) from error
        yield


class ProcessRecords:
    """What was started, on disk, so that it can be found and ended after the supervisor itself was killed."""

    def __init__(self, path: Path, *, labels: Mapping[str, str]) -> None:
        """`labels` are variables that every child has in its environment, and nobody else's process."""
        self._path = path
        self._labels = labels
        self._records: dict[str, tuple[int, float]] = {}

    def add(self, name: str, pid: int) -> None:
        """Write down a process that has just been started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._records[name] = (pid, psutil.Process(pid).create_time())
            self._write()

    def remove(self, name: str) -> None:
        """Forget a process that has ended."""
        self._records.pop(name, None)
        self._write()

    def end_leftovers(self) -> list[str]:
        """Kill what a supervisor before us has left running, and return the names of those children."""
        ended = []
        for name, (pid, created) in self._read().items():
            if members := self._group(pid, created):
                kill_group(pid)
                psutil.wait_procs(members, timeout=5)
                ended.append(name)
        self._path.unlink(missing_ok=True)
        return ended

    def _group(self, pid: int, created: float) -> list[psutil.Process]:
        """The processes of a recorded group, or none when the number belongs to somebody else by now."""
        members = [process for process in everybody() if _group_of(process) == pid]
        leader = next((process for process in members if process.pid == pid), None)
        if leader:
            return members if self._is_recorded(leader, created) else []
        return members if any(has_labels(process, self._labels) for process in members) else []

    def _is_recorded(self, leader: psutil.Process, created: float) -> bool:
        with contextlib.suppress(psutil.Error):
            return abs(leader.create_time() - created) <= CLOCK_TOLERANCE_SECONDS
        return False

    def _read(self) -> dict[str, tuple[int, float]]:
        try:
            stored = json.loads(self._path.read_text())
            return {name: (int(pid), float(created)) for name, (pid, created) in stored.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError):
            # Cut short by a crash or a full disk: nothing in it can be trusted.
            return {}

    def _write(self) -> None:
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(self._records))
        draft.replace(self._path)


def kill_group(group: int) -> None:
    """Kill a process group at once; does nothing when it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _group_of(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except (ProcessLookupError, PermissionError):
        return None


class ChildLog:
    """Everything one child says: all of it in a rotating file, its warnings and errors on the terminal too."""

    def __init__(self, name: str, directory: Path, announce: Announce) -> None:
        self.path = directory / f"{name}.log"
        self.last_words: deque[str] = deque(maxlen=LAST_WORDS_LINES)
        self._name = name
        self._announce = announce
        self._showing = False
        self._file = RotatingFileHandler(self.path, maxBytes=LOG_FILE_BYTES, backupCount=LOG_FILES_KEPT, delay=True)

    async def follow(self, descriptor: int) -> None:
        """Read the pipe until nobody writes to it any more."""
        reader = asyncio.StreamReader()
        with os.fdopen(descriptor, "rb") as pipe:
            transport, _protocol = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), pipe
            )
            try:
                await self._read_lines(reader)
            finally:
                transport.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    async def _read_lines(self, reader: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await reader.read(65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(line)
            if len(rest) > MAX_LINE_BYTES:
                self._take(rest)
                rest = b""
        if rest:
            self._take(rest)

    def _take(self, raw: bytes) -> None:
        line = raw[:MAX_LINE_BYTES].decode(errors="replace").rstrip()
        self.last_words.append(line)
        self._file.emit(logging.makeLogRecord({"msg": "%s", "args": (line,)}))
        # A traceback belongs to the line that announced it.
        if level := _LEVEL.match(line):
            self._showing = level[1] in _WORTH_SHOWING
        if self._showing:
            self._announce(f"{self._name:>6} | {line}")


class KeptChild:
    """One child and the task that keeps it alive until it is told to stop."""

    def __init__(
        self,
        child: Child,
        *,
        log: ChildLog,
        records: ProcessRecords,
        environment: Mapping[str, str],
        hurry: asyncio.Event,
        announce: Announce,
    ) -> None:
        self._child = child
        self._log = log
        self._records = records
        self._environment = environment
        self._hurry = hurry
        self._announce = announce
        self._stopping = asyncio.Event()
        self.task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End the child and everything in its group: politely, then by force."""
        self._stopping.set()
        await self.task

    async def _keep(self) -> None:
        delay = FIRST_DELAY_SECONDS
        try:
            while not self._stopping.is_set():
                began = time.monotonic()
                ending = await self._run_once()
                if self._stopping.is_set():
                    return
                if time.monotonic() - began >= HEALTHY_SECONDS:
                    delay = FIRST_DELAY_SECONDS
                self._report(ending, delay)
                await _wait_for(self._stopping, timeout=delay)
                delay = min(2 * delay, LONGEST_DELAY_SECONDS)
        finally:
            self._log.close()

    async def _run_once(self) -> str:
        """Run the child to its end, which is put into words."""
        read_end, write_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._child.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            os.close(read_end)
            return _("could not be started: {error}").format(error=error)
        finally:
            os.close(write_end)
        self._records.add(self._child.name, process.pid)
        following = asyncio.create_task(self._log.follow(read_end))
        try:
            await self._until_ended(process)
        finally:
            # Whatever it started in its group ends with it, or two pools would work side by side.
            kill_group(process.pid)
            self._records.remove(self._child.name)
            await _end_task(following, timeout=LAST_WORDS_SECONDS)
        return _ending(await process.wait())

    async def _until_ended(self, process: asyncio.subprocess.Process) -> None:
        """Wait for the child to end by itself, or end it when told to stop."""
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        hurry = asyncio.create_task(self._hurry.wait())
        try:
            await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                await asyncio.wait(
                    {ended, hurry}, timeout=self._child.stop_seconds, return_when=asyncio.FIRST_COMPLETED
                )
        finally:
            for task in (ended, stopping, hurry):
                task.cancel()

    def _report(self, ending: str, delay: float) -> None:
        seconds = round(delay)
        self._announce(
            ngettext(
                "{name} {ending}. Starting it again in {seconds} second; its log is {path}",
                "{name} {ending}. Starting it again in {seconds} seconds; its log is {path}",
                seconds,
            ).format(name=self._child.name, ending=ending, seconds=seconds, path=self._log.path)
        )
        for line in self._log.last_words:
            self._announce(f"{self._child.name:>6} | {line}")
        self._log.last_words.clear()


class Supervisor:
    """Several kept children that share an environment, a log directory and the wish to hurry."""

    def __init__(
        self, *, records: ProcessRecords, log_directory: Path, environment: Mapping[str, str], announce: Announce
    ) -> None:
        self.hurry = asyncio.Event()
        self._records = records
        self._log_directory = log_directory
        self._environment = environment
        self._announce = announce
        self._kept: list[KeptChild] = []

    def keep(self, child: Child) -> None:
        """Start the child and keep it alive."""
        kept = KeptChild(
            child,
            log=ChildLog(child.name, self._log_directory, self._announce),
            records=self._records,
            environment=self._environment,
            hurry=self.hurry,
            announce=self._announce,
        )
        self._kept.append(kept)

    async def wait(self, stop: asyncio.Event) -> None:
        """Wait until told to stop. Raises what the keeping of a child raised, which is a mistake of ours."""
        stopping = asyncio.create_task(stop.wait())
        done, _pending = await asyncio.wait(
            {stopping, *(kept.task for kept in self._kept)}, return_when=asyncio.FIRST_COMPLETED
        )
        stopping.cancel()
        for task in done - {stopping}:
            task.result()

    async def stop(self) -> None:
        """Stop all but the first child together, then the first, which the others need."""
        first, *others = self._kept
        await asyncio.gather(*(kept.stop() for kept in others), return_exceptions=True)
        await first.stop()


async def _wait_for(event: asyncio.Event, *, timeout: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), timeout)


async def _end_task(task: asyncio.Task[None], *, timeout: float) -> None:
    """Give a task a moment to finish, then cancel it; what it raised is raised here."""
    await asyncio.wait({task}, timeout=timeout)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _ending(code: int) -> str:
    if code < 0:
        return _("was ended by the signal {signal}").format(signal=signal.Signals(-code).name)
    return _("ended with exit code {code}").format(code=code)
