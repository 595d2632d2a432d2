"""Signing in by SAML: with pysaml2's identity provider, in a process of its own, and what is not believed."""

from __future__ import annotations

import logging
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client, override_settings
from pytest_django import Settings

from accounts.identity_providers import NAME_ID, SAML_ATTRIBUTES, IdentityProvider, Saml, allauth_providers
from accounts.models import User
from accounts.saml.answers import MAX_ANSWER_LETTERS
from tests.accounts.test_openid import LINK, refused
from tests.identity import answer_by_saml, leave, login_path, openid, post_back, saml, saml_provider, use_providers
from tests.required import require_xmlsec1

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

pytestmark = [pytest.mark.saml, pytest.mark.django_db]
METADATA = "/accounts/saml/partner/metadata/"


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    cache.clear()


@pytest.fixture(scope="session")
def metadata_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real provider's metadata; it has been given ours."""
    require_xmlsec1()
    providers = {"partner": saml("http://127.0.0.1")}
    ours = tmp_path_factory.mktemp("saml") / "ours.xml"
    with override_settings(
        IDENTITY_PROVIDERS=providers, SOCIALACCOUNT_PROVIDERS=allauth_providers(providers), ALLOWED_HOSTS=["testserver"]
    ):
        ours.write_bytes(Client().get(METADATA).content)
    with saml_provider(ours) as url:
        yield f"{url}/metadata"


@pytest.fixture
def partner(settings: Settings, metadata_url: str) -> IdentityProvider:
    """That provider, as the only one people may sign in by."""
    provider = saml(metadata_url)
    use_providers(settings, provider)
    return provider


def sign_in(
    client: Client, provider: IdentityProvider, username: str = "ada", fault: str = "", **fields: str
) -> Response:
    """Through the provider's button and back."""
    return post_back(client, provider, answer_by_saml(leave(client, provider, **fields), username, fault))


# --- Whom it signs in ------------------------------------------------------------------------------------------


def test_sign_in_makes_an_account_and_keeps_the_link(client: Client, partner: IdentityProvider) -> None:
    response = sign_in(client, partner, next=LINK)

    assert response["Location"] == LINK
    person = User.objects.get()
    assert client.session["_auth_user_id"] == str(person.pk)
    assert (person.username, person.display_name, person.email) == ("ada", "Ada", "ada@example.org")
    assert SocialAccount.objects.get().uid == "id-of-ada"


def test_sign_in_again_meets_the_same_account(client: Client, partner: IdentityProvider) -> None:
    sign_in(Client(), partner)

    sign_in(client, partner)

    assert client.session["_auth_user_id"] == str(User.objects.get().pk)


def test_sign_in_by_metadata_from_a_file(client: Client, settings: Settings, metadata_url: str) -> None:
    provider = saml(metadata=httpx.get(metadata_url).text)
    use_providers(settings, provider)

    sign_in(client, provider)

    assert "_auth_user_id" in client.session


def test_sign_in_by_a_lasting_name_without_attributes_for_it(client: Client, partner: IdentityProvider) -> None:
    sign_in(client, partner, fault="persistent")

    assert SocialAccount.objects.get().uid == "name-of-ada"


def test_leaving_for_each_of_several_providers_comes_back_to_an_address_of_its_own(
    settings: Settings, metadata_url: str
) -> None:
    providers = saml(metadata_url), saml(metadata_url, key="other")
    use_providers(settings, openid("http://127.0.0.1"), *providers)

    places = [asked_of(leave(Client(), provider)) for provider in providers]

    assert ['partner/acs/"' in places[0], 'other/acs/"' in places[1]] == [True, True]


def asked_of(url: str) -> str:
    """The question in an address people are sent to."""
    encoded = parse_qs(urlsplit(url).query)["SAMLRequest"][0]
    return zlib.decompress(b64decode(encoded), -15).decode()


def test_sign_in_without_a_vouched_address_takes_none(client: Client, settings: Settings, metadata_url: str) -> None:
    provider = saml(metadata_url, is_email_trusted=False)
    use_providers(settings, provider)

    sign_in(client, provider)

    assert User.objects.get().email == ""


def test_metadata_names_where_answers_go_and_never_expires(client: Client, partner: IdentityProvider) -> None:
    response = client.get(METADATA)

    page = response.content.decode()
    assert response["Content-Type"] == "application/samlmetadata+xml"
    assert 'entityID="http://testserver/accounts/saml/partner/metadata/"' in page
    assert 'Location="http://testserver/accounts/saml/partner/acs/"' in page
    assert 'WantAssertionsSigned="true"' in page
    assert "validUntil" not in page


