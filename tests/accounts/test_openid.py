"""Signing in by OpenID Connect: with a real provider in a process of its own, and with one that lies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialToken
from allauth.socialaccount.signals import pre_social_login
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from accounts import fetching
from accounts.identity_providers import IdentityProvider
from accounts.models import User
from tests.fakes.openid_provider import DISCOVERY, OpenIDProvider, new_key
from tests.identity import come_back, leave, login_path, openid, provider_mock, use_providers

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

LINK = (
    "/v2/gh/owner/na%C3%AFve/HEAD?urlpath=lab%2Ftree%2Fweek%201%2Fa%26b.ipynb"
    "&mount=data%3Ashared%2Fdata%3Aro&mount=b%3A%2Fc"
)
ADA = {"preferred_username": "ada", "name": "Ada Lovelace", "email": "ada@example.org", "email_verified": True}
AGAIN = "/accounts/again/"


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    cache.clear()


@pytest.fixture(scope="session")
def real_provider() -> Iterator[str]:
    """The issuer of a real provider."""
    with provider_mock() as issuer:
        yield issuer


@pytest.fixture
def liar() -> Iterator[OpenIDProvider]:
    """A provider that says what the test wants. Ada's browser comes to it."""
    with OpenIDProvider() as provider:
        provider.people["id-of-ada"] = dict(ADA)
        provider.signed_in = "id-of-ada"
        yield provider


@pytest.fixture
def university(settings: Settings, liar: OpenIDProvider) -> IdentityProvider:
    """That provider, as the only one people may sign in by."""
    provider = openid(liar.issuer)
    use_providers(settings, provider)
    return provider


def sign_in(client: Client, provider: IdentityProvider, **fields: str) -> Response:
    """Through the provider's button and back."""
    return come_back(client, answer_of(leave(client, provider, **fields)))


def answer_of(url: str) -> str:
    """Where a provider that knows the browser sends it."""
    return httpx.get(url).headers["Location"]


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


# --- With a real provider --------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_sign_in_by_a_real_provider_makes_an_account_and_keeps_the_link(
    client: Client, settings: Settings, real_provider: str
) -> None:
    provider = openid(real_provider)
    use_providers(settings, provider)
    httpx.put(f"{real_provider}/users/id-of-ada", json=ADA).raise_for_status()

    url = leave(client, provider, next=LINK)
    granted = httpx.post(url, data={"sub": "id-of-ada"})
    response = come_back(client, granted.headers["Location"])

    assert response["Location"] == LINK
    person = User.objects.get()
    assert client.session["_auth_user_id"] == str(person.pk)
    assert (person.username, person.display_name, person.email, person.role) == (
        "ada",
        "Ada Lovelace",
        "ada@example.org",
        "member",
    )
    assert not person.has_usable_password()


@pytest.mark.django_db
def test_sign_in_refused_at_a_real_provider_says_so(client: Client, settings: Settings, real_provider: str) -> None:
    provider = openid(real_provider)
    use_providers(settings, provider)

    denied = httpx.post(leave(client, provider, next=LINK), data={"action": "deny"})
    response = come_back(client, denied.headers["Location"])

    assert response.status_code == 403
    assert "You did not sign in at The University." in response.content.decode()
    assert not User.objects.exists()


# --- What is asked ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_leaving_asks_with_pkce_a_nonce_and_a_state_that_are_new_each_time(
    client: Client, university: IdentityProvider
) -> None:
    asked = [parse_qs(urlsplit(leave(client, university)).query) for _time in range(2)]

    assert asked[0]["code_challenge_method"] == ["S256"]
    assert asked[0]["response_type"] == ["code"]
    assert asked[0]["redirect_uri"] == ["http://testserver/accounts/oidc/university/login/callback/"]
    for name in ("code_challenge", "nonce", "state"):
        assert len(asked[0][name][0]) >= 16
        assert asked[0][name] != asked[1][name]


@pytest.mark.django_db
def test_leaving_lets_the_browser_add_nothing_to_what_is_asked(client: Client, university: IdentityProvider) -> None:
    url = leave(client, university, scope="offline_access", auth_params="nonce=mine&prompt=none")
    by_query = leave(client, university, query="?scope=offline_access&auth_params=nonce%3Dmine%26prompt%3Dnone")

    for asked in (url, by_query):
        assert "offline_access" not in asked
        assert "nonce=mine" not in asked


@pytest.mark.django_db
def test_provider_whose_address_asks_something_is_asked_that_too(
    client: Client, university: IdentityProvider, liar: OpenIDProvider
) -> None:
    liar.document = {"authorization_endpoint": f"{liar.issuer}/authorize?p=b2c_1_sign_in"}

    sign_in(client, university)

    assert liar.asked[0]["p"] == "b2c_1_sign_in"
    assert is_signed_in(client)


