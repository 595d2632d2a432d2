"""A start whose image has gone away has it made again, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import cast

import pytest

from environments import backends, builds, servers, starting
from environments.builders.fake import FakeBuilder
from environments.models import Build, NotebookServer
from environments.values import Image
from tests.factories import NotebookServerFactory
from tests.fakes.backends import ForgetfulSpawner

pytestmark = pytest.mark.django_db

State = NotebookServer.State


def waiting_server() -> NotebookServer:
    """A server whose image is there and that waits for a start."""
    server = NotebookServerFactory.create(state=State.QUEUED)
    cast("FakeBuilder", backends.builder()).images[server.image_key] = Image(server.image_key, "fake:")
    return server


def again(server: NotebookServer) -> NotebookServer:
    """The row as another worker loads it."""
    return NotebookServer.objects.get(pk=server.pk)


@pytest.fixture
def forgetful(use_backends: Callable[..., None]) -> ForgetfulSpawner:
    use_backends(spawner=ForgetfulSpawner)
    return cast("ForgetfulSpawner", backends.spawner())


def build_and_start(server: NotebookServer) -> None:
    """What workers do with a server that waits for its image."""
    build = Build.objects.get(image_key=server.image_key, state=Build.State.QUEUED)
    servers.carry_out_build(build)
    starting.carry_out_start(again(server))


def test_start_whose_image_is_removed_meanwhile_waits_for_it_to_be_made_again(
    forgetful: ForgetfulSpawner, now: datetime
) -> None:
    server = waiting_server()

    starting.carry_out_start(server)

    assert (server.state, server.failure_code, server.lease_expires_at) == (State.QUEUED, "", None)
    assert server.build is not None
    assert builds.queue_place(server.build) == 1


def test_start_whose_image_was_made_again_runs(forgetful: ForgetfulSpawner) -> None:
    server = waiting_server()
    starting.carry_out_start(server)

    build_and_start(server)

    assert again(server).state == State.RUNNING


def test_start_has_its_image_made_again_once(forgetful: ForgetfulSpawner) -> None:
    forgetful.misses = 99
    server = waiting_server()
    starting.carry_out_start(server)

    build_and_start(server)

    assert (again(server).state, again(server).failure_code) == (State.FAILED, "image_missing")
    assert len(cast("FakeBuilder", backends.builder()).requests) == 1


def test_start_by_hand_has_the_image_made_again_anew(forgetful: ForgetfulSpawner, now: datetime) -> None:
    forgetful.misses = 2
    server = waiting_server()
    starting.carry_out_start(server)
    build_and_start(server)

    servers.start_server(again(server), now=now)
    starting.carry_out_start(again(server))
    build_and_start(server)

    assert again(server).state == State.RUNNING
