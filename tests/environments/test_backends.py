"""Which backends an installation uses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils.module_loading import import_string
from pytest_django import Settings

from environments import backends
from environments.builders.fake import FakeBuilder
from environments.errors import SystemFailure

NOWHERE = "tcp://127.0.0.1:1"


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Choose anew before and after."""
    choices = (backends.runtime, backends.builder, backends.spawner, backends.sandbox, backends.volume_store)
    for choice in choices:
        choice.cache_clear()
    yield
    for choice in choices:
        choice.cache_clear()


@pytest.mark.parametrize("name", [name for backend in backends.RUNTIMES.values() for name in backend.values()])
def test_every_backend_named_can_be_made(name: str) -> None:
    import_string(name)()


def test_auto_without_an_engine_takes_processes_on_ones_own_machine(settings: Settings) -> None:
    settings.RUNTIME, settings.DOCKER_HOST, settings.EMBEDDED = "auto", NOWHERE, True

    assert (backends.runtime(), backends.choice()) == ("process", backends.Choice.NOT_FOUND)


def test_auto_without_an_engine_is_refused_when_served(settings: Settings) -> None:
    settings.RUNTIME, settings.DOCKER_HOST, settings.EMBEDDED = "auto", NOWHERE, False

    with pytest.raises(SystemFailure, match="runtime_unavailable"):
        backends.runtime()


@pytest.mark.docker
def test_auto_takes_docker_where_an_engine_answers(settings: Settings, docker_engine: None) -> None:
    settings.RUNTIME = "auto"

    assert (backends.runtime(), backends.choice()) == ("docker", backends.Choice.FOUND)


def test_runtime_that_is_named_was_chosen_by_its_name(settings: Settings) -> None:
    settings.RUNTIME = "docker"

    assert backends.choice() is backends.Choice.SET


def test_unknown_runtime_is_refused(settings: Settings) -> None:
    settings.RUNTIME = "podman"

    with pytest.raises(SystemFailure, match="runtime_unavailable"):
        backends.runtime()


def test_one_backend_can_be_replaced(settings: Settings) -> None:
    settings.RUNTIME, settings.BUILDER = "process", "environments.builders.fake.FakeBuilder"

    assert isinstance(backends.builder(), FakeBuilder)
    assert backends.spawner().name == "process"
