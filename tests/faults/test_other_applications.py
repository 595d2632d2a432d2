"""Applications other than Jupyter, behind jupyter-server-proxy and the gateway: pages, forms, redirects, sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest

from tests.fakes.git_host import GitHost
from tests.faults.people import Person, Server, Visit, with_pass
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

BUILDING_SECONDS = 200.0
LARGE = 3_000_000
CONFIG = """
import sys
from pathlib import Path

home = Path(__file__).parents[1]
c.ServerProxy.servers = {
    "mirror": {"command": [sys.executable, str(home / "mirror.py"), "{port}"]},
    "whole": {"command": [sys.executable, str(home / "mirror.py"), "{port}"], "absolute_url": True},
}
"""
MIRROR = '''
"""Shows what it is asked with, redirects as frameworks do, keeps a cookie, streams, and echoes."""

import asyncio
import sys

from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler


class Headers(RequestHandler):
    def get(self):
        self.write(dict(self.request.headers))


class Absolute(RequestHandler):
    def get(self):
        protocol = self.request.headers.get("X-Forwarded-Proto", "http")
        self.redirect(f"{protocol}://{self.request.host}/mirror/headers")


class Form(RequestHandler):
    def post(self):
        self.set_cookie("mirror", self.get_argument("word"), path="/mirror/")
        self.redirect("/mirror/cookie", status=303)


class Cookie(RequestHandler):
    def get(self):
        self.write(self.get_cookie("mirror", "none"))


class Events(RequestHandler):
    async def get(self):
        self.set_header("Content-Type", "text/event-stream")
        self.write("data: 1\\n\\n")
        await self.flush()
        await asyncio.Event().wait()


class Echo(WebSocketHandler):
    def select_subprotocol(self, subprotocols):
        return subprotocols[-1] if subprotocols else None

    def on_message(self, message):
        self.write_message(message, binary=isinstance(message, bytes))


HANDLERS = [("/headers", Headers), ("/absolute", Absolute), ("/form", Form), ("/cookie", Cookie)]
HANDLERS += [("/events", Events), ("/echo", Echo)]


async def main():
    whole = [("/whole" + path, handler) for path, handler in HANDLERS]
    Application([*HANDLERS, *whole], websocket_max_message_size=1 << 26).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
'''


@dataclass(frozen=True)
class Application:
    """A server with an application in it, and its owner's browser there."""

    person: Person
    server: Server
    visit: Visit
    pages: httpx.Client

    @property
    def origin(self) -> str:
        url: str = self.server["url"]
        return url


@pytest.fixture(scope="module")
def owner(stack: Stack) -> Iterator[Person]:
    """Whose servers these are."""
    with closing(Person(stack, "teacher", stack.token("teacher"))) as person:
        yield person


@pytest.fixture(scope="module")
def dashboard(owner: Person) -> Application:
    """The example, opened by its `urlpath`."""
    return arrived(owner, "example/dashboard", urlpath="dashboard/")


@pytest.fixture(scope="module")
def mirror(owner: Person, repositories: GitHost) -> Application:
    """A repository with an application that does what frameworks do."""
    repositories.add(
        "mirror",
        {
            "requirements.txt": "jupyter-server-proxy==4.6.0\n",
            ".jupyter/jupyter_server_config.py": CONFIG,
            "mirror.py": MIRROR,
        },
    )
    return arrived(owner, repositories.url("mirror"), urlpath="mirror/headers")


def test_link_opens_the_application(dashboard: Application) -> None:
    ticket = dashboard.person.ticket(dashboard.pages, dashboard.server)

    entered = dashboard.person.arrive(dashboard.server, {}).ask("GET", ticket)
    page = dashboard.visit.ask("GET", entered.headers["Location"])

    assert entered.headers["Location"] == "/dashboard/"
    assert (page.status_code, "<h1>Three dice</h1>" in page.text) == (200, True)


def test_application_is_found_without_its_slash(dashboard: Application) -> None:
    answer = dashboard.visit.ask("GET", "/dashboard")

    assert answer.is_redirect
    assert landing(dashboard, answer) == f"{dashboard.origin}/dashboard/"


