"""The gateway as browsers and programs meet it: a real one, in front of a real server, over real sockets."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from http.client import HTTPConnection
from urllib.parse import quote

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone
from pytest_django import Settings
from websockets.exceptions import ConnectionClosed, InvalidStatus

from accounts.models import ApiToken, Scope, User
from environments.models import Admission, NotebookServer
from environments.tickets import issue_key, server_token
from tests.environments.gateway_client import Response, Visit, make_server, pass_for, ticket_for, token_for
from tests.fakes.notebook_server import BLOCK, GatewayInFront
from tests.listening import answering

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayInFront]:
    with GatewayInFront().running() as running:
        yield running


@pytest.fixture
def student(transactional_db: None) -> User:
    return User.objects.create(username="student")


@pytest.fixture
def stranger(transactional_db: None) -> User:
    return User.objects.create(username="stranger")


@pytest.fixture
def server(student: User, gateway: GatewayInFront) -> NotebookServer:
    return make_server(student, gateway)


@pytest.fixture
def owner(gateway: GatewayInFront, server: NotebookServer) -> Visit:
    return Visit(gateway, server.subdomain, cookie=pass_for(server))


@pytest.fixture
def program(gateway: GatewayInFront, server: NotebookServer) -> Visit:
    return Visit(gateway, server.subdomain, token=token_for(server.owner, Scope.SERVERS_USE))


@pytest.fixture
def nobody(gateway: GatewayInFront, server: NotebookServer) -> Visit:
    return Visit(gateway, server.subdomain)


def until(holds: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


# --- Who may enter -----------------------------------------------------------------------------------------


def test_get_by_owner_reaches_the_server_with_its_token(owner: Visit, server: NotebookServer) -> None:
    response = owner.get("/api/contents?content=1")

    assert response.status == 200
    assert ["authorization", f"token {server_token(server.handle)}"] in response.json()["headers"]


def test_get_by_program_with_token(program: Visit) -> None:
    assert program.get("/api").status == 200


def test_get_with_token_in_jupyter_spelling(program: Visit) -> None:
    assert program.ask("GET", "/api", {"Authorization": f"token {program.token}"}).status == 200


def test_get_by_page_that_sends_the_servers_own_token_too(owner: Visit, server: NotebookServer) -> None:
    """JupyterLab does, and it is the cookie that counts."""
    response = owner.get("/api", Authorization=f"token {server_token(server.handle)}")

    assert response.status == 200


def test_get_with_only_the_servers_own_token(nobody: Visit, server: NotebookServer) -> None:
    assert nobody.get("/api", Authorization=f"token {server_token(server.handle)}").status == 401


def test_post_by_program_needs_no_origin(program: Visit) -> None:
    assert program.ask("POST", "/api/kernels", body=b"{}").status == 200


def test_get_by_stranger_is_told_of_no_server(gateway: GatewayInFront, server: NotebookServer, stranger: User) -> None:
    own = make_server(stranger, gateway)
    cookie = pass_for(own, stranger)

    there = Visit(gateway, server.subdomain, cookie=cookie).get("/api")
    nowhere = Visit(gateway, "there-is-no-such", cookie=cookie).get("/api")

    assert there.status == nowhere.status == 404
    assert there.body == nowhere.body


def test_get_by_stranger_with_token(gateway: GatewayInFront, server: NotebookServer, stranger: User) -> None:
    token = token_for(stranger, Scope.SERVERS_USE)

    there = Visit(gateway, server.subdomain, token=token).get("/api")
    nowhere = Visit(gateway, "there-is-no-such", token=token).get("/api")

    assert there.status == nowhere.status == 404
    assert there.body == nowhere.body


def test_get_by_owner_with_pass_of_another_server(gateway: GatewayInFront, server: NotebookServer) -> None:
    other = make_server(server.owner, gateway)

    assert Visit(gateway, server.subdomain, cookie=pass_for(other)).get("/api").status == 401


def test_get_by_nobody_is_told_the_same_everywhere(nobody: Visit, gateway: GatewayInFront) -> None:
    there = nobody.get("/api")
    nowhere = Visit(gateway, "there-is-no-such").get("/api")

    assert there.status == nowhere.status == 401
    assert there.body == nowhere.body
    assert there.json()["code"] == "sign_in_required"


@pytest.mark.parametrize("headers", [{"Accept": "text/html"}, PAGE])
def test_open_page_by_nobody_leads_to_sign_in(nobody: Visit, headers: dict[str, str]) -> None:
    response = nobody.ask("GET", "/lab/tree/a.ipynb?x=1&y=2", headers)

    assert response.status == 302
    assert response.header("Location") == (
        f"http://localhost:8000/open/{nobody.subdomain}/?next=%2Flab%2Ftree%2Fa.ipynb%3Fx%3D1%26y%3D2"
    )


def test_open_page_by_nobody_where_no_server_is(gateway: GatewayInFront) -> None:
    response = Visit(gateway, "there-is-no-such").ask("GET", "/lab", PAGE)

    assert response.status == 302


@pytest.mark.parametrize("scopes", [[], [Scope.SERVERS_READ, Scope.SERVERS_WRITE]])
def test_get_with_token_without_the_scope(nobody: Visit, server: NotebookServer, scopes: list[Scope]) -> None:
    nobody.token = token_for(server.owner, *scopes)

    assert nobody.get("/api").status == 401


def test_get_with_expired_token(nobody: Visit, server: NotebookServer) -> None:
    nobody.token = token_for(server.owner, Scope.SERVERS_USE, days=-1)

    assert nobody.get("/api").status == 401


@pytest.mark.parametrize("token", ["carrel_made-up", "carrel_ü", "carrel_" + "x" * 5000, "made-up"])
def test_get_with_made_up_token(nobody: Visit, token: str) -> None:
    assert nobody.get("/api", Authorization=f"Bearer {token}").status == 401


def test_get_with_several_passes_tries_each(owner: Visit, stranger: User, gateway: GatewayInFront) -> None:
    """A page of another notebook can toss cookies of our name onto this origin."""
    tossed = pass_for(make_server(stranger, gateway), stranger)

    response = owner.get("/api", Cookie=f"carrel_pass=made-up; carrel_pass={tossed}; carrel_pass={owner.cookie}")

    assert response.status == 200


def test_get_by_inactive_owner(owner: Visit, server: NotebookServer) -> None:
    User.objects.filter(pk=server.owner_id).update(is_active=False)

    assert owner.get("/api").status == 401


def test_get_at_deleted_server(owner: Visit, server: NotebookServer) -> None:
    NotebookServer.objects.filter(pk=server.pk).update(deleted_at=timezone.now())

    assert owner.get("/api").status == 404


def test_get_after_the_day_of_a_pass(owner: Visit) -> None:
    Admission.objects.update(expires_at=timezone.now())

    assert owner.get("/api").status == 401


def end_session(server: NotebookServer) -> None:
    for admission in Admission.objects.filter(server=server):
        SessionStore(admission.session_key).delete()


def change_password(server: NotebookServer) -> None:
    server.owner.set_password("another entirely fine passphrase")
    server.owner.save()


def deactivate(server: NotebookServer) -> None:
    User.objects.filter(pk=server.owner_id).update(is_active=False)


def give_away(server: NotebookServer) -> None:
    NotebookServer.objects.filter(pk=server.pk).update(owner=User.objects.create(username="new-owner"))


LOSSES = [(end_session, 401), (change_password, 401), (deactivate, 401), (give_away, 404)]


@pytest.mark.parametrize(("lose_access", "status"), LOSSES)
def test_get_within_five_seconds_of_losing_access(
    owner: Visit, server: NotebookServer, lose_access: Callable[[NotebookServer], None], status: int
) -> None:
    before = owner.get("/api").status
    lose_access(server)
    owner.gateway.clock.added += 5

    assert (before, owner.get("/api").status) == (200, status)


@pytest.mark.parametrize(("lose_access", "status"), LOSSES)
def test_websocket_is_closed_when_access_is_lost(
    owner: Visit, server: NotebookServer, lose_access: Callable[[NotebookServer], None], status: int
) -> None:
    with owner.websocket() as websocket:
        lose_access(server)

        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(timeout=5)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


def test_download_is_cut_when_access_is_lost(owner: Visit, server: NotebookServer) -> None:
    with owner.open("GET", "/download?blocks=600&pause=0.01&sized=1") as response:
        response.read(10)
        end_session(server)

        with pytest.raises(Exception, match="IncompleteRead"):
            response.read()


# --- Tickets -----------------------------------------------------------------------------------------------


def enter(visit: Visit, ticket: str, path: str = "/lab/tree/a.ipynb") -> Response:
    return visit.ask("GET", f"/_carrel/enter?ticket={ticket}&next={path}", PAGE)


def test_enter_with_ticket_sets_a_pass_for_this_origin(nobody: Visit, server: NotebookServer) -> None:
    response = enter(nobody, ticket_for(server))

    cookie = response.header("Set-Cookie") or ""
    name, _, value = cookie.split(";")[0].partition("=")
    attributes = {part.strip() for part in cookie.split(";")[1:]}
    assert (response.status, response.header("Location")) == (303, "/lab/tree/a.ipynb")
    assert attributes == {"Path=/", "Max-Age=86400", "HttpOnly", "SameSite=Lax"}
    assert response.header("Referrer-Policy") == "no-referrer"
    assert response.header("Cache-Control") == "no-store"
    assert nobody.get("/api", Cookie=f"{name}={value}").status == 200


def test_enter_twice_with_one_ticket(nobody: Visit, server: NotebookServer) -> None:
    ticket = ticket_for(server)

    responses = [enter(nobody, ticket) for _ in range(2)]

    assert [response.status for response in responses] == [303, 403]
    assert responses[1].header("Set-Cookie") is None
    assert f"http://localhost:8000/open/{nobody.subdomain}/".encode() in responses[1].body


def test_enter_by_many_at_once_with_one_ticket(nobody: Visit, server: NotebookServer) -> None:
    ticket = ticket_for(server)

    with ThreadPoolExecutor(8) as browsers:
        statuses = [response.status for response in browsers.map(lambda _: enter(nobody, ticket), range(8))]

    assert sorted(statuses) == [303] + [403] * 7


def test_enter_after_thirty_seconds(nobody: Visit, server: NotebookServer) -> None:
    assert enter(nobody, ticket_for(server, age=31)).status == 403


def test_enter_at_another_server(nobody: Visit, server: NotebookServer, gateway: GatewayInFront) -> None:
    other = make_server(server.owner, gateway)

    assert enter(nobody, ticket_for(other)).status == 403


def test_enter_leads_nowhere_else(nobody: Visit, server: NotebookServer) -> None:
    assert enter(nobody, ticket_for(server), "//evil.example").header("Location") == "/lab"


@pytest.mark.parametrize(("method", "path"), [("POST", "/_carrel/enter"), ("GET", "/_carrel/"), ("GET", "/_carrel/x")])
def test_ask_for_our_own_paths(owner: Visit, method: str, path: str) -> None:
    assert owner.ask(method, path, {"Origin": owner.origin}).status == 404


@pytest.mark.parametrize("query", ["", "ticket=", "ticket=%00", "&".join("a=1" for _ in range(2000))])
def test_enter_with_nonsense(nobody: Visit, query: str) -> None:
    assert nobody.ask("GET", f"/_carrel/enter?{query}", PAGE).status == 403


# --- Pages of other origins --------------------------------------------------------------------------------


def test_post_by_another_origin(owner: Visit) -> None:
    response = owner.ask("POST", "/api/kernels", {"Origin": "http://evil.localhost:8000"}, b"{}")

    assert response.status == 403
    assert response.json()["code"] == "origin_refused"


def test_post_by_own_page(owner: Visit) -> None:
    assert owner.ask("POST", "/api/kernels", {"Origin": owner.origin}, b"{}").json()["body"] == "{}"


def test_include_by_another_origin(owner: Visit) -> None:
    headers = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}

    assert owner.ask("GET", "/files/secret.js", headers).status == 403


def test_websocket_by_another_origin(owner: Visit) -> None:
    with pytest.raises(InvalidStatus) as refused:
        owner.websocket(origin="http://evil.localhost:8000")

    assert refused.value.response.status_code == 403


def test_get_with_host_given_twice(owner: Visit) -> None:
    with owner.gateway.connect() as connection:
        request = f"GET /api HTTP/1.1\r\nHost: {owner.host}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())

        assert connection.recv(65536).startswith(b"HTTP/1.1 400")


def test_post_with_a_body_framed_oddly(owner: Visit) -> None:
    headers = {"Origin": owner.origin, "Transfer-Encoding": "gzip, chunked"}

    assert owner.ask("POST", "/api", headers, b"0\r\n\r\n").status == 400


# --- Asleep, or dead ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["stopped", "failed", "starting", "stopping"])
def test_open_page_of_a_server_that_does_not_run(owner: Visit, server: NotebookServer, state: str) -> None:
    NotebookServer.objects.filter(pk=server.pk).update(state=state)

    response = owner.ask("GET", "/lab", PAGE)

    assert response.status == 503
    assert f"http://localhost:8000/servers/{server.pk}/".encode() in response.body
    assert NotebookServer.objects.get(pk=server.pk).state == state


def test_ask_a_sleeping_server_for_data(owner: Visit, server: NotebookServer) -> None:
    NotebookServer.objects.filter(pk=server.pk).update(state="stopped")

    response = owner.get("/api")

    assert (response.status, response.json()["code"]) == (503, "server_asleep")
    assert response.header("Retry-After") is None


def test_open_page_speaks_the_browsers_language(owner: Visit, server: NotebookServer) -> None:
    NotebookServer.objects.filter(pk=server.pk).update(state="stopped")

    response = owner.ask("GET", "/lab", PAGE | {"Accept-Language": "xx, fr-CA;q=0.8"})

    assert b'<html lang="fr">' in response.body


def test_get_sees_a_fresh_start_at_once(owner: Visit, server: NotebookServer) -> None:
    NotebookServer.objects.filter(pk=server.pk).update(state="starting")
    before = owner.get("/api").status
    NotebookServer.objects.filter(pk=server.pk).update(state="running")
    owner.gateway.clock.added += 0.5

    assert (before, owner.get("/api").status) == (503, 200)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(("headers", "kind"), [(PAGE, "text/html; charset=utf-8"), ({}, "application/json")])
def test_get_from_a_server_that_does_not_answer(
    gateway: GatewayInFront, student: User, headers: dict[str, str], kind: str
) -> None:
    server = make_server(student, gateway, endpoint=f"127.0.0.1:{free_port()}")

    response = Visit(gateway, server.subdomain, cookie=pass_for(server)).ask("GET", "/lab", headers)

    assert (response.status, response.header("Content-Type")) == (502, kind)


def test_get_follows_a_server_that_moved(gateway: GatewayInFront, student: User) -> None:
    server = make_server(student, gateway, endpoint=f"127.0.0.1:{free_port()}")
    visit = Visit(gateway, server.subdomain, cookie=pass_for(server))
    before = visit.get("/api").status
    NotebookServer.objects.filter(pk=server.pk).update(endpoint=f"127.0.0.1:{gateway.notebook.port}")

    assert (before, visit.get("/api").status) == (502, 200)


@pytest.fixture
def left(gateway: GatewayInFront, student: User) -> Iterator[Visit]:
    """A visit to a server that has moved since the last, and somebody else listens where it was."""
    with somebody_else() as port:
        server = make_server(student, gateway, endpoint=f"127.0.0.1:{port}")
        visit = Visit(gateway, server.subdomain, cookie=pass_for(server))
        assert visit.get("/api").body == b"somebody else"
        NotebookServer.objects.filter(pk=server.pk).update(endpoint=f"127.0.0.1:{gateway.notebook.port}")
        gateway.clock.added += 1
        yield visit


@contextmanager
def somebody_else() -> Iterator[int]:
    """The port of a server that answers everything with who it is, and hangs up."""

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\nsomebody else")

    with socket.create_server(("127.0.0.1", 0)) as listener, answering(listener, answer):
        yield listener.getsockname()[1]


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("POST", b"secret")])
def test_ask_tells_nothing_to_whoever_is_where_a_server_was(left: Visit, method: str, body: bytes | None) -> None:
    response = left.ask(method, "/api", {"Origin": left.origin}, body)

    assert response.header("X-Mirror") == "yes"


def test_websocket_does_not_go_where_a_server_was(left: Visit) -> None:
    with left.websocket() as websocket:
        websocket.send("hello")

        assert websocket.recv(timeout=10) == "hello"


def test_get_from_a_server_that_just_stopped(gateway: GatewayInFront, student: User) -> None:
    server = make_server(student, gateway, endpoint=f"127.0.0.1:{free_port()}")
    visit = Visit(gateway, server.subdomain, cookie=pass_for(server))
    visit.get("/api")
    NotebookServer.objects.filter(pk=server.pk).update(state="stopped")

    assert visit.get("/api").json()["code"] == "server_asleep"


def test_get_when_the_server_hangs_up(owner: Visit) -> None:
    assert owner.get("/hangs-up").status == 502


def test_get_when_the_server_breaks_off(owner: Visit) -> None:
    with (
        owner.open("GET", "/breaks-off") as response,
        pytest.raises(Exception, match="IncompleteRead"),
    ):
        response.read()


# --- What passes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "/lab/tree/%C3%9Cbung%201.ipynb?token=abc",
        "/a%2Fb/%2e%2e/c;d=1?x=%20+y&z=a/b?c",
        "/a//b/../c",
        "/proxy/http:%2f%2fexample.org/",
        "/?",
        "/%00",
    ],
)
def test_get_keeps_the_target_byte_for_byte(owner: Visit, target: str) -> None:
    # An empty query is not told apart from none by ASGI.
    assert owner.get(target).json()["target"] == target.removesuffix("?")


def test_get_cleans_what_the_server_sees(owner: Visit) -> None:
    cookies = f"carrel_pass={owner.cookie}; _xsrf=1; carrel_session=x; carrel_csrf=y"

    answer = owner.get("/api", Cookie=cookies, X_Forwarded_For="198.51.100.1", X_Forwarded_Proto="gopher").json()

    headers = dict(answer["headers"])
    assert headers["cookie"] == "_xsrf=1"
    assert headers["host"] == headers["x-forwarded-host"] == owner.host
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert len(headers) == len(answer["headers"])


def test_get_drops_cookies_that_reach_further(owner: Visit) -> None:
    response = owner.get("/cookies")

    names = [cookie.partition("=")[0] for cookie in response.headers.headers.get_all("Set-Cookie", [])]
    assert names == ["_xsrf", "username-8888"]
    assert response.header("Clear-Site-Data") is None


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("HEAD", "/api", 200), ("GET", "/no-content", 204), ("GET", "/not-modified", 304)],
)
def test_ask_for_no_body_keeps_the_connection(owner: Visit, method: str, path: str, status: int) -> None:
    connection = HTTPConnection("127.0.0.1", owner.gateway.port, timeout=10)
    headers = {"Host": owner.host} | owner.credentials()

    connection.request(method, path, headers=headers)
    first = connection.getresponse()
    body = first.read()
    connection.request("GET", "/api", headers=headers)
    second = connection.getresponse().status
    connection.close()

    assert (first.status, body, second) == (status, b"", 200)


def test_head_tells_the_length(owner: Visit) -> None:
    assert int(owner.ask("HEAD", "/api").header("Content-Length") or 0) > 0


@pytest.mark.parametrize("blocks", [0, 1, 3])
@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_post_body_arrives_whole(owner: Visit, blocks: int, framing: str) -> None:
    pieces = [b"%d" % number * 1000 for number in range(blocks)]
    body = iter(pieces) if framing == "chunked" else b"".join(pieces)

    response = owner.ask("POST", "/api", {"Origin": owner.origin}, body)

    assert response.json()["body"] == b"".join(pieces).decode()


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_upload_of_64_mb(owner: Visit, framing: str) -> None:
    size = 64 * MEGABYTE
    headers = {"Origin": owner.origin} | ({"Content-Length": str(size)} if framing == "length" else {})

    response = owner.ask("POST", "/upload", headers, (BLOCK for _ in range(size // len(BLOCK))))

    assert response.json() == {"bytes": size}


@pytest.mark.parametrize("query", ["", "&sized=1"])
def test_download_of_64_mb(owner: Visit, query: str) -> None:
    size = 64 * MEGABYTE

    response = owner.get(f"/download?blocks={size // len(BLOCK)}{query}")

    assert len(response.body) == size


def test_download_waits_for_a_slow_reader(owner: Visit) -> None:
    notebook = owner.gateway.notebook
    with owner.open("GET", "/download?blocks=1024") as response:
        response.read(10)
        until(lambda: notebook.sent_bytes > 32 * MEGABYTE, seconds=1)

        assert notebook.sent_bytes <= 32 * MEGABYTE


def sent_until_stuck(connection: socket.socket) -> int:
    """How many bytes a connection takes before it takes none for a second; at most 64 MB."""
    sent = 0
    while sent < 64 * MEGABYTE and select.select([], [connection], [], 1)[1]:
        sent += connection.send(BLOCK)
    return sent


def test_upload_waits_for_a_slow_server(owner: Visit) -> None:
    with owner.gateway.connect() as connection:
        head = f"POST /never-reads HTTP/1.1\r\nHost: {owner.host}\r\nOrigin: {owner.origin}\r\n"
        head += f"Cookie: carrel_pass={owner.cookie}\r\nContent-Length: {64 * MEGABYTE}\r\n\r\n"
        connection.sendall(head.encode())
        connection.setblocking(False)

        assert sent_until_stuck(connection) <= 32 * MEGABYTE


def test_upload_answered_before_its_end(owner: Visit) -> None:
    with owner.gateway.connect() as connection:
        head = f"POST /too-large HTTP/1.1\r\nHost: {owner.host}\r\nOrigin: {owner.origin}\r\n"
        head += f"Cookie: carrel_pass={owner.cookie}\r\nContent-Length: {64 * MEGABYTE}\r\n\r\n"
        connection.sendall(head.encode() + BLOCK * 2)

        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


def test_events_arrive_as_they_happen(owner: Visit) -> None:
    with owner.open("GET", "/events") as response:
        assert response.readline() == b"data: first\n"


def test_leave_ends_the_request_to_the_server(owner: Visit) -> None:
    with owner.open("GET", "/events") as response:
        response.readline()

    assert owner.gateway.notebook.hung_up.wait(5)


def test_get_after_the_server_closed_idle_connections(owner: Visit) -> None:
    statuses = []
    for _ in range(3):
        statuses.append(owner.get("/api").status)
        owner.get("/hangs-up")

    assert statuses == [200, 200, 200]


# --- Websockets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", ["text", "Übung 😀", "", b"\x00\xff", b"", b"x" * 20 * MEGABYTE, "y" * MEGABYTE])
def test_websocket_passes_messages(owner: Visit, message: str | bytes) -> None:
    with owner.websocket() as websocket:
        websocket.send(message)

        assert websocket.recv(timeout=10) == message


@pytest.mark.parametrize(
    ("path", "counts"), [("/websocket", True), ("/api/websocket", False), ("/terminals/websocket", False)]
)
def test_websocket_of_another_application_counts_as_use(
    owner: Visit, server: NotebookServer, path: str, counts: bool
) -> None:
    NotebookServer.objects.update(last_activity_at=None)

    with owner.websocket(path) as websocket:
        websocket.send("hello")
        websocket.recv(timeout=10)

    server.refresh_from_db()
    assert (server.last_activity_at is not None) == counts


def test_websocket_that_only_listens_does_not_count_as_use(owner: Visit, server: NotebookServer) -> None:
    NotebookServer.objects.update(last_activity_at=None)

    with owner.websocket():
        owner.get("/")

    server.refresh_from_db()
    assert server.last_activity_at is None


def test_websocket_passes_many_messages_in_order(owner: Visit) -> None:
    with owner.websocket() as websocket:
        for number in range(500):
            websocket.send(str(number))

        assert [websocket.recv(timeout=10) for _ in range(500)] == [str(number) for number in range(500)]


def test_websocket_by_program(program: Visit) -> None:
    with program.websocket() as websocket:
        websocket.send("hello")

        assert websocket.recv(timeout=10) == "hello"


def test_websocket_agrees_on_the_servers_subprotocol(owner: Visit) -> None:
    with owner.websocket(subprotocols=["other", "v1.kernel.websocket.jupyter.org"]) as websocket:
        assert websocket.subprotocol == "v1.kernel.websocket.jupyter.org"


def test_websocket_without_a_common_subprotocol(owner: Visit) -> None:
    with owner.websocket(subprotocols=["other"]) as websocket:
        assert websocket.subprotocol is None


def test_websocket_cleans_what_the_server_sees(owner: Visit, server: NotebookServer) -> None:
    with owner.websocket(headers={"X-Forwarded-For": "198.51.100.1"}) as websocket:
        websocket.send("headers")
        headers = dict(json.loads(websocket.recv(timeout=10)))

    assert headers["authorization"] == f"token {server_token(server.handle)}"
    assert headers["host"] == owner.host
    assert headers["origin"] == owner.origin
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert "cookie" not in headers


def test_websocket_closed_by_the_server_keeps_its_code(owner: Visit) -> None:
    with owner.websocket() as websocket:
        websocket.send("close")

        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(timeout=10)

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "as asked")


def test_websocket_closed_by_the_browser_keeps_its_code(owner: Visit) -> None:
    with owner.websocket() as websocket:
        websocket.send("hello")
        websocket.recv(timeout=10)
        websocket.close(4002)

    assert owner.gateway.notebook.hung_up.wait(5)
    assert owner.gateway.notebook.close_code == 4002


def test_websocket_is_closed_when_the_server_stops(owner: Visit, server: NotebookServer) -> None:
    with owner.websocket() as websocket:
        NotebookServer.objects.filter(pk=server.pk).update(state="stopping")

        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(timeout=5)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001


def test_websocket_stays_open_while_access_lasts(owner: Visit) -> None:
    with owner.websocket() as websocket:
        with pytest.raises(TimeoutError):
            websocket.recv(timeout=1)
        websocket.send("still here")

        assert websocket.recv(timeout=10) == "still here"


def test_websocket_of_nobody(nobody: Visit, gateway: GatewayInFront) -> None:
    statuses = []
    for visit in (nobody, Visit(gateway, "there-is-no-such")):
        with pytest.raises(InvalidStatus) as refused:
            visit.websocket()
        statuses.append(refused.value.response.status_code)

    assert statuses == [401, 401]


@pytest.mark.parametrize("kind", ["cookie", "token"])
def test_websocket_of_stranger(gateway: GatewayInFront, server: NotebookServer, stranger: User, kind: str) -> None:
    visit = Visit(gateway, server.subdomain)
    if kind == "cookie":
        visit.cookie = pass_for(make_server(stranger, gateway), stranger)
    else:
        visit.token = token_for(stranger, Scope.SERVERS_USE)

    with pytest.raises(InvalidStatus) as refused:
        visit.websocket()

    assert refused.value.response.status_code == 404


def test_websocket_that_the_server_refuses(owner: Visit) -> None:
    with pytest.raises(InvalidStatus) as refused:
        owner.websocket("/forbidden")

    assert refused.value.response.status_code == 403


def test_websocket_of_a_sleeping_server(owner: Visit, server: NotebookServer) -> None:
    NotebookServer.objects.filter(pk=server.pk).update(state="stopped")

    with pytest.raises(InvalidStatus) as refused:
        owner.websocket()

    assert refused.value.response.status_code == 503


# --- Keys, and pages of other sites ------------------------------------------------------------------------

BOOK = "https://book.example.org"
"""A site whose pages run code here."""


@pytest.fixture
def key(server: NotebookServer) -> str:
    """What Binder's API gives a program for this server."""
    token, _secret = ApiToken.objects.create(user=server.owner, scopes=[Scope.SERVERS_USE], expiry=timedelta(days=1))
    return issue_key(server, token=token, now=timezone.now())


