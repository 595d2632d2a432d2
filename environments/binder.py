"""`GET /build/<provider>/<spec>`: BinderHub's event stream, for programs that show a token. Cookies never count.

An ASGI application beside Django's: a stream lasts for minutes, and there it would hold a thread all that time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs, quote

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.urls import path
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from accounts.models import ApiToken, Scope
from accounts.tokens import find_token
from environments import binder_events
from environments.binder_events import Event, Order, Seen
from environments.cross_origin import advance_answer, invitation, may_ask
from environments.errors import EnvironmentsError, UserError
from environments.gateway.answers import Answer, language_of
from environments.gateway.headers import ClientHeaders, Header, sort_client_headers, token_of
from environments.links import read_link
from environments.live import build_group, server_group
from environments.throttling import wait_before_launch

logger = logging.getLogger(__name__)

PREFIX = "/build/"
MAX_LAUNCHES_AT_ONCE = 8
"""Each may wait for a git host for some seconds; whoever comes later waits for one of these to end."""

MAX_EVENTS_AHEAD = 100

_KEEPALIVE = b": keepalive\n\n"
_LAUNCHING = ThreadPoolExecutor(MAX_LAUNCHES_AT_ONCE, thread_name_prefix="binder-launch")
_STREAM: list[Header] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]
_OWN: list[Header] = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, in seconds, the stream does what."""

    look: float = 2.0
    """Rows are read even when no notice came: notices may get lost, rows do not."""
    keepalive: float = 25.0
    linger: float = 60.0
    """A client that is cut off asks again, and would launch again: so let it be the first to leave."""


