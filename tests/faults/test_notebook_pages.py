"""A hostile page on a notebook's origin, in a real browser: it can call nothing of Carrel, and no other notebook."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import BrowserContext, Response

from tests.faults.conftest import Prepared
from tests.faults.people import PASS_COOKIE, SESSION_COOKIE, Person, Server, handshake
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.timeout(120)]

ATTEMPT = """
const outcomes = {};
const refused = () => { throw new Error("refused"); };
const attempt = async (name, act) => {
  const giveUp = new Promise((_, reject) => setTimeout(() => reject(new Error("no answer")), 4000));
  try { outcomes[name] = String(await Promise.race([act(), giveUp])); } catch { /* as it should be */ }
};
const call = (url, method, body, mode) =>
  fetch(url, {method, mode, credentials: "include", headers: {"Content-Type": "text/plain"}, body});
const read = async (url, method, body) => (await call(url, method, body, "cors")).text();
const embed = (url) => new Promise((resolve, reject) => {
  const frame = document.createElement("iframe");
  frame.onload = () => { try { resolve(frame.contentDocument.body.innerText || refused()); } catch (e) { reject(e); } };
  frame.src = url;
  document.body.append(frame);
});
const open = (url) => new Promise((resolve, reject) => {
  const socket = new WebSocket(url);
  socket.onopen = () => resolve("open");
  socket.onclose = socket.onerror = reject;
});
const post = (url) => new Promise((resolve) => {
  const frame = document.createElement("iframe");
  frame.name = "answer";
  document.body.append(frame);
  const form = document.createElement("form");
  Object.assign(form, {method: "post", action: url, target: "answer"});
  document.body.append(form);
  frame.onload = resolve;
  form.submit();
});
"""
ON_CARREL = (
    """async ({carrel, sockets, id, repository}) => {"""
    + ATTEMPT
    + """
  const launch = JSON.stringify({repository});
  await attempt("reads the servers", () => read(`${carrel}/api/v1/servers/`, "GET"));
  await attempt("reads the page", () => read(`${carrel}/servers/${id}/`, "GET"));
  await attempt("launches", () => read(`${carrel}/api/v1/servers/`, "POST", launch));
  await attempt("stops", () => read(`${carrel}/servers/${id}/stop/`, "POST"));
  await attempt("embeds the page", () => embed(`${carrel}/servers/${id}/`));
  await attempt("follows the server", () => open(`${sockets}/ws/servers/${id}/`));
  await attempt("reads our cookies", () => /carrel/.test(document.cookie) ? document.cookie : refused());
  await attempt("reaches its opener", () => window.opener || refused());
  const blind = (url, body) => call(url, "POST", body, "no-cors").catch(() => {});
  await blind(`${carrel}/api/v1/servers/`, launch);
  await blind(`${carrel}/servers/${id}/stop/`);
  await Promise.race([post(`${carrel}/servers/${id}/stop/`), new Promise((done) => setTimeout(done, 1000))]);
  return outcomes;
}"""
)
ON_ANOTHER_SERVER = (
    """async ({server, sockets, kernel}) => {"""
    + ATTEMPT
    + """
  await attempt("reads its files", () => read(`${server}/api/contents`, "GET"));
  await attempt("starts a kernel", () => read(`${server}/api/kernels`, "POST", "{}"));
  await attempt("embeds it", () => embed(`${server}/api/contents`));
  await attempt("runs code", () => open(`${sockets}/api/kernels/${kernel}/channels`));
  await call(`${server}/api/kernels`, "POST", "{}", "no-cors").catch(() => {});
  await attempt("loads a script", () => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, {src: `${server}/api/contents`, onload: resolve, onerror: reject});
    document.head.append(script);
  }));
  return outcomes;
}"""
)
EVIL = """<!doctype html><title>Evil</title><body><script>
const attack = {attack};
attack({arguments}).then((outcomes) => {{ window.outcomes = outcomes; }});
</script></body>"""
SIBLING_CALLS = [
    ("GET", "/", "navigate", "iframe"),
    ("GET", "/api/v1/servers/", "cors", "empty"),
    ("GET", "/servers/{id}/open/", "no-cors", "image"),
    ("POST", "/api/v1/servers/", "no-cors", "empty"),
    ("POST", "/servers/{id}/stop/", "no-cors", "empty"),
    ("POST", "/servers/{id}/stop/", "navigate", "document"),
]
"""What a page of a notebook may try, and how a browser describes it."""


@dataclass(frozen=True)
class Victim:
    """Somebody signed in, with two servers, both open in their browser."""

    person: Person
    session: httpx.Client
    server: Server
    other: Server
    kernel: str
    pass_cookie: str


@pytest.fixture(scope="module")
def victim(stack: Stack, prepared: Prepared, token_of: Callable[[str], str]) -> Iterator[Victim]:
    """Their servers run for the whole module: no page in it is able to change them."""
    with closing(Person(stack, "student", token_of("student"))) as person:
        server = person.launch_and_wait(prepared.url, name="hostile")
        other = person.launch_and_wait(prepared.url, name="innocent")
        kernel = person.visit(other).ask("POST", "/api/kernels", json={}).raise_for_status().json()
        session = person.sign_in()
        yield Victim(person, session, server, other, kernel["id"], person.enter(session, other))


@pytest.fixture
def signed_in(context: BrowserContext, stack: Stack, victim: Victim) -> BrowserContext:
    """Their browser, which has been to both servers."""
    value = victim.session.cookies[SESSION_COOKIE]
    context.add_cookies([{"name": SESSION_COOKIE, "value": value, "url": stack.base_url}])
    page = context.new_page()
    for server in (victim.server, victim.other):
        page.goto(f"{stack.base_url}/servers/{server['id']}/open/?next=/api/status")
        assert page.url.startswith(server["url"])
    page.close()
    return context


@pytest.fixture
def answers(signed_in: BrowserContext, stack: Stack) -> list[tuple[str, int]]:
    """What Carrel's own origin answers from now on, its style sheets and scripts left out."""
    seen: list[tuple[str, int]] = []

    def note(response: Response) -> None:
        if response.url.startswith(f"{stack.base_url}/") and "/static/" not in response.url:
            seen.append((f"{response.request.method} {response.url}", response.status))

    signed_in.on("response", note)
    return seen


