"""Where Carrel itself runs, as far as reaching servers depends on it."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings

from environments.engine import own_container


def own_containers() -> Sequence[str]:
    """The containers that have to reach servers: those of `CARREL_CONTAINER`, else the one this process is in.

    Empty on a host, and in a container that shares the host's network: there every bridge is at hand.
    """
    if settings.CARREL_CONTAINER:
        return tuple(settings.CARREL_CONTAINER)
    return tuple(filter(None, [own_container()]))


def is_on_the_engines_machine() -> bool:
    """Whether this process sees the engine's machine as it is: its networks, its files."""
    return (settings.DOCKER_HOST.startswith("unix://") or not settings.DOCKER_HOST) and not own_containers()
