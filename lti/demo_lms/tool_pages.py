"""The administrator's page: tools are registered, activated and deleted there."""

from __future__ import annotations

import secrets
from html import escape
from urllib.parse import urlsplit

from lti.demo_lms import registration, scopes
from lti.demo_lms.access import administrator, posting_administrator
from lti.demo_lms.html import button, hidden, page
from lti.demo_lms.lms import Lms, Session
from lti.demo_lms.school import Tool
from lti.demo_lms.web import Refused, Request, Response, redirect


def tools(lms: Lms, request: Request) -> Response:
    """The administrator's page: register tools, activate them, look at what must be copied."""
    session = administrator(lms, request)
    items = "".join(_tool_item(lms, session, one) for one in lms.school.tools.values())
    content = f"{_register_form(lms, session)}<h2>Tools</h2><ul class='plain'>{items}</ul>{_tool_form(lms, session)}"
    return Response(page(lms, session, "External tools", content))


def register_by_hand(lms: Lms, request: Request) -> Response:
    """Take the values an administrator has copied; a tool entered so is active at once."""
    posting_administrator(lms, request)
    given = {name: request.form.get(name, "") for name in ("name", "target_link_uri", "jwks_uri", "initiate_login_uri")}
    redirect_uris = [request.form.get("redirect_uri", "")]
    if not registration.are_addresses(*redirect_uris, *(given[name] for name in given if name != "name")):
        raise Refused(400, "Each of these must be the address of a web page.")
    if not registration.may_be_tool(lms, *redirect_uris, *(given[name] for name in given if name != "name")):
        raise Refused(403, f"This LMS knows no tool but that of {lms.tool_origin}.")
    lms.add_tool(
        secrets.token_urlsafe(12),
        **given,
        redirect_uris=redirect_uris,
        domain=urlsplit(given["target_link_uri"]).netloc,
        scopes=list(scopes.ALL),
        claims=list(registration.IDENTITY),
        messages=[{"type": "LtiDeepLinkingRequest", "target_link_uri": given["target_link_uri"]}],
        is_active=True,
    )
    return redirect(lms.url("/mod/lti/toolconfigure.php"))


def start_registration(lms: Lms, request: Request) -> Response:
    """Begin with what an administrator has pasted."""
    session = administrator(lms, request)
    if "sesskey" in request.query and request.query["sesskey"] != session.sesskey:
        raise Refused(403, "Your session has most likely timed out. Please try again.")
    return registration.start(lms, session, request.query.get("url", ""), request.query.get("type"))


def activate(lms: Lms, request: Request) -> Response:
    """Let teachers find a tool that has registered itself."""
    posting_administrator(lms, request)
    lms.tool(request.form.get("id", "")).is_active = True
    return redirect(lms.url("/mod/lti/toolconfigure.php"))


def delete(lms: Lms, request: Request) -> Response:
    """Delete a tool with its activities."""
    posting_administrator(lms, request)
    lms.school.remove_tool(lms.tool(request.form.get("id", "")))
    return redirect(lms.url("/mod/lti/toolconfigure.php"))


def _register_form(lms: Lms, session: Session) -> str:
    here = escape(lms.url("/mod/lti/toolconfigure.php"))
    return (
        "<p>Paste the address that a tool gives for registration.</p>"
        f'<form action="{escape(lms.url("/mod/lti/startltiadvregistration.php"))}" target="registration">'
        f"{hidden({'sesskey': session.sesskey})}<label>Tool URL <input name='url' type='url' required></label>"
        "<button>Add LTI Advantage</button></form>"
        f'<iframe name="registration" title="Registration" data-registering="{here}" hidden></iframe>'
    )


def _tool_form(lms: Lms, session: Session) -> str:
    named = {"target_link_uri": "Tool URL", "jwks_uri": "Public keyset", "initiate_login_uri": "Initiate login URL"}
    named["redirect_uri"] = "Redirection URI"
    inputs = "".join(
        f"<label>{words} <input name='{name}' type='url' required></label>" for name, words in named.items()
    )
    return (
        "<h2>Enter a tool by hand</h2>"
        f'<form method="post" action="{escape(lms.url("/mod/lti/typessettings.php"))}">'
        f"{hidden({'sesskey': session.sesskey})}<label>Tool name <input name='name' required></label>{inputs}"
        "<button>Save</button></form>"
    )


def _tool_item(lms: Lms, session: Session, tool: Tool) -> str:
    facts = {"Platform ID": lms.issuer, "Client ID": tool.client_id, "Deployment ID": tool.deployment}
    facts |= {"Public keyset URL": lms.url("/mod/lti/certs.php"), "Access token URL": lms.url("/mod/lti/token.php")}
    facts["Authentication request URL"] = lms.url("/mod/lti/auth.php")
    told = "".join(f"<br>{escape(name)}: <code>{escape(value)}</code>" for name, value in facts.items())
    state = "active" if tool.is_active else "pending"
    actions = "" if tool.is_active else button(lms, session, "Activate", "/mod/lti/activate.php", id=tool.id)
    actions += button(lms, session, "Delete", "/mod/lti/delete.php", id=tool.id)
    words = f"<strong>{escape(tool.name)}</strong> ({state})<span class='quiet'>{told}</span>"
    return f"<li><span>{words}</span>{actions}</li>"
