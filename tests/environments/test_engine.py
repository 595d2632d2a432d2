"""By what an installation knows its own things in an engine that it shares with others."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from environments.engine import installation_labels

EMBEDDED = {"EMBEDDED": True, "CARREL_DATA": "/data", "SECRET_KEY": "k" * 50, "PUBLIC_URL": "http://localhost:8000"}
SERVED = {**EMBEDDED, "EMBEDDED": False, "PUBLIC_URL": "https://carrel.example.org"}


def labels(settings: Settings, chosen: dict[str, Any]) -> dict[str, str]:
    for name, value in chosen.items():
        setattr(settings, name, value)
    return installation_labels()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (EMBEDDED, EMBEDDED | {"SECRET_KEY": "l" * 50}),
        (EMBEDDED, EMBEDDED | {"CARREL_DATA": "/elsewhere"}),
        (SERVED, SERVED | {"PUBLIC_URL": "https://carrel.example.net"}),
        (EMBEDDED, SERVED),
    ],
)
def test_labels_tell_installations_apart(settings: Settings, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert labels(settings, one) != labels(settings, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [(EMBEDDED, EMBEDDED | {"PUBLIC_URL": "http://localhost:9"}), (SERVED, SERVED | {"CARREL_DATA": "/elsewhere"})],
)
def test_labels_are_the_same_for_all_of_one_installation(
    settings: Settings, one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert labels(settings, one) == labels(settings, other)
