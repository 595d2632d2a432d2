"""The way out of a frame: a browser keeps what it knows in one apart from its windows, so a token goes across.

It is good for a minute and once, and says only that a message of a platform has just been believed of somebody.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import User
from lti import people
from lti.errors import LtiError
from lti.logins import fingerprint
from lti.models import Handover

LIFETIME = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Who comes, and where to."""

    user: User
    path: str


def offer(user: User, path: str, *, now: datetime) -> str:
    """What a window of its own may be opened with."""
    token = secrets.token_urlsafe(32)
    Handover.objects.create(user=user, token_hash=fingerprint(token), path=path, expires_at=now + LIFETIME)
    return token


def take(token: str, *, now: datetime) -> HandedOver:
    """Who it is of. It is used up: of two who bring it, one gets LtiError `handover_stale`.

    Raises `account_closed` and `administrator_elsewhere` too.
    """
    rows = Handover.objects.filter(token_hash=fingerprint(token))
    found = rows.filter(expires_at__gt=now).select_related("user").first()
    if found is None or rows.filter(expires_at__gt=now).delete()[0] != 1:
        raise LtiError("handover_stale", detail="unknown, used or expired")
    people.check_may_come(found.user)
    return HandedOver(found.user, found.path)
