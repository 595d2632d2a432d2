"""The gateway as collaborators meet it: let in, each under their own name, and put out again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.client import IncompleteRead
from typing import Any

import pytest
from django.utils import timezone
from websockets.exceptions import ConnectionClosed, InvalidStatus

from accounts.models import ApiToken, Scope, User
from environments.collaborating import let_in, remove_collaborator
from environments.models import Admission, Collaborator, NotebookServer
from environments.models import Visit as Presence
from environments.tickets import issue_key
from tests.environments.gateway_client import Visit, make_server, pass_for, token_for
from tests.factories import UserFactory
from tests.fakes.notebook_server import GatewayInFront

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
PATIENCE_SECONDS = 20
"""Far more than it takes: nothing here is measured by the clock."""


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayInFront]:
    """Hears of no change: whatever is lost here is lost because the gateway looks again by itself."""
    with GatewayInFront().running() as running:
        yield running


@pytest.fixture
def owner(transactional_db: None) -> User:
    return UserFactory.create(username="ada", display_name="Ada Lovelace")


@pytest.fixture
def guest(transactional_db: None) -> User:
    return UserFactory.create(username="émile", display_name="Émile Borel 🙂")


@pytest.fixture
def server(gateway: GatewayInFront, owner: User, guest: User) -> NotebookServer:
    """Ada's, with Émile in it."""
    server = make_server(owner, gateway)
    let_in(server, [guest], by=owner, now=timezone.now())
    return server


@pytest.fixture(params=["browser", "program"])
def visit(request: pytest.FixtureRequest, gateway: GatewayInFront, server: NotebookServer, guest: User) -> Visit:
    """Émile at Ada's server."""
    return visit_of(request.param, gateway, server, guest)


def visit_of(kind: str, gateway: GatewayInFront, server: NotebookServer, person: User) -> Visit:
    if kind == "browser":
        return Visit(gateway, server.subdomain, cookie=pass_for(server, person))
    return Visit(gateway, server.subdomain, token=token_for(person, Scope.SERVERS_USE))


def remove(server: NotebookServer) -> None:
    """As its owner does."""
    remove_collaborator(Collaborator.objects.get(server=server), now=timezone.now())


def lose_the_row(server: NotebookServer) -> None:
    """As if everything else that removal does had failed."""
    Collaborator.objects.filter(server=server).delete()


def deactivate_guest(server: NotebookServer) -> None:
    User.objects.filter(username="émile").update(is_active=False)


def deactivate_owner(server: NotebookServer) -> None:
    User.objects.filter(pk=server.owner_id).update(is_active=False)


LOSSES = [remove, lose_the_row, deactivate_guest, deactivate_owner]


# --- In ----------------------------------------------------------------------------------------------------


def test_collaborator_reaches_the_server(visit: Visit) -> None:
    assert visit.get("/api").status == 200


def test_collaborator_changes_things_in_it(visit: Visit) -> None:
    assert visit.ask("POST", "/api/kernels", {"Origin": visit.origin}, b"{}").status == 200


def test_collaborator_has_websockets(visit: Visit) -> None:
    with visit.websocket() as websocket:
        websocket.send("hello")

        assert websocket.recv(timeout=PATIENCE_SECONDS) == "hello"


@pytest.mark.parametrize("kind", ["browser", "program"])
def test_collaborator_of_one_server_reaches_no_other(
    gateway: GatewayInFront, server: NotebookServer, guest: User, kind: str
) -> None:
    other = make_server(server.owner, gateway)
    visit = visit_of(kind, gateway, other, guest)

    assert visit.get("/api").status == 404
    with pytest.raises(InvalidStatus):
        visit.websocket()


def test_pass_of_the_shared_server_opens_no_other(gateway: GatewayInFront, server: NotebookServer, guest: User) -> None:
    other = make_server(server.owner, gateway)
    let_in(other, [guest], by=server.owner, now=timezone.now())

    assert Visit(gateway, other.subdomain, cookie=pass_for(server, guest)).get("/api").status == 401


def test_collaborator_may_have_a_key_made_for_it(gateway: GatewayInFront, server: NotebookServer, guest: User) -> None:
    token_for(guest, Scope.SERVERS_USE)
    key = issue_key(server, token=ApiToken.objects.get(user=guest), now=timezone.now())

    assert Visit(gateway, server.subdomain).get("/api", Authorization=f"Bearer {key}").status == 200


def test_collaborator_is_let_in_without_waiting(gateway: GatewayInFront, owner: User, guest: User) -> None:
    server = make_server(owner, gateway)
    visit = visit_of("browser", gateway, server, guest)
    before = visit.get("/api").status
    let_in(server, [guest], by=owner, now=timezone.now())
    gateway.hear(server.subdomain)

    assert (before, visit.get("/api").status) == (404, 200)


def test_sleeping_server_says_so_and_is_not_woken(visit: Visit, server: NotebookServer) -> None:
    NotebookServer.objects.filter(pk=server.pk).update(state="stopped")

    response = visit.ask("GET", "/lab", PAGE)

    assert response.status == 503
    assert f"/servers/{server.pk}/".encode() in response.body
    assert NotebookServer.objects.get(pk=server.pk).state == "stopped"


# --- Out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lose_access", LOSSES)
def test_request_within_five_seconds_of_the_loss(
    visit: Visit, server: NotebookServer, lose_access: Callable[[NotebookServer], None]
) -> None:
    before = visit.get("/api").status
    lose_access(server)
    visit.gateway.clock.added += 5

    assert (before, visit.get("/api").status in (401, 404)) == (200, True)


