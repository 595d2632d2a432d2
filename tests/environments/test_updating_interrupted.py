"""An update whose worker is killed, at every single step: the server ends updated, or as it was and with a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from django.db.models import Model, QuerySet

from environments import updating
from environments.models import NotebookServer, Update
from environments.updating import Stage, stage_of
from tests.environments.workshop import Workshop, fake_builder, fake_spawner, fresh, has_image

pytestmark = pytest.mark.django_db

State = NotebookServer.State
STORING = ((QuerySet, "update"), (QuerySet, "delete"), (Model, "save"))
BUILDING = ("find", "build")
RUNNING = ("start", "stop", "refresh")
FIRST = {"lesson.ipynb": "1", "notes.md": "1", "old.txt": "1"}
SECOND = {"lesson.ipynb": "2", "notes.md": "2", "new.csv": "2"}
MERGED = {"lesson.ipynb": "my answers", "lesson.2222222.new.ipynb": "2", "notes.md": "2", "new.csv": "2"}


class Killed(BaseException):
    """The worker's process is gone; nothing of it happens any more, not even what it would do at last."""


class Reaper:
    """Kills the worker at one of the steps it takes, counted from 1, just before or just after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.step = 0
        self.kill_at = 0
        self.is_dead = False
        self.is_watching = False
        for owner, name in STORING:
            monkeypatch.setattr(owner, name, self._mortal_method(getattr(owner, name)))
        for backend, names in ((fake_builder(), BUILDING), (fake_spawner(), RUNNING)):
            for name in names:
                monkeypatch.setattr(backend, name, self._mortal(getattr(backend, name)))

    def _mortal_method(self, method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda own, *arguments, **options: self._act(lambda: method(own, *arguments, **options))

    def _mortal(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments, **options: self._act(lambda: function(*arguments, **options))

    def _act(self, act: Callable[[], Any]) -> Any:
        if not self.is_watching:
            return act()
        self._pass()
        done = act()
        self._pass()
        return done

    def _pass(self) -> None:
        self.step += 1
        self.is_dead = self.is_dead or self.step == self.kill_at
        if self.is_dead:
            raise Killed


@pytest.fixture
def reaper(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Reaper:
    """Who kills the workers, and only them."""
    reaper, carry_out = Reaper(monkeypatch), workshop.carry_out

    def carry_out_until_killed(task: str, key: str) -> None:
        reaper.is_watching = True
        try:
            carry_out(task, key)
        except Killed:
            reaper.is_dead = False
        finally:
            reaper.is_watching = False

    monkeypatch.setattr(workshop, "carry_out", carry_out_until_killed)
    return reaper


def ask_for_update(workshop: Workshop, server: NotebookServer) -> None:
    """Ask for the next commit."""
    updating.update_server(server, replace(server.target, commit="2" * 40), now=workshop.now)
    if update := Update.objects.filter(server=server).first():
        fake_spawner().image_files[f"fake:{update.image_key}"] = dict(SECOND)


def test_update_survives_a_worker_killed_at_any_step(workshop: Workshop, reaper: Reaper) -> None:
    failures = set()
    for kill_at in count(1):
        server = workshop.running_server(files=FIRST)
        fake_spawner().homes[server.volume.key]["lesson.ipynb"] = "my answers"
        reaper.step, reaper.kill_at = 0, kill_at

        ask_for_update(workshop, server)
        workshop.work_until_done()
        after = fresh(server)
        if stage_of(after) == Stage.FAILED and after.pending_update is not None:
            failures.add(after.pending_update.failure_code)
            assert (after.state, after.handle, after.commit) == (State.RUNNING, server.handle, server.commit)
            ask_for_update(workshop, after)
            workshop.work_until_done()
            after = fresh(server)

        where = f"killed at step {kill_at} of {reaper.step}"
        assert (after.state, after.commit, after.pending_update) == (State.RUNNING, "2" * 40, None), where
        assert [handle for handle in fake_spawner().list() if handle.server_id == str(server.pk)] == [after.handle]
        assert fake_spawner().homes[server.volume.key] == MERGED, where
        assert after.files_image_key == after.image_key
        assert after.merge_report["beside"]["names"] == ["lesson.ipynb"]
        assert (after.previous_commit, after.previous_image_key) == (server.commit, server.image_key)
        if reaper.step < kill_at:
            break
        fake_builder().images.pop(after.image_key)

    assert kill_at > 30
    assert failures == {"build_interrupted"}


def test_update_survives_a_worker_killed_in_the_middle_of_the_files(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = workshop.running_server(files=FIRST)
    home = fake_spawner().homes[server.volume.key]
    home["lesson.ipynb"] = "my answers"
    ask_for_update(workshop, server)
    has_image(Update.objects.get(), SECOND)
    refresh = fake_spawner().refresh

    def die_half_way(*_arguments: Any, **_options: Any) -> Any:
        home["notes.md"] = "2"
        monkeypatch.setattr(fake_spawner(), "refresh", refresh)
        raise Killed

    monkeypatch.setattr(fake_spawner(), "refresh", die_half_way)
    with pytest.raises(Killed):
        workshop.work_until_done()
    workshop.work_until_done()

    after = fresh(server)
    assert (after.state, after.files_commit) == (State.RUNNING, "2" * 40)
    assert fake_spawner().homes[server.volume.key] == MERGED
    assert after.merge_report["replaced"] == {"count": 1, "names": ["notes.md"]}