@pytest.fixture
def on_carrel(stack: Stack, victim: Victim, prepared: Prepared) -> dict[str, str]:
    """What an attack on Carrel has to know."""
    return {
        "carrel": stack.base_url,
        "sockets": stack.base_url.replace("http", "ws", 1),
        "id": victim.server["id"],
        "repository": prepared.url,
    }


@pytest.fixture
def on_another_server(victim: Victim) -> dict[str, str]:
    """What an attack on another server has to know."""
    url: str = victim.other["url"]
    return {"server": url, "sockets": url.replace("http", "ws", 1), "kernel": victim.kernel}


class TestAgainstCarrel:
    """What such a page tries on Carrel's own origin, where its reader is signed in."""

    def test_works_from_a_page_of_carrel(self, signed_in: BrowserContext, on_carrel: dict[str, str]) -> None:
        page = signed_in.new_page()
        page.goto(f"{on_carrel['carrel']}/")

        outcomes = page.evaluate(ON_CARREL, on_carrel)

        assert {"reads the servers", "reads the page", "follows the server"} <= outcomes.keys()

    def test_is_refused_to_a_page_of_a_notebook(
        self,
        signed_in: BrowserContext,
        answers: list[tuple[str, int]],
        victim: Victim,
        on_carrel: dict[str, str],
    ) -> None:
        page = signed_in.new_page()
        page.goto(f"{victim.server['url']}/lab", wait_until="domcontentloaded")

        outcomes = page.evaluate(ON_CARREL, on_carrel)

        assert outcomes == {}
        assert_refused(answers)
        assert_unharmed(victim)

    def test_is_refused_to_a_file_in_a_server(
        self,
        signed_in: BrowserContext,
        answers: list[tuple[str, int]],
        victim: Victim,
        on_carrel: dict[str, str],
    ) -> None:
        html = EVIL.format(attack=ON_CARREL, arguments=json.dumps(on_carrel))
        model = {"type": "file", "format": "text", "content": html}
        victim.person.visit(victim.server).ask("PUT", "/api/contents/evil.html", json=model).raise_for_status()
        page = signed_in.new_page()

        page.goto(f"{victim.server['url']}/files/evil.html")
        outcomes = page.wait_for_function("window.outcomes").json_value()

        assert outcomes == {}
        assert_refused(answers)
        assert_unharmed(victim)

    def test_leaves_no_handle_on_the_page_that_opened_a_notebook(
        self, signed_in: BrowserContext, stack: Stack, victim: Victim
    ) -> None:
        page = signed_in.new_page()
        page.goto(f"{stack.base_url}/servers/{victim.server['id']}/")

        with signed_in.expect_page() as opened:
            page.evaluate("(url) => { window.open(url); }", f"/servers/{victim.server['id']}/open/?next=/api/status")
        opened.value.wait_for_url(f"{victim.server['url']}/**")

        assert opened.value.evaluate("window.opener === null")

    def test_leaves_no_handle_on_a_page_that_a_notebook_opened(
        self, signed_in: BrowserContext, stack: Stack, victim: Victim
    ) -> None:
        page = signed_in.new_page()
        page.goto(f"{victim.server['url']}/lab", wait_until="domcontentloaded")

        with signed_in.expect_page() as opened:
            page.evaluate("(url) => { window.carrel = window.open(url); }", f"{stack.base_url}/")
        opened.value.wait_for_load_state()

        assert opened.value.url == f"{stack.base_url}/"
        assert page.evaluate("window.carrel.closed")

    @pytest.mark.parametrize(("method", "path", "mode", "destination"), SIBLING_CALLS)
    def test_is_refused_where_cookies_travel_along(
        self, method: str, path: str, mode: str, destination: str, victim: Victim
    ) -> None:
        described = fetched_by(victim.server, mode, destination)

        answer = victim.session.request(method, path.format(id=victim.server["id"]), headers=described)

        assert answer.status_code == 403
        assert_unharmed(victim)

    def test_opens_no_socket_where_cookies_travel_along(self, stack: Stack, victim: Victim) -> None:
        cookie = f"{SESSION_COOKIE}={victim.session.cookies[SESSION_COOKIE]}"
        headers = {"Cookie": cookie, "Origin": victim.server["url"]}

        status = handshake(f"ws://localhost:{stack.port}/ws/servers/{victim.server['id']}/", stack.port, headers)

        assert status == 403


