"""Run by benchmarks.people with a stack's settings: signs people in, and prints what each of them got for it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accounts.models import User


def make_people(names: Sequence[str]) -> list[dict[str, str]]:
    """The credentials of the people of these names, who are made if there are none."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    from accounts.models import User

    return [_sign_in(User.objects.get_or_create(username=name)[0]) for name in names]


def _sign_in(user: User) -> dict[str, str]:
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.utils import timezone

    from accounts.models import Scope
    from accounts.tokens import create_token

    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    _, token = create_token(user, name="benchmark", scopes=[*Scope], days=1, now=timezone.now())
    return {"token": token, "cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}"}


if __name__ == "__main__":
    print(json.dumps(make_people(sys.argv[1:])))
