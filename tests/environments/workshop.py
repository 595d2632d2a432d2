"""A world of fakes in which whole updates happen: workers that do what the reconciler asks of them, round by round.

No message but the reconciler's own arrives: everything has to come to its end without any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

import pytest
from django.test import TestCase

from environments import backends, giving, servers, starting, stopping, updating
from environments.builders.fake import FakeBuilder
from environments.models import Build, NotebookServer, Update
from environments.reconciling import reconcile
from environments.values import Image, Target
from tests.factories import BuildFactory, NotebookServerFactory
from tests.fakes.backends import TroubledSpawner

MAX_ROUNDS = 30
A_ROUND = timedelta(minutes=1)
"""Longer than any lease: who has not come back by then is dead."""

SECOND = "2" * 40
"""The commit that comes after the one servers are made from."""

HasImage = TypeVar("HasImage", NotebookServer, Update)


def fake_builder() -> FakeBuilder:
    """The builder there is."""
    return cast("FakeBuilder", backends.builder())


def fake_spawner() -> TroubledSpawner:
    """The spawner there is."""
    return cast("TroubledSpawner", backends.spawner())


def has_image(row: HasImage, files: Mapping[str, str] | None = None) -> HasImage:
    """The server or update, its image being there, with these files."""
    image = Image(row.image_key, f"fake:{row.image_key}")
    fake_builder().images[row.image_key] = image
    fake_spawner().image_files[image.location] = dict(files or {})
    BuildFactory.create(image_key=row.image_key, state=Build.State.SUCCEEDED)
    return row


def other(server: NotebookServer, **changes: Any) -> Target:
    """What the server is, but for these: another commit unless said otherwise."""
    return replace(server.target, **(changes or {"commit": SECOND}))


def fresh(server: NotebookServer) -> NotebookServer:
    """The server as its row is now."""
    return NotebookServer.objects.select_related("pending_update__build").get(pk=server.pk)


class Workshop:
    """Workers and a reconciler, with a clock of their own."""

    def __init__(self, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = now
        self.sent: list[tuple[str, str]] = []
        """The messages to workers, by task and primary key."""
        monkeypatch.setattr("environments.queueing._send", lambda task, key: self.sent.append((task, key)))

    def running_server(self, files: Mapping[str, str] | None = None, **fields: Any) -> NotebookServer:
        """A server that has been started, in row and engine alike, from an image with these files."""
        waiting = {"state": NotebookServer.State.QUEUED, "version_since": self.now} | fields
        server = has_image(NotebookServerFactory.create(**waiting), files)
        starting.carry_out_start(server, clock=self.clock)
        assert server.state == NotebookServer.State.RUNNING
        return NotebookServer.objects.get(pk=server.pk)

    def clock(self) -> datetime:
        """What time it is for the workers."""
        return self.now

    def work_until_done(self) -> None:
        """Round after round, until the reconciler has nothing to ask for."""
        for _round in range(MAX_ROUNDS):
            if not self.work():
                return
        raise AssertionError(f"there is still something to be done: {self.sent}")

    def work(self) -> bool:
        """One round; False when there was nothing to do."""
        self.now += A_ROUND
        self.sent.clear()
        with TestCase.captureOnCommitCallbacks(execute=True):
            reconcile(now=self.now)
        for task, key in dict.fromkeys(self.sent):
            self.carry_out(task, key)
        return bool(self.sent)

    def carry_out(self, task: str, key: str) -> None:
        """What a worker does with this message."""
        if task == "run_build":
            servers.carry_out_build(Build.objects.get(pk=key), clock=self.clock)
            return
        verbs: dict[str, Callable[..., None]] = {
            "start_server": starting.carry_out_start,
            "stop_server": stopping.carry_out_stop,
            "update_server": updating.carry_out_update,
            "give_files": giving.carry_out_giving,
        }
        verbs[task](NotebookServer.objects.get(pk=key), clock=self.clock)


def updated_server(workshop: Workshop, **changes: Any) -> NotebookServer:
    """A server that runs its second version, after the person changed one of its files."""
    server = workshop.running_server(files={"lesson.ipynb": "1", "notes.md": "1"})
    fake_spawner().homes[server.volume.key]["lesson.ipynb"] = "my answers"
    target = other(server, **(changes or {"commit": SECOND}))
    updating.update_server(server, target, now=workshop.now)
    has_image(Update.objects.get(), {"lesson.ipynb": "2", "notes.md": "2", "new.csv": "2"})
    workshop.work_until_done()
    return fresh(server)
