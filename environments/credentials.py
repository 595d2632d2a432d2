"""A server that can act for its owner: the key it carries to Carrel itself, from its start until its stop.

An API token like any other: listed on the account page, good for its scopes alone, ended by whoever revokes it. Its
secret is derived from the secret key and the start, so that whoever goes on with a start gives the same one, and it
is stored nowhere.

What the key opens is what its owner asked for, and what apps above this one grant a server without being asked, as
for the assignments of a class (`SERVER_GRANTS`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.crypto import salted_hmac
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from knox.settings import knox_settings

from accounts.models import ApiToken, Scope, User
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


class Grant(Protocol):
    """What an app above this one lets servers do."""

    def __call__(self, server: NotebookServer) -> Collection[Scope]:
        """What the key of this server opens without anybody asking: of its owner's, in its group alone.

        Asked at each start, so it is what holds then.
        """


@cache
def grants() -> Sequence[Grant]:
    """Those the settings name."""
    return [import_string(path) for path in settings.SERVER_GRANTS]


def give(server: NotebookServer, *, now: datetime) -> str:
    """The secret for the present start of this server; empty if it is not to carry one, or was stopped meanwhile.

    Never one for a server that others may enter, nor for a copy to try.
    """
    secret = _secret(server)
    with transaction.atomic():
        # Whoever is let in meanwhile waits for this row, and finds the key.
        rows = NotebookServer.objects.select_for_update(of=("self",)).select_related("owner", "group")
        ours = rows.filter(pk=server.pk, start_id=server.start_id, state=State.STARTING).first()
        if ours is None or ours.is_throwaway or ours.collaborators.exists():
            return ""
        granted = {scope for grant in grants() for scope in grant(ours)}
        asked = SCOPES if ours.with_credentials else ()
        if not granted and not asked:
            return ""
        token = find_token(secret, now=now) or _make(ours, (*asked, *granted), secret, bool(granted), now)
        NotebookServer.objects.filter(pk=ours.pk).update(credential=token)
    return secret


def withdraw(server: NotebookServer) -> None:
    """End the key of a server that does not need it any more; nothing if it has none."""
    ApiToken.objects.filter(server=server).delete()


def withdraw_leftovers() -> None:
    """End the keys of servers that were stopped or have failed, however that came about.

    So too those that were granted in a group, once their owners are no longer in it.
    """
    in_use = (State.STARTING, State.RUNNING)
    of_servers = ApiToken.objects.filter(server__isnull=False)
    of_servers.exclude(server__state__in=in_use).delete()
    theirs = User.groups.through._default_manager.filter(user=OuterRef("user"), group=OuterRef("group"))
    of_servers.filter(~Exists(theirs), group__isnull=False).delete()


def drop(server: NotebookServer, *, now: datetime, is_noted: bool = True) -> None:
    """End the key of this server from this moment on, and give it none again that its owner asked for.

    Its page then says so, if they had asked for one and not for this (`is_noted`). What is granted without asking
    comes back with the next start of a server that nobody else may enter.
    """
    with transaction.atomic():
        withdraw(server)
        theirs = NotebookServer.objects.filter(pk=server.pk, with_credentials=True)
        if not theirs.update(with_credentials=False, credentials_dropped_at=now if is_noted else None):
            return
        server.refresh_from_db(fields=["with_credentials", "credentials_dropped_at", "credential"])
        announce_server(server)


def check_alone(*, with_credentials: bool, has_company: bool) -> None:
    """Raise UserError `credentials_shared` where others could use the key."""
    if with_credentials and has_company:
        raise UserError("credentials_shared")


def _secret(server: NotebookServer) -> str:
    digest = salted_hmac(_PURPOSE, f"{server.pk}:{server.start_id}", algorithm="sha256").hexdigest()
    return f"{knox_settings.TOKEN_PREFIX}{digest}"


def _make(server: NotebookServer, scopes: Sequence[Scope], secret: str, is_of_group: bool, now: datetime) -> ApiToken:
    withdraw(server)
    token, _secret_again = create_token(
        server.owner,
        name=_("Server %(name)s") % {"name": server.name},
        scopes=scopes,
        days=DAYS,
        now=now,
        secret=secret,
        group=server.group if is_of_group else None,
    )
    return token
