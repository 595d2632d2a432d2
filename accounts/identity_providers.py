"""The institutions whose sign-in is accepted here: how each is reached, whom it may let in, what it says of people.

They come from the environment (`config/sign_in.py`) and never change while Carrel runs. `key` is what is stored with
a person's account, so it is the one thing about a provider that must stay as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

NAME_ID = "NameID"
LASTING_NAME_ID = "PersistentNameID"
"""Stand for the subject's name itself among the attributes by which SAML tells who somebody is: any name that is not
made anew for each visit, and one that the provider promises to keep."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """Where to find what is taken from a provider's word about a person: names tried in turn."""

    id: tuple[str, ...]
    username: tuple[str, ...]
    name: tuple[str, ...]
    given_name: tuple[str, ...]
    family_name: tuple[str, ...]
    email: tuple[str, ...]


SCOPES = ("openid", "profile", "email")
OPENID_ATTRIBUTES = Attributes(
    id=("sub",),
    username=("preferred_username",),
    name=("name",),
    given_name=("given_name",),
    family_name=("family_name",),
    email=("email",),
)
SAML_ATTRIBUTES = Attributes(
    id=(
        "urn:oasis:names:tc:SAML:attribute:subject-id",
        "urn:oasis:names:tc:SAML:attribute:pairwise-id",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.13",  # eduPersonUniqueId
        LASTING_NAME_ID,
    ),
    username=("urn:oid:0.9.2342.19200300.100.1.1", "uid"),
    name=("urn:oid:2.16.840.1.113730.3.1.241", "displayName"),
    given_name=("urn:oid:2.5.4.42", "givenName", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname"),
    family_name=("urn:oid:2.5.4.4", "sn", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname"),
    email=(
        "urn:oid:0.9.2342.19200300.100.1.3",
        "mail",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    ),
)


@dataclass(frozen=True, slots=True)
class OpenID:
    """How to speak OpenID Connect with a provider. `issuer` is empty where its own document may say it."""

    discovery_url: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = SCOPES


@dataclass(frozen=True, slots=True)
class Saml:
    """How to speak SAML with a provider: its metadata, as an address or as text, and who we are to it."""

    metadata_url: str
    metadata: str = field(repr=False)
    entity_id: str = ""
    own_entity_id: str = ""
    certificate: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """One place where people may sign in."""

    key: str
    name: str
    protocol: OpenID | Saml
    attributes: Attributes
    makes_accounts: bool = True
    is_email_trusted: bool = False
    email_domains: tuple[str, ...] = ()

    def lets_in(self, email: str) -> bool:
        """Whether somebody with this address, which the provider vouches for, may come in by it."""
        domain = email.rpartition("@")[2].lower()
        return not self.email_domains or domain in self.email_domains


def identity_provider(key: str) -> IdentityProvider | None:
    """The provider of this key, if it is one of this installation's."""
    providers: dict[str, IdentityProvider] = settings.IDENTITY_PROVIDERS
    return providers.get(key)


def allauth_providers(providers: dict[str, IdentityProvider]) -> dict[str, Any]:
    """`SOCIALACCOUNT_PROVIDERS` for these: our classes speak the protocols, and all there is to know is in settings."""
    spoken = {"openid_connect": OpenID, "saml": Saml}
    classes = {"openid_connect": "accounts.openid.provider.OpenIDProvider", "saml": "accounts.saml.provider.Provider"}
    return {
        name: {
            "provider_class": classes[name],
            "APPS": [_app(provider) for provider in providers.values() if isinstance(provider.protocol, protocol)],
        }
        for name, protocol in spoken.items()
    }


def _app(provider: IdentityProvider) -> dict[str, Any]:
    app = {"provider_id": provider.key, "name": provider.name, "client_id": provider.key}
    if isinstance(provider.protocol, Saml):
        return app
    return app | {
        "client_id": provider.protocol.client_id,
        "secret": provider.protocol.client_secret,
        "settings": {"server_url": provider.protocol.discovery_url, "oauth_pkce_enabled": True},
    }
