"""The platforms that lead to an account, as its owner sees them, and taking one of them away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from accounts.identity_providers import identity_provider
from accounts.models import User
from accounts.ways import has_password, may_use_password
from lti import audit
from lti.errors import LtiError
from lti.merging.accounts import merge
from lti.models import LtiPerson


@dataclass(frozen=True, slots=True)
class Origin:
    """A platform that somebody comes to their account from."""

    person: LtiPerson
    is_last_way: bool
    """Whether it is the only way in that they have."""
    can_choose_password: bool


def origins_of(user: User) -> list[Origin]:
    """Every platform that leads to this account, the first first."""
    people = list(LtiPerson.objects.filter(user=user).select_related("platform").order_by("first_seen_at", "pk"))
    has_other = bool(people) and _comes_in_otherwise(user)
    can_choose = may_use_password(user)
    return [Origin(person, not has_other and not _has_another(person, people), can_choose) for person in people]


@transaction.atomic
def unlink(person: LtiPerson, *, now: datetime) -> None:
    """Have the platform lead to this account no more; whoever comes from it as this person gets another.

    Their classes and their work stay. Raises LtiError `last_way` where nothing else would lead to the account.
    """
    user = User.objects.select_for_update().get(pk=person.user_id)  # Two of them, taken away at once.
    origin = next((origin for origin in origins_of(user) if origin.person == person), None)
    if origin is None:
        return
    if origin.is_last_way:
        raise LtiError("last_way", platform=person.platform.name)
    audit.note("account_unlinked", platform=person.platform, actor=user, now=now, account=user.username)
    person.delete()


@transaction.atomic
def merge_by_hand(former: User, *, into: User, by: User, now: datetime) -> None:
    """Put two accounts together for the person of both. Raises what `merge` raises."""
    platform = next((person.platform for person in former.lti_people.select_related("platform")), None)
    names = {"former": former.username, "kept": into.username}
    merge(former, into=into, now=now)
    audit.note("account_merged", platform=platform, actor=by, now=now, **names)


def _comes_in_otherwise(user: User) -> bool:
    """Whether they can sign in without a learning platform."""
    connected = SocialAccount.objects.filter(user=user)
    return has_password(user) or any(identity_provider(account.provider) for account in connected)


def _has_another(person: LtiPerson, people: list[LtiPerson]) -> bool:
    """Whether another platform that is in use leads there."""
    return any(other != person and other.platform.is_active for other in people)
