"""Binder's event stream: every step told in order, to whoever shows a token and to nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import ApplicationCommunicator
from django.utils import timezone
from pytest_django import Settings

from accounts.models import ApiToken, Scope, User
from accounts.tokens import create_token
from config.asgi import application
from environments import servers, starting
from environments.binder import BuildStream, Pace
from environments.live import announce_build
from environments.models import Build, BuildLogLine, NotebookServer
from environments.tickets import read_key
from tests.environments.api_client import make_example
from tests.fakes.backends import FailingBuilder

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fake_backends")]

PATH = "/build/example/tiny"
PAGE = "https://book.example.org"
State = NotebookServer.State
Event = dict[str, str]


@pytest.fixture
def student(transactional_db: None) -> User:
    return User.objects.create(username="student")


@pytest.fixture(autouse=True)
def example(settings: Settings, tmp_path: Path) -> None:
    """A repository that needs no network."""
    settings.CARREL_DATA = tmp_path
    make_example(tmp_path, "tiny")


def secret_of(user: User, *scopes: Scope) -> str:
    """A token of this person."""
    _, secret = create_token(user, name="test", scopes=scopes or [*Scope], days=1, now=timezone.now())
    return secret


class Reading:
    """A client of the stream that reads one event after the other."""

    def __init__(self, secret: str, path: str = PATH, *, app: Any = None, method: str = "GET", **headers: str) -> None:
        path, _mark, query = path.partition("?")
        own = {"host": "localhost:8000", "accept": "text/event-stream"}
        if secret:
            own["authorization"] = f"Bearer {secret}"
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in own.items() if value],
        }
        self._http = ApplicationCommunicator(app or BuildStream(Pace(look=0.05, keepalive=5, linger=0.05)), scope)
        self.status = 0
        self.headers: dict[str, str] = {}
        self._rest = b""
        self._is_over = False

    async def begin(self) -> None:
        """Ask, and read the head of the answer."""
        await self._http.send_input({"type": "http.request", "body": b"", "more_body": False})
        head = await self._http.receive_output(timeout=10)
        self.status = head["status"]
        self.headers = {name.decode().lower(): value.decode() for name, value in head["headers"]}

    async def block(self) -> str:
        """The next piece between empty lines; empty at the end."""
        while b"\n\n" not in self._rest and not self._is_over:
            message = await self._http.receive_output(timeout=10)
            self._rest += message["body"]
            self._is_over = not message["more_body"]
        block, _, self._rest = self._rest.partition(b"\n\n")
        return block.decode()

    async def event(self) -> Event:
        """The next event."""
        while not (block := await self.block()).startswith("data: "):
            assert block.startswith(":"), block
        return cast("Event", json.loads(block.removeprefix("data: ")))

    async def until(self, *phases: str) -> list[Event]:
        """All events up to one of these phases."""
        events = [await self.event()]
        while events[-1]["phase"] not in phases:
            events.append(await self.event())
        return events

    async def body(self) -> Any:
        """What a refusal says."""
        return json.loads(await self.block())

    async def leave(self) -> None:
        """Go away, and wait until the application has noticed."""
        await self._http.send_input({"type": "http.disconnect"})
        await self._http.wait(timeout=5)


@asynccontextmanager
async def reading(secret: str, path: str = PATH, **options: Any) -> AsyncIterator[Reading]:
    """A client that has begun to read."""
    client = Reading(secret, path, **options)
    await client.begin()
    try:
        yield client
    finally:
        with suppress(asyncio.CancelledError):
            await client.leave()


@sync_to_async
def build() -> None:
    """What workers do with the one build that waits."""
    servers.carry_out_build(Build.objects.get(state=Build.State.QUEUED))


@sync_to_async
def start() -> None:
    """What workers do with the one server whose image is there."""
    starting.carry_out_start(NotebookServer.objects.get(state=State.QUEUED))


def phases(events: list[Event]) -> list[str]:
    """Without repetitions."""
    names = [event["phase"] for event in events]
    return [name for n, name in enumerate(names) if n == 0 or names[n - 1] != name]


# --- From nothing to a server ------------------------------------------------------------------------------


async def test_launch_tells_each_step_and_ends_in_a_server(student: User) -> None:
    secret = await sync_to_async(secret_of)(student)

    async with reading(secret) as client:
        events = await client.until("waiting") + await client.until("waiting")
        await build()
        events += await client.until("built")
        await start()
        events += await client.until("ready", "failed")

    server = await NotebookServer.objects.aget(owner=student)
    seen = phases(events)
    # A build so short may be past a phase before anybody looks.
    assert seen == [
        phase for phase in ("waiting", "fetching", "building", "built", "launching", "ready") if phase in seen
    ]
    assert {"waiting", "built", "ready"} <= {*seen}
    assert all(event["message"].endswith("\n") for event in events)
    assert events[-1]["url"] == f"{server.origin}/"


async def test_ready_says_what_was_launched_as_binderhub_does(student: User) -> None:
    secret = await sync_to_async(secret_of)(student)

    async with reading(secret, f"{PATH}/main") as client:
        await client.until("waiting")
        await client.until("waiting")
        await build()
        await start()
        ready = (await client.until("ready", "failed"))[-1]

    server = await NotebookServer.objects.aget(owner=student)
    assert ready["binder_request"] == "v2/example/tiny/main"
    assert ready["binder_persistent_request"] == f"v2/example/tiny/{server.commit}"
    assert ready["repo_url"] == server.repository_url
    assert ready["image"].endswith(server.image_key)
    assert {"binder_ref_url", "binder_launch_host", "message", "phase", "token"} <= set(ready)


async def test_ready_gives_a_key_to_this_server_and_not_the_token_itself(student: User) -> None:
    secret = await sync_to_async(secret_of)(student)
    server = await running(student, secret)

    async with reading(secret) as client:
        ready = (await client.until("ready", "failed"))[-1]

    token = await ApiToken.objects.aget(user=student)
    assert read_key(ready["token"], now=timezone.now()) == (token.uuid, server.pk)


async def test_ready_gives_no_key_to_a_token_that_may_not_be_used_inside(student: User) -> None:
    secret = await sync_to_async(secret_of)(student, Scope.SERVERS_WRITE)
    await running(student, secret)

    async with reading(secret) as client:
        ready = (await client.until("ready", "failed"))[-1]

    assert ready["token"] == ""


async def test_launch_wakes_a_server_that_sleeps(student: User) -> None:
    secret = await sync_to_async(secret_of)(student)
    server = await running(student, secret)
    await NotebookServer.objects.filter(pk=server.pk).aupdate(state=State.STOPPED)

    async with reading(secret) as client:
        await client.until("launching")
        await start()
        ready = (await client.until("ready", "failed"))[-1]

    assert ready["url"] == f"{server.origin}/"


async def test_launch_waits_for_a_server_that_is_stopping(student: User) -> None:
    secret = await sync_to_async(secret_of)(student)
    server = await running(student, secret)
    await NotebookServer.objects.filter(pk=server.pk).aupdate(state=State.STOPPING)

    async with reading(secret) as client:
        await client.until("waiting")
        await NotebookServer.objects.filter(pk=server.pk).aupdate(state=State.STOPPED)
        events = await client.until("launching", "failed")

    assert events[-1]["phase"] == "launching"


async def test_build_only_makes_an_image_and_no_server(student: User) -> None:
    secret = await sync_to_async(secret_of)(student)

    async with reading(secret, f"{PATH}?build_only=true") as client:
        await client.until("waiting")
        await client.until("waiting")
        await build()
        events = await client.until("ready", "failed")

    assert events[-1]["phase"] == "ready"
    assert events[-1]["imageName"]
    assert "url" not in events[-1]
    assert not await NotebookServer.objects.aexists()


async def running(student: User, secret: str) -> NotebookServer:
    """The student's server of this repository, running."""
    async with reading(secret) as client:
        await client.until("waiting")
        await client.until("waiting")
        await build()
        await start()
        await client.until("ready")
    return await NotebookServer.objects.aget(owner=student)


