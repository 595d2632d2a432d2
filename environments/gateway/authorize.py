"""Decides, for each request and each websocket, whether it may pass to a notebook server, and where that is.

Knows nothing of ASGI, so that whatever carries the bytes (the gateway of this package, or a web server that
asks for permission) gets its answer from the same function. What it decides by is never older than
`FACTS_SECONDS`, so whoever loses access is out within five seconds, whatever is under way for them included.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeVar, cast
from uuid import UUID

from channels.db import database_sync_to_async
from django.conf import settings
from knox.settings import knox_settings

from environments.gateway.facts import (
    Route,
    Visitor,
    find_pass_holder,
    find_route,
    find_token_holder,
    note_presence,
    note_use,
)
from environments.gateway.freshness import FreshFacts
from environments.gateway.headers import Header
from environments.policies import can_enter_server
from environments.values import Endpoint
from environments.visits import NOTED_EVERY

FACTS_SECONDS = 3.0
"""How old what we know may be. What begins by such facts is looked at again after a second, by fresh ones: both
together, and the time to look things up, are less than the five seconds promised."""
DENIAL_SECONDS = 0.5
"""How long "there is none" and "it does not run" are believed, so that a fresh start is seen promptly."""
USE_SECONDS = 60.0
"""How often it is noted that somebody saves, uploads or runs something in a server."""
PRESENCE_SECONDS = NOTED_EVERY.total_seconds()
MAX_FACTS = 10_000
MAX_PASSES_TRIED = 8
"""Another notebook's page can add cookies of our name to ours, so there may be several; not any number."""
MAX_CREDENTIAL_LENGTH = 256

K = TypeVar("K")
T = TypeVar("T")


class AccessRequest(NamedTuple):
    """What somebody asks of a server. Header values are empty when absent.

    `passes` are the values of all cookies of our name; `token` is what the Authorization header carries.
    """

    subdomain: str
    method: str
    passes: tuple[str, ...] = ()
    token: str = ""
    origin: str = ""
    fetch_site: str = ""
    fetch_mode: str = ""
    fetch_dest: str = ""
    is_websocket: bool = False


class Refusal(StrEnum):
    """Why a request may not pass; the values are error codes."""

    SIGN_IN = "sign_in_required"
    NOT_FOUND = "server_not_found"
    ORIGIN = "origin_refused"
    ASLEEP = "server_asleep"


@dataclass(frozen=True, slots=True)
class Allowed:
    """It may pass to `endpoint`, showing `token` there, and telling by `identity` who the person is.

    Two are equal that lead the same person to the same start of the same server.
    """

    endpoint: Endpoint
    token: str = field(repr=False)
    person_id: UUID
    server_id: UUID
    is_shared: bool = field(compare=False)
    identity: tuple[Header, ...] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """It may not pass. `server_id` is set only for somebody who may know of the server."""

    refusal: Refusal
    server_id: UUID | None = None


Decision = Allowed | Refused


