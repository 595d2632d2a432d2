"""What a registry is asked, and what becomes of one that refuses, falters or is not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from environments.errors import SystemFailure
from environments.registry import TRIES, Registry, location_of, registry
from tests.fakes.registry import USERNAME, FakeRegistry

PASSWORD = "correct horse"
KEY = "0123456789abcdef" * 4
NAME = "carrel/environment"


@pytest.fixture(params=["open", "basic", "tokens"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeRegistry]:
    with FakeRegistry(password="" if request.param == "open" else PASSWORD, tokens=request.param == "tokens") as fake:
        yield fake


@pytest.fixture
def plain() -> Iterator[FakeRegistry]:
    with FakeRegistry() as fake:
        yield fake


def ours(fake: FakeRegistry, password: str = PASSWORD) -> Registry:
    return Registry(fake.url, USERNAME, password) if fake.password else Registry(fake.url)


def location(fake: FakeRegistry, key: str = KEY) -> str:
    return f"{fake.host}/{NAME}:{key}"


def test_has_what_was_pushed(fake: FakeRegistry) -> None:
    fake.add(NAME, KEY)

    assert ours(fake).has(location(fake))


def test_has_nothing_else(fake: FakeRegistry) -> None:
    fake.add(NAME, KEY)

    assert not ours(fake).has(location(fake, "f" * 64))


def test_remove_takes_image_out(fake: FakeRegistry) -> None:
    fake.add(NAME, KEY)

    ours(fake).remove(location(fake))

    assert not ours(fake).has(location(fake))


def test_remove_does_nothing_when_there_is_nothing(fake: FakeRegistry) -> None:
    ours(fake).remove(location(fake))

    assert not [request for request in fake.requests if request[0] == "DELETE"]


def test_remove_accepts_registry_that_keeps_everything(plain: FakeRegistry) -> None:
    plain.can_delete = False
    plain.add(NAME, KEY)

    ours(plain).remove(location(plain))

    assert ours(plain).has(location(plain))


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_has_asks_again_when_registry_falters(plain: FakeRegistry, status: int) -> None:
    plain.add(NAME, KEY)
    plain.fail(times=TRIES - 1, status=status)

    assert ours(plain).has(location(plain))


def test_has_gives_up_when_registry_keeps_failing(plain: FakeRegistry) -> None:
    plain.fail(times=TRIES)

    with pytest.raises(SystemFailure) as caught:
        ours(plain).has(location(plain))

    assert (caught.value.code, caught.value.facts) == ("registry_unreachable", {"host": plain.host})
    assert len(plain.requests) == TRIES


def test_has_says_that_nobody_answers() -> None:
    with pytest.raises(SystemFailure, match="registry_unreachable"):
        Registry("http://127.0.0.1:1").has(f"127.0.0.1:1/{NAME}:{KEY}")


@pytest.mark.parametrize("tokens", [True, False])
@pytest.mark.parametrize("username", ["", USERNAME])
def test_has_says_that_password_is_refused(tokens: bool, username: str) -> None:
    with FakeRegistry(password=PASSWORD, tokens=tokens) as fake, pytest.raises(SystemFailure) as caught:
        Registry(fake.url, username, "wrong").has(location(fake))

    assert caught.value.code == "registry_refused"


def test_password_goes_to_no_unencrypted_address_of_an_encrypted_registry() -> None:
    challenge = 'Bearer realm="http://elsewhere.example/token",service="x"'

    assert not Registry("https://registry.example")._may_show_password_to(challenge.split('"')[1])


def test_password_is_in_no_representation_and_no_error(plain: FakeRegistry) -> None:
    plain.password = "another"
    known = Registry(plain.url, USERNAME, PASSWORD)

    with pytest.raises(SystemFailure) as caught:
        known.has(location(plain))

    assert PASSWORD not in f"{known!r} {caught.value!r} {caught.value.facts} {caught.value.detail}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("denied: requested access to the resource is denied", "registry_refused"),
        ("unauthorized: authentication required", "registry_refused"),
        ("no basic auth credentials", "registry_refused"),
        ("received unexpected HTTP status: 500 Internal Server Error", "registry_unreachable"),
        ("dial tcp 127.0.0.1:1: connect: connection refused", "registry_unreachable"),
        ("write /var/lib/docker/tmp/x: no space left on device", "disk_full"),
        ("", "registry_unreachable"),
    ],
)
def test_error_names_the_cause(text: str, code: str) -> None:
    assert Registry("https://registry.example").error(text).code == code


def test_location_begins_with_the_registry(settings: Settings) -> None:
    settings.REGISTRY_URL, settings.IMAGE_PREFIX = "https://registry.example:5000", "school/"

    assert location_of(KEY) == f"registry.example:5000/school/environment:{KEY}"


def test_location_without_registry_is_the_engine_s_own(settings: Settings) -> None:
    settings.REGISTRY_URL, settings.IMAGE_PREFIX = "", "school/"

    assert location_of(KEY) == f"school/environment:{KEY}"
    assert registry() is None
