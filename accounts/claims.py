"""What is taken from a provider's word about a person: who they are there, and how they may be called here.

Only an address that the provider vouches for is taken at all. One that anybody could have typed in over there would
decide here who may come in, and which account it seems to belong to.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allauth.account.internal.emailkit import valid_email_or_none
from allauth.account.models import EmailAddress
from django.conf import settings

from accounts.identity_providers import IdentityProvider
from accounts.refusals import SignInRefused

if TYPE_CHECKING:
    from allauth.socialaccount.models import SocialApp

MAX_ID_LENGTH = 191
MAX_NAME_LENGTH = 150


@dataclass(frozen=True, slots=True)
class Claims:
    """A person as a provider knows them; what it does not say is empty. `id` is theirs there, for good."""

    id: str
    username: str
    name: str
    email: str


def read_claims(provider: IdentityProvider, said: Mapping[str, Any], *, is_email_confirmed: bool) -> Claims:
    """What `said`, values by attribute, means with this provider's attributes. Raises SignInRefused."""
    named = provider.attributes
    identifier = _first(said, named.id)
    if not identifier or len(identifier) > MAX_ID_LENGTH:
        names = ", ".join(named.id)
        raise SignInRefused("nameless", f"{'longer than 191 letters' if identifier else 'nothing'} in any of: {names}")
    parts = (_first(said, named.given_name), _first(said, named.family_name))
    is_vouched_for = is_email_confirmed or provider.is_email_trusted
    return Claims(
        id=identifier,
        username=_printable(_first(said, named.username))[:MAX_NAME_LENGTH],
        name=_printable(_first(said, named.name) or " ".join(part for part in parts if part))[:MAX_NAME_LENGTH],
        email=(valid_email_or_none(_first(said, named.email)) or "") if is_vouched_for else "",
    )


def _first(said: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The first thing said under any of these names; of several values, the first."""
    for name in names:
        value = said.get(name)
        if isinstance(value, list):
            value = value[0] if value else None
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return ""


def _printable(text: str) -> str:
    """Without what could change how the rest of a page reads: line ends, controls, marks of direction."""
    kept = "".join(
        " " if letter.isspace() else letter
        for letter in text
        if unicodedata.category(letter) not in _HIDDEN or letter.isspace()
    )
    return " ".join(kept.split())


_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


class SpeaksOfPeople:
    """For allauth's providers, whose answers we have made into `Claims` first."""

    app: SocialApp

    @property
    def identity(self) -> IdentityProvider:
        """Which of this installation's providers it is."""
        providers: dict[str, IdentityProvider] = settings.IDENTITY_PROVIDERS
        return providers[self.app.provider_id]

    def serialize(self) -> dict[str, Any]:
        """What it is found by again: its key, which no other provider of its kind has."""
        return {"id": self.app.provider_id}

    def extract_uid(self, data: Claims) -> str:
        """What the link to an account is stored under."""
        return data.id

    def extract_extra_data(self, data: Claims) -> dict[str, str]:
        """What is stored beside it: enough for the person to know which of their accounts over there it is."""
        return {"username": data.username, "name": data.name, "email": data.email}

    def extract_common_fields(self, data: Claims) -> dict[str, str]:
        """What a new account is made from."""
        return {"username": data.username, "name": data.name, "email": data.email}

    def extract_email_addresses(self, data: Claims) -> list[EmailAddress]:
        """The address a new account gets."""
        return [EmailAddress(email=data.email, verified=True, primary=True)] if data.email else []
