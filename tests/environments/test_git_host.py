"""The git host the other tests rely on is one git itself accepts."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.git_host import GitHost


@pytest.fixture
def host() -> Iterator[GitHost]:
    with GitHost() as host:
        yield host


def _clone(url: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(directory.parent), "GIT_TERMINAL_PROMPT": "0"}
    return subprocess.run(
        ["git", "clone", "--quiet", url, str(directory)], env=environment, capture_output=True, text=True, timeout=30
    )


def test_serves_files_and_modes_to_a_real_clone(host: GitHost, tmp_path: Path) -> None:
    host.add("group/work", {"notes.md": "hello\n", "postBuild": "#!/bin/sh\n", "data.bin": b"\x00\xff"})
    host.commit("group/work", {"notes.md": "goodbye\n"})

    done = _clone(host.url("group/work"), tmp_path / "clone")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "clone" / "notes.md").read_text() == "goodbye\n"
    assert (tmp_path / "clone" / "data.bin").read_bytes() == b"\x00\xff"
    assert (tmp_path / "clone" / "postBuild").stat().st_mode & 0o111


def test_makes_the_same_commit_of_the_same_files(host: GitHost) -> None:
    first = host.add("first", {"a.txt": "a"})

    second = host.add("second", {"a.txt": "a"})

    assert first == second


def test_refuses_a_clone_when_private(host: GitHost, tmp_path: Path) -> None:
    host.add("work", {"a.txt": "a"})
    host.make_private("work")

    done = _clone(host.url("work"), tmp_path / "clone")

    assert done.returncode != 0
    assert host.requests["/work.git/info/refs"] == 1


def test_leads_a_clone_to_the_new_address_when_redirected(host: GitHost, tmp_path: Path) -> None:
    host.add("new", {"a.txt": "a"})
    host.redirect("old", host.url("new"))

    done = _clone(host.url("old"), tmp_path / "clone")

    assert done.returncode == 0, done.stderr


def test_lets_go_of_whoever_hangs_when_stopped(tmp_path: Path) -> None:
    with GitHost() as host:
        host.hang("work")
        clone = subprocess.Popen(["git", "ls-remote", host.url("work")], stderr=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            clone.wait(timeout=0.5)

    assert clone.wait(timeout=10) != 0
