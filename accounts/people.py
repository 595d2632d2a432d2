"""Finding a person by what others call them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from allauth.account.models import EmailAddress
from django.db.models import Q
from django.db.models.functions import Lower

from accounts.models import User

NAMES_AT_ONCE = 5_000
"""More than a class has. Each is asked for twice, and SQLite takes 32 766 values in a query."""


def find_person(name: str) -> User | None:
    """The active person with this username, or with this e-mail address if they have shown that it is theirs.

    What has an `@` in it is an address and nothing else: who takes the address of somebody else for a username, or
    merely types it into their account, is not found by it.
    """
    name = name.strip()
    if not name or "\x00" in name:
        return None
    return _of_address(name) if "@" in name else _of_username(name)


def find_people(names: Collection[str]) -> dict[str, User]:
    """Whom `find_person` would find by each of these names, in a few queries for many; unknown names are left out."""
    wanted = {name for name in names if name.strip() and "\x00" not in name}
    addresses = {name for name in wanted if "@" in name}
    return _found(addresses, _holders) | _found(wanted - addresses, _namesakes)


def _found(names: Iterable[str], alike: Callable[[set[str]], dict[str, list[User]]]) -> dict[str, User]:
    ordered = sorted(names)
    found: dict[str, User] = {}
    for start in range(0, len(ordered), NAMES_AT_ONCE):
        some = ordered[start : start + NAMES_AT_ONCE]
        known = alike({name.strip() for name in some})
        for name in some:
            if (person := _the_one(name.strip(), known[name.strip().lower()])) is not None:
                found[name] = person
    return found


def _the_one(name: str, alike: list[User]) -> User | None:
    if len(alike) < 2:
        return alike[0] if alike else None
    return next((person for person in alike if "@" not in name and person.username == name), None)


def _namesakes(names: set[str]) -> dict[str, list[User]]:
    """The people of usernames that differ in nothing but upper and lower case, by their name in lower case."""
    # SQLite lowers no letters but those of ASCII, so the names as they are count as well.
    is_named = Q(lowered__in={name.lower() for name in names}) | Q(username__in=names)
    people = User.objects.annotate(lowered=Lower("username")).filter(is_named, is_active=True)
    found = defaultdict[str, list[User]](list)
    for person in people:
        found[person.username.lower()].append(person)
    return found


def _holders(addresses: set[str]) -> dict[str, list[User]]:
    """The people who have shown that these addresses are theirs, each once, by the address in lower case."""
    is_one = Q(lowered__in={address.lower() for address in addresses}) | Q(email__in=addresses)
    rows = EmailAddress.objects.annotate(lowered=Lower("email")).filter(is_one, verified=True, user__is_active=True)
    found = defaultdict[str, list[User]](list)
    for row in rows.select_related("user"):
        if row.user not in found[row.email.lower()]:
            found[row.email.lower()].append(row.user)
    return found


def _of_username(name: str) -> User | None:
    """As at sign-in, where upper and lower case are alike, unless two differ in nothing else."""
    alike = list(User.objects.filter(username__iexact=name, is_active=True)[:2])
    if len(alike) < 2:
        return alike[0] if alike else None
    return User.objects.filter(username=name, is_active=True).first()


def _of_address(address: str) -> User | None:
    verified = EmailAddress.objects.filter(email__iexact=address, verified=True, user__is_active=True)
    holders = User.objects.filter(pk__in=verified.values("user"))[:2]
    return holders[0] if len(holders) == 1 else None