@pytest.mark.parametrize("page", ["login/", "acs/", "acs/finish/", "metadata/"])
@pytest.mark.parametrize("key", ["nobody", "university"])
def test_unknown_provider_is_not_found(client: Client, settings: Settings, key: str, page: str) -> None:
    use_providers(settings, openid("http://127.0.0.1"))

    response = (
        client.post(f"/accounts/saml/{key}/{page}") if page == "acs/" else client.get(f"/accounts/saml/{key}/{page}")
    )

    assert response.status_code == 404


# --- What is not believed --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("unsigned", "could not be checked"),
        ("other_key", "could not be checked"),
        ("sha1", "could not be checked"),
        ("expired", "too old, or not valid yet"),
        ("audience", "meant for another site"),
        ("no_audience", "meant for another site"),
        ("no_question", "in another browser"),
        ("transient", "who you are in a way that stays the same"),
        ("denied", "The Partner did not let you sign in here."),
    ],
)
def test_sign_in_refuses_an_answer_that_is(
    client: Client, partner: IdentityProvider, fault: str, sentence: str
) -> None:
    refused(sign_in(client, partner, fault=fault), sentence)
    assert not Session.objects.filter(session_key__in=_kept_sessions(client)).exists()


def _kept_sessions(client: Client) -> list[str]:
    return [client.cookies["carrel_saml"].value] if "carrel_saml" in client.cookies else []


def test_sign_in_by_a_passing_name_refused_even_where_names_count(
    client: Client, settings: Settings, metadata_url: str
) -> None:
    provider = saml(metadata_url, attributes=replace(SAML_ATTRIBUTES, id=(NAME_ID,)))
    use_providers(settings, provider)

    refused(sign_in(client, provider), "who you are in a way that stays the same")


def tampered(answer: str, change: tuple[str, str] | None = None, *, pattern: str = "", by: str = "") -> str:
    """The answer with something in it replaced, after it was signed."""
    text = b64decode(answer).decode()
    changed = text.replace(*change) if change else re.sub(pattern, by, text, flags=re.DOTALL)
    assert changed != text
    return b64encode(changed.encode()).decode()


@pytest.mark.parametrize(
    "change",
    [
        ("id-of-ada", "id-of-bob"),
        ("ada@example.org", "bob@example.org"),
        ('NotOnOrAfter="2', 'NotOnOrAfter="3'),
        ("http://testserver/accounts/saml/partner/metadata/</", "http://testserver/accounts/saml/partner/</"),
    ],
)
def test_sign_in_refuses_an_answer_changed_on_its_way(
    client: Client, partner: IdentityProvider, change: tuple[str, str]
) -> None:
    answer = tampered(answer_by_saml(leave(client, partner)), change)

    refused(post_back(client, partner, answer), "so you are not signed in")


def test_sign_in_refuses_an_answer_without_its_signature(client: Client, partner: IdentityProvider) -> None:
    answer = tampered(answer_by_saml(leave(client, partner)), pattern=r"<ns2:Signature .*</ns2:Signature>")

    refused(post_back(client, partner, answer), "could not be checked")


def test_sign_in_refuses_a_second_assertion_beside_the_signed_one(client: Client, partner: IdentityProvider) -> None:
    signed = answer_by_saml(leave(client, partner))
    assertion = re.search(r"<ns1:Assertion .*</ns1:Assertion>", b64decode(signed).decode(), re.DOTALL)
    assert assertion is not None
    forged = re.sub(r"<ns2:Signature .*</ns2:Signature>", "", assertion[0], flags=re.DOTALL)
    forged = forged.replace("id-of-ada", "id-of-bob").replace(' ID="', ' ID="x')

    for both in (forged + assertion[0], assertion[0] + forged):
        answer = tampered(signed, (assertion[0], both))
        refused(post_back(client, partner, answer), "could not be checked")


def test_sign_in_reads_names_past_comments_in_them(client: Client, partner: IdentityProvider) -> None:
    signed = answer_by_saml(leave(client, partner), username="adamant")
    answer = tampered(signed, ("id-of-adamant", "id-of-ada<!-- -->mant"))

    post_back(client, partner, answer)

    # Comments are not part of what is signed; cut off there, the name would be somebody else's.
    assert [account.uid for account in SocialAccount.objects.all()] in ([], ["id-of-adamant"])


def test_sign_in_refuses_an_answer_that_was_used(client: Client, partner: IdentityProvider) -> None:
    answer = answer_by_saml(leave(client, partner))
    post_back(client, partner, answer)
    client.logout()

    response = post_back(client, partner, answer)

    assert response.status_code == 403
    assert "_auth_user_id" not in client.session


def test_sign_in_refuses_an_answer_to_another_browser(client: Client, partner: IdentityProvider) -> None:
    answer = answer_by_saml(leave(Client(), partner))

    refused(post_back(client, partner, answer), "in another browser")


