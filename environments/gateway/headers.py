"""Which headers pass in each direction, and what they look like on the other side. Pure functions.

Header names are lower-case bytes, as ASGI servers give them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from django.conf import settings

from environments.tickets import KEY_PREFIX

Header = tuple[bytes, bytes]

_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
_ONLY_ONCE = frozenset((b"content-length", b"host", b"origin"))
_NOTED = frozenset(
    (
        b"accept",
        b"accept-language",
        b"authorization",
        b"connection",
        b"content-length",
        b"cookie",
        b"host",
        b"origin",
        b"sec-fetch-dest",
        b"sec-fetch-mode",
        b"sec-fetch-site",
        b"transfer-encoding",
    )
)
"""What we ourselves look at."""
_NOT_FORWARDED = _HOP_BY_HOP | {
    b"authorization",
    b"content-length",
    b"cookie",
    b"expect",
    b"forwarded",
    b"host",
    b"x-real-ip",
    b"x-scheme",
}
"""Ends here, or is written anew: who the client is and how it came is not the client's to say."""
_NOT_RETURNED = _HOP_BY_HOP | {
    b"clear-site-data",  # would sign the person out of every other origin of the domain
    b"date",  # ours is written by the web server in front, like `server`
    b"server",
}
_NOT_FORWARDED_PREFIXES = (b"x-forwarded-", b"x-carrel", b"x_carrel")
"""So is who the person is; some programs take an underscore for a hyphen."""
_OWN_COOKIE_PREFIXES = (b"carrel_", b"__host-carrel", b"__secure-carrel")
_SAFE_IN_LOCATION = "/?:@!$&'()*+,;=~#%[]"


@dataclass(slots=True)
class ClientHeaders:
    """A client's headers, sorted: `noted` for us by name, `kept` for the server, cookies for whom they concern."""

    noted: dict[bytes, bytes]
    kept: list[Header]
    passes: tuple[str, ...]
    cookies: bytes
    is_ambiguous: bool
    """Whether two readers could see two different requests in them: a header twice, a body framed oddly."""

    def text(self, name: bytes) -> str:
        """The value of a noted header, empty when it is absent."""
        return self.noted.get(name, b"").decode("latin-1")

    @property
    def has_body(self) -> bool:
        """Whether the request announces a body."""
        return b"transfer-encoding" in self.noted or self.noted.get(b"content-length", b"0") != b"0"

    @property
    def is_chunked(self) -> bool:
        """Whether the body is as long as it turns out to be."""
        return b"transfer-encoding" in self.noted

    @property
    def wants_page(self) -> bool:
        """Whether a person is waiting for a page, rather than a program for data."""
        mode = self.noted.get(b"sec-fetch-mode")
        return mode == b"navigate" if mode else b"text/html" in self.noted.get(b"accept", b"")


def sort_client_headers(headers: Iterable[Header]) -> ClientHeaders:
    """Read a client's headers once."""
    noted: dict[bytes, bytes] = {}
    kept: list[Header] = []
    is_ambiguous = False
    for header in headers:
        name, value = header
        if name in _NOTED:
            if name in noted:
                is_ambiguous = is_ambiguous or name in _ONLY_ONCE
                value = noted[name] + (b"; " if name == b"cookie" else b", ") + value
            noted[name] = value
        if name not in _NOT_FORWARDED and not name.startswith(_NOT_FORWARDED_PREFIXES):
            kept.append(header)
    if noted.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
        is_ambiguous = True
    passes, cookies = _sort_cookies(noted[b"cookie"]) if b"cookie" in noted else ((), b"")
    connection = noted.get(b"connection")
    if connection is not None and connection not in (b"keep-alive", b"close", b"Upgrade"):
        kept = _without_named(kept, connection)
    return ClientHeaders(noted, kept, passes, cookies, is_ambiguous)


