"""The ways a person has of signing in: a password, and accounts at institutions. There is always one left."""

from __future__ import annotations

from dataclasses import dataclass

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.identity_providers import IdentityProvider, identity_provider
from accounts.models import Role, User


class LastWay(Exception):
    """It cannot be taken away: it is the only way in that this person has."""


@dataclass(frozen=True, slots=True)
class Way:
    """A provider, and what somebody has connected there; None if nothing."""

    provider: IdentityProvider
    account: SocialAccount | None

    @property
    def known_as(self) -> str:
        """As whom the provider knows them."""
        said = self.account.extra_data if self.account else {}
        return str(said.get("username") or said.get("email") or said.get("name") or "")


def may_use_password(person: User) -> bool:
    """Whether a password lets this person in. Administrators always may, so that nobody can lock themselves out."""
    return bool(settings.PASSWORD_SIGN_IN) or person.role == Role.ADMINISTRATOR


def has_password(person: User) -> bool:
    """Whether this person can come in by a password."""
    return may_use_password(person) and person.has_usable_password()


def owners_of_address(address: str) -> QuerySet[User]:
    """Whose accounts have this address, confirmed or not."""
    has_it = Q(email__iexact=address) | Q(emailaddress__email__iexact=address)
    return User.objects.filter(has_it).distinct() if address else User.objects.none()


def ways_of(person: User) -> list[Way]:
    """Every provider, with what this person has connected there; twice if they have two accounts there."""
    connected = list(SocialAccount.objects.filter(user=person).order_by("date_joined"))
    ways = []
    for provider in settings.IDENTITY_PROVIDERS.values():
        there = [account for account in connected if account.provider == provider.key]
        ways += [Way(provider, account) for account in there or [None]]
    return ways


def is_last_way(account: SocialAccount) -> bool:
    """Whether its owner could not sign in without it. A provider that is gone from the settings lets nobody in."""
    others = SocialAccount.objects.filter(user=account.user).exclude(pk=account.pk)
    has_other = any(identity_provider(other.provider) for other in others)
    return not has_other and not has_password(account.user)


def disconnect(account: SocialAccount) -> None:
    """Forget this account at an institution. Raises LastWay when its owner could not sign in any more."""
    with transaction.atomic():
        # Two of them, disconnected at once, would each think that the other stays.
        account.user = User.objects.select_for_update().get(pk=account.user_id)
        if is_last_way(account):
            raise LastWay(account.provider)
        account.delete()
