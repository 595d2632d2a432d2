"""Reads a provider's own documents and ID tokens, and believes no more than the specification allows.

allauth trusts the connection an ID token came by and checks neither its signature nor a nonce. Both are checked here:
a proxy that opens TLS, or a code that somebody else was given, then does not sign anybody in.
"""

from __future__ import annotations

import json
import secrets
from typing import Any, cast

import jwt

from accounts.fetching import fetch
from accounts.identity_providers import OpenID
from accounts.refusals import SignInRefused

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Signatures that only the provider can make. None that we could make ourselves from the client's secret."""
LEEWAY_SECONDS = 120
_KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
_REFUSALS: dict[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "too_late",
    jwt.ImmatureSignatureError: "too_late",
    jwt.InvalidAudienceError: "other_site",
}


def discover(protocol: OpenID) -> dict[str, Any]:
    """What the provider says of itself. Raises SignInRefused when it is not to be had, or is another's."""
    document = _json_object(fetch(protocol.discovery_url), protocol.discovery_url)
    if missing := [name for name in _NEEDED if not isinstance(document.get(name), str)]:
        raise SignInRefused("unreadable", f"{protocol.discovery_url} lacks {missing[0]}")
    if protocol.issuer and document["issuer"] != protocol.issuer:
        raise SignInRefused("untrusted", f"{protocol.discovery_url} is of another issuer than the settings name")
    return document


def read_id_token(token: str, *, protocol: OpenID, nonce: str) -> dict[str, Any]:
    """The claims of an ID token that was made by this provider, for us, for this very sign-in. Raises SignInRefused."""
    document = discover(protocol)
    try:
        header = jwt.get_unverified_header(token)
        key = _signing_key(header, document["jwks_uri"])
        claims: dict[str, Any] = jwt.decode(
            token,
            key=key,
            algorithms=[header["alg"]],
            audience=protocol.client_id,
            issuer=document["issuer"],
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except jwt.PyJWTError as error:
        raise SignInRefused(_REFUSALS.get(type(error), "untrusted"), f"ID token: {type(error).__name__}") from error
    _refuse_others(claims, protocol.client_id)
    if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise SignInRefused("untrusted", "ID token: its nonce is not that of this sign-in")
    return claims


def _refuse_others(claims: dict[str, Any], client_id: str) -> None:
    """A token for several, or given to another client, is not ours although it names us."""
    authorised = claims.get("azp")
    if authorised is None and isinstance(claims["aud"], list) and len(claims["aud"]) > 1:
        raise SignInRefused("other_site", "ID token: for several clients, and does not say which asked for it")
    if authorised is not None and authorised != client_id:
        raise SignInRefused("other_site", "ID token: given to another client")


def _signing_key(header: dict[str, Any], keys_url: str) -> jwt.PyJWK:
    """The key this token says it is signed with, read for the algorithm it names."""
    if header.get("alg") not in ALGORITHMS:
        raise SignInRefused("untrusted", "ID token: signed in a way that is not accepted")
    for is_fresh_wanted in (False, True):  # A provider changes its keys now and then.
        keys = _json_object(fetch(keys_url, is_fresh_wanted=is_fresh_wanted), keys_url).get("keys")
        for described in keys if isinstance(keys, list) else []:
            if isinstance(described, dict) and _fits(described, header):
                return jwt.PyJWK(described, algorithm=header["alg"])
    raise SignInRefused("untrusted", "ID token: signed by a key that the provider does not publish")


def _fits(described: dict[str, Any], header: dict[str, Any]) -> bool:
    is_named = header.get("kid") is None or described.get("kid") == header["kid"]
    is_of_kind = described.get("kty") == _KEY_TYPES[header["alg"][:2]]
    return (
        is_named
        and is_of_kind
        and described.get("alg", header["alg"]) == header["alg"]
        and described.get("use", "sig") == "sig"
    )


def _json_object(body: bytes, url: str) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise SignInRefused("unreadable", f"{url} is not JSON") from error
    if not isinstance(document, dict):
        raise SignInRefused("unreadable", f"{url} is not a JSON object")
    return cast("dict[str, Any]", document)
