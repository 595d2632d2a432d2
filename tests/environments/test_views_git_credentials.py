"""The pages about private repositories: what a person gave, adding, removing; and never a token on any of them."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from environments.git_credentials import credential_for, keep_credential
from environments.models import GitCredential
from environments.values import Credential
from tests.factories import GitCredentialFactory

LIST = "/account/repositories/"
ADD = "/account/repositories/new/"
TOKEN = "correct-horse-battery"
FORM = {"address": "https://git.example.org/ada/notes", "username": "ada", "token": TOKEN}


@pytest.fixture
def page(client: Client, student: User) -> Client:
    """The student's browser."""
    client.force_login(student)
    return client


def remove_page(kept: GitCredential) -> str:
    return reverse("environments:git-credential-remove", args=[kept.pk])


def test_account_leads_to_the_list(page: Client) -> None:
    assert f'href="{LIST}"' in page.get("/account/").content.decode()


def test_list_says_what_to_do_when_there_is_none(page: Client) -> None:
    text = page.get(LIST).content.decode()

    assert "None yet" in text
    assert f'href="{ADD}"' in text


def test_list_shows_hosts_and_user_names_and_no_token(page: Client, student: User, now: datetime) -> None:
    keep_credential(student, address="git.example.org", username="ada-l", password=TOKEN, now=now)

    text = page.get(LIST).content.decode()

    assert "git.example.org" in text
    assert "ada-l" in text
    assert TOKEN not in text
    assert GitCredential.objects.get().sealed_password not in text


def test_list_shows_nothing_of_somebody_else_s(page: Client, stranger: User) -> None:
    kept = GitCredentialFactory.create(owner=stranger)

    assert kept.host not in page.get(LIST).content.decode()


def test_list_asks_the_database_as_much_for_many(
    page: Client, student: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    GitCredentialFactory.create_batch(12, owner=student)

    with django_assert_max_num_queries(4):
        page.get(LIST)


def test_add_asks_for_the_token_as_for_a_password(page: Client) -> None:
    text = page.get(f"{ADD}?address=github.com").content.decode()

    assert 'type="password"' in text
    assert 'value="github.com"' in text


def test_add_keeps_the_token(page: Client, student: User, now: datetime) -> None:
    response = page.post(ADD, FORM)

    assert (response.status_code, response["Location"]) == (302, LIST)
    kept = credential_for(student, "https://git.example.org/ada/notes", now=now)
    assert kept == Credential("https://git.example.org", "ada", TOKEN)
    assert "Your token for git.example.org is kept." in page.get(LIST).content.decode()


def test_add_leaves_the_token_in_no_page_session_or_log(page: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    answers = [page.post(ADD, FORM | changed) for changed in ({}, {"address": "nowhere"}, {"username": ""})]

    assert [answer.status_code for answer in answers] == [302, 422, 422]
    assert TOKEN not in "".join(answer.content.decode() for answer in answers)
    assert TOKEN not in page.get(LIST).content.decode()
    assert all(TOKEN not in str(session.get_decoded()) for session in Session.objects.all())
    assert TOKEN not in caplog.text


def test_add_is_kept_by_no_cache(page: Client) -> None:
    assert "no-store" in page.get(ADD)["Cache-Control"]
    assert "no-store" in page.post(ADD, FORM | {"username": ""})["Cache-Control"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"address": ""}, "This field is required."),
        ({"address": "GitHub"}, "“GitHub” is not an address Carrel understands."),
        ({"address": "http://git.example.org"}, "Tokens are sent over encrypted connections only"),
        ({"address": "https://ada:token@git.example.org/x"}, "This address contains a password or token"),
        ({"username": "ada:x"}, "A username has no spaces and no colon."),
        ({"username": "a\x01b"}, "A username has no spaces and no colon."),
        ({"token": "two words"}, "A token has no spaces"),
        ({"token": ""}, "This field is required."),
        ({"token": "x" * 2001}, "at most 2000 characters"),
    ],
)
def test_add_says_what_cannot_be(page: Client, fields: dict[str, str], words: str) -> None:
    response = page.post(ADD, FORM | fields)

    assert response.status_code == 422
    assert words in response.content.decode()
    assert not GitCredential.objects.exists()


def test_remove_asks_first(page: Client, student: User) -> None:
    kept = GitCredentialFactory.create(owner=student)

    text = page.get(remove_page(kept)).content.decode()

    assert f"Remove the token for {kept.host}?" in text
    assert GitCredential.objects.exists()


def test_remove_forgets_the_token(page: Client, student: User) -> None:
    kept = GitCredentialFactory.create(owner=student)

    response = page.post(remove_page(kept))

    assert (response.status_code, response["Location"]) == (302, LIST)
    assert not GitCredential.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_remove_knows_nothing_of_somebody_else_s(page: Client, stranger: User, method: str) -> None:
    kept = GitCredentialFactory.create(owner=stranger)

    assert getattr(page, method)(remove_page(kept)).status_code == 404
    assert GitCredential.objects.exists()


@pytest.mark.parametrize("path", [LIST, ADD, f"/account/repositories/{UUID(int=1)}/remove/"])
def test_pages_refuse_other_methods(page: Client, path: str) -> None:
    assert page.put(path).status_code == 405
