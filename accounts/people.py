"""Finding a person by what others call them."""

from __future__ import annotations

from allauth.account.models import EmailAddress

from accounts.models import User


def find_person(name: str) -> User | None:
    """The active person with this username, or with this e-mail address if they have shown that it is theirs.

    What has an `@` in it is an address and nothing else: who takes the address of somebody else for a username, or
    merely types it into their account, is not found by it.
    """
    name = name.strip()
    if not name or "\x00" in name:
        return None
    return _of_address(name) if "@" in name else _of_username(name)


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
