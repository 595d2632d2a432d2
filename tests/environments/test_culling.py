"""Idle servers are stopped; work, however silent, is not idleness, and an open tab is not work."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from environments import backends, starting
from environments.culling import cull_idle_servers, stops_at, stops_soon
from environments.models import NotebookServer
from environments.spawners.fake import Activity
from environments.values import Image
from tests.factories import NotebookServerFactory, running_server

pytestmark = pytest.mark.django_db

State = NotebookServer.State
HOUR = timedelta(hours=1)


def server_started_at(start: datetime, **fields: Any) -> NotebookServer:
    """A server that runs since then."""
    server = NotebookServerFactory.create(state=State.QUEUED, **fields)
    backends.builder().images[server.image_key] = Image(server.image_key, "fake:")  # type: ignore[attr-defined]
    starting.carry_out_start(server, clock=lambda: start)
    return server


def says(server: NotebookServer, **activity: list[dict[str, Any]]) -> None:
    """Have the server report these kernels and terminals."""
    backends.spawner().activity[server.handle] = Activity(**activity)  # type: ignore[attr-defined]


def state_after_culling(server: NotebookServer, now: datetime) -> str:
    """Where a server is after a round of culling."""
    cull_idle_servers(now=now)
    server.refresh_from_db()
    return server.state


def test_cull_stops_a_server_nobody_used(fake_backends: None, settings: Settings, now: datetime) -> None:
    settings.SERVER_IDLE_MINUTES = 60
    server = server_started_at(now - HOUR)

    assert state_after_culling(server, now) == State.STOPPING


def test_cull_leaves_a_server_that_was_just_started(fake_backends: None, settings: Settings, now: datetime) -> None:
    settings.SERVER_IDLE_MINUTES = 60
    server = server_started_at(now - HOUR + timedelta(minutes=1))

    assert state_after_culling(server, now) == State.RUNNING


def test_cull_leaves_a_busy_kernel_however_silent(fake_backends: None, now: datetime) -> None:
    server = server_started_at(now - 10 * HOUR)
    says(server, kernels=[{"execution_state": "busy", "last_activity": (now - 9 * HOUR).isoformat()}])

    assert state_after_culling(server, now) == State.RUNNING


@pytest.mark.parametrize("kind", ["kernels", "terminals"])
def test_cull_counts_what_kernels_and_terminals_did(fake_backends: None, now: datetime, kind: str) -> None:
    server = server_started_at(now - 10 * HOUR)
    recent = (now - timedelta(minutes=5)).isoformat().replace("+00:00", "Z")
    says(server, **{kind: [{"execution_state": "idle", "last_activity": recent}]})

    assert state_after_culling(server, now) == State.RUNNING
    assert server.last_activity_at == now - timedelta(minutes=5)


def test_cull_stops_a_server_that_only_an_open_tab_looks_at(fake_backends: None, now: datetime) -> None:
    server = server_started_at(now - 10 * HOUR)
    says(
        server,
        kernels=[{"execution_state": "idle", "connections": 1, "last_activity": (now - 9 * HOUR).isoformat()}],
    )

    assert state_after_culling(server, now) == State.STOPPING


def test_cull_respects_until_when_somebody_asked_to_keep_it(fake_backends: None, now: datetime) -> None:
    server = server_started_at(now - 10 * HOUR, keep_until=now + HOUR)

    assert state_after_culling(server, now) == State.RUNNING
    assert state_after_culling(server, now + HOUR) == State.STOPPING


@pytest.mark.django_db(transaction=True)
def test_cull_respects_a_wish_that_comes_while_it_asks_the_server(now: datetime) -> None:
    class WishesWhenAsked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            NotebookServer.objects.update(keep_until=now + HOUR)
            connection.close()
            self.send_response(404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), WishesWhenAsked) as upstream:
        threading.Thread(target=upstream.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        server = running_server(
            endpoint=f"127.0.0.1:{upstream.server_port}", last_activity_at=now - 10 * HOUR, idle_minutes=60
        )

        state = state_after_culling(server, now)
        upstream.shutdown()

    assert state == State.RUNNING


def test_cull_ends_a_lifetime_whatever_runs(fake_backends: None, now: datetime) -> None:
    server = server_started_at(now - 10 * HOUR, lifetime_minutes=600, keep_until=now + HOUR)
    says(server, kernels=[{"execution_state": "busy", "last_activity": now.isoformat()}])

    assert state_after_culling(server, now) == State.STOPPING


def test_cull_survives_a_server_that_answers_nonsense(fake_backends: None, now: datetime) -> None:
    server = server_started_at(now - timedelta(minutes=5))
    says(server, kernels=[{"execution_state": "idle", "last_activity": "yesterday"}])

    assert state_after_culling(server, now) == State.RUNNING


@pytest.mark.parametrize(
    ("fields", "minutes"),
    [
        ({}, 60),
        ({"idle_minutes": 15}, 15),
        ({"lifetime_minutes": 30}, 30),
        ({"idle_minutes": 15, "lifetime_minutes": 30}, 15),
        ({"idle_minutes": 90, "lifetime_minutes": 30}, 30),
    ],
)
def test_stops_at_is_the_earlier_end(fake_backends: None, now: datetime, fields: dict[str, int], minutes: int) -> None:
    server = server_started_at(now, **fields)

    assert stops_at(server) == now + timedelta(minutes=minutes)


def test_stops_at_is_never_when_nothing_limits_it(fake_backends: None, settings: Settings, now: datetime) -> None:
    settings.SERVER_IDLE_MINUTES = settings.SERVER_LIFETIME_MINUTES = 0

    assert stops_at(server_started_at(now)) is None


def test_stops_at_is_nothing_for_a_server_that_sleeps(now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.STOPPED, started_at=now, lifetime_minutes=30)

    assert stops_at(server) is None


@pytest.mark.parametrize(("minutes", "expected"), [(49, False), (50, True), (61, True)])
def test_stops_soon_ten_minutes_before(settings: Settings, now: datetime, minutes: int, expected: bool) -> None:
    settings.SERVER_IDLE_MINUTES = 60
    server = running_server(started_at=now, last_activity_at=now)

    assert stops_soon(server, now=now + timedelta(minutes=minutes)) is expected
