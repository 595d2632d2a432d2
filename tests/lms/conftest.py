"""The pretend LMS with a tool of its own that is registered and active there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.lms.client import LmsProcess
from tests.lms.tiny_tool import TinyTool, tiny_tool


@pytest.fixture(scope="session")
def running_tool() -> Iterator[TinyTool]:
    """Making its keys takes time, so one serves all tests."""
    with tiny_tool() as tool:
        yield tool


@pytest.fixture
def tool(lms: LmsProcess, running_tool: TinyTool) -> TinyTool:
    """A tool that is registered and active."""
    return running_tool.enter(lms)