@pytest.mark.django_db
def test_leaving_asks_first_when_a_link_leads_there(client: Client, university: IdentityProvider) -> None:
    page = client.get(login_path(university), {"next": LINK}).content.decode()

    assert 'http-equiv="refresh"' not in page
    assert "You go on to The University" in page


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/accounts/oidc/nobody/login/", "/accounts/oidc/nobody/login/callback/"])
def test_unknown_provider_is_not_found(client: Client, university: IdentityProvider, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.django_db
def test_sign_in_tells_the_provider_its_secret_only_at_the_token_endpoint(
    client: Client, university: IdentityProvider, liar: OpenIDProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    url = leave(client, university)
    response = come_back(client, answer_of(url))

    assert response.status_code == 302
    for text in (url, caplog.text):
        assert "the secret of these tests" not in text


# --- Whom it signs in ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_sign_in_again_meets_the_same_account(
    client: Client, university: IdentityProvider, liar: OpenIDProvider
) -> None:
    sign_in(client, university)
    User.objects.update(display_name="Ada here")
    liar.people["id-of-ada"] |= {"name": "Ada there", "email": "new@example.org", "preferred_username": "lovelace"}
    browser = Client()

    sign_in(browser, university)

    person = User.objects.get()
    assert browser.session["_auth_user_id"] == str(person.pk)
    assert (person.username, person.display_name, person.email) == ("ada", "Ada here", "ada@example.org")


@pytest.fixture
def at_once(university: IdentityProvider) -> Iterator[Callable[[str], Client]]:
    """Have somebody else come in just when the next person has been found to be new. Gives the other browser."""
    other, others = Client(), list[str]()

    def come_in(**facts: Any) -> None:
        if others:
            sign_in(other, university, next=others.pop())

    def have(next_url: str) -> Client:
        others.append(next_url)
        return other

    pre_social_login.connect(come_in)
    yield have
    pre_social_login.disconnect(come_in)


@pytest.mark.django_db
@pytest.mark.parametrize("said", [ADA, {"preferred_username": "ada"}, {}])
def test_first_sign_in_in_two_windows_at_once_makes_one_account(
    client: Client,
    university: IdentityProvider,
    liar: OpenIDProvider,
    at_once: Callable[[str], Client],
    said: dict[str, Any],
) -> None:
    liar.people["id-of-ada"] = dict(said)
    other = at_once("/")

    response = sign_in(client, university, next=LINK)
    if response["Location"] == AGAIN:
        response = client.get(AGAIN)

    person = User.objects.get()
    assert response["Location"] == LINK
    assert [browser.session["_auth_user_id"] for browser in (client, other)] == [str(person.pk)] * 2


@pytest.mark.django_db
def test_address_that_has_just_been_taken_by_another_is_told_of(
    client: Client, university: IdentityProvider, liar: OpenIDProvider, at_once: Callable[[str], Client]
) -> None:
    asked = answer_of(leave(client, university))
    liar.people["another"] = {"email": ADA["email"], "email_verified": True}
    liar.signed_in = "another"
    at_once("/")

    come_back(client, asked)
    response = client.get(AGAIN)

    assert response.status_code == 409
    assert not is_signed_in(client)


@pytest.mark.django_db
def test_nobody_who_has_not_begun_to_sign_in_is_signed_in_again(client: Client) -> None:
    assert client.get(AGAIN)["Location"] == "/accounts/login/"


@pytest.mark.django_db
def test_two_people_of_one_name_who_come_at_once_get_an_account_each(
    client: Client, university: IdentityProvider, liar: OpenIDProvider, at_once: Callable[[str], Client]
) -> None:
    asked = answer_of(leave(client, university))
    liar.people["another"] = {"preferred_username": "ada"}
    liar.signed_in = "another"
    other = at_once("/")

    come_back(client, asked)

    assert User.objects.count() == 2
    assert client.session["_auth_user_id"] != other.session["_auth_user_id"]


@pytest.mark.django_db
def test_sign_in_never_meets_an_account_by_its_username(
    client: Client, university: IdentityProvider, student: User, liar: OpenIDProvider
) -> None:
    liar.people["id-of-ada"] = {"preferred_username": "Student", "email": "x@example.org", "email_verified": True}

    sign_in(client, university)

    assert client.session["_auth_user_id"] != str(student.pk)
    assert User.objects.exclude(pk=student.pk).get().username.lower() != "student"


@pytest.mark.django_db
def test_sign_in_keeps_no_token_of_the_provider(
    client: Client, university: IdentityProvider, liar: OpenIDProvider
) -> None:
    sign_in(client, university)

    assert not SocialToken.objects.exists()
    assert SocialAccount.objects.get().extra_data == {
        "username": "ada",
        "name": "Ada Lovelace",
        "email": "ada@example.org",
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("said", "is_trusted", "address"),
    [
        ({"email_verified": True}, False, "ada@example.org"),
        ({"email_verified": "true"}, False, "ada@example.org"),
        ({"email_verified": False}, False, ""),
        ({"email_verified": None}, False, ""),
        ({"email_verified": None}, True, "ada@example.org"),
        ({"email": "no address"}, True, ""),
    ],
)
def test_sign_in_takes_an_address_only_if_somebody_vouches_for_it(
    client: Client, settings: Settings, liar: OpenIDProvider, said: dict[str, Any], is_trusted: bool, address: str
) -> None:
    provider = openid(liar.issuer, is_email_trusted=is_trusted)
    use_providers(settings, provider)
    liar.people["id-of-ada"] |= said

    sign_in(client, provider)

    assert User.objects.get().email == address
    assert list(EmailAddress.objects.values_list("email", "verified")) == ([(address, True)] if address else [])


@pytest.mark.django_db
def test_sign_in_makes_names_harmless(client: Client, university: IdentityProvider, liar: OpenIDProvider) -> None:
    liar.people["id-of-ada"] |= {"name": "A\u202eda\n\n  Love\x00lace " + "x" * 200, "preferred_username": "a b\x00/c"}

    sign_in(client, university)

    person = User.objects.get()
    assert person.display_name.startswith("Ada Lovelace xxx")
    assert len(person.display_name) == 150
    assert "\x00" not in person.username


@pytest.mark.django_db
def test_sign_in_of_somebody_without_names_works(
    client: Client, university: IdentityProvider, liar: OpenIDProvider
) -> None:
    liar.people["id-of-ada"] = {}

    response = sign_in(client, university)

    assert response.status_code == 302
    assert User.objects.get().username


# --- What is not believed --------------------------------------------------------------------------------------


def refused(response: Response, sentence: str, status: int = 403) -> None:
    """It is a page of ours that says so, and nobody is signed in."""
    page = response.content.decode()
    assert sentence in page
    assert response.status_code == status
    assert page.count("<h1") == 1
    assert "no-store" in response["Cache-Control"]
    assert not is_signed_in(response.client)
    assert not User.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"aud": "another-client"}, "meant for another site"),
        ({"aud": ["another-client"]}, "meant for another site"),
        ({"aud": ["carrel", "another-client"]}, "meant for another site"),
        ({"aud": ["carrel", "another-client"], "azp": "another-client"}, "meant for another site"),
        ({"azp": "another-client"}, "meant for another site"),
        ({"aud": None}, "could not be checked"),
        ({"iss": "https://elsewhere.example"}, "could not be checked"),
        ({"nonce": "of another sign-in"}, "could not be checked"),
        ({"nonce": None}, "could not be checked"),
        ({"sub": None}, "could not be checked"),
        ({"sub": "somebody-else"}, "could not be checked"),
        ({"exp": 1_700_000_000}, "too old, or not valid yet"),
        ({"exp": None}, "could not be checked"),
        ({"iat": 4_000_000_000}, "too old, or not valid yet"),
        ({"nbf": 4_000_000_000}, "too old, or not valid yet"),
    ],
    ids=str,
)
def test_sign_in_refuses_an_id_token_that_says(
    client: Client, university: IdentityProvider, liar: OpenIDProvider, claims: dict[str, Any], sentence: str
) -> None:
    liar.claims = claims

    refused(sign_in(client, university), sentence)


