"""Who may come in by a provider, which account they meet, and how a person connects and disconnects providers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import quote

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.identity_providers import IdentityProvider
from accounts.models import User
from accounts.ways import LastWay, disconnect
from tests.accounts.test_openid import LINK, answer_of, refused
from tests.accounts.test_openid import sign_in as sign_in_by
from tests.accounts.test_sign_in import assert_house_look, sign_in
from tests.fakes.openid_provider import OpenIDProvider
from tests.identity import come_back, leave, openid, use_providers

ACCOUNT = "/account/"


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    cache.clear()


@pytest.fixture
def there() -> Iterator[OpenIDProvider]:
    """A provider at which the student's browser is signed in."""
    with OpenIDProvider() as provider:
        provider.people["id-there"] = {
            "preferred_username": "stu",
            "name": "Stu Dent",
            "email": "student@example.org",
            "email_verified": True,
        }
        provider.signed_in = "id-there"
        yield provider


@pytest.fixture
def university(settings: Settings, there: OpenIDProvider) -> IdentityProvider:
    """That provider, as the only one people may sign in by."""
    provider = openid(there.issuer)
    use_providers(settings, provider)
    return provider


@pytest.fixture
def browser(student: User) -> Client:
    """The student's browser, signed in here."""
    client = Client()
    client.force_login(student)
    return client


def connected(person: User, key: str = "university", uid: str = "id-there") -> SocialAccount:
    """An account at a provider that this person has connected."""
    return SocialAccount.objects.create(user=person, provider=key, uid=uid, extra_data={"username": "stu"})


def without_password(person: User) -> User:
    """Somebody who came by a provider."""
    person.set_unusable_password()
    person.save()
    return person


# --- Who may come in -------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["stu@example.org", "stu@EXAMPLE.org"])
def test_sign_in_lets_in_whose_address_is_of_a_domain_that_may(
    client: Client, settings: Settings, there: OpenIDProvider, address: str
) -> None:
    provider = openid(there.issuer, email_domains=("other.org", "example.org"))
    use_providers(settings, provider)
    there.people["id-there"]["email"] = address

    sign_in_by(client, provider)

    assert "_auth_user_id" in client.session


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"email": "stu@elsewhere.org"}, "is not one of those that may sign in here"),
        ({"email": "stu@sub.example.org"}, "is not one of those that may sign in here"),
        ({"email": "stu@example.org.elsewhere.org"}, "is not one of those that may sign in here"),
        ({"email": "stu@example.org", "email_verified": False}, "an e-mail address of yours that it has confirmed"),
        ({"email": ""}, "an e-mail address of yours that it has confirmed"),
    ],
)
def test_sign_in_refuses_an_address_of_another_domain(
    client: Client, settings: Settings, there: OpenIDProvider, said: dict[str, object], sentence: str
) -> None:
    provider = openid(there.issuer, email_domains=("example.org",))
    use_providers(settings, provider)
    there.people["id-there"] |= said

    refused(sign_in_by(client, provider), sentence)


@pytest.mark.django_db
def test_sign_in_refuses_a_connected_account_whose_address_left_the_domain(
    client: Client, settings: Settings, there: OpenIDProvider, student: User
) -> None:
    connected(student)
    provider = openid(there.issuer, email_domains=("example.org",))
    use_providers(settings, provider)
    there.people["id-there"]["email"] = "student@elsewhere.org"

    response = sign_in_by(client, provider)

    assert response.status_code == 403
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_sign_in_refuses_strangers_where_no_accounts_are_made(
    client: Client, settings: Settings, there: OpenIDProvider
) -> None:
    provider = openid(there.issuer, makes_accounts=False)
    use_providers(settings, provider)

    refused(sign_in_by(client, provider), "You have no account here yet")


def test_sign_in_lets_in_who_is_connected_where_no_accounts_are_made(
    client: Client, settings: Settings, there: OpenIDProvider, student: User
) -> None:
    connected(student)
    provider = openid(there.issuer, makes_accounts=False)
    use_providers(settings, provider)

    sign_in_by(client, provider)

    assert client.session["_auth_user_id"] == str(student.pk)


def test_sign_in_refused_when_inactive(client: Client, university: IdentityProvider, student: User) -> None:
    connected(student)
    User.objects.update(is_active=False)

    response = sign_in_by(client, university)

    assert response["Location"] == reverse("account_inactive")
    assert "_auth_user_id" not in client.session


def test_sign_in_ends_what_somebody_else_began_in_this_browser(
    university: IdentityProvider, student: User, stranger: User
) -> None:
    connected(student)
    browser = Client()
    browser.force_login(stranger)
    before = browser.session.session_key

    sign_in_by(browser, university)

    assert browser.session["_auth_user_id"] == str(student.pk)
    assert browser.session.session_key != before