class Authorizer:
    """Answers `authorize` from facts it keeps for a moment. Belongs to one event loop."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._routes: FreshFacts[str, Route | None] = FreshFacts(
            _in_thread(find_route), lifetime=_route_lifetime, max_entries=MAX_FACTS, clock=clock
        )
        self._passes: FreshFacts[str, Visitor | None] = FreshFacts(
            _in_thread(find_pass_holder), lifetime=_visitor_lifetime, max_entries=MAX_FACTS, clock=clock
        )
        self._tokens: FreshFacts[str, Visitor | None] = FreshFacts(
            _in_thread(find_token_holder), lifetime=_visitor_lifetime, max_entries=MAX_FACTS, clock=clock
        )
        self._uses: FreshFacts[str, None] = FreshFacts(
            _in_thread(note_use), lifetime=lambda _noted: USE_SECONDS, max_entries=MAX_FACTS, clock=clock
        )
        self._presence: FreshFacts[tuple[UUID, UUID], None] = FreshFacts(
            _in_thread(note_presence), lifetime=lambda _noted: PRESENCE_SECONDS, max_entries=MAX_FACTS, clock=clock
        )

    async def authorize(self, request: AccessRequest, *, max_age: float = FACTS_SECONDS) -> Decision:
        """Whether this may pass, by facts not older than `max_age` seconds.

        Somebody without a valid credential learns nothing about which servers exist, and neither does
        somebody with a valid one who may not enter.
        """
        visitor = await self._by_token(request, max_age)
        if visitor is not None:
            decision = _decide(await self._routes.get(request.subdomain, max_age), visitor)
        else:
            decision = await self._by_passes(request, max_age)
        if isinstance(decision, Allowed) and request.method not in ("GET", "HEAD"):
            await self.note_use(request.subdomain)
        if isinstance(decision, Allowed) and decision.is_shared:
            await self._presence.get((decision.server_id, decision.person_id), PRESENCE_SECONDS)
        return decision

    async def note_use(self, subdomain: str) -> None:
        """Note, once in a while, that somebody is at work in this server."""
        await self._uses.get(subdomain, USE_SECONDS)

    def forget_route(self, subdomain: str) -> None:
        """Ask anew where this subdomain leads: nothing answered there, or the server has changed."""
        self._routes.forget(subdomain)

    async def _by_token(self, request: AccessRequest, max_age: float) -> Visitor | None:
        # Notebook pages send the notebook server's own token in the same header; ours are told by their prefix.
        token = request.token
        if token and len(token) <= MAX_CREDENTIAL_LENGTH and token.startswith(knox_settings.TOKEN_PREFIX):
            return await self._tokens.get(token, max_age)
        return None

    async def _by_passes(self, request: AccessRequest, max_age: float) -> Decision:
        decision: Decision = Refused(Refusal.SIGN_IN)
        for value in request.passes[:MAX_PASSES_TRIED]:
            if not value or len(value) > MAX_CREDENTIAL_LENGTH:
                continue
            visitor = await self._passes.get(value, max_age)
            if visitor is None:
                continue
            answer = _decide(await self._routes.get(request.subdomain, max_age), visitor)
            if isinstance(answer, Allowed) or answer.refusal is Refusal.ASLEEP:
                return answer if is_own_page(request) else Refused(Refusal.ORIGIN)
            if decision == Refused(Refusal.SIGN_IN):
                decision = answer
        return decision


def is_own_page(request: AccessRequest) -> bool:
    """Whether a request that carries a cookie comes from a page of that server, or a person going there.

    Cookies travel with requests made by pages of other notebooks on the same domain too; those may open the
    server in a window, like any link, but include, read, change and connect to nothing.
    """
    if request.origin:
        is_same = request.origin.lower() == own_origin(request.subdomain)
    else:
        is_same = request.fetch_site == "same-origin"
    if request.is_websocket or request.method not in ("GET", "HEAD"):
        return is_same
    if request.fetch_mode == "navigate" and request.fetch_dest == "document":
        return True
    if request.fetch_site:
        return request.fetch_site in ("same-origin", "none")
    return is_same or not request.origin


def own_origin(subdomain: str) -> str:
    """The origin of the server with this subdomain, as a browser writes it."""
    scheme, default_port = ("https", ":443") if settings.HTTPS else ("http", ":80")
    return f"{scheme}://{subdomain}.{settings.NOTEBOOK_DOMAIN.lower().removesuffix(default_port)}"


def _decide(route: Route | None, visitor: Visitor) -> Decision:
    if route is None or not can_enter_server(visitor.user, route.server):
        return Refused(Refusal.NOT_FOUND)
    if visitor.server_id not in (None, route.server.pk):
        return Refused(Refusal.SIGN_IN)
    if route.endpoint is None:
        return Refused(Refusal.ASLEEP, route.server.pk)
    return Allowed(
        route.endpoint,
        route.token,
        visitor.user.pk,
        route.server.pk,
        is_shared=bool(route.server.collaborator_ids),
        identity=visitor.identity,
    )


def _route_lifetime(route: Route | None) -> float:
    return DENIAL_SECONDS if route is None or route.endpoint is None else FACTS_SECONDS


def _visitor_lifetime(visitor: Visitor | None) -> float:
    return DENIAL_SECONDS if visitor is None else FACTS_SECONDS


def _in_thread(find: Callable[[K], T]) -> Callable[[K], Awaitable[T]]:
    """Ask the database without holding up the event loop, nor the one thread that Django's own views share."""
    return cast("Callable[[K], Awaitable[T]]", database_sync_to_async(find, thread_sensitive=False))
