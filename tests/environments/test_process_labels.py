"""Processes found again by what their environment says, and environments that say no secrets."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from environments.processes import end_labelled, inherited_environment, labelled


@pytest.fixture
def labels() -> Iterator[dict[str, str]]:
    labels = {"CARREL_TEST_LABEL": secrets.token_hex(8)}
    yield labels
    assert end_labelled(labels)


def start(labels: dict[str, str], program: str) -> subprocess.Popen[str]:
    """A Python process that has printed a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", program], env={**os.environ, **labels}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    return process


@pytest.mark.parametrize(
    "name", ["PATH", "LANG", "LC_ALL", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "UV_DEFAULT_INDEX", "PIP_INDEX_URL"]
)
def test_inherited_environment_passes_places_on(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "value")

    assert inherited_environment()[name] == "value"


@pytest.mark.parametrize(
    "name",
    ["SECRET_KEY", "DATABASE_URL", "GITHUB_TOKEN", "CARREL_DATA", "DJANGO_SETTINGS_MODULE", "PYTHONPATH", "XPATH"],
)
def test_inherited_environment_keeps_secrets(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "value")

    assert name not in inherited_environment()


def test_process_whose_number_was_somebody_elses_is_ended(labels: dict[str, str]) -> None:
    process = start(labels, "print(1, flush=True); import time; time.sleep(600)")
    remembered = next(one for one in psutil.process_iter() if one.pid == process.pid)
    # As psutil keeps one that was born long ago, and whose number is this by now.
    setattr(remembered, "_ident", (process.pid, 1.0))  # noqa: B010

    for one in labelled(labels):
        one.kill()

    assert process.wait(5) == -signal.SIGKILL


def test_labelled_finds_process_that_dropped_its_label(labels: dict[str, str]) -> None:
    sleeper = "import subprocess; print(subprocess.Popen(['sleep', '600'], env={}).pid, flush=True); input()"
    parent = subprocess.Popen(
        [sys.executable, "-c", sleeper],
        env={**os.environ, **labels},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())

        found = {process.pid for process in labelled(labels)}
        end_labelled(labels)

    assert found == {parent.pid, child}
    assert labelled(labels) == []


def test_labelled_leaves_out_process_that_has_ended(labels: dict[str, str]) -> None:
    process = start(labels, "print('here', flush=True)")
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # Ended, and not buried yet.

    assert labelled(labels) == []
    process.wait()


def test_end_labelled_spares_everybody_else(labels: dict[str, str]) -> None:
    other = start({}, "import time; print('here', flush=True); time.sleep(600)")
    mine = start(labels, "import time; print('here', flush=True); time.sleep(600)")

    assert end_labelled(labels)

    assert (mine.wait(timeout=5), other.poll()) == (-signal.SIGKILL, None)
    other.kill()
    other.wait()


def test_labelled_without_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="no labels"):
        labelled({})
