"""Kernels as processes: shut off where the system allows it, ended everywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from pytest_django import Settings

from environments.errors import SystemFailure
from environments.processes import end_labelled, installation_label, labelled
from environments.sandboxes.base import ExitReason, SandboxLimits
from environments.sandboxes.connection import START_SECONDS
from environments.sandboxes.process import KERNEL_ID, ProcessSandbox, namespaces
from environments.values import Image
from tests.contracts.images import built_image
from tests.contracts.kernels import execute

LIMITS = SandboxLimits(memory_mb=400, pids=20, disk_mb=32, wall_seconds=60)
RUNAWAY = """
import subprocess
environment = {name: os.environ[name] for name in os.environ if name.startswith('CARREL_')}
print(subprocess.Popen(['sleep', '600'], start_new_session=True, env=environment).pid)
"""


@pytest.fixture
def data(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    settings.CARREL_DATA = tmp_path / "data"
    yield settings.CARREL_DATA
    left = labelled(installation_label(settings.CARREL_DATA))
    end_labelled(installation_label(settings.CARREL_DATA))
    assert left == []


@pytest.fixture
def open_sandbox() -> ProcessSandbox:
    """As it is on a machine that allows no namespaces."""
    return ProcessSandbox(use_namespaces=False)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_kernel_is_refused_unless_embedded(data: Path, settings: Settings) -> None:
    settings.EMBEDDED = False

    with (
        pytest.raises(SystemFailure, match="runtime_unavailable"),
        ProcessSandbox().kernel(Image("key", str(data)), LIMITS),
    ):
        pass

    assert not data.exists()


def test_kernel_knows_no_secret_of_carrel(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = built_image()  # Before the environment changes, which installing packages depends on.
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    monkeypatch.setenv("UV_INDEX_URL", "https://user:s3cret@packages.example.org/")

    with ProcessSandbox().kernel(image, LIMITS) as kernel:
        cell = execute(kernel, "import json, os; print(json.dumps(dict(os.environ)))")

    environment = json.loads(cell.stdout)
    assert "s3cret" not in cell.stdout
    assert environment[KERNEL_ID] == kernel.kernel_id
    assert not environment.keys() & {"DJANGO_SETTINGS_MODULE", "CARREL_DATA", "DATABASE_URL"}


def test_kernel_works_in_an_empty_folder_of_its_own(data: Path) -> None:
    with ProcessSandbox().kernel(built_image(), LIMITS) as kernel:
        cell = execute(kernel, "import os; print(os.getcwd() == os.path.expanduser('~'), os.listdir())")

    assert cell.stdout == "True []\n"


@pytest.mark.skipif("--pid" not in namespaces(), reason="this machine allows no namespaces for processes")
def test_kernel_sees_no_process_but_its_own(data: Path) -> None:
    with ProcessSandbox().kernel(built_image(), LIMITS) as kernel:
        cell = execute(kernel, "import os; print(sum(name.isdigit() for name in os.listdir('/proc')) < 5)")

    assert cell.stdout == "True\n"


def test_kernel_without_namespaces_runs_cells(data: Path, open_sandbox: ProcessSandbox) -> None:
    with open_sandbox.kernel(built_image(), LIMITS) as kernel:
        assert execute(kernel, "print(6 * 7)").stdout == "42\n"


def test_runaway_process_without_namespaces_is_found_by_its_label(data: Path, open_sandbox: ProcessSandbox) -> None:
    with open_sandbox.kernel(built_image(), LIMITS) as kernel:
        runaway = int(execute(kernel, f"import os\n{RUNAWAY}").stdout)

    assert not is_running(runaway)


def test_too_many_processes_without_namespaces_are_ended(data: Path, open_sandbox: ProcessSandbox) -> None:
    many = "import subprocess, time\nmany = [subprocess.Popen(['sleep', '600']) for _ in range(30)]\ntime.sleep(600)"

    with open_sandbox.kernel(built_image(), LIMITS) as kernel:
        execute(kernel, many)

        assert kernel.exit_reason is ExitReason.KILLED


def test_memory_of_many_processes_is_added_up(data: Path) -> None:
    many = (
        "import subprocess, sys, time\n"
        "code = 'hoard = b\"x\" * 2**27; import time; time.sleep(600)'\n"
        "many = [subprocess.Popen([sys.executable, '-c', code]) for _ in range(4)]\n"
        "time.sleep(600)"
    )

    with ProcessSandbox().kernel(built_image(), LIMITS) as kernel:
        execute(kernel, many)

        assert kernel.exit_reason is ExitReason.OOM


def test_many_small_files_are_added_up(data: Path) -> None:
    many = "import time\nfor n in range(60): open(f'{n}.bin', 'wb').write(bytes(2**20))\ntime.sleep(600)"

    with ProcessSandbox().kernel(built_image(), LIMITS) as kernel:
        execute(kernel, many)

        assert kernel.exit_reason is ExitReason.KILLED


def test_processor_time_is_bounded_by_the_system_too_but_later_than_by_the_clock(data: Path) -> None:
    with ProcessSandbox().kernel(built_image(), replace(LIMITS, wall_seconds=7)) as kernel:
        cell = execute(kernel, "import resource; print(resource.getrlimit(resource.RLIMIT_CPU))")

    seconds = int(START_SECONDS) + 7
    assert cell.stdout == f"({seconds}, {seconds})\n"