class TestAgainstAnotherServer:
    """What such a page tries on the origin of another server, which its reader has open too."""

    def test_works_from_a_page_of_that_server(
        self, signed_in: BrowserContext, victim: Victim, on_another_server: dict[str, str]
    ) -> None:
        page = signed_in.new_page()
        page.goto(f"{victim.other['url']}/lab", wait_until="domcontentloaded")

        outcomes = page.evaluate(ON_ANOTHER_SERVER, on_another_server)

        assert {"reads its files", "starts a kernel", "embeds it", "runs code"} <= outcomes.keys()

    def test_is_refused_to_a_page_of_a_notebook(
        self, signed_in: BrowserContext, victim: Victim, on_another_server: dict[str, str]
    ) -> None:
        before = kernels(victim)
        page = signed_in.new_page()
        page.goto(f"{victim.server['url']}/lab", wait_until="domcontentloaded")

        outcomes = page.evaluate(ON_ANOTHER_SERVER, on_another_server)

        assert outcomes == {}
        assert kernels(victim) == before
        assert_unharmed(victim)

    @pytest.mark.parametrize(
        ("method", "path", "mode", "destination"),
        [
            ("GET", "/api/contents", "cors", "empty"),
            ("GET", "/files/notes.txt", "no-cors", "script"),
            ("GET", "/lab", "navigate", "iframe"),
            ("POST", "/api/kernels", "no-cors", "empty"),
            ("POST", "/api/shutdown", "navigate", "document"),
        ],
    )
    def test_is_refused_where_cookies_travel_along(
        self, method: str, path: str, mode: str, destination: str, victim: Victim
    ) -> None:
        described = fetched_by(victim.server, mode, destination) | pass_for_other(victim)

        answer = victim.person.arrive(victim.other, described).ask(method, path)

        assert answer.status_code == 403
        assert_unharmed(victim)

    def test_opens_no_socket_where_cookies_travel_along(self, victim: Victim) -> None:
        headers = pass_for_other(victim) | {"Origin": victim.server["url"]}

        status = victim.person.arrive(victim.other, headers).handshake(f"/api/kernels/{victim.kernel}/channels")

        assert status == 403


def fetched_by(server: Server, mode: str, destination: str) -> dict[str, str]:
    """How a browser describes what a page of this server asks of another origin of the same site."""
    described = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}
    return described | {"Origin": server["url"]}


def pass_for_other(victim: Victim) -> dict[str, str]:
    """The cookie with which the reader enters the other server."""
    return {"Cookie": f"{PASS_COOKIE}={victim.pass_cookie}"}


def kernels(victim: Victim) -> set[str]:
    """Those of the other server."""
    listing = victim.person.visit(victim.other).ask("GET", "/api/kernels").raise_for_status().json()
    return {kernel["id"] for kernel in listing}


def assert_refused(answers: list[tuple[str, int]]) -> None:
    """There were answers, and all of them said no."""
    assert answers
    assert [answer for answer in answers if answer[1] != 403] == []


def assert_unharmed(victim: Victim) -> None:
    """Both servers still run, and there is no third."""
    servers = {server["id"]: server["state"] for server in victim.person.servers()}
    assert servers == {victim.server["id"]: "running", victim.other["id"]: "running"}
