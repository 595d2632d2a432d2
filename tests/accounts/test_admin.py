"""The admin for people and tokens: one way in, one fact for what somebody may do, no secrets on show."""

from __future__ import annotations

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiToken, Scope, User
from accounts.tokens import create_token


@pytest.fixture
def browser(administrator: User) -> Client:
    """The administrator's browser."""
    client = Client()
    client.force_login(administrator)
    return client


def test_admin_asks_nobody_to_sign_in_by_the_sites_own_page(client: Client, db: None) -> None:
    response = client.get("/admin/login/")

    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("person", ["student", "teacher"])
def test_admin_closed_to_others(client: Client, person: str, request: pytest.FixtureRequest) -> None:
    client.force_login(request.getfixturevalue(person))

    response = client.get("/admin/accounts/user/")

    assert response.status_code in (302, 403)


def test_admin_role_is_what_gives_rights(browser: Client, student: User) -> None:
    address = reverse("admin:accounts_user_change", args=[student.pk])

    browser.post(address, {"username": "student", "role": "administrator", "is_active": "on"})

    student.refresh_from_db()
    assert (student.role, student.is_staff, student.is_superuser) == ("administrator", True, True)


def test_admin_shows_nothing_of_a_password(browser: Client, student: User) -> None:
    page = browser.get(reverse("admin:accounts_user_change", args=[student.pk])).content.decode()

    assert student.password not in page
    assert "algorithm" not in page
    assert reverse("admin:auth_user_password_change", args=[student.pk]) in page


def test_admin_sets_a_password(browser: Client, student: User) -> None:
    address = reverse("admin:auth_user_password_change", args=[student.pk])
    password = "yet another fine passphrase"

    browser.post(address, {"password1": password, "password2": password, "usable_password": "true"})

    student.refresh_from_db()
    assert student.check_password(password)


def test_admin_adds_a_person(browser: Client) -> None:
    password = "yet another fine passphrase"
    fields = {"username": "ada", "role": "teacher", "password1": password, "password2": password}

    browser.post(reverse("admin:accounts_user_add"), fields | {"usable_password": "true"})

    assert User.objects.get(username="ada").role == "teacher"


def test_admin_lists_tokens_without_their_secrets(browser: Client, student: User) -> None:
    _, secret = create_token(student, name="backup", scopes=[Scope.SERVERS_READ], days=1, now=timezone.now())

    page = browser.get(reverse("admin:accounts_apitoken_changelist")).content.decode()

    assert "See your servers" in page
    assert "backup" in page
    assert secret not in page


def test_admin_changes_no_token_but_revokes_it(browser: Client, student: User) -> None:
    token, _ = create_token(student, name="backup", scopes=[Scope.SERVERS_READ], days=1, now=timezone.now())

    assert browser.get(reverse("admin:accounts_apitoken_add")).status_code == 403
    browser.post(reverse("admin:accounts_apitoken_delete", args=[token.pk]), {"post": "yes"})

    assert not ApiToken.objects.exists()


def test_admin_shows_what_people_connected_and_takes_it_away(browser: Client, student: User) -> None:
    account = SocialAccount.objects.create(user=student, provider="university", uid="id-there")

    page = browser.get(reverse("admin:socialaccount_socialaccount_changelist")).content.decode()
    added = browser.get(reverse("admin:socialaccount_socialaccount_add"))
    browser.post(reverse("admin:socialaccount_socialaccount_delete", args=[account.pk]), {"post": "yes"})

    assert "id-there" in page
    assert added.status_code == 403
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize("model", ["socialapp", "socialtoken"])
def test_admin_has_no_second_place_for_providers(browser: Client, model: str) -> None:
    assert browser.get(f"/admin/socialaccount/{model}/").status_code == 404
