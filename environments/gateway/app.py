"""The gateway: an ASGI application for every host `<subdomain>.<NOTEBOOK_DOMAIN>`.

It asks `authorize` before each request and each websocket, then carries it to the notebook server. It has no
middleware, no sessions and no routes but one: `/_carrel/enter`, where a ticket becomes a cookie.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qs

from asgiref.typing import (
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    LifespanScope,
    Scope,
    WebSocketScope,
)
from channels.db import database_sync_to_async
from django.conf import settings
from django.utils import timezone
from knox.settings import knox_settings

from environments.cross_origin import advance_answer, invitation, may_ask
from environments.gateway import answers
from environments.gateway.access import RECHECK_FACTS_SECONDS, RECHECK_SECONDS, Access, Changes
from environments.gateway.answers import Answer
from environments.gateway.authorize import AccessRequest, Allowed, Authorizer, Decision, Refusal, own_origin
from environments.gateway.forwarding import Exchange
from environments.gateway.headers import (
    ClientHeaders,
    headers_for_server,
    key_in,
    safe_next,
    sort_client_headers,
    token_of,
)
from environments.gateway.notices import hear_changes
from environments.gateway.relaying import UpstreamRefused, WebsocketConnector, relay
from environments.gateway.upstream import ConnectionPool, UpstreamError, UpstreamUnreachable
from environments.tickets import ADMISSION_LIFETIME, redeem_ticket

logger = logging.getLogger(__name__)

OWN_PATH = "/_carrel/"
ENTER_PATH = "/_carrel/enter"
JUPYTERS_OWN = ("/api/", "/terminals/", "/lsp/")
"""Below these, kernels and terminals say themselves when somebody is at work, and open pages talk by themselves."""
_LABEL = re.compile(r"[a-z0-9-]{1,63}")
_TARGET = re.compile(rb"/[^\x00-\x20\x7f]*")


def subdomain_of(host: str) -> str | None:
    """The first label of a Host header that names a notebook server's origin, else None."""
    default_port = ":443" if settings.HTTPS else ":80"
    label, _, domain = host.lower().removesuffix(default_port).partition(".")
    is_ours = domain == settings.NOTEBOOK_DOMAIN.lower().removesuffix(default_port)
    return label if is_ours and _LABEL.fullmatch(label) else None