# --- An account with the same address --------------------------------------------------------------------------


@pytest.mark.parametrize("known", ["user", "confirmed", "unconfirmed", "capitals"])
def test_sign_in_never_opens_an_account_because_of_its_address(
    client: Client, university: IdentityProvider, student: User, known: str
) -> None:
    if known in ("confirmed", "unconfirmed"):
        User.objects.update(email="")
        EmailAddress.objects.create(user=student, email="student@example.org", verified=known == "confirmed")
    if known == "capitals":
        User.objects.update(email="Student@Example.org")

    response = sign_in_by(client, university, next=LINK)

    assert response.status_code == 409
    assert "_auth_user_id" not in client.session
    assert not SocialAccount.objects.exists()
    assert User.objects.count() == 1
    assert_house_look(response.content.decode())


def test_taken_address_leads_by_the_password_to_connecting_and_on_to_the_link(
    client: Client, university: IdentityProvider, student: User
) -> None:
    page = sign_in_by(client, university, next=LINK).content.decode()
    way = re.search(r'href="(/accounts/login/\?next=[^"]+)"', page)
    assert way is not None

    form = client.get(unescape(way[1])).content.decode()
    signed_in = sign_in(client, next=hidden(form, "next"))
    asked = client.get(signed_in["Location"]).content.decode()
    response = come_back(
        client, answer_of(leave(client, university, process=hidden(asked, "process"), next=hidden(asked, "next")))
    )

    assert response["Location"] == LINK
    assert SocialAccount.objects.get().user == student


def hidden(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page.split("<main")[1])
    assert found is not None, page
    return unescape(found[1])


def test_taken_address_connects_nothing_when_somebody_else_signs_in(
    client: Client, university: IdentityProvider, student: User, stranger: User
) -> None:
    sign_in_by(client, university, next=LINK)

    sign_in(client, login="stranger")

    assert not SocialAccount.objects.exists()


# --- Connecting ------------------------------------------------------------------------------------------------


def test_connect_lets_the_provider_open_this_account(
    browser: Client, university: IdentityProvider, student: User
) -> None:
    response = come_back(browser, answer_of(leave(browser, university, process="connect")))
    page = browser.get(response["Location"]).content.decode()
    elsewhere = Client()
    sign_in_by(elsewhere, university)

    assert response["Location"] == ACCOUNT
    assert "The University is connected." in page
    assert "Connected as stu" in page
    assert elsewhere.session["_auth_user_id"] == str(student.pk)


def test_connect_changes_neither_name_nor_address(browser: Client, university: IdentityProvider, student: User) -> None:
    User.objects.update(email="mine@example.org", display_name="Me")

    come_back(browser, answer_of(leave(browser, university, process="connect")))

    student.refresh_from_db()
    assert (student.username, student.display_name, student.email) == ("student", "Me", "mine@example.org")
    assert not EmailAddress.objects.exists()


def test_connect_refuses_what_is_somebody_elses(
    browser: Client, university: IdentityProvider, stranger: User, student: User
) -> None:
    connected(stranger)

    response = come_back(browser, answer_of(leave(browser, university, process="connect")))
    page = browser.get(response["Location"]).content.decode()

    assert "belongs to somebody else" in unescape(page)
    assert SocialAccount.objects.get().user == stranger
    assert browser.session["_auth_user_id"] == str(student.pk)


def test_connect_works_where_no_accounts_are_made(
    browser: Client, settings: Settings, there: OpenIDProvider, student: User
) -> None:
    provider = openid(there.issuer, makes_accounts=False)
    use_providers(settings, provider)

    come_back(browser, answer_of(leave(browser, provider, process="connect")))

    assert SocialAccount.objects.get().user == student


def test_connect_that_fails_says_that_nothing_was_connected(
    browser: Client, university: IdentityProvider, there: OpenIDProvider
) -> None:
    there.claims = {"nonce": "another"}

    response = come_back(browser, answer_of(leave(browser, university, process="connect")))

    assert response.status_code == 403
    assert "Nothing was connected" in response.content.decode()
    assert not SocialAccount.objects.exists()


@pytest.mark.django_db
def test_connect_without_being_signed_in_is_signing_in(client: Client, university: IdentityProvider) -> None:
    come_back(client, answer_of(leave(client, university, process="connect")))

    assert User.objects.get().username == "stu"


