"""What people type or paste as the address of a repository, made into one canonical https URL.

Purely textual: nothing here asks the network or the disk. What an address leads to is `guard.py`'s matter.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, quote, unquote, urlsplit

from environments.errors import UserError

MAX_ADDRESS = 500
"""What the database keeps of a repository's name."""
MAX_URL = 8000
"""What a host may redirect to: addresses that are good for one download are long."""
DEFAULT_PORTS = {"https": 443, "http": 80}

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)(?P<mark>://|::|:)")
_SCP = re.compile(r"git@(?P<host>[^@/:\s]+):(?P<path>[^\s:].*)")
_SSH = re.compile(r"ssh://(?:git@)?(?P<host>[^@/:\s]+)(?::\d+)?/(?P<path>.+)", re.IGNORECASE)
_LOCAL = re.compile(r"[/~\\]|\.{1,2}(?:[/\\]|$)|[A-Za-z]:[/\\]")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_USER_INFO = re.compile(r"(?<=//)[^/?#]*@|^[^/?#]*@")


def shown(text: str) -> str:
    """The text as an error may repeat it: printable, short, and without anybody's password."""
    printable = "".join(character if character.isprintable() else "�" for character in text[:2000])
    masked = _USER_INFO.sub("…@", printable)
    return masked if len(masked) <= 120 else f"{masked[:119]}…"


def is_local(text: str) -> bool:
    """Whether this means a place on a disk: `/srv/work`, `../work`, `~/work`, `C:\\work`."""
    return _LOCAL.match(text) is not None


def scheme_of(text: str) -> str:
    """What the text begins with, as written (`https://`, `ext::`, `file:`), or empty."""
    match = _SCHEME.match(text)
    return match.group() if match else ""


def read_url(text: str) -> SplitResult:
    """The web address a text means: https or http, lower-case host, no user, no default port, no fragment.

    The ssh spellings git hosts offer (`git@host:owner/name.git`, `ssh://git@host/…`) are read as https.
    Raises `repository_invalid`, `repository_scheme_forbidden`, `repository_local_forbidden`,
    `repository_has_credentials` or `repository_address_forbidden`.
    """
    text = _without_ssh(text)
    scheme = scheme_of(text)
    if is_local(text) or scheme.lower() == "file://":
        raise UserError("repository_local_forbidden", repository=shown(text))
    if scheme.lower() not in ("https://", "http://"):
        if scheme:
            raise UserError("repository_scheme_forbidden", scheme=scheme[:40])
        raise UserError("repository_invalid", repository=shown(text))
    if not text.isprintable() or " " in text or "\\" in text or len(text) > MAX_URL:
        raise UserError("repository_invalid", repository=shown(text))
    return _normalised(text)


def repository_path(url: SplitResult) -> str:
    """The path of a repository's address without the endings that make no difference."""
    return url.path.rstrip("/").removesuffix(".git").rstrip("/")


def segments(path: str) -> list[str]:
    """The parts of a URL's path, decoded."""
    return [unquote(part) for part in path.split("/") if part]


def host_and_port(url: SplitResult) -> tuple[str, int]:
    """Where to connect to for a URL that `read_url` made."""
    assert url.hostname, "read_url makes no URL without a host"  # noqa: S101
    return url.hostname, url.port or DEFAULT_PORTS[url.scheme]


def _without_ssh(text: str) -> str:
    match = _SSH.fullmatch(text) or (_SCP.fullmatch(text) if "://" not in text else None)
    return f"https://{match['host']}/{match['path'].lstrip('/')}" if match else text


def _normalised(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        port = url.port
        literal_v6 = url.netloc.rpartition("@")[2].startswith("[")
    except ValueError as error:
        raise UserError("repository_invalid", repository=shown(text)) from error
    if "@" in url.netloc or "%40" in url.netloc:
        raise UserError("repository_has_credentials")
    host = f"[{_ipv6(url.hostname or '')}]" if literal_v6 else _host(url.hostname or "")
    if port == 0 or any(part in (".", "..") for part in segments(url.path)):
        raise UserError("repository_invalid", repository=shown(text))
    netloc = host if port in (None, DEFAULT_PORTS[url.scheme]) else f"{host}:{port}"
    path = quote(url.path, safe="/%:@!$&'()*+,;=~")
    return SplitResult(url.scheme, netloc, path, quote(url.query, safe="/%:@!$&'()*+,;=~?"), "")


def _ipv6(host: str) -> str:
    try:
        return ipaddress.IPv6Address(host).compressed
    except ValueError as error:
        raise UserError("repository_invalid", repository=shown(host)) from error


def _host(host: str) -> str:
    """The host as the name system spells it.

    Whatever ends in a number is an IPv4 address to the programs that connect; only its plain spelling is
    accepted, since they do not agree on the others (`2130706433`, `0x7f.1`, `0177.0.0.1`).
    """
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise UserError("repository_invalid", repository=shown(host)) from error
    if _ENDS_IN_NUMBER.fullmatch(name):
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError as error:
            raise UserError("repository_address_forbidden", host=shown(name)) from error
    if not _HOST.fullmatch(name):
        raise UserError("repository_invalid", repository=shown(host))
    return name
