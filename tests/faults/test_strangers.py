"""The wrong person: to them another's server does not exist, whichever way they try. And the right one, too late."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from environments.gateway.relaying import ACCESS_LOST
from tests.faults.conftest import Prepared
from tests.faults.people import (
    PASS_COOKIE,
    SESSION_COOKIE,
    Person,
    Server,
    Visit,
    csrf,
    handshake,
    with_pass,
)
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

CLOSING_SECONDS = 5.0
SLACK_SECONDS = 1.0
"""What a busy machine may add to any measurement."""
NEVER_GIVEN = "never-given-2345678923"
PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

PAGES = [
    ("GET", "/servers/{id}/"),
    ("POST", "/servers/{id}/start/"),
    ("POST", "/servers/{id}/stop/"),
    ("GET", "/servers/{id}/delete/"),
    ("POST", "/servers/{id}/delete/"),
    ("GET", "/servers/{id}/open/"),
    ("GET", "/open/{subdomain}/"),
    ("POST", "/builds/{build}/cancel/"),
]
CALLS = [
    ("GET", "/servers/{id}/"),
    ("DELETE", "/servers/{id}/"),
    ("POST", "/servers/{id}/start/"),
    ("POST", "/servers/{id}/stop/"),
    ("GET", "/builds/{build}/"),
    ("GET", "/builds/{build}/log/"),
    ("POST", "/builds/{build}/cancel/"),
]
REQUESTS = [
    ("GET", "/"),
    ("GET", "/lab"),
    ("GET", "/api/status"),
    ("GET", "/files/postBuild"),
    ("PUT", "/api/contents/theirs.txt"),
    ("POST", "/api/kernels"),
    ("DELETE", "/api/terminals/1"),
    ("POST", "/api/shutdown"),
]
SOCKETS = ["/api/kernels/{kernel}/channels", "/terminals/websocket/1", "/api/events/subscribe"]


@dataclass(frozen=True)
class Scene:
    """A server that runs, with a kernel in it, and a stranger who has a server, a session and a token of their own."""

    owner: Person
    server: Server
    names: dict[str, str]
    stranger: Person
    browser: httpx.Client
    pass_cookie: str

    def by_program(self) -> Visit:
        """The stranger at the owner's server, with a good token of their own."""
        return self.stranger.visit(self.server)

    def by_browser(self) -> Visit:
        """The stranger at the owner's server, with the cookie that lets them into their own."""
        return self.stranger.arrive(self.server, with_pass(self.server, self.pass_cookie))


@pytest.fixture(scope="module")
def scene(stack: Stack, prepared: Prepared, token_of: Callable[[str], str]) -> Iterator[Scene]:
    """Both servers run for the whole module; nobody in it is able to change them."""
    with (
        closing(Person(stack, "student", token_of("student"))) as owner,
        closing(Person(stack, "teacher", token_of("teacher"))) as stranger,
    ):
        server, other = owner.launch_and_wait(prepared.url), stranger.launch_and_wait(prepared.url)
        kernel = owner.visit(server).ask("POST", "/api/kernels", json={}).raise_for_status().json()
        browser = stranger.sign_in()
        names = {
            "id": server["id"],
            "build": prepared.build_id,
            "subdomain": subdomain_of(server),
            "kernel": kernel["id"],
        }
        yield Scene(owner, server, names, stranger, browser, stranger.enter(browser, other))


@pytest.mark.parametrize(("method", "path"), PAGES)
def test_finds_no_page(method: str, path: str, scene: Scene) -> None:
    answer = scene.browser.request(method, path.format(**scene.names), headers=csrf(scene.browser))

    assert answer.status_code == 404


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_finds_nothing_in_the_api(method: str, path: str, scene: Scene) -> None:
    answer = scene.stranger.api.request(method, path.format(**scene.names))

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_finds_no_server_by_token(method: str, path: str, scene: Scene) -> None:
    answer = scene.by_program().ask(method, path)

    assert (answer.status_code, answer.json()["code"]) == (404, "server_not_found")


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_finds_no_server_by_cookie(method: str, path: str, scene: Scene) -> None:
    answer = scene.by_browser().ask(method, path)

    assert (answer.status_code, answer.json()["code"]) == (404, "server_not_found")