# --- A log that others read too ----------------------------------------------------------------------------


@sync_to_async
def write_lines(count: int) -> None:
    """Append lines to the log of the one build, which is under way."""
    build = Build.objects.get()
    Build.objects.update(state=Build.State.BUILDING)
    first = build.log_lines.count() + 1
    BuildLogLine.objects.bulk_create(
        BuildLogLine(build=build, sequence=n, phase="building", text=f"line {n}") for n in range(first, first + count)
    )
    announce_build(build)


async def lines(client: Reading, last: int) -> list[str]:
    """The lines of the log up to this one."""
    seen: list[str] = []
    while seen[-1:] != [f"line {last}\n"]:
        event = await client.event()
        if event["message"].startswith("line "):
            seen.append(event["message"])
    return seen


async def test_second_client_sees_the_log_from_its_beginning(student: User) -> None:
    secret = await sync_to_async(secret_of)(student)
    async with reading(secret) as first:
        await first.until("waiting")
        await first.until("waiting")
        await write_lines(3)
        of_first = await lines(first, 3)

        async with reading(secret) as second:
            of_second = await lines(second, 3)

    assert of_first == of_second == ["line 1\n", "line 2\n", "line 3\n"]
    assert await Build.objects.acount() == 1


async def test_log_longer_than_one_look_is_told_whole(student: User) -> None:
    secret = await sync_to_async(secret_of)(student)
    async with reading(secret) as client:
        await client.until("waiting")
        await client.until("waiting")
        await write_lines(2500)

        told = await lines(client, 2500)

    assert told == [f"line {n}\n" for n in range(1, 2501)]


