"""Identity providers from the environment: several at once, secrets from files, and nothing misspelt let by."""

from __future__ import annotations

from pathlib import Path

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

from accounts.identity_providers import OPENID_ATTRIBUTES, IdentityProvider, OpenID, Saml, allauth_providers
from config.sign_in import EVERY, read_identity_providers
from tests.architecture.test_documentation import OPERATORS

UNIVERSITY = {
    "SIGN_IN_PROVIDERS": "university",
    "SIGN_IN_UNIVERSITY_KIND": "oidc",
    "SIGN_IN_UNIVERSITY_NAME": "The University",
    "SIGN_IN_UNIVERSITY_ISSUER": "https://id.example.org/realms/all",
    "SIGN_IN_UNIVERSITY_CLIENT_ID": "carrel",
    "SIGN_IN_UNIVERSITY_CLIENT_SECRET": "a secret",
}
PARTNER = {
    "SIGN_IN_PARTNER_KIND": "saml",
    "SIGN_IN_PARTNER_NAME": "The Partner",
    "SIGN_IN_PARTNER_METADATA_URL": "https://idp.partner.example/metadata",
}


def read(variables: dict[str, str], *, is_embedded: bool = False) -> dict[str, IdentityProvider]:
    """What is made of exactly these variables."""
    env = environ.FileAwareEnv()
    env.ENVIRON = FileAwareMapping(variables, cache=False)
    return read_identity_providers(env, is_embedded=is_embedded)


def test_reads_none_from_nothing() -> None:
    assert read({}) == {}


def test_reads_several_in_the_order_they_are_listed() -> None:
    providers = read({**UNIVERSITY, **PARTNER, "SIGN_IN_PROVIDERS": "partner,university"})

    assert [provider.name for provider in providers.values()] == ["The Partner", "The University"]
    assert isinstance(providers["partner"].protocol, Saml)
    assert isinstance(providers["university"].protocol, OpenID)


def test_reads_openid_with_what_follows_from_the_issuer() -> None:
    provider = read(UNIVERSITY)["university"]

    assert provider.protocol == OpenID(
        discovery_url="https://id.example.org/realms/all/.well-known/openid-configuration",
        issuer="https://id.example.org/realms/all",
        client_id="carrel",
        client_secret="a secret",
    )
    assert (provider.makes_accounts, provider.is_email_trusted, provider.email_domains) == (True, False, ())
    assert provider.attributes == OPENID_ATTRIBUTES


def test_reads_secret_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    variables = {name: value for name, value in UNIVERSITY.items() if "SECRET" not in name}

    provider = read({**variables, "SIGN_IN_UNIVERSITY_CLIENT_SECRET_FILE": str(tmp_path / "secret")})["university"]

    assert isinstance(provider.protocol, OpenID)
    assert provider.protocol.client_secret == "from a file"
    assert "from a file" not in repr(provider)


def test_reads_saml_metadata_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "idp.xml").write_text("<EntityDescriptor/>")
    variables = {name: value for name, value in PARTNER.items() if "URL" not in name}
    variables |= {"SIGN_IN_PROVIDERS": "partner", "SIGN_IN_PARTNER_METADATA_FILE": str(tmp_path / "idp.xml")}

    provider = read(variables)["partner"]

    assert isinstance(provider.protocol, Saml)
    assert provider.protocol.metadata == "<EntityDescriptor/>"
    assert provider.is_email_trusted


