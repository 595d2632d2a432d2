"""Our keys towards platforms: made, published before they sign and after they did, and sealed at rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.conf import settings
from django.db import transaction

from accounts.models import User
from accounts.sealing import SealBroken, seal, unseal
from lti import audit
from lti.errors import LtiError
from lti.models import KeyPair, Platform
from lti.tool import public_jwk

LEAD = timedelta(days=1)
"""How long a key is published before it signs: platforms may remember what they read for a day."""
OVERLAP = timedelta(days=7)
"""How long it stays published after another has taken its place."""
KEY_BITS = 2048


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A private key as it is used, for a moment."""

    kid: str
    private_pem: str


def make_first_key(platform: Platform, *, now: datetime) -> None:
    """Give the platform a key that signs at once, unless it has one."""
    if not platform.key_pairs.exists():
        _make(platform, signs_from=now)


@transaction.atomic
def rotate(platform: Platform, *, by: User | None = None, now: datetime) -> KeyPair:
    """Publish a new key, which takes the place of the others after `LEAD`. They are published for `OVERLAP` more.

    Where there is none that signs, nothing is gained by waiting: the new one does at once.
    """
    Platform.objects.select_for_update().get(pk=platform.pk)
    signs_from = now + LEAD if platform.key_pairs.signing(now).exists() else now
    platform.key_pairs.filter(published_until=None).update(published_until=signs_from + OVERLAP)
    key = _make(platform, signs_from=signs_from)
    at = f"{signs_from:%Y-%m-%d %H:%M} UTC"
    audit.note("key_rotated", platform=platform, actor=by, now=now, key=key.kid, signs_from=at)
    return key


@transaction.atomic
def withdraw(platform: Platform, *, by: User, now: datetime) -> KeyPair:
    """Publish none of the keys any more, since somebody else may have one, and a new one that signs at once.

    A platform that remembers what it read takes nothing that the new one signs until it reads again.
    """
    Platform.objects.select_for_update().get(pk=platform.pk)
    platform.key_pairs.all().delete()
    key = _make(platform, signs_from=now)
    audit.note("keys_withdrawn", platform=platform, actor=by, now=now, key=key.kid)
    return key


def renew_keys(*, now: datetime) -> None:
    """Replace keys that have signed for `LTI_KEY_DAYS`, and forget those that nobody needs any more."""
    KeyPair.objects.filter(published_until__lte=now).delete()
    if not settings.LTI_KEY_DAYS:
        return
    oldest = now - timedelta(days=settings.LTI_KEY_DAYS)
    for platform in Platform.objects.filter(key_pairs__published_until=None, key_pairs__signs_from__lte=oldest):
        rotate(platform, now=now)


def signing_key(platform: Platform, *, now: datetime) -> SigningKey:
    """What we sign with towards this platform now. Raises LtiError `key_missing` and `key_unreadable`."""
    key = platform.key_pairs.signing(now).first()
    if key is None:
        raise LtiError("key_missing", platform=platform.name)
    try:
        return SigningKey(key.kid, unseal(key.sealed_private_key, _purpose(platform)))
    except SealBroken as error:  # The site's secret key is another, and the former is not among its fallbacks.
        raise LtiError("key_unreadable", platform=platform.name) from error


def public_keys(*, now: datetime) -> list[dict[str, Any]]:
    """All keys that a platform may meet, for anybody to read."""
    return list(KeyPair.objects.published(now).order_by("pk").values_list("public_jwk", flat=True))


def _make(platform: Platform, *, signs_from: datetime) -> KeyPair:
    key = new_private_key()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    described = public_jwk(public)
    return KeyPair.objects.create(
        platform=platform,
        kid=described["kid"],
        public_jwk=described,
        sealed_private_key=seal(private, _purpose(platform)),
        signs_from=signs_from,
    )


def new_private_key() -> rsa.RSAPrivateKey:
    """One that nobody has seen yet."""
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def _purpose(platform: Platform) -> str:
    return f"key towards the learning platform {platform.pk}"