def test_sign_in_refuses_a_stolen_answer_readdressed_to_a_question_of_ones_own(
    client: Client, partner: IdentityProvider
) -> None:
    stolen = answer_by_saml(leave(Client(), partner))
    own = answer_by_saml(leave(client, partner))
    questions = [re.findall(r'InResponseTo="(\w+)"', b64decode(answer).decode())[0] for answer in (stolen, own)]

    # What stands around the assertion is not signed.
    answer = tampered(stolen, (f'InResponseTo="{questions[0]}" Version', f'InResponseTo="{questions[1]}" Version'))

    refused(post_back(client, partner, answer), "could not be checked")


def test_sign_in_refuses_a_question_named_only_outside_of_what_is_signed(
    client: Client, partner: IdentityProvider
) -> None:
    unasked = answer_by_saml(leave(Client(), partner), fault="no_question")
    question = re.findall(r' ID="(\w+)"', asked_of(leave(client, partner)))[0]

    answer = tampered(unasked, pattern=r"(<ns0:Response [^>]*) Version=", by=rf'\1 InResponseTo="{question}" Version=')

    refused(post_back(client, partner, answer), "in another browser")


def test_sign_in_refuses_an_answer_for_another_provider_of_ours(
    client: Client, settings: Settings, metadata_url: str
) -> None:
    providers = saml(metadata_url), saml(metadata_url, key="other")
    use_providers(settings, *providers)
    answer = answer_by_saml(leave(client, providers[0]))

    refused(post_back(client, providers[1], answer), "meant for another site")


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "not base64 !",
        b64encode(b"not xml").decode(),
        b64encode(b"<Response/>").decode(),
        b64encode(b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>').decode(),
        "A" * (MAX_ANSWER_LETTERS + 4),
        b64encode(b"<a>" * 10_000).decode(),
        b64encode("<é>".encode("utf-16")).decode(),
    ],
    ids=["nothing", "letters", "text", "empty", "entity", "long", "deep", "utf-16"],
)
def test_sign_in_survives_any_answer_and_keeps_nothing(client: Client, partner: IdentityProvider, answer: str) -> None:
    response = post_back(client, partner, answer)

    assert response.status_code in (403, 502)
    assert not Session.objects.exists()
    assert not User.objects.exists()


def test_sign_in_refuses_a_right_answer_that_is_too_long(client: Client, partner: IdentityProvider) -> None:
    answer = answer_by_saml(leave(client, partner)) + "\n" * MAX_ANSWER_LETTERS

    refused(post_back(client, partner, answer), "cannot be understood", 502)


def test_finish_without_an_answer_says_so(client: Client, partner: IdentityProvider) -> None:
    refused(client.get("/accounts/saml/partner/acs/finish/"), "in another browser")


# --- A provider that is not well -------------------------------------------------------------------------------


def test_leaving_says_that_the_metadata_cannot_be_had(client: Client, settings: Settings) -> None:
    provider = saml("http://127.0.0.1:9/metadata")
    use_providers(settings, provider)

    refused(client.post(login_path(provider)), "does not answer at the moment", 503)


@pytest.mark.parametrize("metadata", ["no xml", "<EntityDescriptor/>", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'])
def test_leaving_says_that_the_metadata_make_no_sense(client: Client, settings: Settings, metadata: str) -> None:
    provider = saml(metadata=metadata)
    use_providers(settings, provider)

    refused(client.post(login_path(provider)), "cannot be understood", 502)


def test_leaving_wants_to_know_which_of_several_providers_is_meant(
    client: Client, settings: Settings, metadata_url: str
) -> None:
    one = httpx.get(metadata_url).text
    both = f'<m:EntitiesDescriptor xmlns:m="urn:oasis:names:tc:SAML:2.0:metadata">{one}{one}</m:EntitiesDescriptor>'
    use_providers(settings, saml(metadata=both))
    unnamed = client.post("/accounts/saml/partner/login/")
    use_providers(settings, saml(metadata=both, protocol=Saml("", both, entity_id=metadata_url)))

    url = leave(client, saml())

    assert unnamed.status_code == 502
    assert url.startswith(metadata_url.replace("/metadata", "/sso"))


def test_refusal_is_told_in_the_log_without_what_was_said(
    client: Client, partner: IdentityProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = answer_by_saml(leave(client, partner), fault="expired")

    post_back(client, partner, answer)

    (record,) = [record for record in caplog.records if record.name == "accounts.refusals"]
    assert record.getMessage() == "sign-in by partner refused: too_late (SAML: python3-saml's check 20 failed)"
    assert answer[:40] not in caplog.text
    assert "ada@example.org" not in caplog.text
