"""The system checks: each finds its misconfiguration, and names the variable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage
from pytest_django import Settings

from config import checks

WELL_SERVED: dict[str, Any] = {
    "EMBEDDED": False,
    "DEBUG": False,
    "SECRET_KEY": "k" * 50,
    "REDIS_URL": "redis://redis:6379/0",
    "PUBLIC_URL": "https://carrel.example.org",
    "NOTEBOOK_DOMAIN": "notebooks.example.net",
    "RUNTIME": "docker",
    "REPOSITORY_ALLOW_LOCAL": False,
}


def found(settings: Settings, changes: dict[str, Any]) -> dict[str, CheckMessage]:
    """What the checks say of a well served installation with these changes, by id."""
    for name, value in {**WELL_SERVED, **changes}.items():
        setattr(settings, name, value)
    messages = [
        message
        for check in (
            checks.check_required,
            checks.check_addresses,
            checks.check_secrets,
            checks.check_allowed_origins,
            checks.check_site_links,
            checks.check_hubs,
            checks.check_runtime,
            checks.check_quotas,
            checks.check_data_directory,
        )
        for message in check(None)
    ]
    return {str(message.id): message for message in messages}


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Settings with a data directory and a database of their own."""
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", "carrel")
    tmp_path.chmod(0o700)
    settings.CARREL_DATA = tmp_path
    return settings


def test_finds_nothing_in_a_good_installation(settings: Settings) -> None:
    assert found(settings, {}) == {}


@pytest.mark.parametrize(
    ("code", "variable", "changes"),
    [
        ("carrel.E002", "REDIS_URL", {"REDIS_URL": ""}),
        ("carrel.E003", "PUBLIC_URL", {"PUBLIC_URL": ""}),
        ("carrel.E004", "NOTEBOOK_DOMAIN", {"NOTEBOOK_DOMAIN": ""}),
        ("carrel.E005", "RUNTIME", {"RUNTIME": ""}),
        ("carrel.E006", "PUBLIC_URL", {"PUBLIC_URL": "carrel.example.org"}),
        ("carrel.E006", "PUBLIC_URL", {"PUBLIC_URL": "https://example.org/carrel"}),
        ("carrel.E007", "PUBLIC_URL", {"PUBLIC_URL": "http://carrel.example.org"}),
        ("carrel.E008", "SECRET_KEY", {"SECRET_KEY": "short"}),
        ("carrel.E009", "DEBUG", {"DEBUG": True}),
        ("carrel.E010", "RUNTIME", {"RUNTIME": "process"}),
        ("carrel.E013", "RUNTIME", {"RUNTIME": "podman"}),
        ("carrel.E011", "REPOSITORY_ALLOW_LOCAL", {"REPOSITORY_ALLOW_LOCAL": True}),
        ("carrel.E012", "CARREL_DATA", {"CARREL_DATA": "/does/not/exist"}),
        ("carrel.E014", "API_ALLOWED_ORIGINS", {"API_ALLOWED_ORIGINS": ["*", "https://book.example.org"]}),
        ("carrel.E015", "API_ALLOWED_ORIGINS", {"API_ALLOWED_ORIGINS": ["book.example.org"]}),
        ("carrel.E015", "API_ALLOWED_ORIGINS", {"API_ALLOWED_ORIGINS": ["https://book.example.org/"]}),
        ("carrel.E015", "API_ALLOWED_ORIGINS", {"API_ALLOWED_ORIGINS": ["https://*.example.org"]}),
        ("carrel.E030", "SITE_LINKS", {"SITE_LINKS": [("Help", "javascript:alert(1)")]}),
        ("carrel.E030", "SITE_LINKS", {"SITE_LINKS": [("", "https://example.org")]}),
        ("carrel.W003", "API_ALLOWED_ORIGINS", {"API_ALLOWED_ORIGINS": ["http://book.example.org"]}),
        ("carrel.E040", "HUBS", {"HUBS": ["mybinder binder mybinder.org mybinder.org"]}),
        ("carrel.E040", "HUBS", {"HUBS": ["mybinder binder http://mybinder.org mybinder.org"]}),
        ("carrel.E040", "HUBS", {"HUBS": ["me carrel https://carrel.example.org This one"]}),
        ("carrel.E041", "HUBS", {"HUBS": ["b binder https://b.example B", "b carrel https://c.example C"]}),
        ("carrel.W004", "PERSON_MEMORY_MB", {"PERSON_MEMORY_MB": 1024, "SERVER_MEMORY_MB": 2048}),
        ("carrel.W005", "PERSON_CPUS", {"PERSON_CPUS": 0.5, "SERVER_CPUS": 2.0}),
        ("carrel.W001", "NOTEBOOK_DOMAIN", {"NOTEBOOK_DOMAIN": "carrel.example.org"}),
        ("carrel.W001", "NOTEBOOK_DOMAIN", {"NOTEBOOK_DOMAIN": "Example.org:8443"}),
        ("carrel.W001", "NOTEBOOK_DOMAIN", {"NOTEBOOK_DOMAIN": "notebooks.carrel.example.org"}),
    ],
)
def test_names_the_variable_and_a_remedy_when_wrong(
    settings: Settings, code: str, variable: str, changes: dict[str, Any]
) -> None:
    messages = found(settings, changes)

    assert list(messages) == [code]
    assert variable in messages[code].msg
    assert messages[code].hint


def test_names_the_database_when_there_is_none(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", ":memory:")

    messages = found(settings, {})

    assert list(messages) == ["carrel.E001"]
    assert "DATABASE_URL" in messages["carrel.E001"].msg


def test_warns_of_a_data_directory_that_others_can_enter(settings: Settings, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    messages = found(settings, {})

    assert list(messages) == ["carrel.W002"]


@pytest.mark.parametrize("domain", ["notebooks.example.com", "otherexample.org", "notcarrel.example.org"])
def test_accepts_a_domain_apart(settings: Settings, domain: str) -> None:
    assert found(settings, {"NOTEBOOK_DOMAIN": domain}) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"RUNTIME": "process"},
        {"DEBUG": True},
        {"REPOSITORY_ALLOW_LOCAL": True},
        {"PUBLIC_URL": "http://localhost:8000", "NOTEBOOK_DOMAIN": "localhost:8000"},
    ],
)
def test_allows_on_ones_own_machine(settings: Settings, changes: dict[str, Any]) -> None:
    assert found(settings, {"EMBEDDED": True, **changes}) == {}


@pytest.mark.parametrize("origins", [["*"], ["https://book.example.org", "https://book.example.org:8443"]])
def test_accepts_origins_as_browsers_send_them(settings: Settings, origins: list[str]) -> None:
    assert found(settings, {"API_ALLOWED_ORIGINS": origins}) == {}


@pytest.mark.parametrize("most", [0, 2048, 8192])
def test_accepts_as_much_for_a_person_as_a_server_gets(settings: Settings, most: int) -> None:
    assert found(settings, {"PERSON_MEMORY_MB": most, "SERVER_MEMORY_MB": 2048}) == {}
