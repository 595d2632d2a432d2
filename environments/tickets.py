"""Tickets, passes and server tokens: the secrets that lead from a person's session to one server.

A page on Carrel's own origin issues a *ticket*; the browser carries it to the server's origin, where it is
redeemed, once, for a *pass*: the value of a cookie of that origin alone. Only hashes of both are stored.
The *server token* is what the gateway itself shows the notebook server; no browser ever sees it. A *key* is what a
program gets for one server from an API token: it opens nothing else, and no longer than that token is good.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.db.models import Q
from django.utils.crypto import salted_hmac
from knox.settings import knox_settings

from accounts.models import ApiToken, User
from environments.models import Admission, NotebookServer
from environments.values import Handle

TICKET_LIFETIME = timedelta(seconds=30)
ADMISSION_LIFETIME = timedelta(hours=24)
"""Whatever the session does, a pass ends then, and the browser fetches a new one unnoticed."""

KEY_PREFIX = f"{knox_settings.TOKEN_PREFIX}server_"
"""API tokens go on with hexadecimal digits, so the two are never confused."""
KEY_LIFETIME = timedelta(hours=12)

_KEY_PURPOSE = "environments.tickets.server_key"
_SERVER_TOKEN_PURPOSE = "environments.tickets.server_token"  # noqa: S105 - names a purpose, is no secret


def issue_ticket(server: NotebookServer, *, user: User, session_key: str, session_hash: str, now: datetime) -> str:
    """A new ticket for this person into this server: 256 random bits, good once and for 30 seconds.

    `session_key` and `session_hash` are those of the session that asks (`request.session.session_key` and
    its `HASH_SESSION_KEY`); when either ends, so does what the ticket was redeemed for. Whether the person
    may enter is the caller's question.
    """
    ticket = secrets.token_urlsafe(32)
    Admission.objects.create(
        server=server,
        user=user,
        session_key=session_key,
        session_hash=session_hash,
        ticket_hash=secret_hash(ticket),
        ticket_expires_at=now + TICKET_LIFETIME,
        expires_at=now + ADMISSION_LIFETIME,
    )
    return ticket


def redeem_ticket(ticket: str, *, subdomain: str, now: datetime) -> str | None:
    """Exchange a ticket for a new pass, or None when it is unknown, used, too old or another server's.

    One conditional UPDATE decides. The server is matched by a subquery rather than a join so that
    `cookie_hash IS NULL` stays a condition on the updated row itself: of two who redeem at once, one wins.
    """
    cookie = secrets.token_urlsafe(32)
    redeemed = Admission.objects.filter(
        ticket_hash=secret_hash(ticket),
        ticket_expires_at__gt=now,
        cookie_hash__isnull=True,
        server__in=NotebookServer.objects.present().filter(subdomain=subdomain),
    ).update(cookie_hash=secret_hash(cookie))
    return cookie if redeemed else None


def server_token(handle: Handle) -> str:
    """What one start of one server accepts as proof that the gateway is asking: 256 bits, hexadecimal.

    Derived from the secret key, so it is stored nowhere, and new at each start.
    """
    return salted_hmac(_SERVER_TOKEN_PURPOSE, f"{handle.server_id}:{handle.start_id}", algorithm="sha256").hexdigest()


def issue_key(server: NotebookServer, *, token: ApiToken, now: datetime) -> str:
    """What a program may show at this server's origin, and at no other, instead of this API token.

    It is a text that only we can make, so nothing is stored; when the token is revoked or expires, so is the key.
    """
    ends = int((now + KEY_LIFETIME).timestamp())
    return f"{KEY_PREFIX}{Signer(salt=_KEY_PURPOSE).sign(f'{token.uuid.hex}.{server.pk.hex}.{ends}')}"


def read_key(key: str, *, now: datetime) -> tuple[UUID, UUID] | None:
    """The ids of the API token and of the server a key was made for; None when it is not ours or too old."""
    try:
        token, server, ends = Signer(salt=_KEY_PURPOSE).unsign(key.removeprefix(KEY_PREFIX)).split(".")
    except BadSignature:
        return None
    return (UUID(token), UUID(server)) if now.timestamp() < int(ends) else None


def forget_expired_admissions(now: datetime) -> int:
    """Delete admissions that can admit nobody any more; how many there were."""
    never_redeemed = Q(cookie_hash__isnull=True, ticket_expires_at__lte=now)
    deleted, _ = Admission.objects.filter(never_redeemed | Q(expires_at__lte=now)).delete()
    return deleted


def secret_hash(secret: str) -> str:
    """How a ticket or a pass is stored: they are random enough to need no salt and no stretching."""
    return hashlib.sha256(secret.encode()).hexdigest()
