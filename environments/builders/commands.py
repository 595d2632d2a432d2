"""Runs the programs a build consists of: one deadline for all, their output as it comes, nothing left behind."""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from environments.builders.lines import MAX_LINE, LineReader
from environments.builders.redaction import redact
from environments.errors import SystemFailure, UserError
from environments.processes import end_labelled

_HEARTBEAT_SECONDS = 0.5
_PIECE = 1 << 16
_TAIL_LINES = 400

_Result = TypeVar("_Result")


class CommandFailed(Exception):
    """A program ended with an error; `lines` is the end of what it said, fit to be shown."""

    def __init__(self, status: int, lines: Sequence[str]) -> None:
        super().__init__(f"exit status {status}")
        self.status = status
        self.lines = tuple(lines)


@dataclass
class Commands:
    """Runs commands for one build.

    `labels` go into the environment of each, so that a process that outlives its command is found.
    `places` are paths and what to print in their stead; `secrets` are never printed.
    """

    labels: Mapping[str, str]
    time_limit_seconds: int
    places: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.time_limit_seconds

    def run(
        self,
        arguments: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        check: Callable[[], None] | None = None,
    ) -> Generator[str, None, None]:
        """Run one command, yielding the lines it prints and, at least every second, an empty one.

        `check` is called about twice a second and may raise to end the command. Raises `CommandFailed`,
        or UserError `build_timeout`. However it ends, also when closed, the command's processes are gone.
        """
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        process = subprocess.Popen(
            arguments,
            cwd=directory,
            env={**environment, **self.labels},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            for line in self._lines(process, check):
                if line:
                    tail.append(line)
                yield line
        finally:
            self._end(process)
        if process.returncode:
            raise CommandFailed(process.returncode, tail)

    def wait_for(self, work: Callable[[], _Result]) -> Generator[str, None, _Result]:
        """Do something that may take a while, such as asking a host, and yield signs of life beside it.

        Raises what it raises, or UserError `build_timeout`. When closed, the rest of it happens for nobody.
        """
        executor = ThreadPoolExecutor(max_workers=1)
        try:
            working = executor.submit(work)
            while not wait([working], timeout=_HEARTBEAT_SECONDS).done:
                self.check_time()
                yield ""
            return working.result()
        finally:
            executor.shutdown(wait=False, cancel_futures=True)

    def check_time(self) -> None:
        """Raise UserError `build_timeout` once the time for all commands together is over."""
        if time.monotonic() > self._deadline:
            raise UserError("build_timeout", minutes=math.ceil(self.time_limit_seconds / 60))

    def _lines(self, process: subprocess.Popen[bytes], check: Callable[[], None] | None) -> Generator[str, None, None]:
        reader, checked_at = LineReader(), time.monotonic()
        for data in _output(process):
            self.check_time()
            now = time.monotonic()
            if check is not None and now - checked_at >= _HEARTBEAT_SECONDS:
                check()
                checked_at = now
            yield from map(self._shown, reader.feed(data) or [""])
        yield from map(self._shown, reader.flush())

    def _shown(self, line: str) -> str:
        return redact(line, self.places, self.secrets)[:MAX_LINE]

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        if process.stdout is not None:
            process.stdout.close()
        process.wait()
        if not end_labelled(self.labels):
            raise SystemFailure("unexpected", detail=f"processes of {dict(self.labels)} cannot be killed")


def _output(process: subprocess.Popen[bytes]) -> Generator[bytes, None, None]:
    """What the process prints until it ends, with an empty piece whenever it is silent for a while.

    A child that keeps the pipe open does not prolong it.
    """
    assert process.stdout is not None, "it was asked for"  # noqa: S101
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.get_map():
            has_ended = process.poll() is not None
            ready = selector.select(0 if has_ended else _HEARTBEAT_SECONDS)
            data = os.read(process.stdout.fileno(), _PIECE) if ready else b""
            if ready and not data:
                selector.unregister(process.stdout)
            elif has_ended and not ready:
                return
            yield data
    while True:
        try:
            process.wait(timeout=_HEARTBEAT_SECONDS)
        except subprocess.TimeoutExpired:
            yield b""
        else:
            return
