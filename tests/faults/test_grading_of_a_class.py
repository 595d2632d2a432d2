"""Redis or the worker killed while the work of a class is graded: all of it is graded in the end, and once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.faults.class_work import submit_held
from tests.faults.conftest import Prepared
from tests.faults.holds import Hold
from tests.faults.kills import RETURN_SECONDS, kill_worker
from tests.faults.traces import gradings
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

STUDENTS = 4
POINTS = 2
ROUND_SECONDS = 90.0
"""A lease that runs out, the next look for such leases, and grading itself on a machine with other things to do."""


def kill_redis(stack: Stack) -> None:
    """SIGKILL the broker, and wait until there is another."""
    before = stack.child_pid("redis")
    assert before is not None
    os.kill(before, signal.SIGKILL)
    wait_until(
        lambda: stack.child_pid("redis") not in (None, before) and stack.answers(),
        seconds=RETURN_SECONDS,
        why="there is a broker again",
    )


@pytest.mark.parametrize("kill", [kill_redis, kill_worker])
def test_grades_once_what_a_class_has_submitted(
    kill: Callable[[Stack], None], stack: Stack, prepared: Prepared, hold: Hold
) -> None:
    name = kill.__name__.replace("_", "-")
    submit_held(stack, hold, name=name, image_key=prepared.image.name, students=STUDENTS)
    wait_until(lambda: hold.is_reached, seconds=60, why="somebody's work is being graded")

    kill(stack)
    hold.release()
    wait_until(
        lambda: all(row[0] in ("graded", "problem") for row in gradings(stack, name)),
        seconds=ROUND_SECONDS,
        why="nothing waits any more",
    )

    assert gradings(stack, name) == [("graded", POINTS, 1, 1)] * STUDENTS
