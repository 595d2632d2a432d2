"""Signing and verifying; the only importer of PyLTI1p3, and beside it of PyJWT, in this app.

What each of the two does, and why, is in `docs/decisions/lti-library.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pylti1p3.exception import LtiException
from pylti1p3.message_validators import get_validators
from pylti1p3.registration import Registration

from lti.errors import LtiError

ALGORITHM = "RS256"
MAX_TOKEN_LETTERS = 100_000
_ONLY_THE_SIGNATURE = {
    "verify_signature": True,
    **dict.fromkeys([f"verify_{claim}" for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")], False),
}
"""What the claims say is for `claims.py`, which is told the time."""


def key_id_of(token: str) -> str:
    """The name of the key that a token says it is signed with. Raises LtiError."""
    if not token or len(token) > MAX_TOKEN_LETTERS:
        raise LtiError("message_malformed", detail="id_token missing or too long")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, RecursionError) as error:
        raise LtiError("message_malformed", detail=f"id_token: {type(error).__name__}") from None
    if header.get("alg") != ALGORITHM:
        raise LtiError("message_untrusted", detail="alg is not RS256")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise LtiError("message_untrusted", detail="kid missing")
    return kid


def claims_of(token: str, key: Mapping[str, Any]) -> dict[str, Any]:
    """What a token says, if it is signed with this key of its platform. Raises LtiError `message_untrusted`.

    Nothing is said about whether what it says may be believed: `claims.read_message` does that.
    """
    try:
        public = jwt.PyJWK(dict(key), algorithm=ALGORITHM)
        claims: dict[str, Any] = jwt.decode(token, public, algorithms=[ALGORITHM], options=_ONLY_THE_SIGNATURE)  # type: ignore[arg-type]
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        # Without the cause: what it says of the token is not for a log.
        raise LtiError("message_untrusted", detail=f"signature: {type(error).__name__}") from None
    return claims


def error_code(said: object) -> str:
    """An error code of OAuth or OpenID Connect; nothing else that a stranger says is for a log."""
    is_one = isinstance(said, str) and 0 < len(said) <= 40 and said.isascii() and said.replace("_", "").isalpha()
    return str(said) if is_one else "no code"


def sign(claims: Mapping[str, Any], *, kid: str, private_pem: str) -> str:
    """A token of ours that says this."""
    # Ours, and sealed since it was made: asking again whether its factors are primes takes a hundred times as long as
    # signing.
    key = cast(RSAPrivateKey, load_pem_private_key(private_pem.encode(), None, unsafe_skip_rsa_key_validation=True))
    return jwt.encode(dict(claims), key, algorithm=ALGORITHM, headers={"kid": kid})


def check_message(claims: Mapping[str, Any]) -> None:
    """What the library holds of a message of its kind, beside our own checks. Raises LtiError `message_malformed`."""
    try:
        for validator in get_validators():
            if validator.can_validate(claims):
                validator.validate(claims)
    except LtiException as error:
        raise LtiError("message_malformed", detail=f"PyLTI1p3: {error}") from None


def public_jwk(public_pem: str) -> dict[str, Any]:
    """A key of ours as it is published; its name is its thumbprint."""
    return dict(Registration.get_jwk(public_pem))
