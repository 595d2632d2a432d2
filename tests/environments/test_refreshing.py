"""Files that are brought up to a new version before a server starts: once, whoever does it, and never in the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from environments import servers, starting, stopping, updating
from environments.builders.fake import FakeBuilder
from environments.models import NotebookServer, Update
from environments.values import Image
from tests.environments.workshop import (
    SECOND,
    Workshop,
    fake_builder,
    fake_spawner,
    fresh,
    has_image,
    other,
    updated_server,
)

pytestmark = pytest.mark.django_db

State = NotebookServer.State
THIRD = "3" * 40


def test_first_start_writes_down_what_the_files_are_made_from(workshop: Workshop) -> None:
    server = workshop.running_server()

    assert (server.files_image_key, server.files_commit) == (server.image_key, server.commit)
    assert fake_spawner().refreshed == []


def test_start_after_an_update_brings_the_files_up_to_date(workshop: Workshop) -> None:
    server = updated_server(workshop)

    assert fake_spawner().homes[server.volume.key] == {
        "lesson.ipynb": "my answers",
        "lesson.2222222.new.ipynb": "2",
        "notes.md": "2",
        "new.csv": "2",
    }
    assert (server.files_image_key, server.files_commit) == (server.image_key, SECOND)
    assert server.merge_report == {
        "added": {"count": 1, "names": ["new.csv"]},
        "replaced": {"count": 1, "names": ["notes.md"]},
        "deleted": {"count": 0, "names": []},
        "kept": {"count": 0, "names": []},
        "beside": {"count": 1, "names": ["lesson.ipynb"]},
        "targets": ["lesson.2222222.new.ipynb"],
    }


def test_start_merges_only_once(workshop: Workshop) -> None:
    server = updated_server(workshop)

    servers.stop_server(server, now=workshop.now)
    workshop.work_until_done()
    servers.start_server(fresh(server), now=workshop.now)
    workshop.work_until_done()

    assert fresh(server).state == State.RUNNING
    assert fake_spawner().refreshed == [(server.volume.key, SECOND)]


def test_start_after_two_updates_without_one_merges_from_the_version_the_files_are_of(workshop: Workshop) -> None:
    server = workshop.running_server(files={"a": "1", "b": "1"})
    servers.stop_server(fresh(server), now=workshop.now)
    workshop.work_until_done()
    for commit in (SECOND, THIRD):
        server = fresh(server)
        target = other(server, commit=commit)
        updating.update_server(server, target, now=workshop.now)
        has_image(Update.objects.get(), {"a": commit[0], "b": "1"})
        workshop.work_until_done()

    servers.start_server(fresh(server), now=workshop.now)
    workshop.work_until_done()

    assert fake_spawner().homes[server.volume.key] == {"a": "3", "b": "1"}


@pytest.mark.parametrize("code", ["refresh_failed", "disk_full"])
def test_start_goes_on_when_the_files_cannot_be_brought_up_to_date(workshop: Workshop, code: str) -> None:
    server = workshop.running_server()
    updating.update_server(server, other(server), now=workshop.now)
    fake_spawner().refresh_errors.append(code)
    workshop.work_until_done()

    after = fresh(server)
    assert (after.state, after.commit, after.files_commit) == (State.RUNNING, SECOND, server.commit)
    assert after.merge_report == {"failure_code": code, "failure_facts": {}}


def test_start_tries_again_to_bring_the_files_up_to_date(workshop: Workshop) -> None:
    server = workshop.running_server()
    updating.update_server(server, other(server), now=workshop.now)
    fake_spawner().refresh_errors.append("refresh_failed")
    workshop.work_until_done()
    servers.stop_server(fresh(server), now=workshop.now)
    workshop.work_until_done()

    servers.start_server(fresh(server), now=workshop.now)
    workshop.work_until_done()

    assert fresh(server).files_commit == SECOND
    assert "failure_code" not in fresh(server).merge_report


def test_start_fails_when_the_engine_is_away_while_files_are_brought_up_to_date(workshop: Workshop) -> None:
    server = workshop.running_server()
    updating.update_server(server, other(server), now=workshop.now)
    fake_spawner().refresh_errors.append("runtime_unavailable")
    workshop.work_until_done()

    assert (fresh(server).state, fresh(server).failure_code) == (State.FAILED, "runtime_unavailable")


def start_with(workshop: Workshop, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[NotebookServer], None]) -> Any:
    """A start after an update, while whose files are brought up to date something else happens."""
    server = workshop.running_server()
    servers.stop_server(fresh(server), now=workshop.now)
    workshop.work_until_done()
    updating.update_server(fresh(server), other(server), now=workshop.now)
    workshop.work_until_done()
    servers.start_server(fresh(server), now=workshop.now)

    def find(key: str) -> Image | None:
        if key == server.image_key:  # The base of the merge is looked for.
            meanwhile(fresh(server))
        return FakeBuilder.find(fake_builder(), key)

    monkeypatch.setattr(fake_builder(), "find", find)
    fake_spawner().starts.clear()
    starting.carry_out_start(fresh(server), clock=workshop.clock)
    return server


def test_start_that_was_stopped_while_files_were_brought_up_to_date_starts_nothing(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_with(workshop, monkeypatch, lambda server: servers.stop_server(server, now=workshop.now))
    stopping.carry_out_stop(fresh(server), clock=workshop.clock)

    assert fake_spawner().starts == []
    assert (fresh(server).state, fresh(server).files_commit) == (State.STOPPED, SECOND)


def test_start_that_was_taken_over_while_files_were_brought_up_to_date_is_left_to_the_other(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_over(server: NotebookServer) -> None:
        NotebookServer.objects.filter(pk=server.pk).update(start_attempts=server.start_attempts + 1)

    server = start_with(workshop, monkeypatch, take_over)

    assert fake_spawner().starts == []
    assert fresh(server).state == State.STARTING


def test_start_does_not_overwrite_what_another_worker_wrote_down_of_the_files(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_down(server: NotebookServer) -> None:
        NotebookServer.objects.filter(pk=server.pk).update(files_image_key="later")

    server = start_with(workshop, monkeypatch, write_down)

    assert fresh(server).files_image_key == "later"
