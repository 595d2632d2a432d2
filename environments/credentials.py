"""A server that can act for its owner: the key it carries to Carrel itself, from its start until its stop.

An API token like any other: listed on the account page, good for its scopes alone, ended by whoever revokes it. Its
secret is derived from the secret key and the start, so that whoever goes on with a start gives the same one, and it
is stored nowhere.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from knox.settings import knox_settings

from accounts.models import ApiToken, Scope
from accounts.tokens import create_token, find_token
from environments.errors import UserError
from environments.live import announce_server
from environments.models import NotebookServer

SCOPES = (Scope.SERVERS_READ, Scope.SERVERS_WRITE)
"""Not to work inside servers: what a notebook does in another one, its owner should have to say."""
DAYS = 7
"""A server that runs longer has to be started anew to get another key."""

_PURPOSE = "environments.credentials"

State = NotebookServer.State


def give(server: NotebookServer, *, now: datetime) -> str:
    """The secret for the present start of this server; empty if it is not to carry one, or was stopped meanwhile.

    Never one for a server that others may enter.
    """
    if not server.with_credentials or server.collaborators.exists():
        return ""
    secret = _secret(server)
    ours = NotebookServer.objects.filter(pk=server.pk, start_id=server.start_id, with_credentials=True)
    with transaction.atomic():
        token = find_token(secret, now=now) or _make(server, secret, now)
        if not ours.filter(state=State.STARTING).update(credential=token):
            token.delete()
            return ""
    return secret


def withdraw(server: NotebookServer) -> None:
    """End the key of a server that does not need it any more; nothing if it has none."""
    ApiToken.objects.filter(server=server).delete()


def withdraw_leftovers() -> None:
    """End the keys of servers that were stopped or have failed, however that came about."""
    in_use = (State.STARTING, State.RUNNING)
    ApiToken.objects.filter(server__isnull=False).exclude(server__state__in=in_use).delete()


def drop(server: NotebookServer, *, now: datetime, is_noted: bool = True) -> None:
    """Let this server carry no key any more, from this moment; nothing if it was to carry none.

    Its page then says so, unless its owner has asked for it (`is_noted`).
    """
    with transaction.atomic():
        theirs = NotebookServer.objects.filter(pk=server.pk, with_credentials=True)
        if not theirs.update(with_credentials=False, credentials_dropped_at=now if is_noted else None):
            return
        withdraw(server)
        server.refresh_from_db(fields=["with_credentials", "credentials_dropped_at", "credential"])
        announce_server(server)


def check_alone(*, with_credentials: bool, has_company: bool) -> None:
    """Raise UserError `credentials_shared` where others could use the key."""
    if with_credentials and has_company:
        raise UserError("credentials_shared")


def _secret(server: NotebookServer) -> str:
    digest = salted_hmac(_PURPOSE, f"{server.pk}:{server.start_id}", algorithm="sha256").hexdigest()
    return f"{knox_settings.TOKEN_PREFIX}{digest}"


def _make(server: NotebookServer, secret: str, now: datetime) -> ApiToken:
    withdraw(server)
    name = _("Server %(name)s") % {"name": server.name}
    token, _secret_again = create_token(server.owner, name=name, scopes=SCOPES, days=DAYS, now=now, secret=secret)
    return token
