"""What tests of the real Docker backends share: an engine with a small image, and nothing of theirs left in it."""

from __future__ import annotations

import io
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from ipaddress import ip_network

import pytest
from websockets.sync.client import ClientConnection, connect

from environments.engine import SERVER_LABEL, client, engine_errors, having, installation_labels
from environments.errors import SystemFailure
from environments.spawners.docker import DockerSpawner
from environments.spawners.networks import handle_of
from environments.values import Endpoint, Image
from tests.notebook_client import NotebookClient

BASE_IMAGE = "carrel-test/base:latest"
ENGINE_SOCKET = os.environ.get("DOCKER_HOST", "").removeprefix("unix://") or "/var/run/docker.sock"


@cache
def why_not() -> str:
    """Why tests of Docker cannot run here; empty when they can."""
    try:
        with engine_errors():
            if not client().images.list(name=BASE_IMAGE):
                return f"the Docker engine has no image {BASE_IMAGE}"
    except SystemFailure as error:
        return f"no Docker engine answers: {error.detail[:200]}"
    return ""


def base_image() -> Image:
    """An image with JupyterLab whose user has the number 1000."""
    return Image("base", BASE_IMAGE)


def bridge_address() -> str:
    """This machine's address in the engine's own network, at which every container reaches it."""
    (network,) = client().api.inspect_network("bridge")["IPAM"]["Config"]
    return str(network.get("Gateway") or next(ip_network(network["Subnet"]).hosts()))


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Fails when the condition has not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@contextmanager
def image_from(*lines: str) -> Iterator[Image]:
    """An image that adds these lines to the Dockerfile of the base image."""
    name = f"carrel-test-{secrets.token_hex(6)}"
    dockerfile = "\n".join([f"FROM {BASE_IMAGE}", *lines]).encode()
    client().images.build(fileobj=io.BytesIO(dockerfile), tag=name, labels=installation_labels(), rm=True)
    try:
        yield Image(name, name)
    finally:
        client().images.remove(name, force=True)


class ServerClient(NotebookClient):
    """Works in a server without the gateway in between."""

    def __init__(self, endpoint: Endpoint, token: str) -> None:
        super().__init__(f"http://{endpoint}", token)
        self._http.base_url = f"http://{endpoint}"

    def socket(self, path: str) -> ClientConnection:
        """A websocket to the server."""
        return connect(f"ws://{self._host}{path}", additional_headers=self._headers, max_size=None, proxy=None)


@contextmanager
def clean_engine() -> Iterator[None]:
    """Skip where there is no engine; afterwards end every server of this installation and see that nothing is left.

    Volumes are meant to stay, so they are removed here.
    """
    if reason := why_not():
        pytest.skip(reason)
    try:
        yield
    finally:
        _end_servers()
        _remove_volumes()
    assert leftovers() == []


def leftovers() -> list[str]:
    """The names of the containers, networks and volumes of this installation."""
    labels, api = having(installation_labels()), client().api
    containers = [container["Names"][0] for container in api.containers(all=True, filters=labels)]
    networks = [network["Name"] for network in api.networks(filters=labels)]
    return containers + networks + [volume["Name"] for volume in api.volumes(filters=labels)["Volumes"] or ()]


def _end_servers() -> None:
    labels = {"label": [*having(installation_labels())["label"], SERVER_LABEL]}
    found = [*client().api.containers(all=True, filters=labels), *client().api.networks(filters=labels)]
    spawner = DockerSpawner()
    spawner.polite_seconds = 0
    for handle in {handle for each in found if (handle := handle_of(each["Labels"]))}:
        spawner.stop(handle)


def _remove_volumes() -> None:
    for volume in client().api.volumes(filters=having(installation_labels()))["Volumes"] or ():
        client().api.remove_volume(volume["Name"], force=True)