async def test_leaving_frees_everything_and_lets_the_build_go_on(student: User) -> None:
    secret = await sync_to_async(secret_of)(student)
    client = Reading(secret)
    await client.begin()
    await client.until("waiting")
    await client.until("waiting")

    await client.leave()

    layer: Any = get_channel_layer()
    assert not any(name.startswith(("build.", "server.")) for name in layer.groups)
    assert await Build.objects.filter(state=Build.State.QUEUED, cancel_requested_at=None).aexists()


# --- What goes wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/build/svn/somewhere", "provider_unknown"),
        ("/build/gh/owner", "repository_invalid"),
        ("/build/example/tiny/no-such-branch", "ref_unknown"),
        ("/build/example/no-such-example", "repository_not_found"),
        ("/build/example/tiny?memory=lots", "option_invalid"),
        ("/build/example/tiny?hub=mybinder", "option_unavailable"),
    ],
)
async def test_launch_of_what_is_not_there_fails_with_a_sentence(student: User, path: str, code: str) -> None:
    secret = await sync_to_async(secret_of)(student)

    async with reading(secret, path) as client:
        failed = (await client.until("failed", "ready"))[-1]

    assert client.status == 200
    assert failed["code"] == code
    assert not await NotebookServer.objects.aexists()


async def test_failing_build_ends_with_what_happened_and_what_to_do(
    student: User, use_backends: Callable[..., None]
) -> None:
    use_backends(builder=FailingBuilder)
    secret = await sync_to_async(secret_of)(student)

    async with reading(secret) as client:
        await client.until("waiting")
        await client.until("waiting")
        await build()
        events = await client.until("failed", "ready")

    words = FailingBuilder.error.explain()
    assert events[-1]["message"] == f"{words.sentence} {words.next_step}\n"
    assert "error: something went wrong\n" in [event["message"] for event in events]
    assert "built" not in phases(events)


@pytest.mark.parametrize(
    ("change", "code"),
    [({"state": State.STOPPED}, "server_asleep"), ({"deleted_at": timezone.now()}, "server_not_found")],
)
async def test_server_that_somebody_stops_or_deletes_ends_the_launch(
    student: User, change: dict[str, Any], code: str
) -> None:
    secret = await sync_to_async(secret_of)(student)

    async with reading(secret) as client:
        await client.until("waiting")
        await client.until("waiting")
        await Build.objects.aupdate(state=Build.State.SUCCEEDED)
        await NotebookServer.objects.aupdate(**change)
        failed = (await client.until("failed", "ready"))[-1]

    assert failed["code"] == code


async def test_token_revoked_meanwhile_ends_the_launch(student: User) -> None:
    secret = await sync_to_async(secret_of)(student)

    async with reading(secret) as client:
        await client.until("waiting")
        await client.until("waiting")
        await ApiToken.objects.all().adelete()
        failed = (await client.until("failed", "ready"))[-1]

    assert failed["code"] == "not_authenticated"


async def test_stream_stays_open_after_its_last_event_and_shows_that_it_lives(student: User) -> None:
    secret = await sync_to_async(secret_of)(student)
    app = BuildStream(Pace(look=0.05, keepalive=0.01, linger=1))

    async with reading(secret, "/build/svn/somewhere", app=app) as client:
        await client.until("failed")

        assert await client.block() == ": keepalive"


async def test_stream_ends_in_the_end(student: User) -> None:
    secret = await sync_to_async(secret_of)(student)

    async with reading(secret, "/build/svn/somewhere") as client:
        await client.until("failed")

        assert await client.block() == ""


# --- Who may -----------------------------------------------------------------------------------------------


