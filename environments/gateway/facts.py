"""What the gateway has to know, asked of the database: where a subdomain leads, and who shows a credential."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import Scope, User
from accounts.tokens import find_token_again, token_holder
from environments.gateway.headers import Header, identity_headers
from environments.models import Admission, NotebookServer
from environments.tickets import KEY_PREFIX, read_key, secret_hash, server_token
from environments.values import Endpoint
from environments.visits import note_visit


@dataclass(frozen=True, slots=True)
class Route:
    """One server as the gateway sees it. `endpoint` is None unless it runs."""

    server: NotebookServer
    endpoint: Endpoint | None
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person who showed a valid credential. `server_id` is the only server it is good for, None for any.

    `identity` is how a notebook server is told who they are.
    """

    user: User
    server_id: UUID | None
    identity: tuple[Header, ...]


def find_route(subdomain: str) -> Route | None:
    """The server of this subdomain, running or not; None when there is none or it was deleted."""
    servers = NotebookServer.objects.present().select_related("owner").prefetch_related("collaborators")
    server = servers.defer("failure_log", "failure_facts").filter(subdomain=subdomain).first()
    if server is None:
        return None
    endpoint = server.upstream if server.state == NotebookServer.State.RUNNING else None
    return Route(server, endpoint, server_token(server.handle))


def note_use(subdomain: str) -> None:
    """Note that somebody changes something in this server: that is what tells use from an open tab."""
    running = NotebookServer.objects.filter(subdomain=subdomain, state=NotebookServer.State.RUNNING)
    running.update(last_activity_at=timezone.now(), prewarmed_until=None)


def note_presence(place: tuple[UUID, UUID]) -> None:
    """Note that somebody is in a server: its id, and theirs."""
    server_id, person_id = place
    note_visit(server_id, person_id, now=timezone.now())


def find_pass_holder(cookie: str) -> Visitor | None:
    """Whose pass this is, as long as the session it came from is signed in and the person active."""
    now = timezone.now()
    admission = (
        Admission.objects.select_related("user").filter(cookie_hash=secret_hash(cookie), expires_at__gt=now).first()
    )
    if admission is None or not _is_signed_in(admission, now):
        return None
    return _visitor(admission.user, admission.server_id)


def find_token_holder(token: str) -> Visitor | None:
    """Whose API token, or key to one server, this is, as long as the token lets programs work inside servers."""
    now = timezone.now()
    if token.startswith(KEY_PREFIX):
        return _find_key_holder(token, now)
    user = token_holder(token, Scope.SERVERS_USE, now=now)
    return None if user is None else _visitor(user, None)


def _find_key_holder(key: str, now: datetime) -> Visitor | None:
    token_id, server_id = read_key(key, now=now) or (None, None)
    token = find_token_again(token_id, now=now) if token_id else None
    if token is None or Scope.SERVERS_USE not in token.scopes:
        return None
    return _visitor(token.user, server_id)


def _visitor(user: User, server_id: UUID | None) -> Visitor:
    return Visitor(user, server_id, identity_headers(user.get_username(), user.get_full_name()))


def _is_signed_in(admission: Admission, now: datetime) -> bool:
    user = admission.user
    return (
        user.is_active
        and constant_time_compare(admission.session_hash, user.get_session_auth_hash())
        and Session.objects.filter(session_key=admission.session_key, expire_date__gt=now).exists()
    )