def headers_for_server(
    client: ClientHeaders, *, token: str, client_address: str, identity: Iterable[Header] = ()
) -> list[Header]:
    """What the notebook server is told: the client's headers, its own host, our token, who is in front of it."""
    host = client.noted.get(b"host", b"")
    headers = [(b"host", host), *client.kept]
    if client.cookies:
        headers.append((b"cookie", client.cookies))
    headers += (
        (b"authorization", b"token " + token.encode()),
        (b"x-forwarded-for", client_address.encode("latin-1")),
        (b"x-forwarded-proto", b"https" if settings.HTTPS else b"http"),
        (b"x-forwarded-host", host),
        *identity,
    )
    return headers


def identity_headers(username: str, name: str) -> tuple[Header, ...]:
    """Who the person is, for the notebook server to show: how they sign in, and the name others see."""
    return (b"x-carrel-user", quote(username, safe="").encode()), (b"x-carrel-name", quote(name, safe="").encode())


def headers_for_client(headers: list[Header]) -> list[Header]:
    """What of a notebook server's response reaches the browser."""
    connection = b""
    kept = []
    for header in headers:
        name = header[0]
        if name in _NOT_RETURNED:
            if name == b"connection":
                connection = header[1]
            continue
        if name == b"set-cookie" and not _may_set(header[1]):
            continue
        kept.append(header)
    return _without_named(kept, connection) if connection else kept


def token_of(authorization: str) -> str:
    """The token in an Authorization header, in the spelling of the web (`Bearer`) or of Jupyter (`token`)."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() in ("bearer", "token") else ""


def key_in(target: bytes) -> tuple[str, bytes]:
    """The key to this server that stands in an address as `token`, or '', and the address without it.

    Any other token there is the notebook server's business.
    """
    path, _mark, query = target.partition(b"?")
    parts = [*query.split(b"&")] if query else []
    keys = {part: unquote_to_bytes(part[6:]).decode("latin-1") for part in parts if part.startswith(b"token=")}
    ours = {part: key for part, key in keys.items() if key.startswith(KEY_PREFIX)}
    if not ours:
        return "", target
    rest = b"&".join(part for part in parts if part not in ours)
    return next(iter(ours.values())), path + b"?" + rest if rest else path


def safe_next(path: str) -> str:
    """Where to go on this same origin; `/lab` when `path` could lead anywhere else."""
    if not path.startswith("/") or path.startswith("//") or "\\" in path:
        return "/lab"
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in path):
        return "/lab"
    return quote(path, safe=_SAFE_IN_LOCATION)


def _sort_cookies(header: bytes) -> tuple[tuple[str, ...], bytes]:
    """The values of our own cookie, and the header as the notebook server may see it."""
    own_name = settings.GATEWAY_COOKIE_NAME.encode()
    passes = []
    others = []
    for part in header.split(b";"):
        name, _, value = part.partition(b"=")
        name = name.strip()
        if name == own_name:
            passes.append(value.strip().decode("latin-1"))
        elif not _is_own_cookie(name):
            others.append(part.strip())
    return tuple(passes), b"; ".join(others)


def _is_own_cookie(name: bytes) -> bool:
    if name.lower().startswith(_OWN_COOKIE_PREFIXES):
        return True
    own = (
        settings.GATEWAY_COOKIE_NAME,
        settings.SESSION_COOKIE_NAME,
        settings.CSRF_COOKIE_NAME,
        settings.LTI_COOKIE_NAME,
    )
    return name.decode("latin-1") in own


def _may_set(cookie: bytes) -> bool:
    """Whether a notebook server may set this: a cookie of its own origin alone, and not one of ours."""
    pair, *attributes = cookie.split(b";")
    if _is_own_cookie(pair.partition(b"=")[0].strip()):
        return False
    return not any(attribute.partition(b"=")[0].strip().lower() == b"domain" for attribute in attributes)


def _without_named(headers: list[Header], connection: bytes) -> list[Header]:
    named = {token.strip().lower() for token in connection.split(b",")}
    return [header for header in headers if header[0] not in named]