@pytest.mark.parametrize("lose_access", LOSSES)
def test_open_websocket_is_cut_without_any_notice(
    visit: Visit, server: NotebookServer, lose_access: Callable[[NotebookServer], None]
) -> None:
    with visit.websocket() as websocket:
        websocket.send("hello")
        websocket.recv(timeout=PATIENCE_SECONDS)
        lose_access(server)

        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(timeout=PATIENCE_SECONDS)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403
    assert visit.gateway.notebook.hung_up.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize("lose_access", LOSSES)
def test_silent_stream_is_cut_without_any_notice(
    visit: Visit, server: NotebookServer, lose_access: Callable[[NotebookServer], None]
) -> None:
    with visit.open("GET", "/events") as response:
        response.readline()
        lose_access(server)

        with pytest.raises(IncompleteRead):
            response.read()

    assert visit.gateway.notebook.hung_up.wait(PATIENCE_SECONDS)


def test_upload_is_cut_without_any_notice(visit: Visit, server: NotebookServer) -> None:
    with visit.gateway.connect() as connection:
        head = f"POST /never-reads HTTP/1.1\r\nHost: {visit.host}\r\nOrigin: {visit.origin}\r\nContent-Length: 9999\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in visit.credentials().items())
        assert visit.get("/api").status == 200  # So that the upload begins by what is known from then.
        connection.settimeout(PATIENCE_SECONDS)
        connection.sendall(head.encode() + b"\r\nthe beginning")
        lose_the_row(server)

        assert connection.recv(65536).startswith(b"HTTP/1.1 404")


def test_others_stay_when_one_is_removed(gateway: GatewayInFront, server: NotebookServer, guest: User) -> None:
    other = UserFactory.create(username="blaise")
    let_in(server, [other], by=server.owner, now=timezone.now())
    stays = visit_of("browser", gateway, server, other)
    goes = visit_of("browser", gateway, server, guest)
    with stays.websocket() as websocket, goes.websocket() as cut:
        remove_collaborator(Collaborator.objects.get(person=guest), now=timezone.now())
        with pytest.raises(ConnectionClosed):
            cut.recv(timeout=PATIENCE_SECONDS)
        websocket.send("still here")

        assert websocket.recv(timeout=PATIENCE_SECONDS) == "still here"


def test_pass_from_before_the_removal_opens_nothing_later(
    gateway: GatewayInFront, server: NotebookServer, guest: User
) -> None:
    visit = visit_of("browser", gateway, server, guest)
    remove(server)
    let_in(server, [guest], by=server.owner, now=timezone.now())
    gateway.clock.added += 5

    assert visit.get("/api").status == 401
    assert not Admission.objects.filter(user=guest).exists()


def test_notice_alone_cuts_what_is_open(owner: User, guest: User) -> None:
    """This gateway would not look again for an hour."""
    with GatewayInFront(recheck_seconds=3600).running() as gateway:
        server = make_server(owner, gateway)
        let_in(server, [guest], by=owner, now=timezone.now())
        with visit_of("browser", gateway, server, guest).websocket() as websocket:
            websocket.send("hello")
            websocket.recv(timeout=PATIENCE_SECONDS)
            lose_the_row(server)

            with pytest.raises(ConnectionClosed):
                gateway.hear_until_it_is_over(server.subdomain, lambda: websocket.recv(timeout=PATIENCE_SECONDS))


# --- Under their own names ---------------------------------------------------------------------------------


def identity_in(headers: list[list[str]]) -> dict[str, Any]:
    return {name: value for name, value in headers if "carrel" in name}


SPOOFED = {"X-Carrel-User": "ada", "X-CARREL-NAME": "Ada", "X_Carrel_User": "ada", "X-Carrel": "1"}


@pytest.mark.parametrize("spoofed", [{}, SPOOFED, {"Connection": "X-Carrel-User"}])
def test_server_is_told_who_asks_and_by_nobody_else(visit: Visit, spoofed: dict[str, str]) -> None:
    headers = visit.ask("GET", "/api", spoofed).json()["headers"]

    assert identity_in(headers) == {
        "x-carrel-user": "%C3%A9mile",
        "x-carrel-name": "%C3%89mile%20Borel%20%F0%9F%99%82",
    }


def test_server_is_told_who_opens_a_websocket(visit: Visit) -> None:
    with visit.websocket(headers=SPOOFED) as websocket:
        websocket.send("headers")
        headers = json.loads(websocket.recv(timeout=PATIENCE_SECONDS))

    assert identity_in(headers)["x-carrel-user"] == "%C3%A9mile"
    assert len(identity_in(headers)) == len([name for name, _value in headers if "carrel" in name]) == 2


def test_owner_and_guest_are_told_apart_on_one_connection_to_the_server(
    gateway: GatewayInFront, server: NotebookServer, guest: User
) -> None:
    visits = [visit_of("browser", gateway, server, person) for person in (server.owner, guest, server.owner)]

    names = [identity_in(visit.get("/api").json()["headers"])["x-carrel-user"] for visit in visits]

    assert names == ["ada", "%C3%A9mile", "ada"]


def test_coming_is_noted_once(visit: Visit, server: NotebookServer, guest: User) -> None:
    for _ in range(3):
        visit.get("/api")

    assert [presence.person for presence in Presence.objects.filter(server=server)] == [guest]
    assert Collaborator.objects.get().last_entered_at is not None


def test_nothing_is_noted_of_a_server_that_is_not_shared(gateway: GatewayInFront, owner: User) -> None:
    server = make_server(owner, gateway)

    visit_of("browser", gateway, server, owner).get("/api")

    assert not Presence.objects.exists()


def test_being_refused_is_not_coming(gateway: GatewayInFront, server: NotebookServer) -> None:
    other = UserFactory.create(username="blaise")

    visit_of("browser", gateway, server, other).get("/api")

    assert not Presence.objects.exists()