def test_connect_takes_a_form_of_this_site(university: IdentityProvider, student: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(student)

    response = browser.post("/accounts/oidc/university/login/", {"process": "connect"})

    assert response.status_code == 403


def test_connect_page_asks_in_words(browser: Client, university: IdentityProvider) -> None:
    page = browser.get("/account/sign-in/university/connect/", {"next": LINK}).content.decode()

    assert_house_look(page)
    assert hidden(page, "process") == "connect"
    assert hidden(page, "next") == LINK


def test_connect_page_never_leads_elsewhere(browser: Client, university: IdentityProvider) -> None:
    page = browser.get("/account/sign-in/university/connect/", {"next": "https://evil.example/"}).content.decode()

    assert hidden(page, "next") == ACCOUNT
    assert 'href="https://evil.example' not in page


# --- Disconnecting ---------------------------------------------------------------------------------------------


def test_disconnect_asks_first(browser: Client, university: IdentityProvider, student: User) -> None:
    account = connected(student)

    page = browser.get(f"/account/sign-in/{account.pk}/disconnect/").content.decode()

    assert "Disconnect The University?" in page
    assert_house_look(page)
    assert SocialAccount.objects.exists()


def test_disconnect_forgets_it(browser: Client, university: IdentityProvider, student: User) -> None:
    account = connected(student)

    response = browser.post(f"/account/sign-in/{account.pk}/disconnect/", follow=True)

    assert "The University is no longer connected." in response.content.decode()
    assert not SocialAccount.objects.exists()


def test_disconnect_refuses_the_last_way_in(browser: Client, university: IdentityProvider, student: User) -> None:
    account = connected(without_password(student))
    browser.force_login(student)

    page = browser.post(f"/account/sign-in/{account.pk}/disconnect/", follow=True).content.decode()

    assert "is your only way to sign in here" in page
    assert "Choose a password first" in page
    assert SocialAccount.objects.exists()


def test_disconnect_refuses_the_last_way_in_where_passwords_are_off(
    university: IdentityProvider, settings: Settings, student: User
) -> None:
    settings.PASSWORD_SIGN_IN = False

    with pytest.raises(LastWay):
        disconnect(connected(student))


def test_disconnect_counts_no_provider_that_is_gone(university: IdentityProvider, student: User) -> None:
    account = connected(without_password(student))
    connected(student, key="closed", uid="x")

    with pytest.raises(LastWay):
        disconnect(account)


def test_disconnect_leaves_another_provider(settings: Settings, student: User) -> None:
    use_providers(settings, openid("http://127.0.0.1"), openid("http://127.0.0.1", key="partner"))
    account = connected(without_password(student))
    other = connected(student, key="partner", uid="x")

    disconnect(account)

    assert list(SocialAccount.objects.all()) == [other]
    with pytest.raises(LastWay):
        disconnect(other)


@pytest.mark.parametrize("method", ["get", "post"])
def test_disconnect_knows_nothing_of_a_stranger(
    browser: Client, university: IdentityProvider, stranger: User, method: str
) -> None:
    account = connected(stranger)

    response = getattr(browser, method)(f"/account/sign-in/{account.pk}/disconnect/")

    assert response.status_code == 404
    assert SocialAccount.objects.exists()


# --- Each page, and what each person gets from it --------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "anonymous", "other", "owner"),
    [
        ("get", "/account/sign-in/university/connect/", 302, 200, 200),
        ("post", "/account/sign-in/university/connect/", 302, 405, 405),
        ("get", "/account/sign-in/nobody/connect/", 302, 404, 404),
        ("get", "/account/sign-in/{account}/disconnect/", 302, 404, 200),
        ("post", "/account/sign-in/{account}/disconnect/", 302, 404, 302),
        ("put", "/account/sign-in/{account}/disconnect/", 302, 405, 405),
        ("get", "/accounts/oidc/university/login/", 200, 200, 200),
        ("get", "/accounts/oidc/university/login/callback/", 403, 403, 403),
        ("get", "/accounts/3rdparty/", 404, 404, 404),
        ("get", "/accounts/3rdparty/signup/", 404, 404, 404),
    ],
)
@pytest.mark.parametrize("who", ["anonymous", "other", "owner"])
def test_page_answers_each_person_as_the_table_says(
    client: Client,
    university: IdentityProvider,
    student: User,
    stranger: User,
    method: str,
    path: str,
    anonymous: int,
    other: int,
    owner: int,
    who: str,
) -> None:
    if who != "anonymous":
        client.force_login(student if who == "owner" else stranger)

    response = getattr(client, method)(path.format(account=connected(student).pk))

    assert response.status_code == {"anonymous": anonymous, "other": other, "owner": owner}[who]


# --- The sign-in page ------------------------------------------------------------------------------------------


def main_of(page: str) -> str:
    return page.split('<main id="main"')[1].split("</main>")[0]


