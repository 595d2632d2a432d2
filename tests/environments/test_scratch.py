"""Folders for a while: gone afterwards, and those of somebody killed gone with the next."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.env import BASE_DIR
from environments.scratch import scratch

HOLD = """
from environments.scratch import {make}
{code}
print(folder, flush=True)
input()
"""
WAYS = {
    "scratch": "held = scratch('trial'); folder = held.__enter__()",
    "scratch_of_process": "folder = scratch_of_process('trial')",
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are, for this test and the processes it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture(params=WAYS)
def holder(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A process that has such a folder, and goes on once it reads a line."""
    code = HOLD.format(make=request.param, code=WAYS[request.param])
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def folder_of(holder: subprocess.Popen[str]) -> Path:
    """The folder it has, once it has one."""
    assert holder.stdout is not None
    return Path(holder.stdout.readline().strip())


def test_folder_is_gone_afterwards_with_all_that_is_in_it(place: Path) -> None:
    with scratch("trial") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("")
        assert folder.parent == place
        assert folder.stat().st_mode & 0o777 == 0o700

    assert not list(place.iterdir())


def test_folder_that_somebody_has_is_left_alone(holder: subprocess.Popen[str]) -> None:
    theirs = folder_of(holder)

    with scratch("trial"):
        pass

    assert theirs.is_dir()


def test_folder_of_somebody_killed_goes_with_the_next(holder: subprocess.Popen[str]) -> None:
    theirs = folder_of(holder)
    (theirs / "work").write_text("")
    holder.kill()
    holder.wait()

    with scratch("trial") as mine:
        assert not theirs.exists()
        assert mine.is_dir()


def test_folder_of_another_kind_is_left_alone(holder: subprocess.Popen[str]) -> None:
    theirs = folder_of(holder)
    holder.kill()
    holder.wait()

    with scratch("other"):
        pass

    assert theirs.is_dir()


def test_folder_is_made_where_nothing_can_be_locked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr("fcntl.flock", refuse)

    with scratch("trial") as theirs, scratch("trial") as mine:
        assert theirs.is_dir()
        assert mine.is_dir()
    assert not list(place.iterdir())


def test_folder_of_a_process_is_gone_when_it_ends(holder: subprocess.Popen[str]) -> None:
    theirs = folder_of(holder)

    holder.communicate("\n")

    assert not theirs.exists()


def test_folder_survives_the_end_of_a_process_that_was_forked_off() -> None:
    held = scratch("trial")

    with held as folder:
        if not (child := os.fork()):
            held.__exit__(None, None, None)
            os._exit(0)
        os.waitpid(child, 0)

        assert folder.is_dir()
