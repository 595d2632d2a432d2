"""Where Carrel itself runs, as far as reaching servers depends on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from django.conf import settings

_OWN_CONTAINER = re.compile(r"/containers/([0-9a-f]{64})/hostname")


def own_containers() -> Sequence[str]:
    """The containers that have to reach servers: those of `CARREL_CONTAINER`, else the one this process is in.

    Empty on a host, and in a container that shares the host's network: there every bridge is at hand.
    """
    if settings.CARREL_CONTAINER:
        return tuple(settings.CARREL_CONTAINER)
    return [found[1]] if (found := _OWN_CONTAINER.search(_mounts())) else []


def is_on_the_engines_machine() -> bool:
    """Whether this process sees the engine's machine as it is: its networks, its files."""
    return (settings.DOCKER_HOST.startswith("unix://") or not settings.DOCKER_HOST) and not own_containers()


def _mounts() -> str:
    """This process's mounts; an engine mounts the host name of a container from a folder named like it."""
    with suppress(OSError):
        return Path("/proc/self/mountinfo").read_text()
    return ""
