"""The four steps of a launch."""

from __future__ import annotations

import pytest

from environments.models import Build, NotebookServer
from environments.views.progress import steps_of

State = NotebookServer.State


@pytest.mark.parametrize(
    ("state", "build", "expected"),
    [
        (State.BUILDING, Build(state="queued"), "current next next next"),
        (State.BUILDING, Build(state="fetching"), "current next next next"),
        (State.BUILDING, Build(state="building"), "done current next next"),
        (State.BUILDING, Build(state="pushing"), "done current next next"),
        (State.QUEUED, Build(state="succeeded"), "done done current next"),
        (State.QUEUED, None, "done done current next"),
        (State.STARTING, Build(state="succeeded"), "done done current next"),
        (State.RUNNING, None, "done done done done"),
        (State.FAILED, Build(state="failed", failure_code="build_failed"), "done failed next next"),
        (State.FAILED, Build(state="failed", failure_code="repository_unreachable"), "failed next next next"),
        (State.FAILED, Build(state="succeeded"), "done done failed next"),
    ],
)
def test_show_how_far_a_launch_has_come(state: str, build: Build | None, expected: str) -> None:
    server = NotebookServer(state=state, build=build)

    assert " ".join(step.status for step in steps_of(server)) == expected
