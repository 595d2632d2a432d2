"""What the gateway says in its own name on a server's origin: redirects, small pages, and JSON for programs.

Pages are self-contained, since nothing else of Carrel can be reached on that origin, and run no script.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote
from uuid import UUID

from asgiref.typing import ASGISendCallable
from django.conf import settings
from django.utils import translation
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation.trans_real import parse_accept_lang_header

from environments.errors import REASONS, explain
from environments.gateway.headers import ClientHeaders, Header

MAX_NEXT_LENGTH = 2000
"""Longer addresses are not worth coming back to, and do not fit into one of ours."""

_STYLE = """
:root { color-scheme: light dark; --paper: #f8f4ec; --ink: #24211c; --accent: #1d5a49; --on-accent: #fffdf9; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #1a1815; --ink: #ece5d8; --accent: #86cdb0; --on-accent: #10231c; }
}
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper);
  color: var(--ink); font: 1.0625rem/1.6 system-ui, sans-serif; }
main { max-width: 32rem; padding: 2rem 1.5rem; }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0 0 .75rem; }
p { margin: 0 0 1.5rem; }
a { display: inline-block; padding: .6rem 1.1rem; border-radius: .5rem; background: var(--accent);
  color: var(--on-accent); text-decoration: none; }
a:focus-visible { outline: 3px solid var(--ink); outline-offset: 3px; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Carrel</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{next_step}</p>
<a href="{href}" target="_top">{label}</a>
</main>
</body>
</html>
"""
_OWN_HEADERS: list[Header] = [
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (
        b"content-security-policy",
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'".encode(),
    ),
]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response of ours."""

    status: int
    headers: list[Header]
    body: bytes = b""

    async def send(self, send: ASGISendCallable) -> None:
        """As the response to an HTTP request."""
        headers = [*self.headers, (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": self.status, "headers": headers, "trailers": False})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})

    async def refuse_websocket(self, send: ASGISendCallable) -> None:
        """As the response to a websocket's handshake, instead of accepting it."""
        headers = [*self.headers, (b"content-length", b"%d" % len(self.body))]
        await send({"type": "websocket.http.response.start", "status": self.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": self.body, "more_body": False})


def redirect(location: str, *, status: int = HTTPStatus.FOUND, extra: tuple[Header, ...] = ()) -> Answer:
    """Send the browser elsewhere, leaving no trace in caches or Referer headers."""
    return Answer(status, [*_OWN_HEADERS, (b"location", location.encode("latin-1")), *extra])


def sign_in(subdomain: str, target: bytes) -> Answer:
    """Send a person to Carrel's own origin to be let in, and then back to `target`.

    The same whether or not there is such a server.
    """
    return redirect(_open_url(subdomain, target))


def refusal(code: str, client: ClientHeaders, *, subdomain: str, server_id: UUID | None = None) -> Answer:
    """Say no, or not now, in the form and language asked for. `code` is a key of REASONS."""
    with translation.override(language_of(client.text(b"accept-language"))):
        if client.wants_page:
            return _page(code, _way_on(code, subdomain, server_id))
        return _json(code)


def _way_on(code: str, subdomain: str, server_id: UUID | None) -> tuple[str, str]:
    """Where the page's one button leads, and what it says."""
    if server_id is not None:
        return f"{settings.PUBLIC_URL}/servers/{server_id}/", _("Go to this server")
    if code in ("ticket_invalid", "sign_in_required"):
        return _open_url(subdomain, b""), _("Open the server again")
    return f"{settings.PUBLIC_URL}/", _("Go to Carrel")


def _open_url(subdomain: str, target: bytes) -> str:
    query = f"?next={quote(target, safe='')}" if 0 < len(target) <= MAX_NEXT_LENGTH else ""
    return f"{settings.PUBLIC_URL}/open/{subdomain}/{query}"


def _page(code: str, way_on: tuple[str, str]) -> Answer:
    words = explain(code, {})
    href, label = way_on
    body = format_html(
        _PAGE,
        language=translation.get_language() or "en",
        title=words.sentence,
        next_step=words.next_step,
        style=mark_safe(_STYLE),  # noqa: S308 - ours
        href=href,
        label=label,
    )
    headers = [*_OWN_HEADERS, (b"content-type", b"text/html; charset=utf-8")]
    return Answer(REASONS[code].status, headers, body.encode())


def _json(code: str) -> Answer:
    words = explain(code, {})
    body = json.dumps({"code": code, "message": words.sentence, "next_step": words.next_step})
    headers = [*_OWN_HEADERS, (b"content-type", b"application/json")]
    if REASONS[code].status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    return Answer(REASONS[code].status, headers, body.encode())


def language_of(accept_language: str) -> str:
    """The first language a browser asks for that we speak."""
    for language, _quality in parse_accept_lang_header(accept_language[:500]):
        try:
            return translation.trans_real.get_supported_language_variant(language)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE
