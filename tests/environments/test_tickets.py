"""Tickets, passes and server tokens."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from accounts.models import ApiToken, Scope, User
from accounts.tokens import create_token
from environments.models import Admission, NotebookServer
from environments.tickets import (
    KEY_PREFIX,
    forget_expired_admissions,
    issue_key,
    issue_ticket,
    read_key,
    redeem_ticket,
    server_token,
)
from environments.values import Handle
from tests.factories import running_server

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(student: User) -> NotebookServer:
    return running_server(owner=student)


def issue(server: NotebookServer, now: datetime) -> str:
    return issue_ticket(server, user=server.owner, session_key="key", session_hash="hash", now=now)


def test_redeem_gives_a_pass(server: NotebookServer, now: datetime) -> None:
    ticket = issue(server, now)

    cookie = redeem_ticket(ticket, subdomain=server.subdomain, now=now + timedelta(seconds=29))

    assert cookie
    assert cookie != ticket


def test_redeem_a_second_time(server: NotebookServer, now: datetime) -> None:
    ticket = issue(server, now)
    redeem_ticket(ticket, subdomain=server.subdomain, now=now)

    assert redeem_ticket(ticket, subdomain=server.subdomain, now=now) is None


def test_redeem_after_thirty_seconds(server: NotebookServer, now: datetime) -> None:
    ticket = issue(server, now)

    assert redeem_ticket(ticket, subdomain=server.subdomain, now=now + timedelta(seconds=30)) is None


def test_redeem_at_another_server(server: NotebookServer, now: datetime) -> None:
    other = running_server(owner=server.owner)
    ticket = issue(server, now)

    assert redeem_ticket(ticket, subdomain=other.subdomain, now=now) is None


def test_redeem_for_a_deleted_server(server: NotebookServer, now: datetime) -> None:
    ticket = issue(server, now)
    NotebookServer.objects.filter(pk=server.pk).update(deleted_at=now)

    assert redeem_ticket(ticket, subdomain=server.subdomain, now=now) is None


@pytest.mark.parametrize("ticket", ["", "made-up", "ü\x00", "x" * 100_000])
def test_redeem_what_was_never_issued(server: NotebookServer, now: datetime, ticket: str) -> None:
    issue(server, now)

    assert redeem_ticket(ticket, subdomain=server.subdomain, now=now) is None


def test_issue_stores_no_secret(server: NotebookServer, now: datetime) -> None:
    ticket = issue(server, now)
    cookie = redeem_ticket(ticket, subdomain=server.subdomain, now=now)

    stored = {str(value) for value in Admission.objects.values().get().values()}

    assert not stored & {ticket, cookie}


def test_server_token_is_256_bits_and_new_at_each_start() -> None:
    tokens = {server_token(Handle(*names)) for names in (("a", "b"), ("a", "c"), ("b", "b"), ("a", "b"))}

    assert len(tokens) == 3
    assert all(len(token) == 64 for token in tokens)


def test_forget_keeps_what_still_admits(server: NotebookServer, now: datetime) -> None:
    issue(server, now - timedelta(minutes=1))
    expired = issue(server, now - timedelta(hours=25))
    redeem_ticket(expired, subdomain=server.subdomain, now=now - timedelta(hours=25))
    current = issue(server, now - timedelta(hours=1))
    redeem_ticket(current, subdomain=server.subdomain, now=now - timedelta(hours=1))

    assert forget_expired_admissions(now) == 2
    assert Admission.objects.get().cookie_hash is not None


def token_of(user: User, now: datetime) -> ApiToken:
    token, _secret = create_token(user, name="test", scopes=list(Scope), days=1, now=now)
    return token


def test_key_names_the_token_and_the_server(server: NotebookServer, now: datetime) -> None:
    token = token_of(server.owner, now)

    key = issue_key(server, token=token, now=now)

    assert key.startswith(KEY_PREFIX)
    assert read_key(key, now=now + timedelta(hours=11, minutes=59)) == (token.uuid, server.pk)


def test_key_ends_after_half_a_day(server: NotebookServer, now: datetime) -> None:
    key = issue_key(server, token=token_of(server.owner, now), now=now)

    assert read_key(key, now=now + timedelta(hours=12)) is None


def test_key_that_was_tampered_with_is_none(server: NotebookServer, now: datetime) -> None:
    key = issue_key(server, token=token_of(server.owner, now), now=now)
    other = running_server(owner=server.owner)

    assert read_key(key.replace(server.pk.hex, other.pk.hex), now=now) is None
    assert read_key(KEY_PREFIX, now=now) is None
