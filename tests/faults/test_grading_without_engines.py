"""What grading needs goes away in the middle of it and comes back: the submission is graded, and once."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from pytest_django import Settings

from assignments.grading.autograding import PATIENCE, ask_autograding, carry_out_next, tend_autogradings
from assignments.models import Assignment, Autograding, GradeChange, Submission, Way
from assignments.running import engine, executing, grading_runs
from assignments.submitting.submissions import receive
from environments import engine as containers
from environments.backends import sandbox
from environments.sandboxes import docker
from environments.sandboxes.base import ExitReason
from tests.assignments.grading import bundle_of, graded_release
from tests.assignments.test_spoiled_notebooks import FakeImages
from tests.engine import ENGINE_SOCKET, leftovers
from tests.factories import AssignmentFactory, member
from tests.fakes.builders_with_images import BaseBuilder
from tests.fakes.engine_proxy import EngineProxy

pytestmark = pytest.mark.django_db

State = Autograding.State
TURN = timedelta(seconds=15)
AT_ONCE = 0.2
"""So many seconds are patience enough for what hangs."""
PHASES = {"sanitise": engine, "execute": grading_runs, "score": engine}
"""Where the function is that each phase begins with."""
POINTS = 2


@pytest.fixture
def submission(now: datetime) -> Submission:
    """One that waits to be graded."""
    assignment = AssignmentFactory.create(name="homework")
    graded_release(assignment)
    submission = submitted(assignment, "ada", now)
    ask_autograding(submission, by=None, now=now)
    return submission


# --- The Docker engine -------------------------------------------------------------------------------------


@pytest.fixture
def docker_engine_between(
    docker_engine: None, use_backends: Callable[..., None], settings: Settings, tmp_path: Path
) -> Iterator[EngineProxy]:
    """Kernels are containers of an engine that can be cut off. Nothing of them is left once their time is over."""
    settings.CARREL_DATA = tmp_path / "data"
    with EngineProxy(ENGINE_SOCKET) as proxy:
        settings.DOCKER_HOST = proxy.address
        use_backends(builder=BaseBuilder)
        settings.SANDBOX = "environments.sandboxes.docker.DockerSandbox"
        yield proxy
        proxy.restored()
        assert leftovers() == []


@pytest.mark.docker
@pytest.mark.parametrize("phase", PHASES)
def test_grades_once_what_the_docker_engine_left(
    phase: str,
    docker_engine_between: EngineProxy,
    submission: Submission,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as first_time:
        before(phase, docker_engine_between.cut, first_time)
        carry_out_next(clock=lambda: now)
    docker_engine_between.restored()

    outcomes = [(State.WAITING, None), (State.DONE, POINTS)]
    assert outcome(submission) == outcomes[phase == "score"]
    while carry_out_next(clock=lambda: now + TURN):
        pass

    assert outcome(submission) == (State.DONE, POINTS)
    assert automatic_changes(submission) == 1
    abandon_containers(monkeypatch)


def test_outlasts_an_engine_that_is_away_longer_than_workers_may_die(
    use_backends: Callable[..., None], settings: Settings, submission: Submission, now: datetime, tmp_path: Path
) -> None:
    use_backends(builder=BaseBuilder)
    settings.DOCKER_HOST = f"unix://{tmp_path}/nobody.sock"
    settings.SANDBOX = "environments.sandboxes.docker.DockerSandbox"

    for turn in range(5):
        carry_out_next(clock=lambda: now + turn * TURN)  # noqa: B023 - called at once
        tend_autogradings(now=now + turn * TURN)

    autograding = submission.autogradings.get()
    assert (autograding.state, autograding.tries) == (State.WAITING, 0)


def test_says_in_the_end_that_the_engine_is_away(
    use_backends: Callable[..., None], settings: Settings, submission: Submission, now: datetime, tmp_path: Path
) -> None:
    use_backends(builder=BaseBuilder)
    settings.DOCKER_HOST = f"unix://{tmp_path}/nobody.sock"
    settings.SANDBOX = "environments.sandboxes.docker.DockerSandbox"
    late = now + PATIENCE + TURN

    while carry_out_next(clock=lambda: late):
        tend_autogradings(now=late)

    submission.refresh_from_db()
    autograding = submission.autogradings.get()
    assert (autograding.state, autograding.failure_code) == (State.FAILED, "runtime_unavailable")
    assert submission.state == Submission.State.PROBLEM


def test_grades_once_what_an_engine_that_hangs_kept_waiting(
    use_backends: Callable[..., None],
    settings: Settings,
    submission: Submission,
    now: datetime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_backends(builder=BaseBuilder)
    settings.SANDBOX = "environments.sandboxes.docker.DockerSandbox"
    monkeypatch.setattr(containers.client, "__kwdefaults__", {"timeout_seconds": AT_ONCE})
    with listening_in_silence(tmp_path / "engine.sock") as address:
        settings.DOCKER_HOST = address
        carry_out_next(clock=lambda: now)
    autograding = submission.autogradings.get()
    kept = (autograding.state, autograding.tries, autograding.lease_until)

    use_backends(builder=FakeImages)
    carry_out_next(clock=lambda: now + TURN)

    assert kept == (State.WAITING, 0, None)
    assert outcome(submission) == (State.DONE, POINTS)
    assert automatic_changes(submission) == 1


@pytest.mark.parametrize(("times", "rounds"), [(1, 2), (2, 2)])
def test_grades_again_where_a_kernel_was_killed_and_believes_it_the_second_time(
    times: int,
    rounds: int,
    use_backends: Callable[..., None],
    submission: Submission,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_backends(builder=FakeImages)
    executed: list[object] = []

    def execute_and_kill(*arguments: Any, **options: Any) -> Any:
        executed.append(options["kernel"])
        if len(executed) <= times:
            options["kernel"]._reason = ExitReason.KILLED
        return executing.execute(*arguments, **options)

    monkeypatch.setattr(grading_runs, "execute", execute_and_kill)
    while carry_out_next(clock=lambda: now):
        pass

    assert len(executed) == rounds
    assert outcome(submission) == (State.DONE, POINTS if times == 1 else 0)
    assert automatic_changes(submission) == 1


# --- nbgrader ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", PHASES)
def test_grades_once_what_a_killed_nbgrader_had(
    phase: str, real_sandbox: None, submission: Submission, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as first_time:
        before(phase, kill_at_work if phase != "execute" else kill_standing_by, first_time)
        carry_out_next(clock=lambda: now)
    while carry_out_next(clock=lambda: now + TURN):
        pass

    assert outcome(submission) == (State.DONE, POINTS)
    assert automatic_changes(submission) == 1


def test_tries_again_where_only_the_fork_of_nbgrader_was_killed(
    real_sandbox: None, submission: Submission, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as first_time:
        before("score", kill_fork_at_work, first_time)
        carry_out_next(clock=lambda: now)
    first = outcome(submission)

    carry_out_next(clock=lambda: now + TURN)

    assert first == (State.WAITING, None)
    assert outcome(submission) == (State.DONE, POINTS)
    assert automatic_changes(submission) == 1


def test_grades_with_another_nbgrader_where_one_hangs(
    use_backends: Callable[..., None], submission: Submission, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_backends(builder=FakeImages)
    hung: list[engine._Engine] = []
    ask = engine._Engine.ask

    def ask_one_that_hangs(self: engine._Engine, request: Any, run: Any) -> str:
        if hung:
            return ask(self, request, run)
        hung.append(self)
        os.killpg(self._process.pid, signal.SIGSTOP)
        with monkeypatch.context() as hurried:
            hurried.setattr(engine, "_START_SECONDS", AT_ONCE - request["seconds"])
            return ask(self, request, run)

    monkeypatch.setattr(engine._Engine, "ask", ask_one_that_hangs)
    monkeypatch.setattr(engine, "_END_SECONDS", AT_ONCE)
    carry_out_next(clock=lambda: now)

    assert hung[0]._process.returncode == -signal.SIGKILL
    assert outcome(submission) == (State.DONE, POINTS)


def kill_at_work() -> None:
    """Kill nbgrader as soon as it works on something."""
    _when_working(lambda process, _fork: process.kill())


def kill_fork_at_work() -> None:
    """Kill what works on something, and not who watches it."""
    _when_working(lambda _process, fork: fork.kill())


def kill_standing_by() -> None:
    """Kill every nbgrader that waits for work."""
    for process in _engines():
        process.kill()
        process.wait()


def _when_working(kill: Callable[[psutil.Process, psutil.Process], None]) -> None:
    def watch() -> None:
        while True:
            for process in _engines():
                with suppress(psutil.Error):
                    for fork in process.children():
                        kill(process, fork)
                        return

    threading.Thread(target=watch, daemon=True).start()


def _engines() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if each.cmdline()[-1:] == ["serve"]]


# --- All of them -------------------------------------------------------------------------------------------


@contextmanager
def listening_in_silence(path: Path) -> Iterator[str]:
    """The address of an engine that takes every connection and says nothing on any."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(socket.SOMAXCONN)
        yield f"unix://{path}"


