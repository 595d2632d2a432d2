"""A launch from the LMS's side: it starts the tool's login, and answers when the tool asks who it is."""

from __future__ import annotations

import json
import secrets
from urllib.parse import urlencode

from lti.demo_lms import claims
from lti.demo_lms.html import sending_form
from lti.demo_lms.lms import Launch, Lms, Session
from lti.demo_lms.school import Tool
from lti.demo_lms.web import Refused, Request, Response, redirect


def begin(lms: Lms, session: Session, launch: Launch) -> Response:
    """Start the tool's login for the person who clicked."""
    person, tool = lms.person_of(session), lms.school.tools[launch.tool]
    if not tool.is_active:
        raise Refused(403, "This tool waits to be activated by an administrator.")
    launch.person = person.id
    launch_id = f"ltilaunch{launch.activity or ''}_{secrets.randbelow(10**9)}"
    session.launches[launch_id] = launch
    activity = lms.school.activities.get(launch.activity or 0)
    asked = None if launch.activity else tool.deep_linking  # A picker may have an address of its own.
    target = (activity.url if activity else (asked or {}).get("target_link_uri")) or tool.target_link_uri
    fields = {
        "iss": lms.issuer,
        "target_link_uri": target,
        "login_hint": lms.sub(person),
        "lti_message_hint": json.dumps({"cmid": launch.activity, "launchid": launch_id}),
        "client_id": tool.client_id,
        "lti_deployment_id": tool.deployment,
    }
    if lms.quirks.storage_target:
        fields["lti_storage_target"] = lms.quirks.storage_target
    if lms.quirks.login_method == "GET":
        separator = "&" if "?" in tool.initiate_login_uri else "?"
        return redirect(f"{tool.initiate_login_uri}{separator}{urlencode(fields)}")
    return Response(sending_form(lms, tool.initiate_login_uri, fields, name="ltiInitiateLoginForm"))


def authorize(lms: Lms, request: Request) -> Response:
    """Answer a tool that asks who is there: with a launch, or with an error where its address can be trusted."""
    asked = request.given
    session = lms.session_of(request)
    if session is None and request.method == "POST" and "repost" not in asked:
        # A form that another site sends comes without the cookie; sent once more from here it comes with it.
        return Response(sending_form(lms, lms.url("/mod/lti/auth.php"), {**asked, "repost": "true"}, name="repost"))
    launch_id = _launch_id(asked.get("lti_message_hint", ""))
    launch = session.launches.pop(launch_id, None) if session is not None else None
    if session is None or launch is None:
        raise Refused(400, "Invalid request: this launch is not known here, or was answered before.")
    tool = lms.tool(str(launch.tool))
    redirect_uri = asked.get("redirect_uri", "")
    if redirect_uri not in tool.redirect_uris:
        raise Refused(400, "Invalid request: this is no address that the tool was registered with.")
    problem = _problem(lms, session, tool, asked)
    if problem is None:
        answer = {"id_token": lms.sign(_said(lms, session, launch, tool) | {"nonce": asked["nonce"]})}
    else:
        answer = {"error": problem[0]} | ({"error_description": problem[1]} if problem[1] else {})
    if "state" in asked:
        answer["state"] = asked["state"]
    answer = lms.answer_of_launch(answer, lms.person_of(session))
    return Response(sending_form(lms, redirect_uri, answer, name="ltiAuthForm"))


def _said(lms: Lms, session: Session, launch: Launch, tool: Tool) -> dict[str, object]:
    person = lms.person_of(session)
    if launch.activity is None:
        return claims.deep_linking(lms, tool, lms.course(str(launch.course)), person, session.sesskey)
    activity = lms.activity(str(launch.activity))
    return claims.resource_link(lms, tool, activity, person, session.sesskey, new_window=launch.new_window)


def _problem(lms: Lms, session: Session, tool: Tool, asked: dict[str, str]) -> tuple[str, str] | None:
    """What is wrong with the question, as OpenID Connect names it, and in words."""
    if not all(asked.get(name) for name in ("scope", "response_type", "client_id", "login_hint", "nonce")):
        return "invalid_request", ""
    if asked["scope"] != "openid":
        return "invalid_scope", ""
    if asked["response_type"] != "id_token":
        return "unsupported_response_type", ""
    if asked["client_id"] != tool.client_id:
        return "unauthorized_client", ""
    if asked["login_hint"] != lms.sub(lms.person_of(session)):
        return "access_denied", ""
    if "response_mode" not in asked:
        return "invalid_request", "Missing response_mode"
    if asked["response_mode"] != "form_post":
        return "invalid_request", "Invalid response_mode"
    if asked.get("prompt", "none") != "none":
        return "invalid_request", "Invalid prompt"
    return None


def _launch_id(hint: str) -> str:
    try:
        said = json.loads(hint)
    except ValueError:
        return ""
    return str(said.get("launchid", "")) if isinstance(said, dict) else ""
