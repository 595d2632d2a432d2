"""Secrets that Carrel has to show to somebody else later, kept so that the database alone does not give them away.

What need only be recognised is hashed instead. The key is derived from `SECRET_KEY`, another for each purpose; what
was sealed under one of `SECRET_KEY_FALLBACKS` can still be read.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_KEY_BYTES = 32
_SALT = b"carrel: accounts.sealing"


class SealBroken(Exception):
    """It cannot be read: the secret key was changed, or what is stored was, or it was sealed for something else."""


def seal(text: str, purpose: str) -> str:
    """The text as it may be stored. `purpose` says what it is for and whose it is, and is needed to read it."""
    return _box(purpose).encrypt(text.encode()).decode()


def unseal(sealed: str, purpose: str) -> str:
    """What was sealed for exactly this purpose. Raises SealBroken."""
    try:
        return _box(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise SealBroken(purpose) from error


def reseal(sealed: str, purpose: str) -> str:
    """The same, sealed under the present secret key, so that a former one can be forgotten. Raises SealBroken."""
    try:
        return _box(purpose).rotate(sealed.encode()).decode()
    except InvalidToken as error:
        raise SealBroken(purpose) from error


def _box(purpose: str) -> MultiFernet:
    """Seals with the first key, and tries all of them in turn to open."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(_key(secret, purpose)) for secret in secrets])


def _key(secret: str, purpose: str) -> bytes:
    derived = HKDF(SHA256(), _KEY_BYTES, salt=_SALT, info=purpose.encode()).derive(secret.encode())
    return urlsafe_b64encode(derived)
