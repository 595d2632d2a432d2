"""Kernels in containers: what the container is not allowed, and what becomes of it when nobody is left to end it."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from environments.engine import KIND_LABEL, client, installation_labels, own_container
from environments.errors import SystemFailure
from environments.sandboxes.base import KernelConnection, SandboxLimits
from environments.sandboxes.docker import (
    EXPIRES_LABEL,
    KERNEL_LABEL,
    KIND,
    DockerSandbox,
    path_behind_mounts,
)
from environments.values import Image
from tests.contracts.kernels import execute
from tests.engine import BASE_IMAGE, base_image, leftovers, why_not

LIMITS = SandboxLimits(memory_mb=400, cpus=0.5, pids=50, disk_mb=32, wall_seconds=60)
CONTAINER = "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def data(settings: Settings, tmp_path: Path) -> Path:
    settings.CARREL_DATA = tmp_path / "data"
    return settings.CARREL_DATA  # type: ignore[no-any-return]


@pytest.fixture
def sandbox() -> Iterator[DockerSandbox]:
    if reason := why_not():
        pytest.skip(reason)
    yield DockerSandbox()
    left = leftovers()
    for name in left:
        client().api.remove_container(name, force=True)
    assert left == []


@pytest.fixture
def kernel(sandbox: DockerSandbox) -> Iterator[KernelConnection]:
    with sandbox.kernel(base_image(), LIMITS) as kernel:
        yield kernel


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def facts(kernel_id: str) -> dict[str, Any]:
    """What the engine says of a kernel's container."""
    found: dict[str, Any] = client().api.inspect_container(f"carrel-kernel-{kernel_id}")
    return found


# --- What it is allowed -----------------------------------------------------------------------------------------


@pytest.mark.docker
def test_container_is_created_with_every_restriction(kernel: KernelConnection) -> None:
    host = facts(kernel.kernel_id)["HostConfig"]

    expected = {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "CapAdd": None,
        "Privileged": False,
        "SecurityOpt": ["no-new-privileges:true"],
        "IpcMode": "private",
        "PidMode": "",
        "Memory": 400 * 2**20,
        "MemorySwap": 400 * 2**20,
        "NanoCpus": 500_000_000,
        "PidsLimit": 50,
        "OomKillDisable": False,
    }
    assert {name: host[name] or None if name == "CapAdd" else host[name] for name in expected} == expected


@pytest.mark.docker
def test_container_has_one_mount_and_that_is_read_only(kernel: KernelConnection, data: Path) -> None:
    (mount,) = facts(kernel.kernel_id)["Mounts"]

    source = str(data / "run" / "kernels" / kernel.kernel_id / "shared")
    assert (mount["Type"], mount["Source"], mount["RW"]) == ("bind", source, False)


@pytest.mark.docker
def test_container_is_given_no_environment(kernel: KernelConnection) -> None:
    given = set(facts(kernel.kernel_id)["Config"]["Env"])

    assert given == set(client().images.get(BASE_IMAGE).attrs["Config"]["Env"])


@pytest.mark.docker
@pytest.mark.parametrize(
    "code",
    [
        "open('/carrel/shell2', 'w')",
        "import os; os.symlink('/etc/passwd', '/carrel/link')",
        "import os; os.unlink('/carrel/shell')",
        "open('/home/jovyan/file', 'w')",
        "open('/etc/file', 'w')",
        "import os; os.setuid(0)",
        "import os; os.mknod('/tmp/device', 0o060666, os.makedev(8, 0))",
        "import os; os.listdir('/root')",
    ],
)
def test_kernel_cannot(kernel: KernelConnection, code: str) -> None:
    assert execute(kernel, code).error in ("OSError", "PermissionError")


