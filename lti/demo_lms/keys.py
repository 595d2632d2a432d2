"""The keys the pretend LMS signs with, and reading what a tool has signed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

FETCH_SECONDS = 5.0
MAX_KEYS_BYTES = 256 * 1024


class KeysUnreachable(Exception):
    """The tool's keys could not be fetched."""


class BadSignature(Exception):
    """No key of the tool has signed this."""


def new_key() -> rsa.RSAPrivateKey:
    """A key to sign with."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class KeyRing:
    """One key that signs, and the keys that are published."""

    def __init__(self, saved: dict[str, str] | None = None) -> None:
        """With these keys by their ids, the last of which signs; or with a new one."""
        self.published = {key_id: _from_pem(pem) for key_id, pem in (saved or {}).items()}
        if not self.published:
            self.rotate()

    @property
    def key_id(self) -> str:
        """Which key signs."""
        return list(self.published)[-1]

    @property
    def key(self) -> rsa.RSAPrivateKey:
        """The key that signs."""
        return self.published[self.key_id]

    def rotate(self, *, keep_old: bool = False) -> None:
        """Sign with a new key from now on, and publish only that unless told to keep the others."""
        key = new_key()
        key_id = f"{key.public_key().public_numbers().n % 16**20:020x}"
        self.published = {**(self.published if keep_old else {}), key_id: key}

    def key_set(self, *, names_algorithm: bool = True) -> dict[str, Any]:
        """What the world is told of the keys."""
        return {"keys": [public_jwk(key, key_id, names_algorithm) for key_id, key in self.published.items()]}

    def sign(self, claims: dict[str, Any]) -> str:
        """A token that says this."""
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.key_id})

    def verify(self, token: str) -> dict[str, Any]:
        """What a token of our own says. Raises `BadSignature`."""
        return verified(token, self.key_set(), audience=None)

    def saved(self) -> dict[str, str]:
        """The keys as they are kept."""
        return {key_id: _to_pem(key) for key_id, key in self.published.items()}


def public_jwk(key: rsa.RSAPrivateKey, key_id: str, names_algorithm: bool = True) -> dict[str, Any]:
    """One public key as a JWKS lists it."""
    described: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    described.pop("key_ops", None)
    return described | {"kid": key_id, "use": "sig"} | ({"alg": "RS256"} if names_algorithm else {})


def fetch_keys(url: str, *, follow: bool = True) -> dict[str, Any]:
    """The keys a tool publishes there, or, with `follow`, where that leads. Raises `KeysUnreachable`."""
    try:
        with httpx.stream("GET", url, timeout=FETCH_SECONDS, follow_redirects=follow, trust_env=False) as answer:
            answer.raise_for_status()
            body = b""
            for part in answer.iter_bytes():
                body += part
                if len(body) > MAX_KEYS_BYTES:
                    raise KeysUnreachable(f"{url} does not end")
        found = json.loads(body)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise KeysUnreachable(f"{url}: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
        raise KeysUnreachable(f"{url} answers with no set of keys")
    return found


def verified(
    token: str, key_set: dict[str, Any], *, audience: str | None, now: float | None = None, needs_key_id: bool = False
) -> dict[str, Any]:
    """What a token says that a key of this set has signed. Raises `BadSignature`.

    With `now`, it must not have expired by then; the audience is looked at only where one is given.
    """
    try:
        wanted = jwt.get_unverified_header(token).get("kid")
        if wanted is None and needs_key_id:
            raise BadSignature("the header names no key")
        described = [one for one in key_set["keys"] if wanted is None or one.get("kid") == wanted]
        if not described:
            raise BadSignature(f"no key {wanted}")
        key = jwt.PyJWK({**described[0], "alg": "RS256"}).key
        checked: Any = {
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
            "verify_aud": audience is not None,
        }
        said: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], audience=audience, options=checked)
    except (jwt.PyJWTError, KeyError, TypeError, AttributeError) as error:
        raise BadSignature(str(error)) from error
    if now is not None and not (isinstance(said.get("exp"), int | float) and said["exp"] > now):
        raise BadSignature("it has expired")
    return said


def unverified(token: str) -> dict[str, Any]:
    """What a token claims, whoever wrote it. Raises `BadSignature` when it is none."""
    try:
        said: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise BadSignature(str(error)) from error
    return said


def _to_pem(key: rsa.RSAPrivateKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def _from_pem(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("no RSA key")
    return key