@pytest.mark.django_db
@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS512"])
def test_sign_in_refuses_an_id_token_that_anybody_could_have_signed(
    client: Client, university: IdentityProvider, liar: OpenIDProvider, algorithm: str
) -> None:
    liar.algorithm = algorithm

    refused(sign_in(client, university), "could not be checked")


@pytest.mark.django_db
@pytest.mark.parametrize("key_id", ["one", "unpublished", ""])
def test_sign_in_refuses_an_id_token_signed_by_somebody_else(
    client: Client, university: IdentityProvider, liar: OpenIDProvider, key_id: str
) -> None:
    liar.key, liar.key_id = new_key(), key_id

    refused(sign_in(client, university), "could not be checked")


@pytest.mark.django_db
def test_sign_in_learns_of_a_new_key(client: Client, university: IdentityProvider, liar: OpenIDProvider) -> None:
    sign_in(Client(), university)
    liar.change_key()

    sign_in(client, university)

    assert is_signed_in(client)


@pytest.mark.django_db
def test_sign_in_refuses_a_state_of_another_browser(client: Client, university: IdentityProvider) -> None:
    back = answer_of(leave(Client(), university))

    refused(come_back(client, back), "in another browser")


@pytest.mark.django_db
def test_sign_in_refuses_a_wrong_state(client: Client, university: IdentityProvider) -> None:
    back = answer_of(leave(client, university))

    refused(come_back(client, back.replace("state=", "state=x")), "in another browser")