class BuildStream:
    """The application. `pace` is for tests."""

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()

    async def __call__(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer one request."""
        client = sort_client_headers(scope["headers"])
        try:
            token = await self._admit(scope, client)
        except EnvironmentsError as error:
            await _refusal(error, client).send(send)
            return
        if token is None:
            await Answer(HTTPStatus.NO_CONTENT, advance_answer(client.text(b"origin"))).send(send)
            return
        headers = [*_STREAM, *_invited(client)]
        await send({"type": "http.response.start", "status": 200, "headers": headers, "trailers": False})
        await _while_there(receive, self._tell(_Launch(scope, client, token), send))

    async def _admit(self, scope: HTTPScope, client: ClientHeaders) -> ApiToken | None:
        """The token this is asked with; None for what a browser asks in advance."""
        domain, _port = split_domain_port(client.text(b"host"))
        if client.is_ambiguous or not validate_host(domain, settings.ALLOWED_HOSTS):
            raise UserError("request_invalid")
        origin = client.text(b"origin")
        if origin not in ("", settings.PUBLIC_URL) and not may_ask(origin):
            raise UserError("page_refused", origin=origin[:100])
        if scope["method"] == "OPTIONS" and may_ask(origin):
            return None
        if scope["method"] != "GET":
            raise UserError("method_not_allowed")
        if "text/event-stream" not in client.text(b"accept").lower():
            raise UserError("event_stream_only")
        return await _in_thread(_check_token)(token_of(client.text(b"authorization")))

    async def _tell(self, launch: _Launch, send: ASGISendCallable) -> None:
        """Send every event, and then nothing but signs of life for a while."""
        events: asyncio.Queue[Event | None] = asyncio.Queue(MAX_EVENTS_AHEAD)
        async with asyncio.TaskGroup() as group:
            group.create_task(launch.follow(events, self._pace.look))
            while (event := await self._next(events, send)) is not None:
                await _send(send, _encoded(event))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pace.linger):
                await self._next(events, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self, events: asyncio.Queue[Event | None], send: ASGISendCallable) -> Event | None:
        """The next event, and signs of life until there is one."""
        while True:
            try:
                async with asyncio.timeout(self._pace.keepalive):
                    return await events.get()
            except TimeoutError:
                await _send(send, _KEEPALIVE)


class _Launch:
    """One launch, from what a client asks for to its last event."""

    def __init__(self, scope: HTTPScope, client: ClientHeaders, token: ApiToken) -> None:
        self._token = token
        self._path = _path_as_typed(scope)
        self._query = scope["query_string"].decode("latin-1")
        self._language = language_of(client.text(b"accept-language"))

    async def follow(self, events: asyncio.Queue[Event | None], look_seconds: float) -> None:
        """Put everything the client is to be told into the queue, and None at its end."""
        with translation.override(self._language):
            try:
                await self._follow(events, look_seconds)
            except EnvironmentsError as error:
                logger.info("a launch by Binder's API failed: %s", error)
                await events.put(binder_events.failure(error))
            except Exception:
                logger.exception("a launch by Binder's API failed")
                await events.put(binder_events.failure(EnvironmentsError("unexpected")))
        await events.put(None)

    async def _follow(self, events: asyncio.Queue[Event | None], look_seconds: float) -> None:
        await events.put(binder_events.waiting(_("Looking for the repository")))
        place = database_sync_to_async(self._place_order, thread_sensitive=False, executor=_LAUNCHING)
        while (order := await place()) is None:
            await asyncio.sleep(look_seconds)
        seen, is_over = Seen(), False
        async with Notices() as notices:
            while not is_over:
                await notices.listen_to(*_groups_of(order, seen))
                news = await _in_thread(binder_events.news_of)(order, seen, now=timezone.now())
                seen, is_over = news.seen, news.is_last
                for event in news.events:
                    await events.put(event)
                if not news.events:
                    await notices.wait(look_seconds)

    def _place_order(self) -> Order | None:
        is_image_only = parse_qs(self._query).get("build_only", [""])[-1].lower() == "true"
        link = read_link(self._path, self._query)
        if link.hub:
            raise UserError("option_unavailable", option="hub")  # A stream cannot send anybody anywhere.
        spec = link.spec
        return binder_events.place_order(spec, token=self._token, is_image_only=is_image_only, now=timezone.now())


class Notices:
    """Hears that rows have changed. Where nothing can be heard, waiting takes as long as it may."""

    def __init__(self) -> None:
        self._layer: Any = get_channel_layer()
        self._channel = ""
        self._groups: set[str] = set()
        self._woken = asyncio.Event()
        self._hearing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Notices:
        if self._layer is not None:
            self._channel = await self._layer.new_channel()
            self._hearing = asyncio.create_task(self._hear())
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._hearing is None:
            return
        for group in self._groups:
            with contextlib.suppress(RedisError, OSError):
                await self._layer.group_discard(group, self._channel)
        self._hearing.cancel()
        await asyncio.gather(self._hearing, return_exceptions=True)

    async def listen_to(self, *groups: str) -> None:
        """Hear what is said to these groups from now on, too."""
        for group in {*groups} - self._groups if self._hearing else ():
            self._groups.add(group)
            try:
                await self._layer.group_add(group, self._channel)
            except (RedisError, OSError) as error:
                logger.warning("changes to %s are not heard: %s", group, error)

    async def wait(self, seconds: float) -> None:
        """Return when something was said since the last wait, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()

    async def _hear(self) -> None:
        try:
            while True:
                await self._layer.receive(self._channel)
                self._woken.set()
        except (RedisError, OSError) as error:
            logger.warning("changes are not heard: %s", error)


def _check_token(secret: str) -> ApiToken:
    """The token, if its holder may launch now; the launch is counted. Raises UserError."""
    token = find_token(secret, now=timezone.now())
    if token is None:
        raise UserError("not_authenticated")
    if Scope.SERVERS_WRITE not in token.scopes:
        raise UserError("scope_missing", scope=Scope.SERVERS_WRITE.value)
    if seconds := wait_before_launch(token.user):
        raise UserError("throttled", seconds=seconds)
    return token


def _groups_of(order: Order, seen: Seen) -> set[str]:
    own = build_group(order.id) if order.is_image_only else server_group(order.id)
    return {own} if seen.build_id is None else {own, build_group(seen.build_id)}


def _path_as_typed(scope: HTTPScope) -> str:
    """What follows `/build/` as it stands in the address: `%2F` is not the same as a slash there."""
    raw = scope.get("raw_path") or quote(scope["path"], safe="/:@%").encode()
    return raw.decode("ascii", errors="replace").partition(PREFIX)[2]


def _invited(client: ClientHeaders) -> list[Header]:
    origin = client.text(b"origin")
    return invitation(origin) if may_ask(origin) else []


def _refusal(error: EnvironmentsError, client: ClientHeaders) -> Answer:
    with translation.override(language_of(client.text(b"accept-language"))):
        words = error.explain()
    body = json.dumps({"code": words.code, "message": words.sentence, "next_step": words.next_step})
    headers = [*_OWN, *_invited(client)]
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    elif error.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"GET"))
    elif error.status == HTTPStatus.TOO_MANY_REQUESTS:
        headers.append((b"retry-after", str(error.facts["seconds"]).encode()))
    return Answer(error.status, headers, body.encode())


def _encoded(event: Event) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


async def _send(send: ASGISendCallable, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _while_there(receive: ASGIReceiveCallable, work: Coroutine[Any, Any, None]) -> None:
    """Do this until it is done or the client has left; raises what it raises."""
    leaving, working = asyncio.create_task(_leave(receive)), asyncio.create_task(work)
    try:
        await asyncio.wait((leaving, working), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        was_done = working.done()
        working.cancel()
        await asyncio.gather(leaving, working, return_exceptions=True)
    if was_done:
        working.result()


async def _leave(receive: ASGIReceiveCallable) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _in_thread(work: Callable[..., T]) -> Callable[..., Awaitable[T]]:
    """Ask the database without holding up the event loop, nor the one thread that Django's own views share."""
    return cast("Callable[..., Awaitable[T]]", database_sync_to_async(work, thread_sensitive=False))


http_urlpatterns = [path("build/<path:spec>", cast("Any", BuildStream()), name="build-stream")]
