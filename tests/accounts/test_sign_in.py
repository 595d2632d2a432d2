"""Signing in and up: by allauth, in the site's words, and never leading anywhere else."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from tests.factories import PASSWORD

NEW_PASSWORD = "another entirely fine passphrase"


@pytest.fixture(autouse=True)
def _fresh_rate_limits() -> None:
    cache.clear()


def sign_in(client: Client, login: str = "student", password: str = PASSWORD, **fields: str):  # type: ignore[no-untyped-def]
    """Send the sign-in form."""
    return client.post(reverse("account_login"), {"login": login, "password": password} | fields)


@pytest.mark.parametrize("login", ["student", "student@example.org", "STUDENT@example.org"])
def test_sign_in_by_name_or_address(client: Client, student: User, login: str) -> None:
    response = sign_in(client, login)

    assert response.status_code == 302
    assert client.session["_auth_user_id"] == str(student.pk)


def test_sign_in_goes_on_to_where_one_was_going(client: Client, student: User) -> None:
    form = client.get(reverse("account_login"), {"next": "/account/?a=1&b=2"}).content.decode()

    response = sign_in(client, next="/account/?a=1&b=2")

    assert 'value="/account/?a=1&amp;b=2"' in form
    assert response["Location"] == "/account/?a=1&b=2"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "http:///evil.example/",
        "javascript:alert(1)",
        "\x00/",
        "http://s1.localhost:8000/lab",
        "",
    ],
)
def test_sign_in_never_leads_elsewhere(client: Client, student: User, elsewhere: str) -> None:
    response = sign_in(client, next=elsewhere)

    assert response["Location"] == reverse("environments:home")


def test_sign_in_refused_without_saying_which_was_wrong(client: Client, student: User) -> None:
    wrong_password = sign_in(client, password="wrong").content.decode()
    wrong_name = sign_in(client, login="nobody").content.decode()

    def errors(page: str) -> list[str]:
        return re.findall(r"note-error.*?</div>", page, re.DOTALL)

    assert errors(wrong_password)
    assert errors(wrong_password) == errors(wrong_name)


def test_sign_in_refused_when_inactive(client: Client, student: User) -> None:
    User.objects.update(is_active=False)

    sign_in(client)

    assert "_auth_user_id" not in client.session


def test_sign_in_held_back_after_many_failures(client: Client, student: User) -> None:
    for _attempt in range(10):
        sign_in(client, password="wrong")

    response = sign_in(client)

    assert "_auth_user_id" not in client.session
    assert response.status_code in (200, 429)


def test_sign_in_too_often_gets_a_page_in_words(client: Client, student: User) -> None:
    for _attempt in range(31):
        response = sign_in(client, password="wrong")

    assert response.status_code == 429
    assert "Too many attempts" in response.content.decode()


def test_sign_up_closed_says_whom_to_ask(client: Client, db: None, settings: Settings) -> None:
    settings.SIGNUP_OPEN = False

    page = client.get(reverse("account_signup")).content.decode()
    client.post(reverse("account_signup"), sign_up_form())

    assert "Ask your teacher" in page
    assert not User.objects.exists()


def test_sign_up_open_makes_a_member(client: Client, db: None, settings: Settings) -> None:
    settings.SIGNUP_OPEN = True

    response = client.post(reverse("account_signup"), sign_up_form(role="administrator", is_staff="on"))

    assert response.status_code == 302
    person = User.objects.get()
    assert (person.username, person.role, person.is_staff) == ("ada", "member", False)


def sign_up_form(**fields: str) -> dict[str, str]:
    """What somebody new sends."""
    passwords = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    return {"username": "ada", "email": "ada@example.org"} | passwords | fields


def test_sign_out_by_form_only(client: Client, student: User) -> None:
    client.force_login(student)

    client.get(reverse("account_logout"))
    still_in = "_auth_user_id" in client.session
    client.post(reverse("account_logout"))

    assert still_in
    assert "_auth_user_id" not in client.session


def test_forgotten_password_replaced_by_link(client: Client, student: User) -> None:
    client.post(reverse("account_reset_password"), {"email": "student@example.org"})
    link = re.search(r"http://testserver(/\S+)", str(mail.outbox[0].body))
    assert link is not None
    form = client.get(link[1], follow=True)
    address = form.redirect_chain[-1][0]

    client.post(address, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    assert mail.outbox[0].subject.startswith("[Carrel] ")
    student.refresh_from_db()
    assert student.check_password(NEW_PASSWORD)


def test_forgotten_password_of_nobody_looks_the_same(client: Client, student: User) -> None:
    known = client.post(reverse("account_reset_password"), {"email": "student@example.org"})
    unknown = client.post(reverse("account_reset_password"), {"email": "nobody@example.org"})

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])


def test_forgotten_password_link_works_once(client: Client, student: User) -> None:
    client.post(reverse("account_reset_password"), {"email": "student@example.org"})
    link = re.search(r"http://testserver(/\S+)", str(mail.outbox[0].body))
    assert link is not None
    address = client.get(link[1], follow=True).redirect_chain[-1][0]
    client.post(address, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    page = Client().get(link[1]).content.decode()

    assert "does not work any more" in page


OPEN_PAGES = ["account_login", "account_signup", "account_reset_password", "account_reset_password_done"]
OPEN_PAGES += ["account_reset_password_from_key_done", "account_inactive", "account_email_verification_sent"]
OWN_PAGES = ["account_logout", "account_change_password", "account_email", "account_reauthenticate"]


@pytest.mark.parametrize("name", OPEN_PAGES)
@pytest.mark.parametrize("is_open", [True, False])
def test_page_for_everybody_has_the_house_look(
    client: Client, db: None, settings: Settings, name: str, is_open: bool
) -> None:
    settings.SIGNUP_OPEN = is_open

    response = client.get(reverse(name))

    assert_house_look(response.content.decode())


@pytest.mark.parametrize("name", OWN_PAGES)
def test_page_for_oneself_has_the_house_look(client: Client, student: User, name: str) -> None:
    client.force_login(student)

    response = client.get(reverse(name))

    assert_house_look(response.content.decode())


def test_confirm_address_by_stale_link_has_the_house_look(client: Client, db: None) -> None:
    response = client.get(reverse("account_confirm_email", args=["stale"]))

    assert_house_look(response.content.decode())


def assert_house_look(page: str) -> None:
    """The base template, one heading, no inline script or style."""
    assert '<main id="main"' in page
    assert page.count("<h1") == 1
    assert not re.search(r"<script(?![^>]*(?:src|application/json))|<style|\sstyle=|\son\w+=", page)


def test_address_added_confirmed_and_made_the_main_one(client: Client, student: User) -> None:
    client.force_login(student)
    client.post(reverse("account_email"), {"email": "ada@example.org", "action_add": ""})
    link = re.search(r"http://testserver(/\S+)", str(mail.outbox[-1].body))
    assert link is not None
    asked = client.get(link[1]).content.decode()

    client.post(link[1])
    client.post(reverse("account_email"), {"email": "ada@example.org", "action_primary": ""})

    student.refresh_from_db()
    assert "ada@example.org" in asked
    assert student.email == "ada@example.org"


@pytest.mark.parametrize(
    ("address", "signup_open", "subject", "words", "missing"),
    [
        ("student@example.org", False, "Choose a new password", "Your username is student.", "signup"),
        ("nobody@example.org", True, "There is no account with this address", "/accounts/signup/", "/reset/"),
        ("nobody@example.org", False, "There is no account with this address", "another address", "signup"),
    ],
)
def test_mail_about_a_forgotten_password_is_plain(
    client: Client,
    student: User,
    settings: Settings,
    address: str,
    signup_open: bool,
    subject: str,
    words: str,
    missing: str,
) -> None:
    settings.SIGNUP_OPEN = signup_open

    client.post(reverse("account_reset_password"), {"email": address})

    (sent,) = mail.outbox
    assert sent.subject == f"[Carrel] {subject}"
    assert words in sent.body
    assert missing not in sent.body


def test_mail_to_confirm_an_address_tells_strangers_nothing(client: Client, student: User) -> None:
    User.objects.update(display_name="Buy now at evil.example")
    client.force_login(student)

    client.post(reverse("account_email"), {"email": "ada@example.org", "action_add": ""})

    (sent,) = mail.outbox
    assert sent.subject == "[Carrel] Confirm your e-mail address"
    assert "evil.example" not in sent.body
    assert "http://testserver/accounts/confirm-email/" in sent.body


def test_mail_to_somebody_who_has_an_account_says_so(client: Client, student: User, settings: Settings) -> None:
    settings.SIGNUP_OPEN = True
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"

    client.post(reverse("account_signup"), sign_up_form(email="student@example.org"))

    (sent,) = mail.outbox
    assert sent.subject == "[Carrel] You have an account already"
    assert "/accounts/password/reset/" in sent.body
