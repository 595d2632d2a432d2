"""What the tests of the gateway share: browsers and programs at a server's origin, and how they get in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_websocket

from accounts.models import ApiToken, Scope, User
from environments.models import NotebookServer
from environments.tickets import issue_ticket, redeem_ticket
from tests.factories import running_server
from tests.fakes.notebook_server import GatewayInFront


@dataclass
class Response:
    """What came back, read to its end."""

    status: int
    headers: HTTPResponse
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return self.headers.getheader(name)


@dataclass
class Visit:
    """A person's browser (`cookie`) or program (`token`) at one server's origin."""

    gateway: GatewayInFront
    subdomain: str
    cookie: str = ""
    token: str = ""

    @property
    def host(self) -> str:
        return f"{self.subdomain}.localhost:8000"

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    def credentials(self) -> dict[str, str]:
        cookie = {"Cookie": f"carrel_pass={self.cookie}"} if self.cookie else {}
        return cookie | ({"Authorization": f"Bearer {self.token}"} if self.token else {})

    @contextmanager
    def open(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: Any = None
    ) -> Iterator[HTTPResponse]:
        connection = HTTPConnection("127.0.0.1", self.gateway.port, timeout=20)
        own = {"Host": self.host} | self.credentials()
        try:
            connection.request(method, target, body=body, headers=own | (headers or {}))
            yield connection.getresponse()
        finally:
            connection.close()

    def ask(self, method: str, target: str, headers: dict[str, str] | None = None, body: Any = None) -> Response:
        with self.open(method, target, headers, body) as response:
            return Response(response.status, response, response.read())

    def get(self, target: str, **headers: str) -> Response:
        return self.ask("GET", target, {name.replace("_", "-"): value for name, value in headers.items()})

    def websocket(self, path: str = "/websocket", **options: Any) -> ClientConnection:
        headers = self.credentials() | options.pop("headers", {})
        websocket: ClientConnection = connect_websocket(
            f"ws://{self.host}{path}",
            sock=self.gateway.connect(),
            origin=options.pop("origin", self.origin if not self.token else None),
            additional_headers=headers,
            compression=None,
            max_size=None,
            proxy=None,
            **options,
        )
        return websocket


def make_server(owner: User, gateway: GatewayInFront, **fields: Any) -> NotebookServer:
    return running_server(owner=owner, **{"endpoint": f"127.0.0.1:{gateway.notebook.port}"} | fields)


def sign_in(user: User) -> str:
    session = SessionStore()
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    assert session.session_key
    return session.session_key


def ticket_for(server: NotebookServer, user: User | None = None, session_key: str = "", age: float = 0) -> str:
    user = user or server.owner
    return issue_ticket(
        server,
        user=user,
        session_key=session_key or sign_in(user),
        session_hash=user.get_session_auth_hash(),
        now=timezone.now() - timedelta(seconds=age),
    )


def pass_for(server: NotebookServer, user: User | None = None, session_key: str = "") -> str:
    ticket = ticket_for(server, user, session_key)
    cookie = redeem_ticket(ticket, subdomain=server.subdomain, now=timezone.now())
    assert cookie
    return cookie


def token_for(user: User, *scopes: Scope, days: int = 1) -> str:
    _, token = ApiToken.objects.create(user=user, scopes=list(scopes), expiry=timedelta(days=days))
    return str(token)
