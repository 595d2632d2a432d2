"""The embedded stack with the Docker runtime: real builds, real containers, and an engine that can be cut off."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.test import override_settings
from docker.models.images import Image

from environments.builders.images import remove_names
from environments.engine import SERVER_LABEL, client, having, installation_labels
from environments.processes import installation_label, labelled
from tests.engine import ENGINE_SOCKET, why_not
from tests.fakes.engine_proxy import EngineProxy
from tests.stack import Stack

VARIABLES = {
    "REPOSITORY_ALLOWED_HOSTS": "127.0.0.1",
    "API_LAUNCHES_PER_MINUTE": "0",
    "API_REQUESTS_PER_MINUTE": "0",
    "DELETED_FILES_DAYS": "0",
}
"""It may fetch from git hosts of these tests, tires of nobody's questions, and removes what is deleted at once."""

WAITING = b"waiting to be let go"
LET_GO = "/tmp/let-go"
"""What a server says that waits while it starts, and the file of its container that it waits for."""


MEANT_TO_STAY = ("carrel-home-", "carrel-material-", "carrel-shared-")
"""How the names of volumes begin that no server's end removes."""


class InEngine(ABC):
    """An installation as the engine knows it: what it has made there, by its label."""

    @property
    @abstractmethod
    def labels(self) -> dict[str, str]:
        """What everything it makes in the engine is labelled with."""

    @property
    @abstractmethod
    def image_prefix(self) -> str:
        """What the names of its images begin with."""

    def containers(self, **labels: str) -> list[dict[str, Any]]:
        """Its containers that have these labels too, whatever their state."""
        found: list[dict[str, Any]] = client().api.containers(all=True, filters=having({**self.labels, **labels}))
        return found

    def networks(self, **labels: str) -> list[dict[str, Any]]:
        """Its networks that have these labels too."""
        found: list[dict[str, Any]] = client().api.networks(filters=having({**self.labels, **labels}))
        return found

    def volumes(self) -> list[str]:
        """The names of its volumes."""
        found = client().api.volumes(filters=having(self.labels))["Volumes"]
        return [volume["Name"] for volume in found or ()]

    def images(self) -> list[Image]:
        """Its images, finished or not."""
        found: list[Image] = client().images.list(filters=having(self.labels))
        return found

    def remains_of(self, server_id: str) -> list[object]:
        """The container and the network of a server."""
        of_server = {SERVER_LABEL: server_id}
        return [*self.containers(**of_server), *self.networks(**of_server)]

    def leftovers(self) -> list[str]:
        """The names of containers, networks, servers' volumes and unfinished images.

        People's own volumes, shared ones, the material of classes and finished images are meant to stay.
        """
        names = [container["Names"][0] for container in self.containers()]
        names += [network["Name"] for network in self.networks()]
        names += [volume for volume in self.volumes() if not volume.startswith(MEANT_TO_STAY)]
        return names + [tag for image in self.images() for tag in image.tags or [str(image.id)] if self._is_odd(tag)]

    def remove_everything(self) -> None:
        """Remove what is there, meant to stay or not."""
        for container in self.containers():
            client().api.remove_container(container["Id"], v=True, force=True)
        for network in self.networks():
            client().api.remove_network(network["Id"])
        for volume in self.volumes():
            client().api.remove_volume(volume, force=True)
        for image in self.images():
            remove_names(image)

    def _is_odd(self, tag: str) -> bool:
        return not tag.startswith(f"{self.image_prefix}environment:") or "unchecked" in tag


def labels_of(data_directory: str, secrets_of_it: str) -> dict[str, str]:
    """The labels of the embedded installation whose `carrel.env` this is."""
    (key,) = (line.partition("=")[2] for line in secrets_of_it.splitlines() if line.startswith("SECRET_KEY="))
    with override_settings(EMBEDDED=True, CARREL_DATA=data_directory, SECRET_KEY=key):
        return installation_labels()


class DockerStack(InEngine, Stack):
    """One embedded installation on the machine's engine, which it reaches through `engine` alone."""

    def __init__(self, **variables: str) -> None:
        """Prepare, without starting. Skips the test where there is no engine."""
        if reason := why_not():
            pytest.skip(reason)
        self.engine = EngineProxy(ENGINE_SOCKET)
        self.engine.restored()
        super().__init__(
            **VARIABLES,
            RUNTIME="docker",
            DOCKER_HOST=self.engine.address,
            IMAGE_PREFIX=new_prefix(),
            **variables,
        )

    @property
    def labels(self) -> dict[str, str]:
        return labels_of(str(self.data_directory), (self.data_directory / "carrel.env").read_text())

    @property
    def image_prefix(self) -> str:
        return self.environment["IMAGE_PREFIX"]

    def is_held(self, server_id: str) -> bool:
        """Whether the container of this server waits to be let go."""
        found = self.containers(**{SERVER_LABEL: server_id})
        return any(WAITING in client().api.logs(container["Id"]) for container in found)

    def let_go(self, server_id: str) -> None:
        """Let the server of this container start."""
        for container in self.containers(**{SERVER_LABEL: server_id}):
            client().containers.get(container["Id"]).exec_run(["touch", LET_GO])

    def leftovers(self) -> list[str]:
        """What there is in the engine, and what processes do."""
        processes = labelled(installation_label(self.data_directory))
        return super().leftovers() + [" ".join(process.cmdline()) for process in processes]

    def close(self) -> None:
        """End everything, see that nothing is left but what is meant to stay, and remove that too."""
        self.engine.restored()
        with ExitStack() as afterwards:
            afterwards.callback(self.engine.close)
            afterwards.callback(super().close)
            afterwards.callback(self.remove_everything)
            self.stop()
            left = self.leftovers()
        assert left == []


def new_prefix() -> str:
    """A beginning of image names that nobody else uses."""
    return f"carrel-test-{secrets.token_hex(6)}/"


@pytest.fixture(scope="session")
def docker_stack() -> Iterator[DockerStack]:
    """A running stack on Docker, shared by the tests of one session: leave it, and its engine, as you found it."""
    running = DockerStack()
    try:
        running.start()
        yield running
    finally:
        running.close()