class Gateway:
    """The application, with its connections and what it knows. Belongs to one event loop."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, recheck_seconds: float = RECHECK_SECONDS
    ) -> None:
        self._recheck_seconds = recheck_seconds
        self._authorizer = Authorizer(clock=clock)
        self._changes = Changes()
        self._pool = ConnectionPool()
        self._websockets = WebsocketConnector()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one request or websocket, or follow the life of the web server."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._join(scope, receive, send)
        else:
            await self._live(scope, receive, send)

    def hear_change(self, subdomain: str) -> None:
        """Look at this server anew, and at whatever is under way for whoever is in it."""
        self._authorizer.forget_route(subdomain)
        self._changes.announce(subdomain)

    async def close(self) -> None:
        """Let go of all connections to notebook servers that wait for their next use."""
        self._pool.close()
        await self._websockets.close()

    async def _live(self, scope: LifespanScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        hearing = asyncio.create_task(hear_changes(self.hear_change))
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                hearing.cancel()
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    # --- Requests

    async def _serve(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        client = sort_client_headers(scope["headers"])
        subdomain = subdomain_of(client.text(b"host"))
        target = _target(scope)
        if subdomain is None or target is None or client.is_ambiguous:
            await answers.refusal("request_invalid", client, subdomain="").send(send)
        elif scope["path"].startswith(OWN_PATH):
            await (await _own_answer(scope, client, subdomain)).send(send)
        elif _is_asked_in_advance(scope, client):
            await Answer(HTTPStatus.NO_CONTENT, advance_answer(client.text(b"origin"))).send(send)
        else:
            await self._carry(scope, client, subdomain, target, receive, _readable_elsewhere(client, send))

    async def _carry(
        self,
        scope: HTTPScope,
        client: ClientHeaders,
        subdomain: str,
        target: bytes,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
    ) -> None:
        access = _access_request(client, subdomain, scope["method"])
        exchange = Exchange(
            scope,
            client,
            receive,
            send,
            access=self._access(access),
        )
        decision = await self._authorizer.authorize(access)
        unreachable = None
        while isinstance(decision, Allowed) and decision != unreachable:
            try:
                await exchange.carry(decision, target, self._pool)
                return
            except UpstreamUnreachable as error:
                unreachable, decision = decision, await self._decide_anew(access, error)
            except UpstreamError as error:
                logger.info("%s broke off: %s", subdomain, error)
                if exchange.has_answered:
                    return  # The web server cuts the connection, since the response is not complete.
                decision = await self._authorizer.authorize(access)  # It may be we who broke off.
                break
        await _refuse(decision, client, access, target).send(send)

    # --- Websockets

    async def _join(self, scope: WebSocketScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await receive()  # websocket.connect
        client = sort_client_headers(scope["headers"])
        subdomain = subdomain_of(client.text(b"host"))
        target = _target(scope)
        if subdomain is None or target is None or client.is_ambiguous:
            await _refuse_websocket(answers.refusal("request_invalid", client, subdomain=""), scope, send)
        elif scope["path"].startswith(OWN_PATH):
            await _refuse_websocket(answers.refusal("server_not_found", client, subdomain=subdomain), scope, send)
        else:
            access = _access_request(client, subdomain, "GET", is_websocket=True)
            key, target = key_in(target)  # A page cannot give a websocket headers.
            if key and (access.origin in ("", own_origin(subdomain)) or may_ask(access.origin)):
                access = access._replace(token=key)
            refused = await self._relay(scope, client, access, target, receive, send)
            if refused is not None:
                await _refuse_websocket(refused, scope, send)

    async def _relay(
        self,
        scope: WebSocketScope,
        client: ClientHeaders,
        access: AccessRequest,
        target: bytes,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
    ) -> Answer | None:
        """Join the two ends until one closes; or why that could not be."""
        decision = await self._access(access).decide()  # A new connection: only to where the server is by now.
        unreachable = None
        while isinstance(decision, Allowed) and decision != unreachable:
            headers = headers_for_server(
                client, token=decision.token, client_address=_client_address(scope), identity=decision.identity
            )
            headers = [header for header in headers if not header[0].startswith(b"sec-websocket-")]
            try:
                upstream = await self._websockets.connect(decision, target, headers, list(scope["subprotocols"]))
            except UpstreamUnreachable as error:
                unreachable, decision = decision, await self._decide_anew(access, error)
                continue
            except UpstreamRefused as refused:
                return Answer(refused.status, [])
            except UpstreamError as error:
                logger.info("%s broke off: %s", access.subdomain, error)
                break
            async with upstream:
                await send({"type": "websocket.accept", "subprotocol": upstream.protocol, "headers": []})
                await relay(
                    receive,
                    send,
                    upstream,
                    allowed=decision,
                    access=self._access(access),
                    note_use=None if _is_jupyters_own(scope) else partial(self._authorizer.note_use, access.subdomain),
                )
            return None
        return _refuse(decision, client, access, target)

    # --- Both

    async def _decide_anew(self, access: AccessRequest, error: UpstreamUnreachable) -> Decision:
        """Decide again after nothing answered where we thought the server was."""
        logger.info("%s does not answer at %s", access.subdomain, error)
        self._authorizer.forget_route(access.subdomain)
        return await self._authorizer.authorize(access)

    def _access(self, request: AccessRequest) -> Access:
        return Access(
            lambda: self._authorizer.authorize(request, max_age=RECHECK_FACTS_SECONDS),
            lambda seconds: self._changes.wait(request.subdomain, seconds),
            self._recheck_seconds,
        )


async def _own_answer(scope: HTTPScope, client: ClientHeaders, subdomain: str) -> Answer:
    """What lies below `/_carrel/`: the one address, where a ticket is exchanged for a cookie."""
    if scope["path"] != ENTER_PATH or scope["method"] != "GET":
        return answers.refusal("server_not_found", client, subdomain=subdomain)
    query = parse_qs(scope["query_string"].decode("latin-1"))
    ticket = query.get("ticket", [""])[0]
    redeem = database_sync_to_async(redeem_ticket, thread_sensitive=False)
    cookie = await redeem(ticket, subdomain=subdomain, now=timezone.now())
    if cookie is None:
        return answers.refusal("ticket_invalid", client, subdomain=subdomain)
    location = safe_next(query.get("next", [""])[0])
    return answers.redirect(location, status=HTTPStatus.SEE_OTHER, extra=((b"set-cookie", _pass_cookie(cookie)),))


def _pass_cookie(value: str) -> bytes:
    """The cookie of this origin alone: no Domain, so no other host is ever sent it."""
    max_age = int(ADMISSION_LIFETIME.total_seconds())
    secure = "; Secure" if settings.GATEWAY_COOKIE_SECURE else ""
    return f"{settings.GATEWAY_COOKIE_NAME}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}".encode()


def _target(scope: HTTPScope | WebSocketScope) -> bytes | None:
    """Path and query byte for byte as the client sent them, or None if they cannot stand in a request line."""
    path, query = scope["raw_path"], scope["query_string"]
    target = path + b"?" + query if query else path
    return target if _TARGET.fullmatch(target) else None


def _access_request(client: ClientHeaders, subdomain: str, method: str, *, is_websocket: bool = False) -> AccessRequest:
    return AccessRequest(
        subdomain,
        method,
        client.passes,
        token_of(client.text(b"authorization")),
        client.text(b"origin"),
        client.text(b"sec-fetch-site"),
        client.text(b"sec-fetch-mode"),
        client.text(b"sec-fetch-dest"),
        is_websocket,
    )


def _is_asked_in_advance(scope: HTTPScope, client: ClientHeaders) -> bool:
    """Whether a browser asks if another site's page may ask, and it may; nothing is shown with such a question."""
    asks = scope["method"] == "OPTIONS" and any(name == b"access-control-request-method" for name, _ in client.kept)
    return asks and may_ask(client.text(b"origin"))


