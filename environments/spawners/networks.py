"""A network of its own for every server: nothing on it but the server and, where Carrel is itself a container, Carrel.

Addresses are ours to choose, a small range for each network: the engine's own ranges are so large that it
runs out of them after thirty networks. The names of the bridges begin alike, so that a few firewall rules hold
for all of them, those to come included (see firewall.py).
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.conf import settings
from docker.errors import APIError, NotFound
from docker.types import IPAMConfig, IPAMPool

from environments.engine import SERVER_LABEL, START_LABEL, TIMEOUT_SECONDS, client, having, installation_labels
from environments.errors import SystemFailure
from environments.spawners.firewall import BRIDGE_PREFIX
from environments.spawners.surroundings import own_containers
from environments.values import Handle

logger = logging.getLogger(__name__)

PREFIX_LENGTH = 28
"""Thirteen addresses beside the gateway's: the server's and those of Carrel's own containers."""

_INTERFACE_NAME = 15
_ATTEMPTS = 20


def labels(handle: Handle) -> dict[str, str]:
    """What the container and the network of this start carry."""
    return {**installation_labels(), SERVER_LABEL: handle.server_id, START_LABEL: handle.start_id}


def handle_of(labels: dict[str, str] | None) -> Handle | None:
    """The inverse of `labels`."""
    found = labels or {}
    if SERVER_LABEL in found and START_LABEL in found:
        return Handle(found[SERVER_LABEL], found[START_LABEL])
    return None


def name_of(handle: Handle) -> str:
    """The name of the container and of the network of this start: made once, however many try."""
    (installation,) = installation_labels().values()
    return f"carrel-{installation[:8]}-{handle.server_id}-{handle.start_id}"


def bridge_of(name: str) -> str:
    """The network interface of the network of this name."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"{BRIDGE_PREFIX}{digest}"[:_INTERFACE_NAME]


def make_network(handle: Handle) -> None:
    """Make the server's network; nothing when it is there already.

    Raises SystemFailure `runtime_unavailable` when every range of addresses tried is in use.
    """
    name = name_of(handle)
    for _attempt in range(_ATTEMPTS):
        try:
            _create(name, handle)
        except APIError as error:
            if _exists(name):  # Another worker was quicker.
                return
            if "overlap" not in str(error).lower():
                raise
        else:
            return
    raise SystemFailure("runtime_unavailable", detail=f"no free addresses in {settings.SERVER_NETWORK_POOL}")


def remove_network(handle: Handle) -> None:
    """Remove the server's network and whatever is still attached to it; nothing when it is not there."""
    name = name_of(handle)
    for network in client().api.networks(names=[name], filters=having(labels(handle))):
        with suppress(NotFound):
            _empty(network["Id"])
            client().api.remove_network(network["Id"])


def networks(*, timeout_seconds: int = TIMEOUT_SECONDS) -> dict[Handle, str]:
    """The names of all networks this installation made for servers."""
    labels = [*having(installation_labels())["label"], SERVER_LABEL]
    found = client(timeout_seconds=timeout_seconds).api.networks(filters={"label": labels})
    handles = {network["Name"]: handle_of(network["Labels"]) for network in found}
    return {handle: name for name, handle in handles.items() if handle}


def join(names: Sequence[str]) -> None:
    """Attach Carrel's own containers, where it runs in some, to these networks: it cannot reach a server else."""
    for container in own_containers() if names else ():
        try:
            attached = _attached(container)
        except NotFound:
            logger.warning("CARREL_CONTAINER names %s, which is not there", container)
            continue
        for name in names:
            if name not in attached:
                _attach(container, name)


def _create(name: str, handle: Handle) -> None:
    client().api.create_network(
        name,
        driver="bridge",
        options={
            "com.docker.network.bridge.name": bridge_of(name),
            # Where Carrel is a container itself, it and the server are neighbours that have to talk.
            "com.docker.network.bridge.enable_icc": "true" if own_containers() else "false",
        },
        ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=_some_subnet())]),
        check_duplicate=True,
        internal=settings.SERVER_NETWORK_INTERNAL,
        labels=labels(handle),
        enable_ipv6=False,
    )


def _some_subnet() -> str:
    """Any range of the pool: tried rather than looked up, since others may take one meanwhile."""
    pool = ipaddress.IPv4Network(settings.SERVER_NETWORK_POOL)
    size = 1 << (32 - PREFIX_LENGTH)
    return f"{pool.network_address + size * secrets.randbelow(pool.num_addresses // size)}/{PREFIX_LENGTH}"


def _exists(name: str) -> bool:
    return any(network["Name"] == name for network in client().api.networks(names=[name]))


def _empty(network: str) -> None:
    for container in client().api.inspect_network(network)["Containers"] or {}:
        with suppress(NotFound):
            client().api.disconnect_container_from_network(container, network, force=True)


def _attached(container: str) -> Sequence[str]:
    found: dict[str, Any] = client().api.inspect_container(container)
    if found["HostConfig"]["NetworkMode"] == "host":
        return [*networks().values()]
    return [*found["NetworkSettings"]["Networks"]]


def _attach(container: str, network: str) -> None:
    """Attach it; another worker may have done so meanwhile, or the network may be gone again."""
    try:
        client().api.connect_container_to_network(container, network)
    except APIError as error:
        if not isinstance(error, NotFound) and "already exists" not in str(error):
            raise
