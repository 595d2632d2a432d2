"""People who want to run a cell: they ask, wait, work, stop; one alone, or a whole class in the same second."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any, Protocol

import httpx
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.notebook_client import NotebookClient
from tests.stack import Stack

PATIENCE_SECONDS = 300


class Person(Protocol):
    """Somebody with a server of their own, on whatever serves it."""

    def launch(self) -> None:
        """Ask for the server, and return once a cell of it has printed."""
        ...

    def stop(self) -> None:
        """Ask for it to be stopped, and return once it is."""
        ...


@dataclass(frozen=True)
class Credentials:
    """What somebody shows Carrel: an API token, and the cookie of a browser in which they are signed in."""

    token: str
    cookie: str


class Member:
    """Somebody who uses Carrel, and their server once they have launched one.

    They ask over the API, and are told how it goes by the socket of the server's page, as a browser is.
    """

    def __init__(self, stack: Stack, credentials: Credentials, repository: str) -> None:
        self._site = stack.base_url
        self._credentials = credentials
        self._repository = repository
        self._api = api_client(f"{stack.base_url}/api/v1", f"Bearer {credentials.token}")
        self._server: dict[str, Any] = {}

    def launch(self) -> None:
        """Launch the repository and run a cell."""
        self._server = self._api.post("/servers/", json={"repository": self._repository}).raise_for_status().json()
        self._run_a_cell()

    def await_up(self) -> None:
        """Return once the only server they have runs, whoever had it started."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while [each["state"] for each in self._api.get("/servers/").raise_for_status().json()["results"]] != [
            "running"
        ]:
            if time.monotonic() > deadline:
                raise TimeoutError("the server was not started ahead of time")
            time.sleep(0.5)

    def start(self) -> None:
        """Start the sleeping server and run a cell."""
        self._api.post(f"/servers/{self._server['id']}/start/").raise_for_status()
        self._run_a_cell()

    def stop(self) -> None:
        """Stop the server and wait until it has stopped."""
        self._api.post(f"/servers/{self._server['id']}/stop/").raise_for_status()
        self._await("stopped")

    def _states(self) -> list[str]:
        listed = self._api.get("/servers/").raise_for_status().json()
        return [server["state"] for server in listed["results"]]

    def _run_a_cell(self) -> None:
        self._await("running")
        run_a_cell(self._server["url"], self._credentials.token)

    def _await(self, state: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self._page() as page:
            while (seen := json.loads(page.recv(deadline - time.monotonic())).get("state")) != state:
                if seen == "failed":
                    server = self._api.get(f"/servers/{self._server['id']}/").json()
                    raise RuntimeError(f"the server failed: {server['reason']}")

    def _page(self) -> ClientConnection:
        return connect(
            f"{self._site.replace('http', 'ws', 1)}/ws/servers/{self._server['id']}/",
            additional_headers={"Cookie": self._credentials.cookie},
            origin=Origin(self._site),
            proxy=None,
        )


@dataclass
class Together:
    """What came of something that several people did in the same second."""

    seconds: list[float] = field(default_factory=list)
    """How long each took who got there."""
    until_all_seconds: float = 0.0
    failures: list[str] = field(default_factory=list)


def api_client(address: str, authorization: str) -> httpx.Client:
    """Asks a JSON API, each time on a new connection: one kept while a server starts may be closed by its end."""
    return httpx.Client(
        base_url=address,
        headers={"Authorization": authorization},
        timeout=PATIENCE_SECONDS,
        limits=httpx.Limits(max_keepalive_connections=0),
        trust_env=False,
    )


def run_a_cell(origin: str, token: str) -> None:
    """Open a kernel in the server at this address and have it print."""
    with NotebookClient(origin, token) as notebook:
        assert notebook.execute("print(6 * 7)") == "42\n"


def timed(act: Callable[[], None]) -> float:
    """How many seconds it took."""
    began = time.monotonic()
    act()
    return time.monotonic() - began


def all_at_once(acts: Sequence[Callable[[], None]]) -> Together:
    """Have everybody begin in the same moment, and wait for the last."""
    outcome, barrier = Together(), Barrier(len(acts))

    def take_part(act: Callable[[], None]) -> None:
        barrier.wait()
        try:
            outcome.seconds.append(timed(act))
        except Exception as error:  # noqa: BLE001 - whatever it was, one of them did not get there
            outcome.failures.append(repr(error))

    with ThreadPoolExecutor(len(acts)) as pool:
        outcome.until_all_seconds = timed(lambda: [*pool.map(take_part, acts)].clear())
    return outcome


def admit(stack: Stack, names: Sequence[str]) -> list[Credentials]:
    """Sign these people in, who get an account if they have none."""
    command = [sys.executable, "-m", "benchmarks.make_people", *names]
    done = subprocess.run(command, env=stack.environment, check=True, stdout=subprocess.PIPE, timeout=60)
    return [Credentials(**credentials) for credentials in json.loads(done.stdout)]
