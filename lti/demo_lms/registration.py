"""Dynamic registration as Moodle does it: a token in the address, one POST, and a tool that waits to be activated."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from lti.demo_lms import scopes
from lti.demo_lms.claims import VERSION
from lti.demo_lms.html import link, page
from lti.demo_lms.keys import BadSignature
from lti.demo_lms.lms import Lms, Session
from lti.demo_lms.school import Tool
from lti.demo_lms.web import Refused, Request, Response, as_json, redirect

TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
PLATFORM = "https://purl.imsglobal.org/spec/lti-platform-configuration"
TOKEN_SECONDS = 3600
IDENTITY = ("sub", "iss", "name", "given_name", "family_name", "email")


class RegistrationError(Exception):
    """What was posted does not register a tool."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def configuration(lms: Lms, request: Request) -> Response:
    """What the LMS says of itself."""
    return as_json(
        {
            "issuer": lms.issuer,
            "token_endpoint": lms.url("/mod/lti/token.php"),
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
            "jwks_uri": lms.url("/mod/lti/certs.php"),
            "authorization_endpoint": lms.url("/mod/lti/auth.php"),
            "registration_endpoint": lms.url("/mod/lti/openid-registration.php"),
            "scopes_supported": [*scopes.ALL, "openid"],
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public", "pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": list(IDENTITY),
            PLATFORM: {
                "product_family_code": lms.quirks.family,
                "version": VERSION,
                "messages_supported": [
                    {"type": "LtiResourceLinkRequest"},
                    {"type": "LtiDeepLinkingRequest", "placements": ["ContentArea"]},
                ],
                "variables": list(lms.quirks.variables),
            },
        }
    )


def start(lms: Lms, session: Session, url: str, tool_id: str | None) -> Response:
    """Send the administrator's browser to the tool, or first ask which of its registrations is meant.

    `tool_id` is "0" for a new one whatever there is, a number for that one again, and None where nobody has said.
    """
    parts = urlsplit(url)
    if not are_addresses(url):
        raise Refused(400, "This is not the address of a web page.")
    if not may_be_tool(lms, url):
        raise Refused(403, f"This LMS knows no tool but that of {lms.tool_origin}.")
    known = [tool for tool in lms.school.tools.values() if tool.domain == parts.netloc]
    if known and tool_id is None:
        choices = "".join(_choice(lms, url, str(tool.id), f"Update “{tool.name}”") for tool in known)
        choices += _choice(lms, url, "0", "Register as new tool")
        title = "A tool of this domain is registered already"
        return Response(page(lms, session, title, f'<ul class="plain">{choices}</ul>'))
    wanted = tool_id or "0"
    updated = None if wanted == "0" else lms.tool(wanted)
    said: dict[str, Any] = {"sub": updated.client_id if updated else secrets.token_urlsafe(12), "scope": "reg"}
    said |= {"iat": lms.now(), "exp": lms.now() + TOKEN_SECONDS, "iss": lms.issuer}
    if updated:
        said["type"] = updated.id
    asked = [*parse_qsl(parts.query), ("openid_configuration", lms.url("/mod/lti/openid-configuration.php"))]
    asked.append(("registration_token", lms.keys.sign(said)))
    return redirect(parts._replace(query=urlencode(asked)).geturl())


def _choice(lms: Lms, url: str, tool_id: str, words: str) -> str:
    return f"<li>{link(lms, words, '/mod/lti/startltiadvregistration.php', url=url, type=tool_id)}</li>"


def register(lms: Lms, request: Request) -> Response:
    """Take what a tool says of itself, or tell what is known of it."""
    header = request.headers.get("authorization", "")
    try:
        if not header.startswith("Bearer "):
            raise RegistrationError(401, "missing_registration_token")
        token = _token(lms, header.removeprefix("Bearer ").strip())
        if request.method == "GET":
            tool = lms.tool_of_client(token["sub"])
            if tool is None:
                raise RegistrationError(404, "invalid_client")
            return as_json(_described(tool))
        said = request.json()
        facts = facts_of(said if isinstance(said, dict) else {})
        if not may_be_tool(lms, facts["initiate_login_uri"], facts["jwks_uri"], *facts["redirect_uris"]):
            raise RegistrationError(403, "tool_not_allowed")
    except RegistrationError as error:
        return as_json({"error": error.reason}, error.status)
    if "type" in token:
        tool = lms.school.tools[token["type"]]
        for name, value in facts.items():
            setattr(tool, name, value)
    else:
        tool = lms.add_tool(token["sub"], **facts)
    return as_json(_described(tool))


