"""Finding a person by what somebody else calls them."""

from __future__ import annotations

from allauth.account.models import EmailAddress

from accounts.models import User


def person_called(text: str) -> User | None:
    """The active person with this username or this confirmed e-mail address; None if there is none.

    What has an `@` in it is an e-mail address and nothing else. Who takes the address of somebody else for a username,
    or enters it without confirming it, is not found by it.
    """
    name = text.strip()
    people = User.objects.filter(is_active=True)
    if "@" not in name:
        return people.filter(username=name).first()
    confirmed = EmailAddress.objects.filter(email__iexact=name, verified=True)
    return people.filter(pk__in=confirmed.values("user")).first()