def submitted(assignment: Assignment, name: str, now: datetime) -> Submission:
    """What this student has handed in."""
    membership = member(assignment.course, name)
    files = bundle_of("submitted-changed.ipynb")
    return receive(assignment, membership, files, way=Way.LAB, by=membership.person, now=now)


def before(phase: str, happens: Callable[[], None], patch: pytest.MonkeyPatch) -> None:
    """Have something happen when a phase begins; in the second, the kernel has come so far and is busy."""
    begin = getattr(PHASES[phase], phase)

    def begun(*arguments: Any, **options: Any) -> Any:
        happens()
        if phase == "execute":
            options["kernel"].send("execute_request", {"code": "import time; time.sleep(2)", "silent": True})
        return begin(*arguments, **options)

    patch.setattr(PHASES[phase], phase, begun)


def outcome(submission: Submission) -> tuple[str, object]:
    """The state of its only autograding, and its points."""
    submission.refresh_from_db()
    return submission.autogradings.get().state, submission.points


def automatic_changes(submission: Submission) -> int:
    """How often its tests have given points to one and the same cell."""
    return GradeChange.objects.filter(submission=submission, grade_id="foo").count()


def abandon_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have those looked for that no driver could remove, once their time is over."""
    monkeypatch.setattr(docker, "_is_expired", lambda _labels: True)
    sandbox().discard_leftovers()
