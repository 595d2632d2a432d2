"""What a launch says: whole messages, as Moodle sends them."""

from __future__ import annotations

import json
import re
from typing import Any

from lti.demo_lms import scopes
from lti.demo_lms.lms import Lms
from lti.demo_lms.quirks import INSTITUTION, MEMBERSHIP, SYSTEM
from lti.demo_lms.school import Activity, Course, Person, Tool

LTI = "https://purl.imsglobal.org/spec/lti/claim/"
DEEP_LINKING = "https://purl.imsglobal.org/spec/lti-dl/claim/"
GRADES = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
ROSTER = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
BASIC_OUTCOME = "https://purl.imsglobal.org/spec/lti-bo/claim/basicoutcome"
VERSION = "5.1 (Build: 20251017)"

_VARIABLE = re.compile(r"\$([A-Za-z0-9.]+)")


def resource_link(
    lms: Lms, tool: Tool, activity: Activity, person: Person, sesskey: str, *, new_window: bool
) -> dict[str, Any]:
    """The message of somebody who opened an activity.

    The session's key is part of the return address, as in Moodle: whoever keeps a launch keeps a secret.
    """
    course = lms.school.courses[activity.course]
    number = lms.quirks.identifier("activity", activity.id)
    column = lms.school.column_of(activity)
    claims = _common(lms, tool, course, person) | {
        LTI + "message_type": "LtiResourceLinkRequest",
        LTI + "target_link_uri": activity.url or tool.target_link_uri,
        LTI + "resource_link": {"id": number, "title": activity.title, "description": activity.description},
        LTI + "launch_presentation": {
            "locale": "en",
            "document_target": "window" if new_window else "iframe",
            "return_url": lms.url("/mod/lti/return.php", course=course.id, instanceid=activity.id, sesskey=sesskey),
        },
        LTI + "custom": _custom(lms, tool, course, person, activity),
    }
    if column is not None:
        sourced = {"data": {"instanceid": number, "userid": lms.sub(person), "typeid": str(tool.id)}, "hash": "0" * 64}
        url = lms.url("/mod/lti/service.php")
        claims[BASIC_OUTCOME] = {"lis_result_sourcedid": json.dumps(sourced), "lis_outcome_service_url": url}
        if GRADES in claims:
            claims[GRADES]["lineitem"] = scopes.line_item_url(lms, column)
    return claims


def deep_linking(lms: Lms, tool: Tool, course: Course, person: Person, sesskey: str) -> dict[str, Any]:
    """The message of a teacher who is about to pick something."""
    message = tool.deep_linking or {}
    url = lms.url("/mod/lti/contentitem_return.php", course=course.id, id=tool.id, sesskey=sesskey)
    claims = _common(lms, tool, course, person) | {
        LTI + "message_type": "LtiDeepLinkingRequest",
        LTI + "target_link_uri": message.get("target_link_uri") or tool.target_link_uri,
        LTI + "launch_presentation": {"locale": "en", "document_target": "iframe"},
        LTI + "custom": _custom(lms, tool, course, person, None),
        DEEP_LINKING + "deep_linking_settings": {
            "accept_types": ["ltiResourceLink"],
            "accept_presentation_document_targets": ["frame", "iframe", "window"],
            "accept_copy_advice": False,
            "accept_multiple": True,
            "accept_unsigned": False,
            "auto_create": False,
            "can_confirm": False,
            "deep_link_return_url": url,
            "title": tool.name,
            "text": "",
        },
    }
    if not lms.school.activities_of(course, tool):
        claims.pop(ROSTER, None)
        claims[LTI + "custom"].pop("context_memberships_url", None)
    return claims


def roles(lms: Lms, course: Course, person: Person) -> list[str]:
    """Somebody's roles, in the order they are sent."""
    enrolment = lms.enrolment(course, person)
    said = list(lms.quirks.launch_roles.get(enrolment.role, ())) if enrolment else []
    if person.is_administrator:
        if not said:
            said = [MEMBERSHIP + "Instructor"]
        said += [INSTITUTION + "Administrator", SYSTEM + "Administrator"]
    if person.is_test_user:
        said += lms.quirks.test_user_roles
    return said + [role for role in lms.quirks.everybodys_roles if role not in said]


