"""API tokens: made, shown once, found again by their hash, and held to their scopes.

knox makes and hashes them; this module adds what knox leaves out: scopes, a name, an end to every token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.models import get_digest_token
from knox.settings import CONSTANTS
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission

from accounts.models import ApiToken, Scope, User

if TYPE_CHECKING:
    from uuid import UUID

    from drf_spectacular.openapi import AutoSchema
    from rest_framework.request import Request
    from rest_framework.views import APIView

MAX_TOKEN_DAYS = 365
_USE_NOTED_EVERY = timedelta(minutes=1)


class ScopeMissing(PermissionDenied):
    """The token is good, but not for this."""

    default_code = "scope_missing"
    default_detail = _("This token does not have the scope “{scope}”.")

    def __init__(self, scope: Scope) -> None:
        super().__init__(str(self.default_detail).format(scope=scope.value))
        self.scope = scope


def create_token(
    user: User,
    *,
    name: str,
    scopes: Sequence[Scope],
    days: int,
    now: datetime,
    secret: str = "",
    group: Group | None = None,
) -> tuple[ApiToken, str]:
    """A new token of this person, and its secret, which is stored nowhere and cannot be had again.

    The secret is one that the caller can work out once more, if it brings one, else random. What it opens of classes
    is held to the `group` that is named.

    Raises ValueError when it would be good for nothing, or for longer than `MAX_TOKEN_DAYS`.
    """
    if not scopes or not 1 <= days <= MAX_TOKEN_DAYS:
        raise ValueError(f"a token needs scopes and 1 to {MAX_TOKEN_DAYS} days, not {scopes} and {days}")
    digest, secret = (hash_token(secret), secret) if secret else get_digest_token()
    token = ApiToken(
        user=user,
        name=name,
        scopes=[scope.value for scope in Scope if scope in scopes],
        group=group,
        digest=digest,
        token_key=secret[: CONSTANTS.TOKEN_KEY_LENGTH],
        expiry=now + timedelta(days=days),
    )
    token.save(force_insert=True)
    return token, secret


def find_token(secret: str, *, now: datetime) -> ApiToken | None:
    """The token with this secret while it is good: not expired, its holder active. Its use is noted."""
    if not secret.isascii():
        return None
    token = _good_tokens(now).filter(digest=hash_token(secret)).first()
    if token is not None:
        _note_use(token, now)
    return token


def find_token_again(uuid: UUID, *, now: datetime) -> ApiToken | None:
    """The token of this id while it is good, for what was begun or made with it."""
    return _good_tokens(now).filter(uuid=uuid).first()


def token_holder(secret: str, scope: Scope, *, now: datetime) -> User | None:
    """Whom a program that shows this secret acts for, or None if it may not do what the scope says."""
    token = find_token(secret, now=now)
    return token.user if token is not None and scope in token.scopes else None


def _good_tokens(now: datetime) -> QuerySet[ApiToken]:
    good = ApiToken.objects.select_related("user").filter(expiry__gt=now, user__is_active=True)
    return cast("QuerySet[ApiToken]", good)


def _note_use(token: ApiToken, now: datetime) -> None:
    # At most once a minute: a program may ask many times a second, and each write locks the database.
    before = now - _USE_NOTED_EVERY
    if token.last_used_at is None or token.last_used_at < before:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lt=before)
        ApiToken.objects.filter(unnoted, pk=token.pk).update(last_used_at=now)


class ScopedTokenAuthentication(TokenAuthentication):  # type: ignore[misc]  # knox is untyped
    """`Authorization: Bearer …` with a token of the account page or of `manage.py token`."""

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        """The holder and the token, in one query. Raises AuthenticationFailed for one that is not good."""
        found = find_token(token.decode("latin-1"), now=timezone.now())
        if found is None:
            raise AuthenticationFailed
        return found.user, found


class HasScope(BasePermission):
    """People who are signed in have all their rights; a token only those its scopes name.

    A view says which with `required_scopes = {"GET": Scope.…, "POST": …}`, by method or, where that
    is finer, by the name of a viewset's action. A view that says nothing is closed to everybody.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether whoever asks may ask this view at all. Raises ScopeMissing for a token too weak."""
        if not request.user.is_authenticated:
            return False
        if request.method not in view.allowed_methods:
            return True  # Answered with 405, not with a refusal that sounds as if more rights would help.
        scope = required_scope(str(request.method), view)
        if scope is None:
            return False
        if isinstance(request.auth, ApiToken) and scope not in request.auth.scopes:
            raise ScopeMissing(scope)
        return True


def required_scope(method: str, view: APIView) -> Scope | None:
    """What a token needs to ask this view by this method; None where the view does not say."""
    declared: Mapping[str, Scope] = getattr(view, "required_scopes", {})
    method = "GET" if method in ("HEAD", "OPTIONS") else method
    return declared.get(getattr(view, "action", None) or "", declared.get(method))


class ScopedTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI description names our tokens."""

    target_class = ScopedTokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """A bearer token in the header Authorization."""
        return build_bearer_security_scheme_object(header_name="Authorization", token_prefix="Bearer")  # noqa: S106