@pytest.mark.docker
def test_kernel_has_no_capability_and_no_way_to_one(kernel: KernelConnection) -> None:
    cell = execute(kernel, "print(open('/proc/self/status').read())")

    status = dict(line.split(":\t", 1) for line in cell.stdout.splitlines() if ":\t" in line)
    assert {status[name] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"], status["Uid"].split()) == ("1", "2", ["1000"] * 4)


@pytest.mark.docker
def test_kernel_has_no_network_interface_but_its_own_loop(kernel: KernelConnection) -> None:
    cell = execute(kernel, "import os; print(os.listdir('/sys/class/net'))")

    assert cell.stdout == "['lo']\n"


@pytest.mark.docker
def test_disk_ends_where_it_should(kernel: KernelConnection) -> None:
    fill = "for number in range(100): open(f'/tmp/{number}', 'wb').write(bytes(2**20))"

    cell = execute(kernel, fill)
    room = execute(kernel, "import shutil; print(shutil.disk_usage('/tmp').total == 32 * 2**20)")

    assert (cell.error, room.stdout) == ("OSError", "True\n")


@pytest.mark.docker
def test_volume_that_the_image_declares_is_no_place_on_the_disk(sandbox: DockerSandbox) -> None:
    container = client().containers.create(BASE_IMAGE, ["true"], labels=installation_labels())
    name = f"carrel-test-volume-{secrets.token_hex(6)}"
    container.commit(name, changes=["VOLUME /data"])
    container.remove(force=True)
    try:
        with sandbox.kernel(Image("key", f"{name}:latest"), LIMITS) as kernel:
            kinds = {mount["Type"] for mount in facts(kernel.kernel_id)["Mounts"]}
            cell = execute(kernel, "open('/data/large', 'wb').write(bytes(2**22))")
    finally:
        client().images.remove(f"{name}:latest", force=True)

    assert (kinds - {"tmpfs"}, cell.error) == ({"bind"}, "OSError")


# --- What is left behind ----------------------------------------------------------------------------------------


@pytest.mark.docker
def test_container_ends_by_itself_when_its_driver_is_killed(sandbox: DockerSandbox, data: Path) -> None:
    program = (
        "import django; django.setup()\n"
        "import time\n"
        "from pathlib import Path\n"
        "from django.conf import settings\n"
        "from environments.sandboxes.docker import DockerSandbox\n"
        "from environments.sandboxes.base import SandboxLimits\n"
        "from environments.values import Image\n"
        f"settings.CARREL_DATA = Path({str(data)!r})\n"
        f"with DockerSandbox().kernel(Image('base', {BASE_IMAGE!r}), SandboxLimits()) as kernel:\n"
        "    print(kernel.kernel_id, flush=True)\n"
        "    time.sleep(600)\n"
    )
    driver = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": os.getcwd()},
        stdout=subprocess.PIPE,
        text=True,
    )
    with driver:
        assert driver.stdout is not None
        kernel_id = driver.stdout.readline().strip()
        driver.send_signal(signal.SIGKILL)

    wait_until(lambda: not facts(kernel_id)["State"]["Running"])
    assert sandbox.discard_leftovers() == 1


@pytest.mark.docker
@pytest.mark.parametrize(("expires_in", "expected"), [(-10, 1), (600, 0)])
def test_container_without_folder_is_removed_when_its_time_is_over(
    sandbox: DockerSandbox, expires_in: int, expected: int
) -> None:
    kernel_id = secrets.token_hex(8)
    labels = {KIND_LABEL: KIND, KERNEL_LABEL: kernel_id, EXPIRES_LABEL: str(int(time.time()) + expires_in)}
    name = f"carrel-kernel-{kernel_id}"
    client().containers.create(BASE_IMAGE, ["true"], name=name, labels={**installation_labels(), **labels})

    discarded = sandbox.discard_leftovers()
    left = sandbox.list()
    client().api.remove_container(name, force=True) if left else None

    assert (discarded, len(left)) == (expected, 1 - expected)


@pytest.mark.docker
def test_kernels_of_another_installation_are_nobody_elses(
    kernel: KernelConnection, settings: Settings, tmp_path: Path
) -> None:
    settings.CARREL_DATA = tmp_path / "other"

    assert (DockerSandbox().list(), DockerSandbox().discard_leftovers()) == ([], 0)


def test_engine_that_does_not_answer_is_reported(settings: Settings, data: Path, tmp_path: Path) -> None:
    settings.DOCKER_HOST = f"unix://{tmp_path}/nobody.sock"

    with pytest.raises(SystemFailure, match="runtime_unavailable"), DockerSandbox().kernel(base_image(), LIMITS):
        pass

    assert [*(data / "run").glob("kernels/*")] == []


# --- Carrel in a container --------------------------------------------------------------------------------------


def test_own_container_is_found_among_the_mounts(tmp_path: Path) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(
        "700 690 0:50 / /proc rw - proc proc rw\n"
        f"710 690 8:1 /var/lib/docker/containers/{CONTAINER}/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n"
    )

    assert own_container(mountinfo) == CONTAINER


def test_own_container_is_none_on_a_host(tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n")

    assert own_container(tmp_path / "mountinfo") is None
    assert own_container(tmp_path / "missing") is None


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        ([{"Destination": "/data", "Source": "/srv/carrel"}], "/srv/carrel/run/kernels/1"),
        (
            [{"Destination": "/", "Source": "/x"}, {"Destination": "/data", "Source": "/vol/_data"}],
            "/vol/_data/run/kernels/1",
        ),
        (
            [{"Destination": "/data/run", "Source": "/fast"}, {"Destination": "/data", "Source": "/s"}],
            "/fast/kernels/1",
        ),
    ],
)
def test_path_behind_mounts_takes_the_nearest_mount(mounts: list[dict[str, str]], expected: str) -> None:
    assert path_behind_mounts(Path("/data/run/kernels/1"), mounts) == expected


@pytest.mark.parametrize("destination", ["/database", "/dat", "/other"])
def test_path_behind_mounts_refuses_folder_of_the_container_alone(destination: str) -> None:
    with pytest.raises(SystemFailure, match="runtime_unavailable"):
        path_behind_mounts(Path("/data/run"), [{"Destination": destination, "Source": "/srv"}])
