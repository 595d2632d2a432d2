"""SAML with a key of our own: requests are signed, and answers may be encrypted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.test import Client, override_settings
from pytest_django import Settings

from accounts.identity_providers import IdentityProvider, Saml, allauth_providers
from accounts.models import User
from tests.accounts.test_openid import refused
from tests.accounts.test_saml import METADATA, sign_in
from tests.fakes.saml_provider import certificate_and_key
from tests.identity import leave, saml, saml_provider, use_providers
from tests.required import require_xmlsec1

pytestmark = [pytest.mark.saml, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    cache.clear()


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    """A real provider that knows our certificate."""
    require_xmlsec1()
    folder = tmp_path_factory.mktemp("saml-keys")
    certificate, key = (Path(path).read_text() for path in certificate_and_key(folder, "ours"))
    ours = folder / "ours.xml"
    provider = saml(protocol=Saml("http://127.0.0.1", "", certificate=certificate, private_key=key))
    providers = {"partner": provider}
    with override_settings(
        IDENTITY_PROVIDERS=providers, SOCIALACCOUNT_PROVIDERS=allauth_providers(providers), ALLOWED_HOSTS=["testserver"]
    ):
        ours.write_bytes(Client().get(METADATA).content)
    with saml_provider(ours) as url:
        yield saml(protocol=Saml(f"{url}/metadata", "", certificate=certificate, private_key=key))


def test_leaving_signs_what_is_asked(client: Client, settings: Settings, keyed: IdentityProvider) -> None:
    use_providers(settings, keyed)

    asked = parse_qs(urlsplit(leave(client, keyed)).query)

    assert asked["SigAlg"] == ["http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"]
    assert asked["Signature"]


@pytest.mark.parametrize("fault", ["", "encrypted"])
def test_sign_in_by_an_answer_that_may_be_encrypted(
    client: Client, settings: Settings, keyed: IdentityProvider, fault: str
) -> None:
    use_providers(settings, keyed)

    sign_in(client, keyed, fault=fault)

    assert User.objects.get().email == "ada@example.org"


def test_sign_in_refuses_an_answer_encrypted_for_a_key_that_is_not_ours(
    client: Client, settings: Settings, keyed: IdentityProvider, tmp_path: Path
) -> None:
    assert isinstance(keyed.protocol, Saml)
    certificate, key = (Path(path).read_text() for path in certificate_and_key(tmp_path, "another"))
    other = saml(protocol=Saml(keyed.protocol.metadata_url, "", certificate=certificate, private_key=key))
    use_providers(settings, other)

    refused(sign_in(client, other, fault="encrypted"), "cannot be understood", 502)
