"""What is sealed tells nothing, opens for its own purpose only, and outlives a change of the secret key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import Settings

from accounts.sealing import SealBroken, reseal, seal, unseal

TEXT = "glpat-correct-horse-battery"


def test_unseal_gives_back_what_was_sealed() -> None:
    assert unseal(seal(TEXT, "test"), "test") == TEXT


def test_seal_shows_nothing_and_is_never_the_same() -> None:
    first, second = seal(TEXT, "test"), seal(TEXT, "test")

    assert first != second
    assert TEXT not in first + second


def test_unseal_refuses_another_purpose() -> None:
    sealed = seal(TEXT, "token of ada")

    with pytest.raises(SealBroken):
        unseal(sealed, "token of bob")


@pytest.mark.parametrize(
    "change", [lambda s: s[:-4], lambda s: s.swapcase(), lambda s: "", lambda s: "é", lambda s: s[4:]]
)
def test_unseal_refuses_what_was_changed(change: Callable[[str], str]) -> None:
    sealed = change(seal(TEXT, "test"))

    with pytest.raises(SealBroken):
        unseal(sealed, "test")


def test_unseal_refuses_another_secret_key(settings: Settings) -> None:
    sealed = seal(TEXT, "test")
    settings.SECRET_KEY = "another" * 10

    with pytest.raises(SealBroken) as broken:
        unseal(sealed, "test")

    assert TEXT not in repr(broken.value)


def test_unseal_accepts_a_former_secret_key(settings: Settings) -> None:
    sealed = seal(TEXT, "test")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 10, [settings.SECRET_KEY]

    assert unseal(sealed, "test") == TEXT


def test_seal_never_uses_a_former_secret_key(settings: Settings) -> None:
    settings.SECRET_KEY_FALLBACKS = ["former" * 10]

    sealed = seal(TEXT, "test")

    settings.SECRET_KEY_FALLBACKS = []
    assert unseal(sealed, "test") == TEXT


def test_reseal_lets_a_former_secret_key_be_forgotten(settings: Settings) -> None:
    sealed = seal(TEXT, "test")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 10, [settings.SECRET_KEY]

    again = reseal(sealed, "test")

    settings.SECRET_KEY_FALLBACKS = []
    assert unseal(again, "test") == TEXT


def test_reseal_refuses_what_it_cannot_read(settings: Settings) -> None:
    sealed = seal(TEXT, "test")
    settings.SECRET_KEY = "another" * 10

    with pytest.raises(SealBroken):
        reseal(sealed, "test")