def _token(lms: Lms, token: str) -> dict[str, Any]:
    """What a registration token says. One for a new tool is good once."""
    try:
        said = lms.keys.verify(token)
    except BadSignature as error:
        raise RegistrationError(401, "invalid_registration_token") from error
    if said.get("scope") != "reg" or said["exp"] <= lms.clock():
        raise RegistrationError(401, "invalid_registration_token")
    if "type" not in said and lms.tool_of_client(said["sub"]) is not None:
        raise RegistrationError(401, "token_already_used")
    if "type" in said and said["type"] not in lms.school.tools:
        raise RegistrationError(401, "invalid_registration_token")
    return said


def facts_of(said: dict[str, Any]) -> dict[str, Any]:
    """The tool that a registration describes. Raises `RegistrationError`."""
    tool = said.get(TOOL)
    tool = tool if isinstance(tool, dict) else {}
    for name in ("response_types", "initiate_login_uri", "redirect_uris", "client_name", "jwks_uri"):
        _require(said, name)
    _require(said, "token_endpoint_auth_method")
    _require(tool, "domain")
    if "id_token" not in said["response_types"]:
        raise RegistrationError(400, "invalid_response_types")
    if not isinstance(said["redirect_uris"], list) or not are_addresses(*said["redirect_uris"]):
        raise RegistrationError(400, "invalid_redirect_uris")
    if not are_addresses(said["initiate_login_uri"], said["jwks_uri"]):
        raise RegistrationError(400, "invalid_initiate_login_uri")
    if said["token_endpoint_auth_method"] != "private_key_jwt":  # noqa: S105 - the name of a way
        raise RegistrationError(400, "invalid_token_endpoint_auth_method")
    if said.get("application_type", "web") != "web":
        raise RegistrationError(400, "invalid_application_type")
    target = tool.get("target_link_uri") or f"https://{tool['domain']}"
    if urlsplit(target).netloc != tool["domain"]:
        raise RegistrationError(400, "domain_targetlinkuri_mismatch")
    messages = tool.get("messages")
    return {
        "name": str(said["client_name"]),
        "initiate_login_uri": said["initiate_login_uri"],
        "redirect_uris": said["redirect_uris"],
        "target_link_uri": target,
        "domain": tool["domain"],
        "jwks_uri": said["jwks_uri"],
        "scopes": scopes.granted(str(said.get("scope", "")).split()),
        "claims": [claim for claim in IDENTITY if claim in (tool.get("claims") or [])],
        "custom": {str(name): str(value) for name, value in (tool.get("custom_parameters") or {}).items()},
        "messages": [one for one in messages if isinstance(one, dict)] if isinstance(messages, list) else [],
    }


def are_addresses(*urls: object) -> bool:
    """Whether all of these are addresses of web pages; no other kind may stand in a page of ours."""
    parts = [urlsplit(url) for url in urls if isinstance(url, str)]
    return len(parts) == len(urls) and all(one.scheme in ("http", "https") and one.netloc for one in parts)


def may_be_tool(lms: Lms, *urls: str) -> bool:
    """Whether a tool may be at these addresses; where there is one origin for tools, all have to be of it."""
    return not lms.tool_origin or all(url.startswith(f"{lms.tool_origin}/") for url in urls)


def _require(said: dict[str, Any], name: str) -> None:
    if not said.get(name):
        raise RegistrationError(400, f"missing required attribute {name}")


def _described(tool: Tool) -> dict[str, Any]:
    return {
        "client_id": tool.client_id,
        "response_types": ["id_token"],
        "initiate_login_uri": tool.initiate_login_uri,
        "grant_types": ["client_credentials", "implicit"],
        "redirect_uris": tool.redirect_uris,
        "application_type": "web",
        "token_endpoint_auth_method": "private_key_jwt",
        "client_name": tool.name,
        "logo_uri": "",
        "jwks_uri": tool.jwks_uri,
        "scope": " ".join(tool.scopes),
        TOOL: {
            "version": "1.3.0",
            "deployment_id": tool.deployment,
            "target_link_uri": tool.target_link_uri,
            "domain": tool.domain,
            "description": "",
            "custom_parameters": tool.custom,
            "claims": tool.claims,
            "messages": tool.messages,
        },
    }
