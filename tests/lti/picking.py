"""Opening a picker as a platform does, and reading what goes back."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import jwt

from lti.claims import DEEP_LINKING_CLAIM
from tests.lti.platforms import CLIENT_ID, TEACHER, Browser

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

RETURN_URL = "https://campus.example.org/return?sesskey=a&course=2"


def picker(browser: Browser, **changes: Any) -> str:
    """The address of a picker that was opened; what the platform accepts may be changed."""
    response = asking(browser, **changes)
    assert response.status_code == 302, response.content.decode()
    return response["Location"]


def asking(browser: Browser, *, settings: dict[str, Any] | None = None, **changes: Any) -> Response:
    """What a platform's request to choose something is answered with."""
    asked = {
        "deep_link_return_url": RETURN_URL,
        "accept_types": ["ltiResourceLink"],
        "accept_presentation_document_targets": ["iframe", "window"],
        "accept_multiple": True,
    }
    said = {name: value for name, value in (asked | (settings or {})).items() if value is not None}
    facts: dict[str, Any] = {"message_type": "LtiDeepLinkingRequest", "roles": [TEACHER], "resource_link": None}
    return browser.launch(**facts | {"deep_linking_settings": said} | changes)


def choose(browser: Browser, url: str, *items: str, **fields: str) -> Response:
    """Press the button under what is ticked."""
    response: Response = browser.client.post(url, {"do": "add", "item": [*items], **fields})
    return response


def token_of(response: Response) -> str:
    """What goes back to the platform."""
    found = re.search(r'name="JWT" value="([^"]+)"', response.content.decode())
    assert found is not None, response.content.decode()
    return unescape(found[1])


def said_in(browser: Browser, response: Response) -> dict[str, Any]:
    """The same, read as the platform reads it: with a key that we publish."""
    token = token_of(response)
    published = browser.client.get("/lti/keys.json").json()["keys"]
    key = next(one for one in published if one["kid"] == jwt.get_unverified_header(token)["kid"])
    issuer = browser.lms.issuer
    said: dict[str, Any] = jwt.decode(token, jwt.PyJWK(key), ["RS256"], audience=issuer, issuer=CLIENT_ID)
    return said


def items_in(browser: Browser, response: Response) -> list[dict[str, Any]]:
    """The content items."""
    items: list[dict[str, Any]] = said_in(browser, response)[f"{DEEP_LINKING_CLAIM}content_items"]
    return items