def with_key(gateway: GatewayInFront, server: NotebookServer, key: str) -> Visit:
    """A program that shows this key as Jupyter's clients do."""
    visit = Visit(gateway, server.subdomain)
    visit.credentials = lambda: {"Authorization": f"token {key}"}  # type: ignore[method-assign]
    return visit


def test_key_opens_its_server(gateway: GatewayInFront, server: NotebookServer, key: str) -> None:
    assert with_key(gateway, server, key).ask("POST", "/api/kernels").status == 200


def test_key_opens_no_other_server(gateway: GatewayInFront, server: NotebookServer, key: str) -> None:
    other = make_server(server.owner, gateway)

    assert with_key(gateway, other, key).get("/api").status == 401


def test_key_dies_with_its_token(gateway: GatewayInFront, server: NotebookServer, key: str) -> None:
    ApiToken.objects.all().delete()

    assert with_key(gateway, server, key).get("/api").status == 401


def test_key_of_a_token_that_may_not_be_used_inside_opens_nothing(
    gateway: GatewayInFront, server: NotebookServer, key: str
) -> None:
    ApiToken.objects.update(scopes=[Scope.SERVERS_WRITE])

    assert with_key(gateway, server, key).get("/api").status == 401


def test_key_in_the_address_of_a_request_opens_nothing(nobody: Visit, key: str) -> None:
    assert nobody.get(f"/api?token={key}").status == 401


