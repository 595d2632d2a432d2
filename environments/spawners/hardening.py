"""What keeps a notebook server inside its container: one table, on by default, explained in docs/security.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from docker.types import LogConfig, Ulimit

from environments.values import Limits

USER_ID = 1000
"""The user every server runs as, whatever the image calls it, and the owner of every volume."""
SCRATCH = "/run/carrel"
"""Where a server keeps what it needs to run at all: in memory, since its home may be full."""
_MEGABYTE = 1024**2


@dataclass(frozen=True, slots=True)
class Measure:
    """One setting of every container, in the words of the engine's client, and what it is there to stop."""

    setting: str
    value: Any
    stops: str


HARDENING = (
    Measure("privileged", False, "access to devices and to the kernel's settings"),
    Measure("cap_drop", ("ALL",), "everything that only an administrator may do, even by a process that became root"),
    Measure("security_opt", ("no-new-privileges",), "gaining rights through setuid programs and file capabilities"),
    Measure("ipc_mode", "private", "reading the shared memory of others"),
    Measure("publish_all_ports", False, "reaching the server around Carrel, without being asked who one is"),
    Measure("init", True, "zombies that fill the table of processes, and servers that cannot be stopped"),
    Measure("ulimits", {"nofile": 16384, "core": 0}, "using up the host's open files, and core dumps that fill a home"),
    Measure("oom_score_adj", 500, "Carrel being the one that is killed when the host's own memory runs out"),
    Measure(
        "tmpfs",
        {
            "/tmp": "rw,exec,nosuid,nodev,size=512m,mode=1777",  # noqa: S108 - the container's own
            SCRATCH: f"rw,noexec,nosuid,nodev,size=16m,mode=0700,uid={USER_ID},gid={USER_ID}",
        },
        "filling the host's disk with temporary files; they count as the server's own memory",
    ),
    Measure("log_config", {"max-size": "1m", "max-file": "2"}, "filling the host's disk by printing"),
    Measure("restart_policy", "no", "a server that comes back by itself after Carrel has stopped it"),
)


def host_config() -> dict[str, Any]:
    """The table as arguments of the engine's client."""
    return {measure.setting: _argument(measure) for measure in HARDENING}


def limits(asked: Limits) -> dict[str, Any]:
    """What this server may use, as arguments of the engine's client: as asked, else the site's own settings.

    Swap is not added to memory, or a server would go on, slowly, where it should be told to stop.
    """
    memory = (asked.memory_mb or settings.SERVER_MEMORY_MB) * _MEGABYTE
    disk = {"storage_opt": {"size": f"{settings.SERVER_DISK_MB}m"}} if settings.SERVER_DISK_MB else {}
    return {
        "mem_limit": memory,
        "memswap_limit": memory,
        "nano_cpus": int((asked.cpus or settings.SERVER_CPUS) * 1_000_000_000),
        "pids_limit": settings.SERVER_PIDS,
        "runtime": settings.CONTAINER_RUNTIME or None,
        **disk,
    }


def _argument(measure: Measure) -> Any:
    """The value in the form the client wants it in."""
    match measure.setting:
        case "ulimits":
            return [Ulimit(name=name, soft=limit, hard=limit) for name, limit in measure.value.items()]
        case "log_config":
            return LogConfig(type=LogConfig.types.JSON, config=measure.value)
        case "restart_policy":
            return {"Name": measure.value}
        case _:
            return list(measure.value) if isinstance(measure.value, tuple) else measure.value
