"""RSA keys that a process makes once: fifty milliseconds each, for every platform that a test adds."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from lti import keys

_make = keys.new_private_key
_made: list[RSAPrivateKey] = []


@pytest.fixture(autouse=True)
def keys_towards_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first key that a test has made is the first of every test, and so on: no test meets one twice."""
    drawn = 0

    def draw() -> RSAPrivateKey:
        nonlocal drawn
        if drawn == len(_made):
            _made.append(_make())
        drawn += 1
        return _made[drawn - 1]

    monkeypatch.setattr(keys, "new_private_key", draw)
