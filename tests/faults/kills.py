"""Kills parts of a stack, and waits until its supervisor has put others in their place."""

from __future__ import annotations

import os
import signal

from tests.stack import Stack, wait_until

RETURN_SECONDS = 60.0
"""The supervisor waits longer each time before it starts a child that keeps dying."""


def kill_worker(stack: Stack) -> None:
    """SIGKILL the worker with its whole pool, and wait until another is ready to work."""
    before = times_ready(stack)
    os.killpg(stack.worker_pid(), signal.SIGKILL)
    wait_until(lambda: times_ready(stack) > before, seconds=RETURN_SECONDS, why="there is a worker again")


def times_ready(stack: Stack) -> int:
    """How often a worker of this stack has said that it is."""
    return (stack.data_directory / "log" / "worker.log").read_text().count(" ready.")
