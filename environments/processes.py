"""Finding and ending processes of this machine by the labels they carry in their environment.

A label survives what a process id does not: the death of whoever started the process, a second fork, a
session of its own. A process that empties its own environment escapes; only an engine with containers
can prevent that.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

INSTALLATION = "CARREL_INSTALLATION"
"""The label that tells the processes of one installation from those of another on the same machine."""

_INHERITED = re.compile(
    r"PATH|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|USER|LOGNAME|SHELL"
    r"|(?i:https?|all|no|ftp)_(?i:proxy)"
    r"|(?:NIX_|CURL_|GIT_|NODE_EXTRA_|PIP_|REQUESTS_)?(?:SSL_(?:CERT_FILE|CERT_DIR|CAINFO)|CA_BUNDLE|CA_CERTS|CERT)"
    r"|PIP_(?:INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|TRUSTED_HOST|DEFAULT_TIMEOUT|DISABLE_PIP_VERSION_CHECK)"
    r"|UV_(?:DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|INDEX_[A-Z0-9_]+_(?:USERNAME|PASSWORD)|FIND_LINKS"
    r"|INSECURE_HOST|NATIVE_TLS|SYSTEM_CERTS|OFFLINE|HTTP_TIMEOUT|HTTP_RETRIES|LINK_MODE|EXCLUDE_NEWER"
    r"|PYTHON_INSTALL_MIRROR|PYTHON_DOWNLOADS|PYTHON_DOWNLOADS_JSON_URL)"
)
_POLL_SECONDS = 0.02


def inherited_environment() -> dict[str, str]:
    """What a process Carrel starts for somebody gets of Carrel's own environment: places, never secrets.

    The one exception is a package index that needs a password, without which nothing could be installed.
    """
    return {name: value for name, value in os.environ.items() if _INHERITED.fullmatch(name)}


def installation_label(data: Path) -> dict[str, str]:
    """The label of every process started by the installation whose data directory this is."""
    return {INSTALLATION: hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}


def everybody() -> Iterator[psutil.Process]:
    """Every process there is, looked up anew.

    psutil's own iterator remembers processes of earlier calls. One whose number somebody else has by now it does not
    recognise, and then neither ends it nor says so.
    """
    for pid in psutil.pids():
        with suppress(psutil.Error):
            yield psutil.Process(pid)


def labels_of(process: psutil.Process) -> Mapping[str, str]:
    """The environment a process was started with; empty if it has ended or is not ours to read."""
    try:
        return process.environ() if process.status() != psutil.STATUS_ZOMBIE else {}
    except (psutil.Error, OSError):
        return {}


def has_labels(process: psutil.Process, labels: Mapping[str, str]) -> bool:
    """Whether the process is alive and carries all of these."""
    return labels.items() <= labels_of(process).items()


def labelled(labels: Mapping[str, str]) -> list[psutil.Process]:
    """Every living process that carries all of these, and everything those have started.

    Raises ValueError without any label: that would be every process there is.
    """
    if not labels:
        raise ValueError("no labels given")
    found = [process for process in everybody() if has_labels(process, labels)]
    return list(dict.fromkeys([*found, *(child for process in found for child in _descendants(process))]))


def end_labelled(labels: Mapping[str, str], *, within_seconds: float = 10.0) -> bool:
    """Kill them all, and whatever they start meanwhile. Whether none was left at the end."""
    deadline = time.monotonic() + within_seconds
    while remaining := labelled(labels):
        for process in remaining:
            _kill(process)
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        children = process.children(recursive=True)
    except psutil.Error:
        return []
    return [child for child in children if _is_alive(child)]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
