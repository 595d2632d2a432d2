"""A lease is renewed for as long as its worker lives, whatever the worker waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models import QuerySet
from django.utils import timezone

from environments import servers, starting, stopping
from environments.builders.fake import FakeBuilder
from environments.leases import kept_alive
from environments.models import Build, NotebookServer
from environments.spawners.fake import FakeSpawner
from environments.values import BuildEvent, BuildRequest, Endpoint, Handle, ServerSpec
from tests.factories import BuildFactory, NotebookServerFactory

State = NotebookServer.State
SECONDS = 5.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that are renewed all the time."""
    monkeypatch.setattr("environments.leases.RENEW_EVERY_SECONDS", 0.001)


class Renewals:
    """Counts them, and answers each as told; the last answer is given again and again."""

    def __init__(self, *answers: Callable[[], bool]) -> None:
        self._answers = list(answers)
        self._changed = threading.Condition()
        self.count = 0

    def __call__(self) -> bool:
        with self._changed:
            self.count += 1
            self._changed.notify_all()
        return (self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])()

    def wait_for(self, count: int) -> bool:
        """Whether it comes to so many."""
        with self._changed:
            return self._changed.wait_for(lambda: self.count >= count, SECONDS)


def ours() -> bool:
    return True


def taken_away() -> bool:
    return False


def busy() -> bool:
    raise OperationalError("database is locked")


def wait_for_renewal(rows: QuerySet[Any]) -> None:
    """Take no notice of anything until the lease of the only row has been renewed."""
    before, deadline = rows.get().lease_expires_at, time.monotonic() + SECONDS
    while rows.get().lease_expires_at == before:
        assert time.monotonic() < deadline, "the lease is not renewed"
        time.sleep(0.005)


class PonderousBuilder(FakeBuilder):
    """Answers when its worker's lease has been renewed."""

    def work(self, request: BuildRequest) -> Generator[BuildEvent, None, None]:
        wait_for_renewal(Build.objects.all())
        yield from super().work(request)


class PonderousSpawner(FakeSpawner):
    """Starts and stops when its worker's lease has been renewed."""

    def start(self, spec: ServerSpec) -> Endpoint:
        wait_for_renewal(NotebookServer.objects.all())
        return super().start(spec)

    def stop(self, handle: Handle) -> None:
        wait_for_renewal(NotebookServer.objects.all())
        super().stop(handle)


@pytest.mark.django_db(transaction=True)
def test_lease_outlasts_an_engine_that_takes_its_time(use_backends: Callable[..., None]) -> None:
    use_backends(builder=PonderousBuilder, spawner=PonderousSpawner)
    build = BuildFactory.create()
    server = NotebookServerFactory.create(state=State.QUEUED, build=build, image_key=build.image_key)

    servers.carry_out_build(build)
    server.refresh_from_db()
    starting.carry_out_start(server)
    servers.stop_server(server, now=timezone.now())
    stopping.carry_out_stop(server)

    assert server.state == State.STOPPED


def test_lease_is_renewed_while_the_worker_waits() -> None:
    renewals = Renewals(ours)

    with kept_alive(renewals):
        assert renewals.wait_for(3)


def test_lease_is_not_renewed_any_more_afterwards() -> None:
    before = threading.active_count()

    with pytest.raises(ZeroDivisionError), kept_alive(Renewals(ours)):
        raise ZeroDivisionError

    assert threading.active_count() == before


def test_lease_that_was_taken_away_is_let_go() -> None:
    renewals = Renewals(ours, taken_away, ours)

    with kept_alive(renewals):
        assert renewals.wait_for(2)
        for thread in threading.enumerate():
            if thread.name == "lease":
                thread.join(SECONDS)

    assert renewals.count == 2


def test_lease_survives_a_busy_database() -> None:
    renewals = Renewals(busy, ours)

    with kept_alive(renewals):
        assert renewals.wait_for(3)