@pytest.mark.django_db
def test_sign_in_refuses_an_answer_that_was_used(client: Client, university: IdentityProvider) -> None:
    back = answer_of(leave(client, university))
    come_back(client, back)
    client.logout()

    response = come_back(client, back)

    assert response.status_code == 403
    assert not is_signed_in(client)


@pytest.mark.django_db
def test_sign_in_refuses_a_code_that_was_used(
    client: Client, university: IdentityProvider, liar: OpenIDProvider
) -> None:
    code = parse_qs(urlsplit(answer_of(leave(Client(), university))).query)["code"][0]
    own = answer_of(leave(client, university))

    # A code that was made for somebody else's browser, brought to this one: its verifier and nonce are not at hand.
    stolen = own.replace(parse_qs(urlsplit(own).query)["code"][0], code)

    refused(come_back(client, stolen), "could not be checked")


@pytest.mark.django_db
def test_sign_in_refuses_an_answer_of_another_issuer(client: Client, university: IdentityProvider) -> None:
    back = answer_of(leave(client, university))

    refused(come_back(client, f"{back}&iss={quote('https://elsewhere.example')}"), "could not be checked")


@pytest.mark.django_db
def test_sign_in_refuses_userinfo_of_somebody_else(
    client: Client, university: IdentityProvider, liar: OpenIDProvider
) -> None:
    liar.userinfo = {"sub": "somebody-else"}

    refused(sign_in(client, university), "could not be checked")


@pytest.mark.django_db
def test_sign_in_refuses_a_document_of_another_issuer(
    client: Client, university: IdentityProvider, liar: OpenIDProvider
) -> None:
    liar.document = {"issuer": "https://elsewhere.example"}

    refused(client.post(login_path(university)), "could not be checked")


@pytest.mark.django_db
@pytest.mark.parametrize("error", ["invalid_scope", "interaction_required", "<script>"])
def test_sign_in_says_that_the_provider_did_not_let_them(
    client: Client, university: IdentityProvider, error: str
) -> None:
    state = parse_qs(urlsplit(leave(client, university)).query)["state"][0]

    response = client.get(f"/accounts/oidc/university/login/callback/?error={quote(error)}&state={state}")

    refused(response, "The University did not let you sign in here.")
    assert "<script>alert" not in response.content.decode()


# --- A provider that is not well -------------------------------------------------------------------------------


@pytest.mark.django_db
def test_sign_in_says_that_the_provider_is_down(client: Client, settings: Settings) -> None:
    with OpenIDProvider() as gone:
        provider = openid(gone.issuer)
    use_providers(settings, provider)

    refused(client.post(login_path(provider)), "does not answer at the moment", 503)


@pytest.mark.django_db
@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/keys", "/userinfo"])
def test_sign_in_gives_up_on_a_provider_that_hangs(
    client: Client, university: IdentityProvider, liar: OpenIDProvider, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(fetching, "SILENCE_SECONDS", 0.3)
    liar.hang(path)

    response = client.post(login_path(university)) if path == DISCOVERY else sign_in(client, university)

    refused(response, "does not answer at the moment", 503)


@pytest.mark.django_db
@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/keys", "/userinfo"])
@pytest.mark.parametrize(
    ("status", "body"), [(500, {}), (200, b"<html>"), (200, b"[]"), (200, b"null"), (200, {}), (404, {"keys": []})]
)
def test_sign_in_survives_any_answer(
    client: Client, university: IdentityProvider, liar: OpenIDProvider, path: str, status: int, body: Any
) -> None:
    liar.answer(path, status, body)

    response = client.post(login_path(university)) if path == DISCOVERY else sign_in(client, university)

    assert response.status_code in (403, 502, 503)
    assert not User.objects.exists()


@pytest.mark.django_db
def test_sign_in_goes_on_with_what_a_provider_said_before(
    client: Client, university: IdentityProvider, liar: OpenIDProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(Client(), university)
    monkeypatch.setattr(fetching, "FRESH_SECONDS", -1)
    liar.answer(DISCOVERY, 500, {})

    sign_in(client, university)

    assert is_signed_in(client)


@pytest.mark.django_db
def test_refusal_is_told_in_the_log_without_what_was_said(
    client: Client, university: IdentityProvider, liar: OpenIDProvider, caplog: pytest.LogCaptureFixture
) -> None:
    liar.claims = {"aud": "another-client"}
    url = leave(client, university)
    back = answer_of(url)

    come_back(client, back)

    (record,) = [record for record in caplog.records if record.name == "accounts.refusals"]
    assert record.getMessage() == "sign-in by university refused: other_site (ID token: InvalidAudienceError)"
    code = parse_qs(urlsplit(back).query)["code"][0]
    assert code not in caplog.text
    assert "ada@example.org" not in caplog.text
