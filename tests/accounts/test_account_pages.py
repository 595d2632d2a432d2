"""The account page, and tokens made, shown once and revoked on it."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import ApiToken, Scope, User
from accounts.tokens import create_token, find_token

ACCOUNT = "/account/"
NEW_TOKEN = "/account/tokens/new/"


@pytest.fixture
def browser(student: User) -> Client:
    """The student's browser."""
    client = Client()
    client.force_login(student)
    return client


def token_form(browser: Client, **fields: object) -> dict[str, object]:
    """The form as the browser would send it."""
    page = browser.get(NEW_TOKEN).content.decode()
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key is not None
    return {"name": "backup", "scopes": ["servers:read"], "days": "7", "key": key[1]} | fields


def secret_on(page: bytes) -> str:
    """The token a page shows, or ''."""
    found = re.search(r"carrel_[0-9a-f]{64}", page.decode())
    return found[0] if found else ""


@pytest.mark.parametrize("path", [ACCOUNT, NEW_TOKEN, f"/account/tokens/{UUID(int=1)}/revoke/"])
def test_account_asks_nobody_to_sign_in(db: None, client: Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("path", [ACCOUNT, NEW_TOKEN])
def test_account_refuses_other_methods(browser: Client, path: str) -> None:
    assert browser.put(path).status_code == 405


def test_account_keeps_what_was_changed(browser: Client, student: User) -> None:
    response = browser.post(ACCOUNT, {"display_name": "Ada L.", "language": "fr", "time_zone": "Europe/Paris"})

    student.refresh_from_db()
    assert response.status_code == 302
    assert (student.display_name, student.language, student.time_zone) == ("Ada L.", "fr", "Europe/Paris")


def test_account_speaks_the_language_chosen(browser: Client) -> None:
    browser.post(ACCOUNT, {"display_name": "Ada", "language": "fr", "time_zone": ""})

    assert '<html lang="fr"' in browser.get(ACCOUNT).content.decode()


@pytest.mark.parametrize(
    "fields",
    [{"language": "xx"}, {"time_zone": "Mars/Olympus"}, {"time_zone": "../etc/passwd"}, {"display_name": "x" * 151}],
)
def test_account_refuses_what_cannot_be(browser: Client, student: User, fields: dict[str, str]) -> None:
    response = browser.post(ACCOUNT, {"display_name": "Ada", "language": "", "time_zone": ""} | fields)

    student.refresh_from_db()
    assert response.status_code == 200
    assert 'aria-invalid="true"' in response.content.decode()
    assert student.display_name == "Student"


def test_account_cannot_give_oneself_rights(browser: Client, student: User) -> None:
    browser.post(ACCOUNT, {"display_name": "Ada", "role": "administrator", "is_staff": "on", "username": "root"})

    student.refresh_from_db()
    assert (student.role, student.is_staff, student.username) == ("member", False, "student")


def test_account_lists_own_tokens_in_words(browser: Client, student: User, stranger: User) -> None:
    create_token(student, name="my backup", scopes=[Scope.SERVERS_READ], days=7, now=timezone.now())
    create_token(stranger, name="not mine", scopes=[Scope.SERVERS_READ], days=7, now=timezone.now())

    page = browser.get(ACCOUNT).content.decode()

    assert "my backup" in page
    assert "See your servers and their logs" in page
    assert "not mine" not in page


def test_account_says_which_token_has_expired(browser: Client, student: User) -> None:
    long_ago = timezone.now() - timedelta(days=8)
    create_token(student, name="my backup", scopes=[Scope.SERVERS_READ], days=7, now=long_ago)

    assert "Expired" in browser.get(ACCOUNT).content.decode()


def test_account_asks_the_database_as_much_for_many_tokens(
    browser: Client, student: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        create_token(student, name=f"token {number}", scopes=list(Scope), days=7, now=timezone.now())

    with django_assert_max_num_queries(7):
        browser.get(ACCOUNT)


def test_create_token_shows_it_once(browser: Client, student: User) -> None:
    answer = browser.post(NEW_TOKEN, token_form(browser))

    secret = secret_on(answer.content)
    found = find_token(secret, now=timezone.now())
    assert found is not None
    assert found.user == student
    assert found.scopes == ["servers:read"]
    assert secret_on(browser.get(ACCOUNT).content) == ""
    assert secret_on(browser.get(NEW_TOKEN).content) == ""


def test_create_token_leaves_it_in_no_cache_session_or_log(browser: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    answer = browser.post(NEW_TOKEN, token_form(browser))

    secret = secret_on(answer.content)
    assert "no-store" in answer["Cache-Control"]
    assert all(secret not in str(session.get_decoded()) for session in Session.objects.all())
    assert secret not in caplog.text


def test_create_token_sent_again_makes_no_second(browser: Client) -> None:
    form = token_form(browser)
    browser.post(NEW_TOKEN, form)

    again = browser.post(NEW_TOKEN, form)

    assert again.status_code == 302
    assert ApiToken.objects.count() == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"scopes": []},
        {"scopes": ["servers:rule"]},
        {"days": "2"},
        {"days": "9999"},
        {"days": "x"},
        {"name": ""},
        {"name": "x" * 101},
    ],
)
def test_create_token_refuses_what_cannot_be(browser: Client, fields: dict[str, object]) -> None:
    response = browser.post(NEW_TOKEN, token_form(browser, **fields))

    assert response.status_code == 200
    assert "field-error" in response.content.decode()
    assert not ApiToken.objects.exists()


def test_revoke_asks_first(browser: Client, student: User) -> None:
    token, _ = create_token(student, name="backup", scopes=[Scope.SERVERS_READ], days=7, now=timezone.now())

    response = browser.get(f"/account/tokens/{token.uuid}/revoke/")

    assert "backup" in response.content.decode()
    assert ApiToken.objects.exists()


def test_revoke_ends_the_token(browser: Client, student: User) -> None:
    token, secret = create_token(student, name="backup", scopes=[Scope.SERVERS_READ], days=7, now=timezone.now())

    browser.post(f"/account/tokens/{token.uuid}/revoke/")

    assert find_token(secret, now=timezone.now()) is None


@pytest.mark.parametrize("method", ["get", "post"])
def test_revoke_knows_no_token_of_a_stranger(browser: Client, stranger: User, method: str) -> None:
    token, _ = create_token(stranger, name="backup", scopes=[Scope.SERVERS_READ], days=7, now=timezone.now())

    response = getattr(browser, method)(f"/account/tokens/{token.uuid}/revoke/")

    assert response.status_code == 404
    assert ApiToken.objects.exists()
