"""The table of what holds a server in, and what the documentation says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from pytest_django import Settings

from config.env import BASE_DIR
from environments.spawners.hardening import HARDENING, host_config, limits
from environments.values import Limits

PAGE = BASE_DIR / "docs" / "security.md"


def written(value: Any) -> str:
    """A value as the documentation writes it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={part}" for name, part in value.items())
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def test_documentation_explains_every_measure() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE)

    assert rows == [(measure.setting, written(measure.value), measure.stops) for measure in HARDENING]


def test_host_config_holds_every_measure() -> None:
    assert host_config().keys() == {measure.setting for measure in HARDENING}


@pytest.mark.parametrize(
    ("asked", "memory_mb", "cpus"),
    [(Limits(), 1000, 1.5), (Limits(memory_mb=300), 300, 1.5), (Limits(cpus=0.25), 1000, 0.25)],
)
def test_limits_are_those_asked_for_else_the_sites(
    settings: Settings, asked: Limits, memory_mb: int, cpus: float
) -> None:
    settings.SERVER_MEMORY_MB, settings.SERVER_CPUS = 1000, 1.5

    given = limits(asked)

    assert given["mem_limit"] == given["memswap_limit"] == memory_mb * 1024**2
    assert given["nano_cpus"] == cpus * 1_000_000_000


@pytest.mark.parametrize(("megabytes", "options"), [(0, {}), (5000, {"storage_opt": {"size": "5000m"}})])
def test_disk_is_limited_only_where_asked(settings: Settings, megabytes: int, options: dict[str, Any]) -> None:
    settings.SERVER_DISK_MB = megabytes

    assert {key: value for key, value in limits(Limits()).items() if key == "storage_opt"} == options
