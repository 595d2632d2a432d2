"""What the Docker spawner does without an engine: names, refusals, and saying that there is none."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from pytest_django import Settings

from environments.engine import problem_of
from environments.errors import SystemFailure, UserError
from environments.spawners import firewall, networks
from environments.spawners.docker import DockerSpawner
from environments.spawners.images import home_of
from environments.values import EngineProblem, Handle, Image, ServerSpec
from environments.volumes.docker import DockerVolumeStore, volume_name

SPEC = ServerSpec(Handle("server", "start1"), Image("key", "image"), "server-" + "a" * 32, (), "token")
VOLUME = "home-" + "a" * 32

ASK: dict[str, Callable[[], object]] = {
    "start": lambda: DockerSpawner().start(SPEC),
    "poll": lambda: DockerSpawner().poll(SPEC.handle),
    "stop": lambda: DockerSpawner().stop(SPEC.handle),
    "list servers": lambda: DockerSpawner().list(),
    "usage of server": lambda: DockerSpawner().usage(SPEC.handle),
    "create": lambda: DockerVolumeStore().create(VOLUME),
    "exists": lambda: DockerVolumeStore().exists(VOLUME),
    "read": lambda: DockerVolumeStore().read(VOLUME),
    "write": lambda: DockerVolumeStore().write(VOLUME, "", [], max_bytes=1),
    "usage of volume": lambda: DockerVolumeStore().usage(VOLUME),
    "snapshot": lambda: DockerVolumeStore().snapshot(VOLUME),
    "delete": lambda: DockerVolumeStore().delete(VOLUME),
}


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
def test_engine_that_is_down_is_reported(settings: Settings, tmp_path: Path, ask: Callable[[], object]) -> None:
    settings.DOCKER_HOST = f"unix://{tmp_path}/no-engine.sock"

    with pytest.raises(SystemFailure, match="runtime_unavailable"):
        ask()


def test_report_says_that_there_is_no_engine(settings: Settings, tmp_path: Path) -> None:
    settings.DOCKER_HOST = f"unix://{tmp_path}/no-engine.sock"

    report = DockerSpawner().report()

    assert (report.name, report.problem, report.version) == ("docker", EngineProblem.ABSENT, "")
    assert "No such file" in report.detail


def test_report_does_not_wait_for_an_engine_that_hangs(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("environments.spawners.docker._REPORT_SECONDS", 1)
    settings.DOCKER_HOST = f"unix://{tmp_path}/hangs.sock"
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(f"{tmp_path}/hangs.sock")
        engine.listen()

        report = DockerSpawner().report()

    assert report.problem is EngineProblem.SILENT


@pytest.mark.parametrize(
    ("detail", "problem"),
    [
        ("('Connection aborted.', PermissionError(13, 'Permission denied'))", EngineProblem.FORBIDDEN),
        ("('Connection aborted.', ConnectionRefusedError(111, 'Connection refused'))", EngineProblem.ABSENT),
        (
            "Failed to resolve 'engine' ([Errno -2] Name or service not known)",
            EngineProblem.ABSENT,
        ),
        (
            "UnixHTTPConnectionPool(host='localhost', port=None): Read timed out.",
            EngineProblem.SILENT,
        ),
        ("certificate verify failed: unable to get local issuer certificate", EngineProblem.FORBIDDEN),
        ("500 Server Error: Internal Server Error (layer not known)", EngineProblem.OTHER),
    ],
)
def test_problem_is_told_by_what_is_said(detail: str, problem: EngineProblem) -> None:
    assert problem_of(SystemFailure("runtime_unavailable", detail=detail)) is problem


@pytest.mark.parametrize("key", ["", "../etc", "home-xyz", "home-" + "a" * 32 + "/..", "HOME-" + "a" * 32])
def test_volume_name_refuses_what_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="not a volume key"):
        volume_name(key)


@pytest.mark.parametrize(
    ("config", "home"),
    [
        ({"Env": ["PATH=/bin", "HOME=/home/ada"], "WorkingDir": "/srv"}, "/home/ada"),
        ({"Env": None, "WorkingDir": "/srv/work"}, "/srv/work"),
        ({"Env": ["HOME="], "WorkingDir": ""}, "/home/jovyan"),
    ],
)
def test_home_is_where_the_image_says(config: dict[str, object], home: str) -> None:
    assert home_of(config) == PurePosixPath(home)


@pytest.mark.parametrize("home", ["/", "relative", "/home/../.."])
def test_home_that_cannot_be_one_is_refused(home: str) -> None:
    with pytest.raises(UserError, match="image_home_invalid"):
        home_of({"Env": [f"HOME={home}"]})


def test_bridges_of_servers_begin_alike_and_fit() -> None:
    names = {networks.bridge_of(networks.name_of(Handle(f"server{number}", "start"))) for number in range(100)}

    assert len(names) == 100
    assert all(name.startswith(firewall.BRIDGE_PREFIX) and len(name) == 15 for name in names)
