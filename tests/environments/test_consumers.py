"""The live half of a server's page: nothing lost, nothing repeated, nothing shown to the wrong person."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser

from accounts.models import User
from environments.consumers import websocket_urlpatterns
from environments.live import announce_build, announce_server
from environments.models import Build, BuildLogLine, NotebookServer
from tests.factories import BuildFactory, NotebookServerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

application = URLRouter(websocket_urlpatterns)


@sync_to_async
def building_server(lines: int = 0) -> NotebookServer:
    """A server that waits for a build with so many lines in its log."""
    build = BuildFactory.create(state=Build.State.BUILDING)
    add_lines(build, lines)
    return NotebookServerFactory.create(state=NotebookServer.State.BUILDING, build=build)


def add_lines(build: Build, count: int) -> None:
    """Append lines to a build's log, and say so."""
    first = build.log_lines.count() + 1
    BuildLogLine.objects.bulk_create(
        BuildLogLine(build=build, sequence=n, phase="building", text=f"line {n}") for n in range(first, first + count)
    )
    announce_build(build)


def connection(server: NotebookServer, user: User | AnonymousUser, query: str = "") -> WebsocketCommunicator:
    """A socket of this person to this server's page."""
    socket = WebsocketCommunicator(application, f"/ws/servers/{server.pk}/{query}")
    socket.scope["user"] = user
    return socket


async def received(socket: WebsocketCommunicator, kind: str) -> dict[str, Any]:
    """The next message of this kind."""
    while True:
        message: dict[str, Any] = await socket.receive_json_from(timeout=5)
        if message["type"] == kind:
            return message


async def sequences(socket: WebsocketCommunicator, last: int) -> list[int]:
    """The sequence numbers of all log lines received until the last one asked for."""
    seen: list[int] = []
    while not seen or seen[-1] < last:
        seen += [line["sequence"] for line in (await received(socket, "log"))["lines"]]
    return seen


async def test_connect_replays_the_log_and_then_follows() -> None:
    server = await building_server(lines=3)
    socket = connection(server, server.owner)

    await socket.connect()
    replayed = await sequences(socket, last=3)
    assert server.build is not None
    await sync_to_async(add_lines)(server.build, 2)
    followed = await sequences(socket, last=5)

    assert replayed + followed == [1, 2, 3, 4, 5]
    await socket.disconnect()


async def test_connect_after_a_dropped_connection_repeats_nothing() -> None:
    server = await building_server(lines=5)
    socket = connection(server, server.owner, f"?build={server.build_id}&after=3")

    await socket.connect()

    assert await sequences(socket, last=5) == [4, 5]
    await socket.disconnect()


async def test_connect_with_another_builds_position_starts_from_the_beginning() -> None:
    server = await building_server(lines=2)
    socket = connection(server, server.owner, "?build=00000000-0000-0000-0000-000000000000&after=99")

    await socket.connect()

    assert await sequences(socket, last=2) == [1, 2]
    await socket.disconnect()


async def test_connect_replays_a_log_longer_than_one_look() -> None:
    server = await building_server(lines=2500)
    socket = connection(server, server.owner)

    await socket.connect()

    assert await sequences(socket, last=2500) == list(range(1, 2501))
    await socket.disconnect()


async def test_status_is_sent_at_first_and_at_each_change() -> None:
    server = await building_server()
    socket = connection(server, server.owner)
    await socket.connect()
    first = await received(socket, "status")

    await sync_to_async(server.__class__.objects.filter(pk=server.pk).update)(state=NotebookServer.State.RUNNING)
    await sync_to_async(announce_server)(server)
    second = await received(socket, "status")

    assert (first["state"], second["state"]) == ("building", "running")
    assert first["version"] != second["version"]
    await socket.disconnect()


async def test_a_change_nobody_announced_is_noticed_all_the_same() -> None:
    server = await building_server()
    socket = connection(server, server.owner)
    await socket.connect()
    await received(socket, "status")

    await sync_to_async(server.__class__.objects.filter(pk=server.pk).update)(state=NotebookServer.State.FAILED)

    assert (await received(socket, "status"))["state"] == "failed"
    await socket.disconnect()


@pytest.mark.parametrize("who", ["nobody", "stranger", "administrator"])
async def test_connect_shows_others_nothing(who: str) -> None:
    server = await building_server(lines=1)
    user = AnonymousUser() if who == "nobody" else await sync_to_async(UserFactory.create)(role=_role(who))
    socket = connection(server, user)

    is_accepted, code = await socket.connect()

    assert (is_accepted, code) == (False, 4404)


async def test_connect_to_what_one_may_not_see_is_answered_with_404_where_the_server_can() -> None:
    server, stranger = await building_server(), await sync_to_async(UserFactory.create)()
    socket = connection(server, stranger)
    socket.scope["extensions"] = {"websocket.http.response": {}}

    await socket.send_input({"type": "websocket.connect"})

    assert (await socket.receive_output(timeout=5))["status"] == 404


async def test_follow_ends_when_the_server_is_deleted() -> None:
    server = await building_server()
    socket = connection(server, server.owner)
    await socket.connect()
    await received(socket, "status")

    await sync_to_async(server.__class__.objects.filter(pk=server.pk).update)(deleted_at=server.created_at)
    closing = await socket.receive_output(timeout=5)

    assert closing["type"] == "websocket.close"
    await socket.disconnect()


@pytest.mark.parametrize("query", ["?after=-1", "?after=x", "?after=99999999999999999999", "?build=;drop&after=1"])
async def test_connect_with_nonsense_replays_everything(query: str) -> None:
    server = await building_server(lines=2)
    socket = connection(server, server.owner, query)

    await socket.connect()

    assert await sequences(socket, last=2) == [1, 2]
    await socket.disconnect()


def _role(who: str) -> str:
    return "administrator" if who == "administrator" else "member"