@pytest.mark.django_db
def test_sign_in_page_shows_providers_first_and_folds_the_form(client: Client, settings: Settings) -> None:
    use_providers(settings, openid("http://127.0.0.1", name="Zeta"), openid("http://127.0.0.1", key="b", name="Alpha"))

    page = client.get(reverse("account_login"), {"next": LINK}).content.decode()

    main = main_of(page)
    places = [main.index(words) for words in ("Sign in with Zeta", "Sign in with Alpha", "<details", 'name="password"')]
    assert places == sorted(places)
    assert "<details open" not in main
    assert main.count(f'name="next" value="{LINK.replace("&", "&amp;")}"') == 3
    assert_house_look(page)


@pytest.mark.django_db
def test_sign_in_page_unfolds_the_form_that_was_wrong(client: Client, university: IdentityProvider) -> None:
    page = sign_in(client, password="wrong").content.decode()

    assert re.search(r"<details[^>]* open", main_of(page))


@pytest.mark.django_db
def test_sign_in_page_without_providers_is_the_form(client: Client, settings: Settings) -> None:
    use_providers(settings)

    main = main_of(client.get(reverse("account_login")).content.decode())

    assert "<details" not in main
    assert 'name="password"' in main


@pytest.mark.django_db
@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example/", "javascript:alert(1)", ""]
)
def test_sign_in_by_a_provider_never_leads_elsewhere(
    client: Client, university: IdentityProvider, elsewhere: str
) -> None:
    response = sign_in_by(client, university, next=elsewhere)

    assert response["Location"] == reverse("environments:home")


@pytest.mark.django_db
def test_launch_link_opened_signed_out_comes_back_to_exactly_itself(
    client: Client, university: IdentityProvider
) -> None:
    asked = client.get(LINK)
    form = client.get(asked["Location"]).content.decode()

    response = come_back(client, answer_of(leave(client, university, next=hidden(form, "next"))))

    assert response["Location"] == LINK


# --- Without passwords -----------------------------------------------------------------------------------------


@pytest.fixture
def no_passwords(settings: Settings, university: IdentityProvider) -> None:
    """An installation where people come in by the university alone."""
    settings.PASSWORD_SIGN_IN = False
    settings.SIGNUP_OPEN = True


def test_password_lets_nobody_in_where_they_are_off(client: Client, no_passwords: None, student: User) -> None:
    right = sign_in(client).content.decode()
    wrong = sign_in(client, password="wrong").content.decode()

    assert "_auth_user_id" not in client.session
    assert re.findall(r"note-error.*?</div>", right, re.DOTALL) == re.findall(r"note-error.*?</div>", wrong, re.DOTALL)


def test_password_lets_administrators_in_where_they_are_off(
    client: Client, no_passwords: None, administrator: User
) -> None:
    main = main_of(client.get(reverse("account_login")).content.decode())

    sign_in(client, login="administrator")

    assert "For administrators of this site" in main
    assert client.session["_auth_user_id"] == str(administrator.pk)


def test_sign_up_is_closed_where_passwords_are_off(client: Client, no_passwords: None, db: None) -> None:
    page = client.get(reverse("account_signup")).content.decode()

    assert "Accounts are given out here" in page
    assert "No account yet?" not in client.get(reverse("account_login")).content.decode()


def test_account_offers_no_password_where_they_are_off(browser: Client, no_passwords: None) -> None:
    main = main_of(browser.get(ACCOUNT).content.decode())

    assert "Change password" not in main
    assert "/account/sign-in/university/connect/" in main


def test_taken_address_asks_for_help_where_passwords_are_off(client: Client, no_passwords: None, student: User) -> None:
    page = client.post("/accounts/oidc/university/login/")
    url = unescape(re.findall(r'content="0; url=([^"]+)"', page.content.decode())[0])

    response = come_back(client, answer_of(url))

    assert response.status_code == 409
    assert "ask whoever runs this Carrel" in response.content.decode()


# --- Signing out -----------------------------------------------------------------------------------------------


def test_sign_out_says_where_one_stays_signed_in(client: Client, university: IdentityProvider, student: User) -> None:
    connected(student)
    sign_in_by(client, university)

    page = client.post(reverse("account_logout"), follow=True).content.decode()

    assert "_auth_user_id" not in client.session
    assert "still signed in at The University" in page


def test_sign_out_after_a_password_says_nothing_of_providers(
    client: Client, university: IdentityProvider, student: User
) -> None:
    sign_in(client)

    page = client.post(reverse("account_logout"), follow=True).content.decode()

    assert "still signed in" not in page


def test_refused_page_keeps_where_one_was_going(client: Client, university: IdentityProvider, db: None) -> None:
    client.get(reverse("account_login"))
    url = leave(client, university, next=LINK)
    state = re.findall(r"state=([^&]+)", url)[0]

    page = client.get(f"/accounts/oidc/university/login/callback/?error=access_denied&state={state}").content.decode()

    assert f"/accounts/login/?next={quote(LINK, safe='')}" in unescape(page)
