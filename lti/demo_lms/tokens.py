"""The token endpoint: an assertion that the tool has signed becomes an access token."""

from __future__ import annotations

import secrets
from html import escape

from lti.demo_lms.keys import BadSignature, KeysUnreachable, fetch_keys, unverified, verified
from lti.demo_lms.lms import TOKEN_SECONDS, AccessToken, Lms
from lti.demo_lms.school import Tool
from lti.demo_lms.web import Request, Response, as_json

PATH = "/mod/lti/token.php"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def give_token(lms: Lms, request: Request) -> Response:
    """Answer a request for a token. Moodle's JSON is called HTML, and it looks neither at `aud` nor at `jti`."""
    form = request.form
    assertion, asked = form.get("client_assertion", ""), form.get("scope", "").split()
    if not (assertion and asked and form.get("grant_type") and form.get("client_assertion_type") == ASSERTION):
        return _refusal(lms, "invalid_request")
    if form["grant_type"] != "client_credentials":
        return _refusal(lms, "unsupported_grant_type")
    try:
        tool = lms.tool_of_client(unverified(assertion).get("sub"))
        if tool is None:
            return _refusal(lms, "invalid_client")
        said = verified(assertion, keys_of(lms, tool), audience=_audience(lms), now=lms.clock())
    except BadSignature:
        return _refusal(lms, "invalid_client")
    except KeysUnreachable as error:
        return _keys_unreachable(error)
    allowed = tuple(scope for scope in asked if scope in tool.scopes)
    if not allowed:
        return _refusal(lms, "invalid_scope")
    with lms.lock:
        spent = str(said.get("jti"))
        if lms.quirks.token_reuse_is_refused and spent in lms.spent_assertions:
            return _refusal(lms, "invalid_client")
        lms.spent_assertions.add(spent)
        token = secrets.token_hex(16)
        lms.tokens[token] = AccessToken(tool.id, allowed, lms.clock() + TOKEN_SECONDS)
    given = {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS, "scope": " ".join(allowed)}
    return as_json(given, content_type=lms.quirks.media_type_of_tokens)


def keys_of(lms: Lms, tool: Tool) -> dict[str, object]:
    """The tool's public keys. Raises `KeysUnreachable`."""
    if tool.is_unreachable:
        raise KeysUnreachable("The URL is blocked.")
    return tool.public_keys or fetch_keys(tool.jwks_uri, follow=not lms.tool_origin)


def _audience(lms: Lms) -> str | None:
    return lms.url(PATH) if lms.quirks.audience == "endpoint" else lms.quirks.audience or None


def _refusal(lms: Lms, error: str) -> Response:
    return as_json({"error": error}, 400, lms.quirks.media_type_of_tokens)


def _keys_unreachable(error: KeysUnreachable) -> Response:
    words = escape(str(error))
    return Response(
        f"<!DOCTYPE html>\n<html><head><title>Error</title></head><body><h1>Error</h1><p>{words}</p></body></html>", 404
    )
