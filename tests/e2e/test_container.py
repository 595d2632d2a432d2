"""Carrel in a container of the engine that it uses: it reaches servers over their own networks, as neighbours."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from docker.models.containers import Container

from config.env import BASE_DIR
from environments.engine import SERVER_LABEL, client
from tests.docker_stack import VARIABLES, InEngine, labels_of, new_prefix
from tests.engine import BASE_IMAGE, ENGINE_SOCKET, bridge_address, why_not
from tests.fakes.git_host import GitHost
from tests.notebook_client import NotebookClient
from tests.stack import START_SECONDS, free_port, wait_until

pytestmark = [pytest.mark.stack, pytest.mark.docker, pytest.mark.timeout(180)]

PATIENCE_SECONDS = 60.0
SOCKET = "/var/run/docker.sock"


class CarrelContainer(InEngine):
    """This very code as a container, with nothing of the machine but the code, its Python, and the engine."""

    def __init__(self, **variables: str) -> None:
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.data = f"/data-{secrets.token_hex(6)}"
        self.variables = {
            **VARIABLES,
            "RUNTIME": "docker",
            "HOST": "0.0.0.0",
            "PORT": str(self.port),
            "CARREL_DATA": self.data,
            "DOCKER_HOST": f"unix://{SOCKET}",
            "IMAGE_PREFIX": new_prefix(),
            "HOME": "/root",
            "PYTHONDONTWRITEBYTECODE": "1",
            **variables,
        }
        self.container: Container = client().containers.run(
            BASE_IMAGE,
            [sys.executable, str(BASE_DIR / "manage.py"), "up"],
            detach=True,
            init=True,
            user="root",
            environment=self.variables,
            ports={f"{self.port}/tcp": ("127.0.0.1", self.port)},
            volumes=[f"{self.volume}:{self.data}", f"{ENGINE_SOCKET}:{SOCKET}", *_code(), *_tools()],
        )

    @property
    def volume(self) -> str:
        """The volume that holds its data."""
        return f"carrel-test{self.data.replace('/', '-')}"

    @property
    def labels(self) -> dict[str, str]:
        return labels_of(self.data, self.run("cat", f"{self.data}/carrel.env"))

    @property
    def image_prefix(self) -> str:
        return self.variables["IMAGE_PREFIX"]

    def run(self, *command: str) -> str:
        """What a command prints in it."""
        done = self.container.exec_run([*command])
        output = done.output
        assert isinstance(output, bytes)
        assert done.exit_code == 0, output
        return output.decode()

    def is_announced(self) -> bool:
        """Whether it has printed its address."""
        self.container.reload()
        assert self.container.status == "running", self.container.logs().decode()
        return b"running at" in self.container.logs()

    def networks_joined(self) -> list[str]:
        """The names of the networks it is in."""
        self.container.reload()
        return [*self.container.attrs["NetworkSettings"]["Networks"]]

    def close(self) -> None:
        """Remove it, and all it has made; nothing but what is meant to stay may be left."""
        with ExitStack() as afterwards:
            afterwards.callback(lambda: client().api.remove_volume(self.volume))
            afterwards.callback(lambda: self.container.remove(v=True, force=True))
            afterwards.callback(self.remove_everything)
            left = self.leftovers()
        assert left == []


def _code() -> Iterator[str]:
    """This checkout, its virtual environment, and the Python that was made from: read-only, at the same places.

    The system's own Python is not among them: it has to be the image's too.
    """
    for place in dict.fromkeys([BASE_DIR, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()]):
        if place != Path("/usr"):
            yield f"{place}:{place}:ro"


def _tools() -> Iterator[str]:
    """The programs that builds are made with, which the image does not have."""
    docker = shutil.which("docker")
    assert docker is not None
    asked = subprocess.run([docker, "info", "--format", "{{json .ClientInfo.Plugins}}"], capture_output=True, text=True)
    (buildx,) = (plugin["Path"] for plugin in json.loads(asked.stdout) if plugin["Name"] == "buildx")
    yield f"{docker}:/usr/local/bin/docker:ro"
    yield f"{buildx}:/root/.docker/cli-plugins/docker-buildx:ro"


@pytest.fixture
def neighbour() -> Iterator[GitHost]:
    """A git host that containers can reach."""
    if reason := why_not():
        pytest.skip(reason)
    with GitHost(bridge_address()) as host:
        yield host


@pytest.fixture
def carrel(neighbour: GitHost) -> Iterator[CarrelContainer]:
    """Carrel, once it is running."""
    carrel = CarrelContainer(REPOSITORY_ALLOWED_HOSTS=neighbour.address)
    try:
        wait_until(carrel.is_announced, seconds=START_SECONDS, why="Carrel starts in its container")
        yield carrel
    finally:
        carrel.close()


def test_carrel_in_a_container_runs_and_reaches_servers(carrel: CarrelContainer, neighbour: GitHost) -> None:
    neighbour.add("from-a-container", {"Dockerfile": "FROM carrel-test/base\n"})
    token = carrel.run(sys.executable, str(BASE_DIR / "manage.py"), "token", "student").split()[-1]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{carrel.base_url}/api/v1", headers=headers, trust_env=False, timeout=60) as api:
        launched = api.post("/servers/", json={"repository": neighbour.url("from-a-container")}).raise_for_status()
        server: dict[str, Any] = launched.json()

        def is_settled() -> bool:
            nonlocal server
            server = api.get(f"/servers/{server['id']}/").raise_for_status().json()
            return server["state"] in ("running", "failed")

        wait_until(is_settled, seconds=PATIENCE_SECONDS, why="the server is running")
        assert server["state"] == "running", server["reason"]
        with NotebookClient(server["url"], token) as notebook:
            printed = notebook.execute("print(6 * 7)")
        (network,) = carrel.networks(**{SERVER_LABEL: server["id"]})
        joined = carrel.networks_joined()
        api.delete(f"/servers/{server['id']}/").raise_for_status()
        wait_until(lambda: not carrel.leftovers(), seconds=PATIENCE_SECONDS, why="nothing of it is left")

    assert printed == "42\n"
    assert network["Name"] in joined
