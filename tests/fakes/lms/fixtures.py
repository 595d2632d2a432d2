"""The pretend LMS as fixtures: one process for all tests of a run, as on its first day for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.lms.client import LmsProcess, running_lms


@pytest.fixture(scope="session")
def lms_process() -> Iterator[LmsProcess]:
    """A running LMS, in whatever state the last test left it."""
    with running_lms() as process:
        yield process


@pytest.fixture
def lms(lms_process: LmsProcess) -> LmsProcess:
    """An LMS with its demo school and nothing else."""
    lms_process.reset()
    return lms_process
