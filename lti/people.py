"""Which account somebody from a platform has here: `sub` says it, and never an e-mail address.

Whoever is new gets an account that can do nothing and has no password. One that they had already becomes theirs when
they sign in to it, in the same browser, and say so.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from accounts.models import Role, User
from lti import audit
from lti.claims import Message
from lti.errors import LtiError
from lti.logins import fingerprint
from lti.merging.accounts import check_at_rest, check_mergeable, merge
from lti.models import JoinOffer, LtiPerson, Platform

JOIN_LIFETIME = timedelta(minutes=15)


def known(platform: Platform, sub: str) -> LtiPerson | None:
    """Somebody who has been here before. Raises LtiError `account_closed` and `administrator_elsewhere`."""
    person = LtiPerson.objects.filter(platform=platform, sub=sub).select_related("user", "platform").first()
    if person is not None:
        check_may_come(person.user)
    return person


def recognise(platform: Platform, message: Message, *, now: datetime) -> LtiPerson:
    """Who this is, made if they are new. Their account's name is their own once it is made.

    Raises LtiError `account_closed` and `administrator_elsewhere`.
    """
    person = known(platform, message.sub) or _welcome(platform, message, now=now)
    person.name, person.email, person.last_seen_at = message.name, message.email, now
    person.save(update_fields=["name", "email", "last_seen_at"])
    if is_unused(person) and not person.user.display_name:  # Lists may leave out names that launches tell.
        person.user.display_name = message.name
        person.user.save(update_fields=["display_name"])
    return person


def is_unused(person: LtiPerson | None) -> bool:
    """Whether nobody has ever come to their account: made just now, or ahead of time from a list."""
    return person is None or (person.has_made_account and person.user.last_login is None)


def offer_to_join(user: User, *, browser: str, now: datetime) -> str:
    """Let the person of this account, made for them, show that they have another. Returns what to come back with.

    Raises LtiError `join_needless`, and `join_stale` for a browser that did not come here from the platform: a link
    alone must not make an account somebody else's. While something of it is under way, what `check_at_rest` raises.
    """
    person = made_for(user)
    if person is None:
        raise LtiError("join_needless")
    if not browser:
        raise LtiError("join_stale", detail="no cookie of this browser")
    check_at_rest(user)
    token = secrets.token_urlsafe(32)
    JoinOffer.objects.create(
        person=person,
        token_hash=fingerprint(token),
        browser_hash=fingerprint(browser),
        expires_at=now + JOIN_LIFETIME,
    )
    return token


def offered(token: str, *, browser: str, now: datetime) -> LtiPerson:
    """Who wants to join an account, in this browser. Raises LtiError `join_stale`."""
    open_ones = JoinOffer.objects.filter(expires_at__gt=now, browser_hash=fingerprint(browser))
    offer = open_ones.filter(token_hash=fingerprint(token)).select_related("person__user", "person__platform").first()
    if offer is None or not browser:
        raise LtiError("join_stale", detail="unknown, expired or of another browser")
    return offer.person


@transaction.atomic
def join(token: str, *, to: User, browser: str, now: datetime) -> LtiPerson:
    """Have them come to this account from now on, which has confirmed it; the one made for them is closed.

    What is in it comes along. Raises LtiError `join_stale`, `join_needless` and `administrator_elsewhere`, and what
    `merge` raises.
    """
    person = offered(token, browser=browser, now=now)
    if JoinOffer.objects.filter(token_hash=fingerprint(token)).delete()[0] != 1:
        raise LtiError("join_stale", detail="used in this moment")
    former = person.user
    check_may_join(person, to)
    merge(former, into=to, now=now)
    person.refresh_from_db()
    audit.note(
        "account_joined", platform=person.platform, actor=to, now=now, account=to.username, former=former.username
    )
    return person


def check_may_join(person: LtiPerson, to: User) -> None:
    """Raise LtiError where this account cannot be theirs: what `join` raises for the two of them."""
    if person.user == to or not person.has_made_account:
        raise LtiError("join_needless")
    check_may_come(to)
    check_mergeable(person.user, to)


def made_for(user: User) -> LtiPerson | None:
    """Whom this account was made for when they came from a platform; None for every other account."""
    return LtiPerson.objects.filter(user=user, has_made_account=True).select_related("platform").first()


def new_account(name: str) -> User:
    """An account of no rights and no password, not stored yet."""
    user = User(username=f"lti-{secrets.token_hex(8)}", display_name=name, role=Role.MEMBER)
    user.set_unusable_password()
    return user


def _welcome(platform: Platform, message: Message, *, now: datetime) -> LtiPerson:
    """An account of no rights for somebody new; two windows in the same moment make one."""
    try:
        with transaction.atomic():
            user = new_account(message.name)
            user.save()
            return LtiPerson.objects.create(
                platform=platform, sub=message.sub, user=user, first_seen_at=now, last_seen_at=now
            )
    except IntegrityError:
        person = known(platform, message.sub)
        if person is None:
            raise
        return person


def check_may_come(user: User) -> None:
    """Raise LtiError `account_closed` and `administrator_elsewhere` for whom no platform brings in."""
    if not user.is_active:
        raise LtiError("account_closed")
    if user.role == Role.ADMINISTRATOR:  # Else whoever runs the platform would run this site.
        raise LtiError("administrator_elsewhere")
