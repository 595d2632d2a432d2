"""What the worker does before it makes its processes."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from config.celery import share_memory
from environments import backends


@pytest.fixture(autouse=True)
def thaw() -> Iterator[None]:
    """Nothing is left out of garbage collection before; afterwards it is again as the site's own import left it."""
    was_frozen = gc.get_freeze_count() > 0
    gc.unfreeze()
    yield
    gc.unfreeze()
    if was_frozen:
        gc.freeze()


def test_share_memory_prepares_what_every_process_needs(fake_backends: None) -> None:
    share_memory()

    chosen = (backends.builder, backends.spawner, backends.sandbox, backends.volume_store)
    assert [choice.cache_info().currsize for choice in chosen] == [1, 1, 1, 1]
    assert gc.get_freeze_count() > 0


def test_share_memory_goes_on_where_servers_can_run_on_nothing(fake_backends: None, settings: Settings) -> None:
    settings.BUILDER, settings.RUNTIME = "", "nothing"

    share_memory()

    assert gc.get_freeze_count() > 0
