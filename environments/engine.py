"""The Docker Engine this installation uses: one client per process, our errors for its, our labels on its things.

Every backend that needs the engine comes through here, so that each call has a time limit, each failure one
of our reasons, and everything made can be told from what others made on the same engine.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import docker
import requests
import urllib3
from django.conf import settings
from django.utils.crypto import salted_hmac
from docker.errors import APIError, DockerException
from docker.utils import version_gte

from environments.errors import SystemFailure
from environments.values import EngineProblem

TIMEOUT_SECONDS = 60
"""How long one call to the engine may stay without an answer: it may have files to copy, or much else to do."""
QUESTION_SECONDS = 10
"""How long where somebody waits for the answer, or the same is asked again and again."""
INSTALLATION_LABEL = "carrel.installation"
KIND_LABEL = "carrel.kind"
SERVER_LABEL = "carrel.server"
START_LABEL = "carrel.start"
VOLUME_LABEL = "carrel.volume"

_POOL = 64
_OWN_CONTAINER = re.compile(r"/containers/([0-9a-f]{64})/(?:hostname|hosts|resolv\.conf) ")
_MEASURING_SECONDS = 1200
_API_WITH_CHOICE = "1.42"
_FULL = ("no space left on device", "disk quota exceeded")
_PROBLEMS = {
    EngineProblem.SILENT: re.compile(r"timed out|timeout", re.IGNORECASE),
    EngineProblem.FORBIDDEN: re.compile(r"permission denied|unauthorized|forbidden|certificate", re.IGNORECASE),
    EngineProblem.ABSENT: re.compile(
        r"no such file or directory|connection refused|name or service not known|no route to host"
        r"|failed to resolve|remote end closed|connection aborted",
        re.IGNORECASE,
    ),
}
_UNREACHABLE = (requests.RequestException, urllib3.exceptions.HTTPError, DockerException)
"""Raised while talking to the engine, while reading a stream it sends, and by the client itself."""


def client(*, timeout_seconds: int = TIMEOUT_SECONDS) -> docker.DockerClient:
    """A client of the engine at `DOCKER_HOST`, shared by the threads of this process.

    Raises what `engine_errors` understands, so call it inside.
    """
    return _client(os.getpid(), settings.DOCKER_HOST, timeout_seconds)


def problem_of(failure: SystemFailure) -> EngineProblem:
    """What kind of thing keeps Carrel from using the engine, by what it or the operating system says."""
    for problem, words in _PROBLEMS.items():
        if words.search(failure.detail):
            return problem
    return EngineProblem.OTHER


def disk_usage() -> Mapping[str, Any]:
    """What the engine says about the room its `Images` and `BuildCache` take. Raises what `engine_errors` understands.

    Engines before 23 measure all volumes along with it, which takes as long as it takes.
    """
    api = client().api
    can_choose = version_gte(api.api_version, _API_WITH_CHOICE)
    response = cast("requests.Session", api).get(
        f"{api.base_url}/v{api.api_version}/system/df",
        params={"type": ["image", "build-cache"]} if can_choose else {},
        timeout=(TIMEOUT_SECONDS, _MEASURING_SECONDS),
    )
    response.raise_for_status()
    usage: Mapping[str, Any] = response.json()
    return usage


@contextmanager
def engine_errors() -> Iterator[None]:
    """Turn what goes wrong with the engine into SystemFailure `runtime_unavailable` or `disk_full`.

    Catch what you expect (a container that is not there, a name that is taken) inside.
    """
    try:
        yield
    except _UNREACHABLE as error:
        code = "disk_full" if is_disk_full(error) else "runtime_unavailable"
        raise SystemFailure(code, detail=str(error)) from error


def is_disk_full(error: Exception) -> bool:
    """Whether the engine gave up because its disk is full."""
    text = str(error).lower()
    return isinstance(error, APIError) and any(words in text for words in _FULL)


def installation_labels() -> dict[str, str]:
    """What everything this installation makes in the engine is labelled with.

    An embedded installation is its data directory, and the secret in it: in containers, several may call theirs
    `/data`. A served one, whose processes may keep that in different places, is its address.
    """
    if settings.EMBEDDED:
        digest = salted_hmac(INSTALLATION_LABEL, str(settings.CARREL_DATA), algorithm="sha256").hexdigest()
    else:
        digest = hashlib.sha256(settings.PUBLIC_URL.encode()).hexdigest()
    return {INSTALLATION_LABEL: digest[:16]}


def having(labels: Mapping[str, str]) -> dict[str, list[str]]:
    """The filter for listing what carries all of these labels."""
    return {"label": [f"{name}={value}" for name, value in labels.items()]}


def own_container(mountinfo: Path = Path("/proc/self/mountinfo")) -> str | None:
    """The id of the container this process runs in; None outside.

    An engine mounts three files of each container from a folder that is named like it.
    """
    try:
        found = _OWN_CONTAINER.search(mountinfo.read_text())
    except OSError:
        return None
    return found[1] if found else None


@lru_cache(maxsize=8)
def _client(process_id: int, host: str, timeout_seconds: int) -> docker.DockerClient:
    """One client per process and engine: connections must not be shared across a fork."""
    environment = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
    return docker.DockerClient.from_env(timeout=timeout_seconds, max_pool_size=_POOL, environment=environment)