def _readable_elsewhere(client: ClientHeaders, send: ASGISendCallable) -> ASGISendCallable:
    """Let another site's page that shows a token, and may ask, read the answer, whatever the server says of that."""
    origin = client.text(b"origin")
    if not may_ask(origin) or not token_of(client.text(b"authorization")).startswith(knox_settings.TOKEN_PREFIX):
        return send

    async def invite(message: ASGISendEvent) -> None:
        if message["type"] == "http.response.start":
            own = [header for header in message["headers"] if not header[0].startswith(b"access-control-")]
            message = {**message, "headers": [*own, *invitation(origin)]}
        await send(message)

    return invite


def _refuse(decision: Decision, client: ClientHeaders, access: AccessRequest, target: bytes) -> Answer:
    """Say why a request goes no further; what was allowed all the same is a server that does not answer."""
    if isinstance(decision, Allowed):
        return answers.refusal("server_unresponsive", client, subdomain=access.subdomain)
    if decision.refusal is Refusal.SIGN_IN and access.method == "GET" and client.wants_page and not access.is_websocket:
        return answers.sign_in(access.subdomain, target)
    return answers.refusal(decision.refusal.value, client, subdomain=access.subdomain, server_id=decision.server_id)


async def _refuse_websocket(answer: Answer, scope: WebSocketScope, send: ASGISendCallable) -> None:
    if "websocket.http.response" in (scope["extensions"] or {}):
        await answer.refuse_websocket(send)
    else:
        await send({"type": "websocket.close", "code": 4000 + answer.status, "reason": ""})


def _is_jupyters_own(scope: WebSocketScope) -> bool:
    """Whether a websocket is Jupyter's rather than that of another application beside it."""
    return scope["path"].startswith(JUPYTERS_OWN)


def _client_address(scope: HTTPScope | WebSocketScope) -> str:
    client = scope["client"]
    return client[0] if client else ""
