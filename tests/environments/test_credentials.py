"""The key a server carries: given at its start, the same to whoever goes on, gone when it stops."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

import pytest

from accounts.models import ApiToken, Scope, User
from accounts.tokens import create_token, find_token
from environments import backends, credentials
from environments.builders.fake import FakeBuilder
from environments.models import NotebookServer
from environments.reconciling import reconcile
from environments.servers import stop_server
from environments.spawners.fake import FakeSpawner
from environments.starting import carry_out_start
from environments.stopping import carry_out_stop
from environments.values import Image
from tests.factories import NotebookServerFactory, running_server

pytestmark = pytest.mark.django_db

State = NotebookServer.State


@pytest.fixture
def starting(student: User) -> NotebookServer:
    """A server in the middle of its start that is to carry a key."""
    return NotebookServerFactory.create(
        owner=student, name="mine", state=State.STARTING, start_id="a" * 32, with_credentials=True
    )


@pytest.fixture
def running(student: User, now: datetime) -> NotebookServer:
    """A server that runs and carries a key."""
    server = running_server(owner=student, with_credentials=True)
    NotebookServer.objects.update(state=State.STARTING)
    credentials.give(server, now=now)
    NotebookServer.objects.update(state=State.RUNNING)
    server.refresh_from_db()
    return server


def test_give_a_token_of_the_owners_that_ends(starting: NotebookServer, student: User, now: datetime) -> None:
    secret = credentials.give(starting, now=now)

    token = find_token(secret, now=now)
    assert token is not None
    assert (token.user, token.scopes) == (student, [Scope.SERVERS_READ, Scope.SERVERS_WRITE])
    assert "mine" in token.name
    assert find_token(secret, now=now + timedelta(days=credentials.DAYS, seconds=1)) is None


def test_give_the_same_again_to_whoever_goes_on_with_a_start(starting: NotebookServer, now: datetime) -> None:
    first = credentials.give(starting, now=now)

    assert credentials.give(starting, now=now + timedelta(seconds=30)) == first
    assert ApiToken.objects.count() == 1


def test_give_another_at_the_next_start(starting: NotebookServer, now: datetime) -> None:
    first = credentials.give(starting, now=now)
    NotebookServer.objects.update(start_id="b" * 32)
    starting.refresh_from_db()

    second = credentials.give(starting, now=now)

    assert second != first
    assert find_token(first, now=now) is None
    assert find_token(second, now=now) is not None


@pytest.mark.parametrize(
    "change", [{"with_credentials": False}, {"state": State.STOPPED}, {"start_id": "b" * 32}], ids=str
)
def test_give_nothing_that_is_not_wanted_any_more(
    starting: NotebookServer, now: datetime, change: dict[str, object]
) -> None:
    NotebookServer.objects.filter(pk=starting.pk).update(**change)

    assert credentials.give(starting, now=now) == ""
    assert not ApiToken.objects.exists()


def test_give_nothing_that_was_not_asked_for(now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.STARTING, start_id="a" * 32)

    assert credentials.give(server, now=now) == ""


def test_start_hands_it_over(fake_backends: None, now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.QUEUED, with_credentials=True)
    cast("FakeBuilder", backends.builder()).images[server.image_key] = Image(server.image_key, "fake:")

    carry_out_start(server, clock=lambda: now)

    server.refresh_from_db()
    (spec,) = cast("FakeSpawner", backends.spawner()).specs.values()
    assert server.state == State.RUNNING
    assert find_token(spec.credential, now=now) == server.credential
    assert spec.credential not in repr(spec)


def test_stop_ends_it(fake_backends: None, running: NotebookServer, now: datetime) -> None:
    stop_server(running, now=now)
    carry_out_stop(running, clock=lambda: now)

    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("state", [State.FAILED, State.STOPPED, State.QUEUED])
def test_reconciler_ends_what_is_left(fake_backends: None, running: NotebookServer, state: str, now: datetime) -> None:
    NotebookServer.objects.update(state=state)

    reconcile(now=now)

    assert not ApiToken.objects.exists()


def test_reconciler_leaves_other_tokens_alone(
    fake_backends: None, starting: NotebookServer, student: User, now: datetime
) -> None:
    credentials.give(starting, now=now)
    NotebookServer.objects.update(lease_expires_at=now + timedelta(minutes=1))
    own, _secret = create_token(student, name="own", scopes=[Scope.SERVERS_READ], days=1, now=now)

    credentials.withdraw_leftovers()

    assert set(ApiToken.objects.all()) == {own, ApiToken.objects.get(server=starting)}


def test_drop_ends_it_at_once_and_notes_why(running: NotebookServer, now: datetime) -> None:
    credentials.drop(running, now=now)

    running.refresh_from_db()
    assert (running.with_credentials, running.credentials_dropped_at) == (False, now)
    assert not ApiToken.objects.exists()


def test_drop_of_nothing_notes_nothing(now: datetime) -> None:
    server = running_server()

    credentials.drop(server, now=now)

    server.refresh_from_db()
    assert server.credentials_dropped_at is None
