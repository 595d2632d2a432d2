"""What the tests of servers' lives share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from environments.places import RecentLine
from tests.environments.workshop import Workshop
from tests.fakes.backends import TroubledSpawner


@pytest.fixture
def workshop(now: datetime, monkeypatch: pytest.MonkeyPatch, use_backends: Callable[..., None]) -> Workshop:
    """Workers, the reconciler that tells them what to do, and fakes for both that do as a test tells them."""
    use_backends(spawner=TroubledSpawner)
    return Workshop(now, monkeypatch)


@pytest.fixture(autouse=True)
def line_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that follow a server see each change at once, and nothing of the test before."""
    monkeypatch.setattr(RecentLine, "GOOD_FOR_SECONDS", -1.0)