def identity(tool: Tool, person: Person) -> dict[str, str]:
    """What the tool may know of somebody: only what it asked for when it was registered, and what there is."""
    known = {
        "given_name": person.given_name,
        "family_name": person.family_name,
        "name": person.name,
        "email": person.email,
    }
    return {claim: value for claim, value in known.items() if claim in tool.claims and value}


def context(lms: Lms, course: Course) -> dict[str, Any]:
    """What the course is called towards tools."""
    return {"id": lms.quirks.identifier("course", course.id), "label": course.label, "title": course.title}


def _common(lms: Lms, tool: Tool, course: Course, person: Person) -> dict[str, Any]:
    now = lms.now()
    claims: dict[str, Any] = {
        "iat": now,
        "exp": now + lms.quirks.id_token_seconds,
        "iss": lms.issuer,
        "aud": tool.client_id,
        "sub": lms.sub(person),
        LTI + "deployment_id": tool.deployment,
        LTI + "version": "1.3.0",
        LTI + "roles": roles(lms, course, person),
        LTI + "context": context(lms, course) | {"type": [lms.quirks.context_type]},
        LTI + "lis": {"person_sourcedid": "", "course_section_sourcedid": ""},
        LTI + "ext": {"user_username": person.username, "lms": f"{lms.quirks.family}-2"},
        LTI + "tool_platform": {
            "product_family_code": lms.quirks.family,
            "version": VERSION,
            "guid": lms.base_url.split("//")[-1],
            "name": lms.school.name,
            "description": "A pretend LMS",
        },
    }
    if lms.quirks.sends_azp:
        claims["azp"] = tool.client_id
    claims |= identity(tool, person)
    if granted := scopes.of_grades(tool):
        claims[GRADES] = {"scope": granted, "lineitems": scopes.line_items_url(lms, tool, course)}
    if scopes.MEMBERS in tool.scopes:
        url = scopes.members_url(lms, tool, course)
        claims[ROSTER] = {"context_memberships_url": url, "service_versions": ["1.0", "2.0"]}
    return claims


def _custom(lms: Lms, tool: Tool, course: Course, person: Person, activity: Activity | None) -> dict[str, str]:
    given = tool.custom | (activity.custom if activity else {})
    known = _variables(lms, tool, course, person, activity)

    def value_of(found: re.Match[str]) -> str:
        is_known = found[1] in lms.quirks.variables and found[1] in known
        return known[found[1]] if is_known else found[0]

    said = {name: _VARIABLE.sub(value_of, str(value)) for name, value in given.items()}
    if scopes.MEMBERS in tool.scopes:
        said["context_memberships_url"] = scopes.members_url(lms, tool, course)
    return said


def _variables(lms: Lms, tool: Tool, course: Course, person: Person, activity: Activity | None) -> dict[str, str]:
    def ids(kind: str, numbers: list[int]) -> str:
        return ",".join(lms.quirks.identifier(kind, number) for number in numbers)

    known = {
        "Context.id": ids("course", [course.id]),
        "Context.title": course.title,
        "Context.label": course.label,
        "Context.id.history": ids("course", course.copied_from),
        "CourseSection.title": course.title,
        "CourseSection.label": course.label,
        "User.id": lms.sub(person),
        "User.username": person.username,
        "Membership.role": ",".join(roles(lms, course, person)),
        "Moodle.Person.userGroupIds": "",
    }
    told = identity(tool, person)
    names = {"full": "name", "given": "given_name", "family": "family_name"}
    known |= {f"Person.name.{part}": told.get(claim, "") for part, claim in names.items()}
    known["Person.email.primary"] = told.get("email", "")
    if activity is not None:
        known["ResourceLink.id"] = ids("activity", [activity.id])
        known["ResourceLink.title"] = activity.title
        known["ResourceLink.description"] = activity.description
        known["ResourceLink.id.history"] = ids("activity", activity.copied_from)
    return known
