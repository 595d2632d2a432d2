"""Reads from the environment who signs people in: `SIGN_IN_PROVIDERS=university,…` and `SIGN_IN_UNIVERSITY_…` for each.

What is wrong stops Carrel at its start. A variable that nobody reads is wrong too: a misspelt
`SIGN_IN_UNIVERSITY_EMAIL_DOMAINS` would let everybody in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from accounts.identity_providers import (
    OPENID_ATTRIBUTES,
    SAML_ATTRIBUTES,
    SCOPES,
    Attributes,
    IdentityProvider,
    OpenID,
    Saml,
)

LIST = "SIGN_IN_PROVIDERS"
KEY = re.compile(r"[a-z][a-z0-9]{0,29}")
OF_BOTH: tuple[str, ...] = ("KIND", "NAME", "MAKES_ACCOUNTS", "EMAIL_DOMAINS", "EMAIL_TRUSTED")
OF_BOTH += ("ID_ATTRIBUTE", "USERNAME_ATTRIBUTE", "NAME_ATTRIBUTE", "EMAIL_ATTRIBUTE")
OF_OPENID = ("ISSUER", "DISCOVERY_URL", "CLIENT_ID", "CLIENT_SECRET", "SCOPES")
OF_SAML = ("METADATA_URL", "METADATA", "ENTITY_ID", "OWN_ENTITY_ID", "CERTIFICATE", "PRIVATE_KEY")
OF_KIND = {"oidc": (*OF_BOTH, *OF_OPENID), "saml": (*OF_BOTH, *OF_SAML)}
EVERY = tuple(dict.fromkeys((*OF_BOTH, *OF_OPENID, *OF_SAML)))
_WELL_KNOWN = "/.well-known/openid-configuration"


def read_identity_providers(env: Any, *, is_embedded: bool) -> dict[str, IdentityProvider]:
    """The providers by key, in the order they are listed. Raises ImproperlyConfigured, naming variable and remedy."""
    keys: list[str] = env.list("SIGN_IN_PROVIDERS", default=[])
    if unfit := [key for key in keys if not KEY.fullmatch(key)]:
        raise ImproperlyConfigured(
            f"{LIST} has “{unfit[0]}”, which is no name for a provider. Use small letters and digits, for example "
            f"{LIST}=university,partner."
        )
    if len(set(keys)) < len(keys):
        raise ImproperlyConfigured(f"{LIST} names a provider twice.")
    _refuse_orphans(env.ENVIRON, keys)
    return {key: _Reader(env, key, is_embedded=is_embedded).provider() for key in keys}


def _refuse_orphans(names: Iterable[str], keys: list[str]) -> None:
    """Variables for providers that are not listed: one of the two is misspelt, or has been forgotten."""
    for name in sorted(names):
        match = re.fullmatch(rf"SIGN_IN_([A-Z0-9]+)_(?:{'|'.join(EVERY)})(?:_FILE)?", name)
        if match and match[1].lower() not in keys:
            raise ImproperlyConfigured(
                f"{name} is set, but {LIST} does not list “{match[1].lower()}”. Add it there, or unset the variable."
            )


class _Reader:
    """Reads the variables of one provider."""

    def __init__(self, env: Any, key: str, *, is_embedded: bool) -> None:
        self.env = env
        self.key = key
        self.is_embedded = is_embedded
        self.prefix = f"SIGN_IN_{key.upper()}_"

    def provider(self) -> IdentityProvider:
        kind = self.text("KIND")
        if kind not in OF_KIND:
            raise self.wrong("KIND", "is not oidc or saml", "Set it to the one this provider speaks")
        if unknown := sorted(set(self.given()) - set(OF_KIND[kind])):
            known = ", ".join(OF_KIND[kind])
            raise self.wrong(unknown[0], f"is nothing that a provider of the kind {kind} has", f"There are: {known}")
        return IdentityProvider(
            key=self.key,
            name=self.required("NAME", "the name people know the institution by"),
            protocol=self.openid() if kind == "oidc" else self.saml(),
            attributes=self.attributes(OPENID_ATTRIBUTES if kind == "oidc" else SAML_ATTRIBUTES),
            makes_accounts=self.flag("MAKES_ACCOUNTS", default=True),
            is_email_trusted=self.flag("EMAIL_TRUSTED", default=kind == "saml"),
            email_domains=self.email_domains(),
        )

    def openid(self) -> OpenID:
        issuer, discovery_url = self.address("ISSUER"), self.address("DISCOVERY_URL")
        if bool(issuer) == bool(discovery_url):
            remedy = f"Set it to the provider's issuer, or {self.prefix}DISCOVERY_URL, and not both"
            raise self.wrong("ISSUER", "and DISCOVERY_URL are both set" if issuer else "is not set", remedy)
        scopes = self.words("SCOPES") or SCOPES
        if "openid" not in scopes:
            raise self.wrong("SCOPES", "lacks openid", "Add openid")
        return OpenID(
            discovery_url=discovery_url or issuer.rstrip("/") + _WELL_KNOWN,
            issuer=issuer,
            client_id=self.required("CLIENT_ID", "what the provider calls Carrel"),
            client_secret=self.required("CLIENT_SECRET", "the secret the provider gave you"),
            scopes=scopes,
        )

    def saml(self) -> Saml:
        url, metadata = self.address("METADATA_URL"), self.text("METADATA")
        if bool(url) == bool(metadata):
            remedy = f"Set it to the address of the provider's metadata, or {self.prefix}METADATA_FILE, and not both"
            raise self.wrong("METADATA_URL", "and METADATA are both set" if url else "is not set", remedy)
        certificate, private_key = self.text("CERTIFICATE"), self.text("PRIVATE_KEY")
        if bool(certificate) != bool(private_key):
            missing = "PRIVATE_KEY" if certificate else "CERTIFICATE"
            raise self.wrong(missing, "is not set", "A certificate and its key belong together: set both or neither")
        return Saml(
            metadata_url=url,
            metadata=metadata,
            entity_id=self.text("ENTITY_ID"),
            own_entity_id=self.text("OWN_ENTITY_ID"),
            certificate=certificate,
            private_key=private_key,
        )

    def attributes(self, usual: Attributes) -> Attributes:
        named = {
            field: self.words(f"{field.upper()}_ATTRIBUTE") or getattr(usual, field)
            for field in ("id", "username", "name", "email")
        }
        return replace(usual, **named)

    def email_domains(self) -> tuple[str, ...]:
        domains = tuple(domain.lower().removeprefix("@") for domain in self.words("EMAIL_DOMAINS"))
        if unfit := [domain for domain in domains if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain)]:
            raise self.wrong("EMAIL_DOMAINS", f"has “{unfit[0]}”, which is no domain", "Write example.org,other.org")
        if not domains and "EMAIL_DOMAINS" in self.given():
            raise self.wrong("EMAIL_DOMAINS", "is empty", "Name the domains, or unset it to accept every address")
        return domains

    def address(self, name: str) -> str:
        value = self.text(name)
        url = urlsplit(value)
        if value and (not url.hostname or url.scheme not in (("https", "http") if self.is_embedded else ("https",))):
            raise self.wrong(name, f"is {value}, which is no https:// address", "Set it to one")
        return value

    def required(self, name: str, meaning: str) -> str:
        if value := self.text(name):
            return value
        raise self.wrong(name, "is not set", f"Set it to {meaning}")

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.text(name).lower()
        if value and value not in ("true", "false", "on", "off", "yes", "no", "1", "0"):
            raise self.wrong(name, "is neither true nor false", "Set it to one of the two")
        return value in ("true", "on", "yes", "1") if value else default

    def words(self, name: str) -> tuple[str, ...]:
        return tuple(word.strip() for word in self.text(name).split(",") if word.strip())

    def text(self, name: str) -> str:
        try:
            return str(self.env.str(f"{self.prefix}{name}", default="")).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise self.wrong(f"{name}_FILE", "names a file that cannot be read", "Set it to one that can") from error

    def given(self) -> Iterator[str]:
        """What is set for this provider, without the prefix and `_FILE`."""
        for name in self.env.ENVIRON.env:
            if name.startswith(self.prefix):
                yield name.removeprefix(self.prefix).removesuffix("_FILE")

    def wrong(self, name: str, what: str, remedy: str) -> ImproperlyConfigured:
        return ImproperlyConfigured(f"{self.prefix}{name} {what}. {remedy}.")
