"""The frame of every page, and forms that send themselves."""

from __future__ import annotations

from html import escape

from lti.demo_lms.lms import Lms, Session


def safety_headers(lms: Lms) -> list[tuple[str, str]]:
    """What a browser may do with a page: run its own script and no other, and lead to tools."""
    tools = f"'self' {lms.tool_origin}" if lms.tool_origin else "http: https:"
    style, script = lms.url("/static/lms.css"), lms.url("/static/lms.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src {style}; script-src {script}; "
        f"frame-src {tools}; form-action {tools}; base-uri 'none'; frame-ancestors 'self'"
    )
    headers = [("content-security-policy", policy), ("cache-control", "no-store")]
    if lms.is_within_its_tool:
        headers += [("referrer-policy", "same-origin"), ("cross-origin-opener-policy", "same-origin")]
    return headers


def link(lms: Lms, words: str, path: str, *, attributes: str = "", **query: object) -> str:
    """A link to a page here."""
    return f'<a href="{escape(lms.url(path, **query))}"{attributes and " " + attributes}>{escape(words)}</a>'


def button(lms: Lms, session: Session, words: str, path: str, **fields: object) -> str:
    """A button that posts these fields to a page here."""
    inputs = hidden({"sesskey": session.sesskey} | {name: str(value) for name, value in fields.items()})
    form = f'<form class="one" method="post" action="{escape(lms.url(path))}">'
    return f"{form}{inputs}<button>{escape(words)}</button></form>"


def hidden(fields: dict[str, str]) -> str:
    """Fields that nobody sees."""
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )


def sending_form(lms: Lms, url: str, fields: dict[str, str], *, name: str) -> str:
    """A page that posts these fields as soon as it is there, and has a button for where nothing runs."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>One moment</title>{_head(lms)}</head><body>"
        f'<form id="{escape(name)}" name="{escape(name)}" method="post" action="{escape(url)}" data-send-at-once>'
        f"{hidden(fields)}<noscript><button>Continue</button></noscript></form></body></html>"
    )


def page(lms: Lms, session: Session | None, title: str, content: str) -> str:
    """A whole page."""
    here = f"<strong>{link(lms, lms.school.name, '/my/')}</strong>"
    if session is not None:
        person = lms.person_of(session)
        tools = link(lms, "Tools", "/mod/lti/toolconfigure.php") if person.is_administrator else ""
        here += f"{tools}<span>{escape(person.name)}</span>"
        here += button(lms, session, "Sign out", "/login/logout.php")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · {escape(lms.school.name)}</title>{_head(lms)}</head><body>"
        '<aside class="banner">'
        "This is a pretend LMS to try tools with, and no part of them. Nobody here is real.</aside>"
        f"<header>{here}</header><main><h1>{escape(title)}</h1>{content}</main></body></html>"
    )


def _head(lms: Lms) -> str:
    style, script = lms.url("/static/lms.css"), lms.url("/static/lms.js")
    links = f'<link rel="stylesheet" href="{escape(style)}"><link rel="icon" href="data:,">'
    return f'{links}<script src="{escape(script)}" defer></script>'
