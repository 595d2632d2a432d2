"""The supervisor with small real processes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.supervision import Child, ProcessRecords, StartRefused, Supervisor, only_supervisor
from tests.stack import is_alive

PYTHON = (sys.executable, "-u", "-c")
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)"
WITH_OFFSPRING = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid); time.sleep(60)"
LABELS = {"CARREL_DATA": "/nowhere/in/particular"}


class Terminal:
    """Remembers what was announced."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def terminal() -> Terminal:
    """Where announcements go."""
    return Terminal()


@pytest.fixture
def records(tmp_path: Path) -> ProcessRecords:
    """Records of nothing yet."""
    return ProcessRecords(tmp_path / "children.json", labels=LABELS)


@pytest.fixture
async def supervisor(tmp_path: Path, records: ProcessRecords, terminal: Terminal) -> Supervisor:
    """A supervisor of nothing yet."""
    return Supervisor(records=records, log_directory=tmp_path, environment={**os.environ, **LABELS}, announce=terminal)


async def eventually_logged(path: Path, text: str) -> str:
    """The log file, once it holds this text."""
    async with asyncio.timeout(10):
        while not (path.is_file() and text in path.read_text()):
            await asyncio.sleep(0.02)
    return path.read_text()


async def test_keeps_output_in_a_file_and_shows_problems(
    supervisor: Supervisor, terminal: Terminal, tmp_path: Path
) -> None:
    program = "import time; print('INFO fine'); print('ERROR bad'); print('  because'); time.sleep(60)"
    supervisor.keep(Child("talker", (*PYTHON, program), stop_seconds=5))

    await eventually_logged(tmp_path / "talker.log", "because")
    await supervisor.stop()

    assert terminal.lines == ["talker | ERROR bad", "talker |   because"]


async def test_restarts_a_child_that_ends(supervisor: Supervisor, terminal: Terminal, tmp_path: Path) -> None:
    supervisor.keep(Child("brief", (*PYTHON, "print('once'); exit(3)"), stop_seconds=5))

    await eventually_logged(tmp_path / "brief.log", "once\nonce")
    await supervisor.stop()

    assert "exit code 3" in terminal.lines[0]
    assert terminal.lines[1] == " brief | once"


async def test_reports_a_program_that_is_missing(supervisor: Supervisor, terminal: Terminal) -> None:
    supervisor.keep(Child("absent", ("/does/not/exist",), stop_seconds=5))

    async with asyncio.timeout(5):
        while not terminal.lines:
            await asyncio.sleep(0.02)
    await supervisor.stop()

    assert "/does/not/exist" in terminal.lines[0]


async def test_ends_offspring_with_a_child_that_was_killed(
    supervisor: Supervisor, records: ProcessRecords, tmp_path: Path
) -> None:
    supervisor.keep(Child("parent", (*PYTHON, WITH_OFFSPRING), stop_seconds=5))
    offspring = psutil.Process(int(await eventually_logged(tmp_path / "parent.log", "\n")))
    parent = offspring.parent()
    assert parent is not None

    parent.kill()

    async with asyncio.timeout(10):
        while is_alive(offspring):
            await asyncio.sleep(0.02)
    await supervisor.stop()


async def test_kills_a_child_that_does_not_listen(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.keep(Child("deaf", (*PYTHON, STUBBORN), stop_seconds=0.2))
    await eventually_logged(tmp_path / "deaf.log", "deaf")

    async with asyncio.timeout(5):
        await supervisor.stop()

    assert json.loads((tmp_path / "children.json").read_text()) == {}


async def test_hurries_when_told(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.keep(Child("deaf", (*PYTHON, STUBBORN), stop_seconds=60))
    await eventually_logged(tmp_path / "deaf.log", "deaf")
    supervisor.hurry.set()

    async with asyncio.timeout(5):
        await supervisor.stop()


async def test_cuts_lines_that_never_end(supervisor: Supervisor, tmp_path: Path) -> None:
    program = "import sys, time; sys.stdout.write('x' * 1_000_000); print('\\nend'); time.sleep(60)"
    supervisor.keep(Child("torrent", (*PYTHON, program), stop_seconds=5))

    text = await eventually_logged(tmp_path / "torrent.log", "end")
    await supervisor.stop()

    assert max(map(len, text.splitlines())) <= 16_384


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a session of its own, as children do."""
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_ends_leftovers_of_an_earlier_run(
    tmp_path: Path, records: ProcessRecords, sleeper: subprocess.Popen[bytes]
) -> None:
    records.add("web", sleeper.pid)

    ended = ProcessRecords(tmp_path / "children.json", labels=LABELS).end_leftovers()

    assert ended == ["web"]
    assert sleeper.poll() is not None


def test_ends_offspring_whose_leader_is_gone(tmp_path: Path, records: ProcessRecords) -> None:
    leader = subprocess.Popen(
        [*PYTHON, WITH_OFFSPRING], start_new_session=True, stdout=subprocess.PIPE, env={**os.environ, **LABELS}
    )
    assert leader.stdout is not None
    offspring = psutil.Process(int(leader.stdout.readline()))
    while not offspring.environ():  # In the middle of its exec a process has none, and its parent goes on already.
        time.sleep(0.001)
    records.add("worker", leader.pid)
    leader.kill()
    leader.wait()
    leader.stdout.close()

    ended = ProcessRecords(tmp_path / "children.json", labels=LABELS).end_leftovers()

    assert ended == ["worker"]
    assert not is_alive(offspring)


def test_spares_a_process_that_only_has_the_number(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    (tmp_path / "children.json").write_text(json.dumps({"web": [sleeper.pid, 1_000_000.0]}))

    ended = ProcessRecords(tmp_path / "children.json", labels=LABELS).end_leftovers()

    assert ended == []
    assert sleeper.poll() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"web": 7}', '{"web": ["x", "y"]}'])
def test_ignores_records_that_were_cut_short(tmp_path: Path, text: str) -> None:
    (tmp_path / "children.json").write_text(text)

    assert ProcessRecords(tmp_path / "children.json", labels=LABELS).end_leftovers() == []


def test_refuses_a_second_supervisor(tmp_path: Path) -> None:
    with (
        only_supervisor(tmp_path / "lock", "no"),
        pytest.raises(StartRefused, match="no"),
        only_supervisor(tmp_path / "lock", "no"),
    ):
        pass
