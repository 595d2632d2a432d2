"""Notebook servers as processes: detached, labelled, and gone when they should be."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import httpx
import psutil
import pytest
from pytest_django import Settings

from environments import probing
from environments.errors import SystemFailure
from environments.processes import end_labelled, installation_label, labelled
from environments.spawners.process import START_ID, ProcessSpawner
from environments.values import Endpoint, EngineProblem, Handle, Liveness, Mount, ServerSpec
from tests.contracts.images import built_image

HANDLE = Handle("6b0c2f6e-6f0c-4a43-9f2b-4b7d1c6f8a11", "start1")
HOME = "server-" + "d" * 32
TOKEN = "s3cret" * 10


@pytest.fixture
def data(settings: Settings, tmp_path: Path) -> Path:
    settings.CARREL_DATA = tmp_path / "data"
    return settings.CARREL_DATA  # type: ignore[no-any-return]


@pytest.fixture
def spawner(data: Path) -> Iterator[ProcessSpawner]:
    yield ProcessSpawner()
    assert end_labelled(installation_label(data))


@pytest.fixture
def spec() -> ServerSpec:
    mounts = (Mount("home-" + "e" * 32, PurePosixPath("home")),)
    return ServerSpec(HANDLE, built_image(), HOME, mounts, TOKEN, {"CARREL_COMMIT": "0123abc"})


@pytest.fixture
def endpoint(spawner: ProcessSpawner, spec: ServerSpec) -> Endpoint:
    """Of a server that answers."""
    endpoint = spawner.start(spec)
    wait_until(lambda: probing.is_ready(endpoint, TOKEN))
    return endpoint


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def processes(data: Path) -> list[psutil.Process]:
    return labelled({**installation_label(data), START_ID: HANDLE.start_id})


def server_process(data: Path) -> psutil.Process:
    record = json.loads((data / "run" / "servers" / HANDLE.server_id / "server.json").read_text())
    return psutil.Process(record["pid"])


def ask(endpoint: Endpoint, method: str, path: str, **options: Any) -> httpx.Response:
    headers = {"Authorization": f"token {TOKEN}"}
    answer = httpx.request(method, f"http://{endpoint}{path}", headers=headers, timeout=10, trust_env=False, **options)
    return answer.raise_for_status()


def test_start_gives_a_key_that_goes_when_it_stops(spawner: ProcessSpawner, spec: ServerSpec, data: Path) -> None:
    spawner.start(replace(spec, credential="k3y"))

    given = server_process(data).environ()
    path = Path(given["CARREL_TOKEN_FILE"])
    assert (given["CARREL_TOKEN"], path.read_text(), path.stat().st_mode & 0o777) == ("k3y", "k3y", 0o600)

    spawner.stop(HANDLE)
    assert not path.exists()


def test_start_refuses_unless_embedded(data: Path, spec: ServerSpec, settings: Settings) -> None:
    settings.EMBEDDED = False

    with pytest.raises(SystemFailure, match="runtime_unavailable"):
        ProcessSpawner().start(spec)

    assert not data.exists()


def test_server_is_jupyterlab_with_terminals(endpoint: Endpoint) -> None:
    page = ask(endpoint, "GET", "/lab")
    terminal = ask(endpoint, "POST", "/api/terminals")

    assert "jupyter-config-data" in page.text
    assert terminal.json()["name"] == "1"


def test_server_shows_home_seeded_from_the_image(endpoint: Endpoint) -> None:
    listing = ask(endpoint, "GET", "/api/contents").json()["content"]

    assert {entry["name"] for entry in listing} == {"data", "first.ipynb", "home", "requirements.txt"}


def test_work_is_there_after_another_start(spawner: ProcessSpawner, spec: ServerSpec, endpoint: Endpoint) -> None:
    file = {"type": "file", "format": "text", "content": "kept"}
    ask(endpoint, "PUT", "/api/contents/home/kept.txt", json=file)
    ask(endpoint, "PUT", "/api/contents/kept.txt", json=file)
    spawner.stop(spec.handle)

    endpoint = spawner.start(spec)
    wait_until(lambda: probing.is_ready(endpoint, TOKEN))

    assert ask(endpoint, "GET", "/api/contents/home/kept.txt").json()["content"] == "kept"
    assert ask(endpoint, "GET", "/api/contents/kept.txt").json()["content"] == "kept"


def test_server_knows_no_secret_of_carrel(endpoint: Endpoint, data: Path) -> None:
    environment = server_process(data).environ()

    assert not [name for name in environment if "SECRET" in name or "DJANGO" in name or name == "CARREL_DATA"]
    assert environment["CARREL_COMMIT"] == "0123abc"


def test_token_is_on_no_command_line(endpoint: Endpoint, data: Path) -> None:
    assert TOKEN not in " ".join(server_process(data).cmdline())


def test_runtime_files_are_not_in_the_home(endpoint: Endpoint, data: Path) -> None:
    ask(endpoint, "POST", "/api/kernels", json={})

    assert not list((data / "volumes" / HOME).rglob("kernel-*.json"))
    assert list((data / "run" / "servers" / HANDLE.server_id / "runtime").glob("kernel-*.json"))


def test_stop_ends_running_kernel(spawner: ProcessSpawner, spec: ServerSpec, endpoint: Endpoint, data: Path) -> None:
    ask(endpoint, "POST", "/api/kernels", json={})
    wait_until(lambda: len(processes(data)) > 1)

    spawner.stop(spec.handle)

    assert processes(data) == []


def test_stop_ends_process_that_left_its_session(
    spawner: ProcessSpawner, spec: ServerSpec, endpoint: Endpoint, data: Path
) -> None:
    server = server_process(data)
    runaway = subprocess.Popen(["sleep", "600"], env=server.environ(), start_new_session=True)

    spawner.stop(spec.handle)

    assert runaway.wait(timeout=5) == -signal.SIGKILL


def test_stop_ends_server_that_does_not_listen_to_reason(
    spawner: ProcessSpawner, spec: ServerSpec, endpoint: Endpoint, data: Path
) -> None:
    spawner.polite_seconds = 0.2
    server_process(data).suspend()

    spawner.stop(spec.handle)

    assert processes(data) == []


def test_stop_removes_record_and_log(spawner: ProcessSpawner, spec: ServerSpec, data: Path) -> None:
    spawner.start(spec)

    spawner.stop(spec.handle)

    assert list((data / "run" / "servers").iterdir()) == []


def test_list_names_server_of_which_only_a_kernel_is_left(
    spawner: ProcessSpawner, endpoint: Endpoint, data: Path
) -> None:
    orphan = subprocess.Popen(["sleep", "600"], env=server_process(data).environ(), start_new_session=True)
    server_process(data).kill()
    wait_until(lambda: spawner.poll(HANDLE).liveness is Liveness.EXITED)

    assert spawner.list() == {HANDLE: Liveness.EXITED}
    spawner.stop(HANDLE)
    assert orphan.wait(timeout=5) == -signal.SIGKILL


def test_server_without_record_is_found_and_stopped(
    spawner: ProcessSpawner, spec: ServerSpec, endpoint: Endpoint, data: Path
) -> None:
    (data / "run" / "servers" / HANDLE.server_id / "server.json").unlink()

    status = spawner.poll(HANDLE)
    again = spawner.start(spec)
    spawner.stop(HANDLE)

    assert (status.liveness, status.endpoint, again) == (Liveness.ALIVE, endpoint, endpoint)
    assert processes(data) == []


def test_poll_is_not_deceived_by_reused_process_id(spawner: ProcessSpawner, spec: ServerSpec, data: Path) -> None:
    spawner.start(spec)
    record = data / "run" / "servers" / HANDLE.server_id / "server.json"
    record.write_text(json.dumps({"pid": os.getpid(), "port": 1, "start_id": HANDLE.start_id}))

    assert spawner.poll(HANDLE).liveness is Liveness.EXITED


def test_poll_says_absent_after_the_machine_was_restarted(
    spawner: ProcessSpawner, spec: ServerSpec, data: Path
) -> None:
    spawner.start(spec)
    assert end_labelled(installation_label(data))
    before_boot = psutil.boot_time() - 60
    os.utime(data / "run" / "servers" / HANDLE.server_id / "server.json", (before_boot, before_boot))

    assert spawner.poll(HANDLE).liveness is Liveness.ABSENT


def test_poll_shows_end_of_log(spawner: ProcessSpawner, endpoint: Endpoint) -> None:
    assert f"http://{endpoint}/lab" in spawner.poll(HANDLE).log_tail


def test_server_survives_whoever_started_it(spawner: ProcessSpawner, data: Path) -> None:
    program = (
        "import os, signal, sys, django; django.setup()\n"
        "from pathlib import PurePosixPath\n"
        "from environments.spawners.process import ProcessSpawner\n"
        "from environments.values import *\n"
        f"handle = Handle({HANDLE.server_id!r}, {HANDLE.start_id!r})\n"
        f"image = Image('key', {built_image().location!r})\n"
        "from django.conf import settings\n"
        "from pathlib import Path\n"
        f"settings.CARREL_DATA = Path({str(data)!r})\n"
        f"print(ProcessSpawner().start(ServerSpec(handle, image, {HOME!r}, (), {TOKEN!r})), flush=True)\n"
        "os.killpg(0, signal.SIGKILL)\n"
    )
    starter = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=60,
    )

    assert starter.returncode == -signal.SIGKILL, starter.stderr
    endpoint = Endpoint.parse(starter.stdout.strip())
    wait_until(lambda: probing.is_ready(endpoint, TOKEN))
    assert spawner.poll(HANDLE).endpoint == endpoint


@pytest.mark.skipif(sys.platform != "linux", reason="ports are reserved on Linux only")
def test_nobody_gets_the_port_before_the_server_listens(spawner: ProcessSpawner, spec: ServerSpec) -> None:
    endpoint = spawner.start(spec)

    with socket.socket() as thief, pytest.raises(OSError, match="in use"):
        thief.bind((endpoint.host, endpoint.port))


def test_image_whose_python_is_broken_is_reported(spawner: ProcessSpawner, spec: ServerSpec, tmp_path: Path) -> None:
    python = tmp_path / "broken" / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 3\n")
    python.chmod(0o755)
    broken = ServerSpec(HANDLE, type(spec.image)("key", str(tmp_path / "broken")), HOME, (), TOKEN)

    with pytest.raises(SystemFailure, match="start_failed"):
        spawner.start(broken)

    assert spawner.poll(HANDLE).liveness is Liveness.ABSENT


def test_report_says_that_processes_are_for_ones_own_machine(spawner: ProcessSpawner, settings: Settings) -> None:
    settings.EMBEDDED = False

    report = spawner.report()

    assert report.problem is EngineProblem.OTHER
    assert "embedded" in report.detail
