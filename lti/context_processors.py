"""What pages know of learning platforms: those that lead to the reader's account."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from lti.accounts import Origin, origins_of


def origins(request: HttpRequest) -> dict[str, Any]:
    """`origins`: asked for where a page shows them."""
    return {"origins": SimpleLazyObject(lambda: _origins(request))}


def _origins(request: HttpRequest) -> list[Origin]:
    return origins_of(request.user) if isinstance(request.user, User) else []
