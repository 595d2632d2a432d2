"""People who use a stack: programs with a token, browsers with cookies, both at their servers' own origins."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.faults.traces import is_at_rest
from tests.stack import Stack, wait_until

PATIENCE_SECONDS = 60.0
SESSION_COOKIE = "carrel_session"
PASS_COOKIE = "carrel_pass"
CSRF_COOKIE = "carrel_csrf"
_PROPOSAL = re.compile(r'name="proposal" value="([^"]+)"')

Server = dict[str, Any]
"""A server as the API shows it."""


class Visit:
    """Somebody at one server's origin, with the headers they bring along."""

    def __init__(self, origin: str, headers: dict[str, str]) -> None:
        self._host = urlsplit(origin).netloc
        self._port = urlsplit(origin).port or 80
        self.headers = headers
        # By address, whatever the origin's name is: not every resolver knows `*.localhost`.
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self._port}",
            headers={"Host": self._host, **headers},
            timeout=60,
            trust_env=False,
        )

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request."""
        return self.http.request(method, path, **options)

    def socket(self, path: str, *, subprotocols: Sequence[str] | None = None) -> ClientConnection:
        """An open websocket. Raises InvalidStatus when the handshake is refused."""
        return open_socket(f"ws://{self._host}{path}", self._port, self.headers, subprotocols)

    def handshake(self, path: str) -> int:
        """The status a websocket's handshake is answered with."""
        return handshake(f"ws://{self._host}{path}", self._port, self.headers)


class Person:
    """One of the demo's people. What they launched is gone, to the last process, after `close`."""

    def __init__(self, stack: Stack, username: str, token: str) -> None:
        self.token = token
        self._stack = stack
        self._username = username
        self._resources = ExitStack()
        self._launched: set[str] = set()
        self.api = self._client(f"{stack.base_url}/api/v1", {"Authorization": f"Bearer {token}"})

    # --- By the API

    def launch(self, repository: str, **fields: Any) -> Server:
        """Have a server made."""
        return self._remembered(self.api.post("/servers/", json={"repository": repository, **fields}))

    def launch_environment(self, name: str) -> Server:
        """Have a server made as the catalog says."""
        return self._remembered(self.api.post("/servers/", json={"environment": name}))

    def launch_and_wait(self, repository: str, **fields: Any) -> Server:
        """Have a server made and wait until it runs."""
        return self.await_state(self.launch(repository, **fields), "running")

    def command(self, server: Server, verb: str) -> httpx.Response:
        """`start` or `stop` it."""
        return self.api.post(f"/servers/{server['id']}/{verb}/")

    def delete(self, server: Server) -> httpx.Response:
        """Delete it."""
        return self.api.delete(f"/servers/{server['id']}/")

    def forget_in_the_end(self, server: Server) -> None:
        """Have one that was made by the pages deleted like those made by the API."""
        self._launched.add(server["id"])

    def read(self, server: Server) -> Server:
        """The server as it is now."""
        now: Server = self.api.get(f"/servers/{server['id']}/").raise_for_status().json()
        return now

    def await_state(self, server: Server, *states: str, seconds: float = PATIENCE_SECONDS) -> Server:
        """The server once it is in one of these states."""
        now = server

        def has_arrived() -> bool:
            nonlocal now
            now = self.read(server)
            return now["state"] in states

        wait_until(has_arrived, seconds=seconds, why=f"the server is {' or '.join(states)}")
        return now

    def servers(self) -> list[Server]:
        """All of their servers."""
        found: list[Server] = self.api.get("/servers/").raise_for_status().json()["results"]
        return found

    # --- By the pages

    def sign_in(self) -> httpx.Client:
        """A browser in which they are signed in, ready to send forms."""
        browser = self._client(self._stack.base_url)
        browser.get("/accounts/login/").raise_for_status()
        form = {"login": self._username, "password": self._stack.password(self._username)}
        answer = browser.post("/accounts/login/", data=form, headers=csrf(browser))
        assert answer.is_redirect, answer.text
        return browser

    def ticket(self, browser: httpx.Client, server: Server) -> str:
        """The path, at the server's origin, with which a browser gets in."""
        answer = browser.get(f"/servers/{server['id']}/open/")
        location = urlsplit(answer.headers["Location"])
        assert location.netloc == urlsplit(server["url"]).netloc, answer.headers["Location"]
        return f"{location.path}?{location.query}"

    # --- At a server's origin

    def visit(self, server: Server) -> Visit:
        """Their program at this origin, be it theirs or not."""
        return self.arrive(server, {"Authorization": f"Bearer {self.token}"})

    def enter(self, browser: httpx.Client, server: Server) -> str:
        """The value of the cookie their browser gets at their own server's origin."""
        answer = self.arrive(server, {}).ask("GET", self.ticket(browser, server))
        return answer.cookies[PASS_COOKIE]

    def arrive(self, server: Server, headers: dict[str, str]) -> Visit:
        """Somebody at this origin, who lets go of it when this person is closed."""
        visit = Visit(server["url"], headers)
        self._resources.callback(visit.http.close)
        return visit

    def close(self) -> None:
        """Delete what they launched, and wait until nothing of it is left."""
        for server_id in self._launched:
            self.api.delete(f"/servers/{server_id}/")
        self._resources.close()
        wait_until(self._is_over, seconds=PATIENCE_SECONDS, why="what they launched is gone")
        self._launched.clear()

    def _client(self, base_url: str, headers: dict[str, str] | None = None) -> httpx.Client:
        client = httpx.Client(base_url=base_url, headers=headers, timeout=60, trust_env=False)
        self._resources.callback(client.close)
        return client

    def _remembered(self, answer: httpx.Response) -> Server:
        assert answer.status_code in (200, 201), answer.text
        server: Server = answer.json()
        self._launched.add(server["id"])
        return server

    def _is_over(self) -> bool:
        return all(is_at_rest(self._stack, server_id) for server_id in self._launched)


def proposed(page: str) -> str:
    """What the page that asks whether to launch wants to be sent back."""
    match = _PROPOSAL.search(page)
    assert match, page
    return match[1]


def csrf(browser: httpx.Client) -> dict[str, str]:
    """What a form of ours sends along with a browser's cookies."""
    return {"X-CSRFToken": browser.cookies[CSRF_COOKIE]}


def with_pass(server: Server, cookie: str) -> dict[str, str]:
    """What a browser with this pass sends from a page of this server."""
    return {"Cookie": f"{PASS_COOKIE}={cookie}", "Origin": server["url"]}


def open_socket(
    url: str, port: int, headers: dict[str, str], subprotocols: Sequence[str] | None = None
) -> ClientConnection:
    """A websocket to a name that is served on this machine. Raises InvalidStatus when it is refused."""
    return connect(
        url,
        sock=socket.create_connection(("127.0.0.1", port), timeout=10),
        additional_headers=headers,
        subprotocols=[Subprotocol(name) for name in subprotocols] if subprotocols else None,
        max_size=None,
        proxy=None,
    )


def handshake(url: str, port: int, headers: dict[str, str]) -> int:
    """The status a websocket's handshake is answered with."""
    try:
        with open_socket(url, port, headers):
            return HTTPStatus.SWITCHING_PROTOCOLS
    except InvalidStatus as refused:
        return refused.response.status_code