def test_key_in_the_address_of_a_websocket_opens_it_and_goes_no_further(nobody: Visit, key: str) -> None:
    with nobody.websocket(f"/websocket?session_id=1&token={quote(key)}", origin=None) as websocket:
        websocket.send("address")

        assert websocket.recv(timeout=5) == "/websocket?session_id=1"


def test_token_in_the_address_of_a_websocket_opens_nothing(nobody: Visit, server: NotebookServer) -> None:
    token = token_for(server.owner, Scope.SERVERS_USE)

    with pytest.raises(InvalidStatus) as refused:
        nobody.websocket(f"/websocket?token={token}", origin=None)

    assert refused.value.response.status_code == 401


@pytest.mark.parametrize(("allowed", "is_let_in"), [([], False), ([BOOK], True)])
def test_key_in_a_page_of_another_site_opens_a_websocket_if_the_operator_lets_it(
    nobody: Visit, key: str, settings: Settings, allowed: list[str], is_let_in: bool
) -> None:
    settings.API_ALLOWED_ORIGINS = allowed

    with nullcontext() if is_let_in else pytest.raises(InvalidStatus):  # noqa: SIM117 - the one expects the other
        with nobody.websocket(f"/websocket?token={quote(key)}", origin=BOOK):
            pass


def test_answer_can_be_read_by_no_other_site(program: Visit) -> None:
    assert program.get("/api", Origin=BOOK).header("access-control-allow-origin") is None
    assert program.ask("OPTIONS", "/api", {"Origin": BOOK}).header("access-control-allow-methods") is None


def test_answer_to_a_token_can_be_read_by_a_site_the_operator_lets(program: Visit, settings: Settings) -> None:
    settings.API_ALLOWED_ORIGINS = [BOOK]

    response = program.get("/api", Origin=BOOK)

    assert (response.status, response.header("access-control-allow-origin")) == (200, BOOK)
    assert response.header("access-control-allow-credentials") is None


def test_question_in_advance_is_answered_without_asking_the_server(nobody: Visit, settings: Settings) -> None:
    settings.API_ALLOWED_ORIGINS = [BOOK]
    asked = {"Origin": BOOK, "Access-Control-Request-Method": "POST"}

    response = nobody.ask("OPTIONS", "/api/kernels", asked)

    assert (response.status, response.body) == (204, b"")
    assert "authorization" in str(response.header("access-control-allow-headers"))


@pytest.mark.parametrize("allowed", [[BOOK], ["*"]])
def test_answer_to_a_cookie_can_be_read_by_no_other_site(owner: Visit, settings: Settings, allowed: list[str]) -> None:
    settings.API_ALLOWED_ORIGINS = allowed

    response = owner.get("/api", Origin=BOOK)

    assert (response.status, response.header("access-control-allow-origin")) == (403, None)