def test_application_answers_over_its_socket(dashboard: Application) -> None:
    with dashboard.visit.socket("/dashboard/throws") as socket:
        socket.send(json.dumps({"dice": 3, "throws": 1000}))
        answer = json.loads(socket.recv(timeout=20))

    assert answer["throws"] == 1000
    assert sum(answer["sums"].values()) == 1000


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost", "null"])
def test_socket_is_refused_to_pages_of_others(dashboard: Application, origin: str) -> None:
    headers = {**dashboard.visit.headers, "Origin": origin}

    assert dashboard.person.arrive(dashboard.server, headers).handshake("/dashboard/throws") == 403


def test_application_is_refused_to_strangers(dashboard: Application) -> None:
    stranger = dashboard.person.arrive(dashboard.server, {})

    assert stranger.ask("GET", "/dashboard/").status_code == 401
    assert stranger.handshake("/dashboard/throws") == 401


def test_application_learns_under_which_address_it_is_seen(mirror: Application) -> None:
    told = httpx.Headers(mirror.visit.ask("GET", "/mirror/headers").json())

    assert told["Host"] == urlsplit(mirror.origin).netloc
    assert told["X-Forwarded-Host"] == urlsplit(mirror.origin).netloc
    assert told["X-Forwarded-Proto"].split(",")[0] == "http"
    assert told["X-Forwarded-Prefix"] == told["X-Forwarded-Context"] == "/mirror"


def test_application_is_not_told_who_lets_people_in(mirror: Application) -> None:
    headers = {**mirror.visit.headers, "Cookie": f"{mirror.visit.headers['Cookie']}; mine=1"}
    told = httpx.Headers(mirror.person.arrive(mirror.server, headers).ask("GET", "/mirror/headers").json())

    assert told["Cookie"] == "mine=1"


def test_redirect_with_a_whole_address_stays_at_the_origin(mirror: Application) -> None:
    answer = mirror.visit.ask("GET", "/mirror/absolute")

    assert landing(mirror, answer) == f"{mirror.origin}/mirror/headers"


def test_form_is_taken_and_its_cookie_kept(mirror: Application) -> None:
    answer = mirror.visit.ask("POST", "/mirror/form", data={"word": "hello"})
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    headers = {**mirror.visit.headers, "Cookie": f"{mirror.visit.headers['Cookie']}; {cookie}"}

    shown = mirror.person.arrive(mirror.server, headers).ask("GET", "/mirror/cookie")

    assert answer.status_code == 303
    assert shown.text == "hello"


def test_events_come_as_they_are_sent(mirror: Application) -> None:
    asked_as_browsers_do = {"Accept": "text/event-stream"}  # jupyter-server-proxy gathers anything else first.
    with mirror.visit.http.stream("GET", "/mirror/events", headers=asked_as_browsers_do, timeout=20) as events:
        first = next(events.iter_text())

    assert first == "data: 1\n\n"


def test_socket_carries_large_messages_under_a_protocol_of_its_own(mirror: Application) -> None:
    with mirror.visit.socket("/mirror/echo", subprotocols=["binary"]) as socket:
        socket.send(bytes(LARGE))
        echoed = socket.recv(timeout=20)

    assert socket.subprotocol == "binary"
    assert len(echoed) == LARGE


def test_application_that_knows_its_whole_address_works_too(mirror: Application) -> None:
    with mirror.visit.socket("/whole/echo") as socket:
        socket.send("hello")

        assert socket.recv(timeout=20) == "hello"


def arrived(person: Person, repository: str, *, urlpath: str) -> Application:
    """The application, once it runs."""
    server = person.await_state(
        person.launch(repository, urlpath=urlpath), "running", "failed", seconds=BUILDING_SECONDS
    )
    assert server["state"] == "running", server["reason"]
    pages = person.sign_in()
    headers = with_pass(server, person.enter(pages, server))
    return Application(person, server, person.arrive(server, headers), pages)


def landing(application: Application, answer: httpx.Response) -> str:
    """Where a browser that got this answer goes."""
    return str(httpx.URL(f"{application.origin}{answer.request.url.path}").join(answer.headers["Location"]))
