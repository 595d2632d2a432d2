"""What the tests of servers' lives share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from tests.environments.workshop import Workshop
from tests.fakes.backends import TroubledSpawner


@pytest.fixture
def workshop(now: datetime, monkeypatch: pytest.MonkeyPatch, use_backends: Callable[..., None]) -> Workshop:
    """Workers, the reconciler that tells them what to do, and fakes for both that do as a test tells them."""
    use_backends(spawner=TroubledSpawner)
    return Workshop(now, monkeypatch)
