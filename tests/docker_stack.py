"""The embedded stack with the Docker runtime: real builds, real containers, and an engine that can be cut off."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from docker.models.images import Image

from environments.builders.images import remove_names
from environments.engine import INSTALLATION_LABEL, SERVER_LABEL, client, having
from environments.processes import INSTALLATION, installation_label, labelled
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


class DockerStack(Stack):
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
            IMAGE_PREFIX=f"carrel-test-{secrets.token_hex(6)}/",
            **variables,
        )

    @property
    def labels(self) -> dict[str, str]:
        """What everything it makes in the engine is labelled with."""
        return {INSTALLATION_LABEL: installation_label(self.data_directory)[INSTALLATION]}

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

    def is_held(self, server_id: str) -> bool:
        """Whether the container of this server waits to be let go."""
        found = self.containers(**{SERVER_LABEL: server_id})
        return any(WAITING in client().api.logs(container["Id"]) for container in found)

    def let_go(self, server_id: str) -> None:
        """Let the server of this container start."""
        for container in self.containers(**{SERVER_LABEL: server_id}):
            client().containers.get(container["Id"]).exec_run(["touch", LET_GO])

    def remains_of(self, server_id: str) -> list[object]:
        """The container and the network of a server."""
        of_server = {SERVER_LABEL: server_id}
        return [*self.containers(**of_server), *self.networks(**of_server)]

    def close(self) -> None:
        """End everything, see that nothing is left but what is meant to stay, and remove that too."""
        self.engine.restored()
        try:
            self.stop()
            left = self.leftovers()
        finally:
            super().close()
            self._remove_everything()
            self.engine.close()
        assert left == []

    def leftovers(self) -> list[str]:
        """The names of containers, networks, servers' volumes and unfinished images, and what processes do.

        People's own volumes and finished images are meant to stay.
        """
        names = [container["Names"][0] for container in self.containers()]
        names += [network["Name"] for network in self.networks()]
        names += [volume for volume in self.volumes() if not volume.startswith("carrel-home-")]
        names += [tag for image in self.images() for tag in image.tags or [str(image.id)] if self._is_unfinished(tag)]
        return names + [" ".join(process.cmdline()) for process in labelled(installation_label(self.data_directory))]

    def _is_unfinished(self, tag: str) -> bool:
        return not tag.startswith(f"{self.environment['IMAGE_PREFIX']}environment:") or "unchecked" in tag

    def _remove_everything(self) -> None:
        for container in self.containers():
            client().api.remove_container(container["Id"], v=True, force=True)
        for network in self.networks():
            client().api.remove_network(network["Id"])
        for volume in self.volumes():
            client().api.remove_volume(volume, force=True)
        for image in self.images():
            remove_names(image)


@pytest.fixture(scope="session")
def docker_stack() -> Iterator[DockerStack]:
    """A running stack on Docker, shared by the tests of one session: leave it, and its engine, as you found it."""
    running = DockerStack()
    try:
        running.start()
        yield running
    finally:
        running.close()