@pytest.mark.parametrize("path", SOCKETS)
def test_opens_no_socket_by_token(path: str, scene: Scene) -> None:
    assert scene.by_program().handshake(path.format(**scene.names)) == 404


@pytest.mark.parametrize("path", SOCKETS)
def test_opens_no_socket_by_cookie(path: str, scene: Scene) -> None:
    assert scene.by_browser().handshake(path.format(**scene.names)) == 404


def test_follows_no_server(stack: Stack, scene: Scene) -> None:
    cookie = {"Cookie": f"{SESSION_COOKIE}={scene.browser.cookies[SESSION_COOKIE]}", "Origin": stack.base_url}

    status = handshake(f"ws://localhost:{stack.port}/ws/servers/{scene.server['id']}/", stack.port, cookie)

    assert status == 404


def test_cannot_tell_a_server_from_none(stack: Stack, scene: Scene) -> None:
    nothing = scene.server | {"url": f"http://{NEVER_GIVEN}.localhost:{stack.port}"}

    here, nowhere = scene.by_program().ask("GET", "/lab"), scene.stranger.visit(nothing).ask("GET", "/lab")

    assert (here.status_code, here.content) == (nowhere.status_code, nowhere.content)


def test_leads_a_stranger_from_the_server_to_a_page_that_does_not_exist(scene: Scene) -> None:
    redirect = scene.stranger.arrive(scene.server, PAGE).ask("GET", "/lab")

    page = scene.browser.get(redirect.headers["Location"])

    assert (redirect.status_code, page.status_code) == (302, 404)


def test_redeems_a_stolen_ticket_once(scene: Scene) -> None:
    ticket = scene.owner.ticket(scene.owner.sign_in(), scene.server)
    thief = scene.owner.arrive(scene.server, {})

    first, second = thief.ask("GET", ticket), scene.owner.arrive(scene.server, {}).ask("GET", ticket)

    assert PASS_COOKIE in first.cookies
    assert (second.status_code, second.json()["code"]) == (403, "ticket_invalid")
    assert PASS_COOKIE not in second.cookies


def test_redeems_no_ticket_at_another_server(scene: Scene) -> None:
    ticket = scene.owner.ticket(scene.owner.sign_in(), scene.server)
    (other,) = scene.stranger.servers()

    answer = scene.stranger.arrive(other, {}).ask("GET", ticket)

    assert (answer.status_code, answer.json()["code"]) == (403, "ticket_invalid")


def test_refuses_a_token_that_may_not_use_servers(stack: Stack, scene: Scene) -> None:
    token = stack.manage("token", "student", "--scopes", "servers:read", "servers:write").split()[-1]
    program = scene.owner.arrive(scene.server, {"Authorization": f"Bearer {token}"})

    answer = program.ask("GET", "/api/status")

    assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_required")
    assert program.handshake(f"/api/kernels/{scene.names['kernel']}/channels") == 401


def test_shuts_the_door_soon_after_signing_out(scene: Scene) -> None:
    browser = scene.owner.sign_in()
    cookie = scene.owner.enter(browser, scene.server)
    visit = scene.owner.arrive(scene.server, with_pass(scene.server, cookie))
    with visit.socket(f"/api/kernels/{scene.names['kernel']}/channels") as channels:
        before = visit.ask("GET", "/api/status")

        browser.post("/accounts/logout/", headers=csrf(browser))
        signed_out_at = time.monotonic()
        close_code = wait_for_close(channels)
        seconds = time.monotonic() - signed_out_at

    assert before.status_code == 200
    assert close_code == ACCESS_LOST
    assert seconds < CLOSING_SECONDS + SLACK_SECONDS
    assert visit.ask("GET", "/api/status").status_code == 401


def wait_for_close(connection: ClientConnection) -> int | None:
    """The code the other side closes with, once it does."""
    with suppress(ConnectionClosed):
        while True:
            connection.recv(timeout=2 * CLOSING_SECONDS)
    return connection.close_code


def subdomain_of(server: Server) -> str:
    """The first label of its origin."""
    return urlsplit(server["url"]).netloc.partition(".")[0]