async def test_ask_without_a_token_is_refused_whatever_the_cookies_say(student: User, client: Any) -> None:
    await sync_to_async(client.force_login)(student)
    cookies = client.cookies.output(header="", sep=";").strip()

    async with reading("", cookie=cookies) as refused:
        body = await refused.body()

    assert (refused.status, body["code"]) == (401, "not_authenticated")
    assert refused.headers["www-authenticate"] == "Bearer"
    assert set(body) == {"code", "message", "next_step"}


async def test_ask_with_a_wrong_token_is_refused(student: User) -> None:
    async with reading("carrel_" + "0" * 64) as refused:
        assert (refused.status, (await refused.body())["code"]) == (401, "not_authenticated")


async def test_ask_with_a_token_for_other_things_is_refused(student: User) -> None:
    secret = await sync_to_async(secret_of)(student, Scope.SERVERS_READ, Scope.SERVERS_USE)

    async with reading(secret) as refused:
        body = await refused.body()

    assert (refused.status, body["code"]) == (403, "scope_missing")
    assert "servers:write" in body["message"]
    assert not await NotebookServer.objects.aexists()


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "text/html"])
async def test_ask_for_anything_but_events_is_refused(student: User, accept: str) -> None:
    secret = await sync_to_async(secret_of)(student)

    async with reading(secret, accept=accept) as refused:
        assert (refused.status, (await refused.body())["code"]) == (400, "event_stream_only")


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS"])
async def test_other_methods_are_refused(student: User, method: str) -> None:
    secret = await sync_to_async(secret_of)(student)

    async with reading(secret, method=method) as refused:
        assert (refused.status, refused.headers["allow"]) == (405, "GET")


async def test_launch_too_often_is_refused_with_how_long_to_wait(student: User, settings: Settings) -> None:
    settings.API_LAUNCHES_PER_MINUTE = 1
    secret = await sync_to_async(secret_of)(student)

    async with reading(secret, "/build/svn/a"), reading(secret, "/build/svn/a") as refused:
        assert (refused.status, (await refused.body())["code"]) == (429, "throttled")

    assert 0 < int(refused.headers["retry-after"]) <= 60


async def test_refusal_is_in_the_language_asked_for(student: User) -> None:
    async with reading("", accept_language="fr") as refused:
        assert "jeton" in (await refused.body())["message"]


# --- Other sites' pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_page_of_another_site_is_refused_unless_the_operator_lets_it(student: User, method: str) -> None:
    secret = await sync_to_async(secret_of)(student)

    async with reading(secret, origin=PAGE, method=method) as refused:
        assert (refused.status, (await refused.body())["code"]) == (403, "page_refused")

    assert "access-control-allow-origin" not in refused.headers
    assert not await NotebookServer.objects.aexists()


@pytest.mark.parametrize(("allowed", "answer"), [([PAGE], PAGE), (["*"], "*")])
async def test_page_that_the_operator_lets_may_ask_with_a_token_and_no_cookie(
    student: User, settings: Settings, allowed: list[str], answer: str
) -> None:
    settings.API_ALLOWED_ORIGINS = allowed
    secret = await sync_to_async(secret_of)(student)

    async with reading("", origin=PAGE, method="OPTIONS") as advance, reading(secret, origin=PAGE) as client:
        assert (advance.status, client.status) == (204, 200)

    assert advance.headers["access-control-allow-origin"] == client.headers["access-control-allow-origin"] == answer
    assert "authorization" in advance.headers["access-control-allow-headers"]
    assert not {"access-control-allow-credentials"} & (set(advance.headers) | set(client.headers))


@pytest.mark.parametrize("origin", ["null", "https://other.example.org", f"{PAGE}.evil.example", f"{PAGE}:8443"])
async def test_page_of_any_other_site_stays_refused(student: User, settings: Settings, origin: str) -> None:
    settings.API_ALLOWED_ORIGINS = [PAGE]
    secret = await sync_to_async(secret_of)(student)

    async with reading(secret, origin=origin) as refused:
        assert refused.status == 403


# --- Where it is -------------------------------------------------------------------------------------------


async def test_site_answers_at_build(student: User) -> None:
    secret = await sync_to_async(secret_of)(student)

    async with reading(secret, app=application) as client:
        assert (client.status, client.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


async def test_unknown_host_is_refused(student: User) -> None:
    secret = await sync_to_async(secret_of)(student)

    async with reading(secret, app=application, host="evil.example") as refused:
        assert refused.status == 400
