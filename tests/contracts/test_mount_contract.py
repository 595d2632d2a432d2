"""What every spawner does with shared files, asked of the fake and of the real one: seen by all, kept by who may."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

import pytest
from pytest_django import Settings

from environments.engine import client
from environments.processes import end_labelled, installation_label
from environments.spawners.base import Spawner
from environments.spawners.docker import DockerSpawner
from environments.spawners.fake import FakeSpawner
from environments.spawners.networks import name_of
from environments.spawners.process import ProcessSpawner
from environments.values import Handle, Image, Mount, ServerSpec
from environments.volumes.local import volume_directory
from tests.contracts.images import built_image
from tests.engine import base_image, clean_engine

SHARED = f"shared-{secrets.token_hex(16)}"
PLACE = PurePosixPath("shared/data")
FILE = str(PLACE / "table.csv")


class Servers(Protocol):
    """Servers of one runtime, and hands at work in them."""

    @property
    def spawner(self) -> Spawner:
        """What runs them."""

    @property
    def image(self) -> Image:
        """What they are made from."""

    def write(self, spec: ServerSpec, path: str, text: str) -> None:
        """Write a file as the server's user does. Raises OSError where that is refused."""

    def read(self, spec: ServerSpec, path: str) -> str:
        """Read a file as the server's user does. Raises OSError where there is none."""


class FakeServers:
    """Those of the fake."""

    def __init__(self) -> None:
        self.spawner = FakeSpawner()
        self.image = Image("key", "fake:key")

    def write(self, spec: ServerSpec, path: str, text: str) -> None:
        self.spawner.write(spec.handle, path, text)

    def read(self, spec: ServerSpec, path: str) -> str:
        return self.spawner.read(spec.handle, path)


class ProcessServers:
    """Processes of this machine."""

    def __init__(self) -> None:
        self.spawner = ProcessSpawner()
        self.image = built_image()

    def write(self, spec: ServerSpec, path: str, text: str) -> None:
        (volume_directory(spec.home) / path).write_text(text)

    def read(self, spec: ServerSpec, path: str) -> str:
        return (volume_directory(spec.home) / path).read_text()


class DockerServers:
    """Containers."""

    def __init__(self) -> None:
        self.spawner = DockerSpawner()
        self.image = base_image()

    def write(self, spec: ServerSpec, path: str, text: str) -> None:
        self._run(spec, 'printf %s "$2" > "$1"', path, text)

    def read(self, spec: ServerSpec, path: str) -> str:
        return self._run(spec, 'cat "$1"', path)

    def _run(self, spec: ServerSpec, command: str, *arguments: str) -> str:
        container = client().containers.get(name_of(spec.handle))
        status, output = container.exec_run(["sh", "-ec", command, "sh", *arguments], workdir="/home/jovyan")
        text = b"".join([output] if isinstance(output, bytes) else output).decode()
        if status:
            raise PermissionError(text)
        return text


@pytest.fixture(params=["fake", "process", pytest.param("docker", marks=pytest.mark.docker)])
def servers(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[Servers]:
    settings.CARREL_DATA = tmp_path / "data"
    if request.param == "fake":
        fake = FakeServers()
        yield fake
        fake.spawner.close()
    elif request.param == "docker":
        with clean_engine():
            yield DockerServers()
    else:
        yield ProcessServers()
        assert end_labelled(installation_label(settings.CARREL_DATA))


def start(servers: Servers, *mounts: Mount, home: str = "", server_id: str = "") -> ServerSpec:
    """A server with these mounts, which runs."""
    handle = Handle(server_id or f"server-{secrets.token_hex(8)}", secrets.token_hex(16))
    spec = ServerSpec(handle, servers.image, home or f"server-{secrets.token_hex(16)}", mounts, token="t" * 64)
    servers.spawner.start(spec)
    return spec


def test_file_that_one_server_writes_another_reads(servers: Servers) -> None:
    one, other = (start(servers, Mount(SHARED, PLACE, read_only=only)) for only in (False, True))

    servers.write(one, FILE, "1,2")

    assert servers.read(other, FILE) == "1,2"


def test_file_outlives_the_server(servers: Servers) -> None:
    one = start(servers, Mount(SHARED, PLACE))
    servers.write(one, FILE, "1,2")
    servers.spawner.stop(one.handle)

    other = start(servers, Mount(SHARED, PurePosixPath("elsewhere")))

    assert servers.read(other, "elsewhere/table.csv") == "1,2"


# Nothing holds a process of the person's own: docs/security.md says so.
@pytest.mark.parametrize("servers", ["fake", pytest.param("docker", marks=pytest.mark.docker)], indirect=True)
def test_server_that_only_reads_cannot_write(servers: Servers) -> None:
    writer = start(servers, Mount(SHARED, PLACE))
    servers.write(writer, FILE, "1,2")
    reader = start(servers, Mount(SHARED, PLACE, read_only=True))

    with pytest.raises(PermissionError):
        servers.write(reader, FILE, "3,4")

    assert servers.read(writer, FILE) == "1,2"


def test_server_that_only_reads_may_come_first(servers: Servers) -> None:
    start(servers, Mount(SHARED, PLACE, read_only=True))
    writer = start(servers, Mount(SHARED, PLACE))

    servers.write(writer, FILE, "1,2")

    assert servers.read(writer, FILE) == "1,2"


def test_mount_of_an_earlier_start_is_gone(servers: Servers) -> None:
    first = start(servers, Mount(SHARED, PLACE))
    servers.write(first, FILE, "1,2")
    servers.spawner.stop(first.handle)

    second = start(servers, home=first.home, server_id=first.handle.server_id)

    with pytest.raises(OSError, match=r"table\.csv"):
        servers.read(second, FILE)
