"""Learning platforms as whoever runs this Carrel knows them."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import User
from lti import audit
from lti.keys import make_first_key
from lti.models import Platform


@transaction.atomic
def add_platform(platform: Platform, *, by: User | None = None, now: datetime) -> Platform:
    """Keep a platform that was described by hand, with a key of ours towards it."""
    platform.created_at = now
    platform.save()
    make_first_key(platform, now=now)
    audit.note("platform_added", platform=platform, actor=by, now=now)
    return platform
