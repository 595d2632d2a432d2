"""What comes back from a tool's picker: content items, which become activities of the course."""

from __future__ import annotations

from typing import Any

from lti.demo_lms.claims import DEEP_LINKING, LTI
from lti.demo_lms.keys import BadSignature, KeysUnreachable, verified
from lti.demo_lms.lms import Lms
from lti.demo_lms.school import Activity, Course, Tool
from lti.demo_lms.tokens import keys_of
from lti.demo_lms.web import Refused, Request


def take_items(lms: Lms, request: Request) -> tuple[Course, list[Activity]]:
    """Put what was picked into the course. Returns the course and what is new in it.

    The session is found by the key in the address, because the post comes from the tool's site and without a cookie.
    """
    given = request.given
    session = lms.session_with_key(given.get("sesskey", ""))
    if session is None:
        raise Refused(403, "Your session has most likely timed out. Please sign in again.")
    course, tool = lms.course(given.get("course", "")), lms.tool(given.get("id", ""))
    if not lms.may_edit(course, lms.person_of(session)):
        raise Refused(403, "You may not add activities to this course.")
    said = _message(lms, tool, given.get("JWT", ""))
    items = said.get(DEEP_LINKING + "content_items") or []
    if not isinstance(items, list) or not all(_is_link(item) for item in items):
        raise Refused(400, "The tool sent something that is not a link to an activity.")
    with lms.lock:
        return course, [_add(lms, course, tool, item) for item in items]


def _message(lms: Lms, tool: Tool, token: str) -> dict[str, Any]:
    try:
        keys = keys_of(lms, tool)
        needs_key_id = lms.quirks.deep_link_needs_key_id
        said = verified(token, keys, audience=lms.issuer, now=lms.clock(), needs_key_id=needs_key_id)
    except BadSignature as error:
        raise Refused(400, f"The tool's answer cannot be trusted: {error}.") from error
    except KeysUnreachable as error:
        raise Refused(404, f"The tool's keys cannot be fetched: {error}.") from error
    expected = {
        "iss": tool.client_id,
        LTI + "message_type": "LtiDeepLinkingResponse",
        LTI + "version": "1.3.0",
        LTI + "deployment_id": tool.deployment,
    }
    for name, value in expected.items():
        if said.get(name) != value:
            raise Refused(400, f"The tool's answer is not as it should be: {name} is {said.get(name)!r}.")
    if "iat" not in said or not said.get("nonce"):
        raise Refused(400, "The tool's answer is not as it should be: iat or nonce is missing.")
    return said


def _is_link(item: Any) -> bool:
    if not isinstance(item, dict) or item.get("type") != "ltiResourceLink":
        return False
    custom, line_item = item.get("custom") or {}, item.get("lineItem") or {"scoreMaximum": 1}
    if not isinstance(custom, dict) or not isinstance(line_item, dict):
        return False
    return isinstance(line_item.get("scoreMaximum"), int | float) and line_item["scoreMaximum"] > 0


def _add(lms: Lms, course: Course, tool: Tool, item: dict[str, Any]) -> Activity:
    custom = {str(name): str(value) for name, value in (item.get("custom") or {}).items()}
    facts = {"description": item.get("text") or "", "url": item.get("url") or "", "custom": custom}
    activity = lms.school.add_activity(course, tool, item.get("title") or tool.name, **facts)
    line_item = item.get("lineItem")
    if line_item:
        named = {"resource_id": line_item.get("resourceId") or "", "tag": line_item.get("tag") or ""}
        label = line_item.get("label") or activity.title
        lms.school.add_column(course, tool, label, line_item["scoreMaximum"], **named, activity=activity.id)
    return activity