def test_reads_policy_and_attributes() -> None:
    provider = read(
        {
            **UNIVERSITY,
            "SIGN_IN_UNIVERSITY_MAKES_ACCOUNTS": "off",
            "SIGN_IN_UNIVERSITY_EMAIL_DOMAINS": "Example.org, @students.example.org",
            "SIGN_IN_UNIVERSITY_EMAIL_TRUSTED": "yes",
            "SIGN_IN_UNIVERSITY_ID_ATTRIBUTE": "oid",
            "SIGN_IN_UNIVERSITY_USERNAME_ATTRIBUTE": "login,preferred_username",
        }
    )["university"]

    assert (provider.makes_accounts, provider.is_email_trusted) == (False, True)
    assert provider.email_domains == ("example.org", "students.example.org")
    assert (provider.attributes.id, provider.attributes.username) == (("oid",), ("login", "preferred_username"))
    assert provider.attributes.email == ("email",)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"SIGN_IN_PROVIDERS": "The University"}, "which is no name for a provider"),
        ({"SIGN_IN_PROVIDERS": "university,university"}, "names a provider twice"),
        ({"SIGN_IN_PROVIDERS": "university,partner"}, "SIGN_IN_PARTNER_KIND is not oidc or saml"),
        ({"SIGN_IN_PROVIDERS": ""}, "SIGN_IN_UNIVERSITY_.* is set, but SIGN_IN_PROVIDERS does not list"),
        ({"SIGN_IN_UNVERSITY_EMAIL_DOMAINS": "example.org"}, "does not list “unversity”"),
        ({"SIGN_IN_UNIVERSITY_EMAIL_DOMAIN": "example.org"}, "SIGN_IN_UNIVERSITY_EMAIL_DOMAIN is nothing that"),
        ({"SIGN_IN_UNIVERSITY_METADATA_URL": "https://x.example"}, "SIGN_IN_UNIVERSITY_METADATA_URL is nothing that"),
        ({"SIGN_IN_UNIVERSITY_KIND": "ldap"}, "SIGN_IN_UNIVERSITY_KIND is not oidc or saml"),
        ({"SIGN_IN_UNIVERSITY_NAME": " "}, "SIGN_IN_UNIVERSITY_NAME is not set"),
        ({"SIGN_IN_UNIVERSITY_CLIENT_ID": ""}, "SIGN_IN_UNIVERSITY_CLIENT_ID is not set"),
        ({"SIGN_IN_UNIVERSITY_CLIENT_SECRET": ""}, "SIGN_IN_UNIVERSITY_CLIENT_SECRET is not set"),
        ({"SIGN_IN_UNIVERSITY_CLIENT_SECRET_FILE": "/nowhere"}, "CLIENT_SECRET_FILE names a file that cannot be read"),
        ({"SIGN_IN_UNIVERSITY_ISSUER": ""}, "SIGN_IN_UNIVERSITY_ISSUER is not set"),
        ({"SIGN_IN_UNIVERSITY_ISSUER": "http://id.example.org"}, "which is no https:// address"),
        ({"SIGN_IN_UNIVERSITY_ISSUER": "id.example.org"}, "which is no https:// address"),
        ({"SIGN_IN_UNIVERSITY_DISCOVERY_URL": "https://id.example.org"}, "are both set"),
        ({"SIGN_IN_UNIVERSITY_SCOPES": "profile,email"}, "SIGN_IN_UNIVERSITY_SCOPES lacks openid"),
        ({"SIGN_IN_UNIVERSITY_MAKES_ACCOUNTS": "maybe"}, "MAKES_ACCOUNTS is neither true nor false"),
        ({"SIGN_IN_UNIVERSITY_EMAIL_DOMAINS": "*"}, "which is no domain"),
        ({"SIGN_IN_UNIVERSITY_EMAIL_DOMAINS": ""}, "SIGN_IN_UNIVERSITY_EMAIL_DOMAINS is empty"),
    ],
)
def test_refuses_what_cannot_work_and_names_the_variable(change: dict[str, str], sentence: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=sentence):
        read({**UNIVERSITY, **change})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"SIGN_IN_PARTNER_METADATA_URL": ""}, "SIGN_IN_PARTNER_METADATA_URL is not set"),
        ({"SIGN_IN_PARTNER_METADATA": "<x/>"}, "are both set"),
        ({"SIGN_IN_PARTNER_METADATA_URL": "http://idp.partner.example"}, "which is no https:// address"),
        ({"SIGN_IN_PARTNER_CERTIFICATE": "PEM"}, "SIGN_IN_PARTNER_PRIVATE_KEY is not set"),
        ({"SIGN_IN_PARTNER_CLIENT_ID": "carrel"}, "SIGN_IN_PARTNER_CLIENT_ID is nothing that"),
    ],
)
def test_refuses_saml_that_cannot_work(change: dict[str, str], sentence: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=sentence):
        read({"SIGN_IN_PROVIDERS": "partner", **PARTNER, **change})


def test_reads_plain_http_on_ones_own_machine() -> None:
    variables = UNIVERSITY | {"SIGN_IN_UNIVERSITY_ISSUER": "http://127.0.0.1:9400"}

    assert read(variables, is_embedded=True)


def test_tells_allauth_of_both_kinds() -> None:
    told = allauth_providers(read({**UNIVERSITY, **PARTNER, "SIGN_IN_PROVIDERS": "university,partner"}))

    (university,) = told["openid_connect"]["APPS"]
    assert (university["provider_id"], university["client_id"]) == ("university", "carrel")
    assert university["settings"]["oauth_pkce_enabled"] is True
    assert [app["provider_id"] for app in told["saml"]["APPS"]] == ["partner"]


@pytest.mark.parametrize("name", EVERY)
def test_every_variable_is_described(name: str) -> None:
    assert f"| `SIGN_IN_…_{name}` |" in OPERATORS.read_text()
