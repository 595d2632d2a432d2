"""The standing cast, and backends that run nothing."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from accounts.models import Role, User
from environments import backends
from environments.builders.base import Builder
from environments.builders.fake import FakeBuilder
from environments.spawners.fake import FakeSpawner
from environments.volumes.fake import FakeVolumeStore
from tests.engine import why_not
from tests.factories import UserFactory
from tests.fakes.builders_with_images import BuiltBuilder

pytest_plugins = [
    "tests.browser",
    "tests.kept_keys",
    "tests.migrated",
    "tests.required",
    "tests.spreading",
    "tests.stack",
    "tests.docker_stack",
    "tests.postgres",
    "tests.fakes.lms.fixtures",
]

# The machine may be busy, and a test that fails must fail again.
hypothesis.settings.register_profile("carrel", deadline=None, derandomize=True)
hypothesis.settings.load_profile("carrel")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests stay to the end: to look through them for garbage takes a quarter of collecting them again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def settings_put_back() -> Iterator[None]:
    """Whatever a test has set is as before after it.

    `override_settings` and the fixture `settings` each put back what they found; where one begins within the other and
    ends after it, that is what the other had set, and all tests to come would have it.
    """
    before = django_settings._wrapped  # type: ignore[misc]
    yield
    django_settings._wrapped = before


@pytest.fixture
def now() -> datetime:
    """A Monday morning."""
    return NOW


@pytest.fixture(autouse=True)
def leases_that_nobody_renews(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test lasts as long as a lease, and a thread that renewed one would wait for the test's own transaction."""
    monkeypatch.setattr("environments.leases.RENEW_EVERY_SECONDS", 3600.0)


@pytest.fixture
def student(db: None) -> User:
    """The person most tests are about."""
    return UserFactory.create(username="student")


@pytest.fixture
def stranger(db: None) -> User:
    """Somebody signed in who has nothing to do with it."""
    return UserFactory.create(username="stranger")


@pytest.fixture
def teacher(db: None) -> User:
    """A teacher of this site."""
    return UserFactory.create(username="teacher", role=Role.TEACHER)


@pytest.fixture
def administrator(db: None) -> User:
    """Who runs this site."""
    return UserFactory.create(username="administrator", role=Role.ADMINISTRATOR)


@pytest.fixture
def use_backends(settings: Settings) -> Iterator[Callable[..., None]]:
    """Chooses backends by class, for one test: `use_backends(builder=SlowBuilder)`. Fakes unless said."""

    def use(
        *,
        builder: type[Builder] = FakeBuilder,
        spawner: type[FakeSpawner] = FakeSpawner,
        volume_store: type[FakeVolumeStore] = FakeVolumeStore,
    ) -> None:
        settings.BUILDER, settings.SPAWNER, settings.VOLUME_STORE = (
            f"{backend.__module__}.{backend.__qualname__}" for backend in (builder, spawner, volume_store)
        )
        settings.SANDBOX = "environments.sandboxes.fake.FakeSandbox"
        _forget_backends()

    yield use
    spawner = backends.spawner() if backends.spawner.cache_info().currsize else None
    if isinstance(spawner, FakeSpawner):
        spawner.close()
    _forget_backends()


@pytest.fixture
def fake_backends(use_backends: Callable[..., None]) -> None:
    """A builder, spawner and volume store that only remember."""
    use_backends()


@pytest.fixture
def real_sandbox(use_backends: Callable[..., None], settings: Settings, tmp_path: Path) -> None:
    """Kernels are processes of this machine."""
    settings.CARREL_DATA = tmp_path / "data"
    use_backends(builder=BuiltBuilder)
    settings.SANDBOX = "environments.sandboxes.process.ProcessSandbox"


@pytest.fixture
def docker_engine() -> None:
    """Skips the test where no engine answers."""
    if reason := why_not():
        pytest.skip(reason)


def _forget_backends() -> None:
    for choice in (backends.runtime, backends.builder, backends.spawner, backends.sandbox, backends.volume_store):
        choice.cache_clear()
