"""The operator's page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from environments.models import NotebookServer, ServerUsage, SiteSample
from tests.factories import BuildFactory, NotebookServerFactory, running_server
from tests.fakes.backends import UnreachableSpawner

pytestmark = pytest.mark.django_db

STATUS = "/status/"


@pytest.fixture
def operator(client: Client, administrator: User) -> Client:
    """The administrator's browser."""
    client.force_login(administrator)
    return client


def test_status_shows_what_runs_and_waits(operator: Client, fake_backends: None) -> None:
    server = running_server(name="calculus")
    now = timezone.now()
    ServerUsage.objects.create(
        server=server, start_id=server.start_id, measured_at=now, cpu_seconds=1, cores=0.5, memory_bytes=2 * 1024**2
    )
    NotebookServerFactory.create(name="waits", state=NotebookServer.State.QUEUED)
    BuildFactory.create(repository_url="https://github.com/carrel-tests/under-way", state="building")

    page = operator.get(STATUS).content.decode()

    assert all(text in page for text in ("calculus", "0.5", "2.0", "waits", "carrel-tests/under-way"))


def test_status_says_when_the_engine_does_not_answer(operator: Client, use_backends: Callable[..., None]) -> None:
    use_backends(spawner=UnreachableSpawner)

    assert "does not answer" in operator.get(STATUS).content.decode()


def test_status_draws_what_was_measured(operator: Client, fake_backends: None) -> None:
    for minute in range(3):
        SiteSample.objects.create(
            taken_at=timezone.now() - timedelta(minutes=minute),
            running=minute,
            waiting=0,
            building=0,
            cores=1,
            memory_bytes=1,
            disk_used_bytes=1,
        )

    assert operator.get(STATUS).content.decode().count("<polyline") == 4


def test_status_is_the_administrators(client: Client, teacher: User, fake_backends: None) -> None:
    client.force_login(teacher)

    assert client.get(STATUS).status_code == 403


def test_status_asks_as_much_for_many_servers_as_for_one(
    operator: Client, fake_backends: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        running_server()
        NotebookServerFactory.create(state=NotebookServer.State.QUEUED)

    with django_assert_max_num_queries(10):
        operator.get(reverse("environments:status"))
