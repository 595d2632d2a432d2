"""Guarded requests: every address checked, every redirect checked again, time bounded.

`get` is for answers that fit in memory and have to come soon, `download` for those that may be long, `send` for what
is told to somebody else.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

import httpcore
from django.conf import settings

from environments.errors import SystemFailure
from environments.references.addresses import host_and_port, read_url
from environments.references.connections import Patience, RenewedPatience, pool_for
from environments.references.guard import Resolver, look_up

MAX_REDIRECTS = 5
MAX_BODY_BYTES = 1_000_000
MAX_WAIT_MINUTES = 24 * 60
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host said in the end. Header names are in lower case; the body is cut at `max_bytes`."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def leads_to(self) -> str:
        """Where a redirect leads; empty for any other answer."""
        if self.status not in _REDIRECTS or "location" not in self.headers:
            return ""
        return read_url(urljoin(self.url, self.headers["location"])).geturl()

    @property
    def has_had_enough(self) -> bool:
        """Whether an answer that is no success means that the host is asked too often."""
        return self.status == 429 or self.headers.get("x-ratelimit-remaining") == "0"

    def seconds_to_wait(self) -> float:
        """How long a host that has had enough wants to be left alone, as far as it says."""
        if (after := self.headers.get("retry-after", "")).isdecimal():
            return float(after)
        if (reset := self.headers.get("x-ratelimit-reset", "")).isdecimal():
            return float(reset) - time.time()
        return 60.0

    def minutes_to_wait(self) -> int:
        """The same in whole minutes, as people are told; at least 1."""
        return min(max(math.ceil(self.seconds_to_wait() / 60), 1), MAX_WAIT_MINUTES)

    def refusal(self) -> SystemFailure:
        """What it means when it is about us or the host itself, and not about what was asked for."""
        host = _host(self.url)
        if self.has_had_enough:
            return SystemFailure("repository_rate_limited", host=host, minutes=self.minutes_to_wait())
        return SystemFailure("repository_unreachable", host=host, detail=f"HTTP status {self.status}")


def get(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    max_bytes: int = MAX_BODY_BYTES,
    follow: bool = True,
    is_our_own: bool = False,
    resolver: Resolver = look_up,
) -> Answer:
    """Ask a URL, following at most five redirects within `REPOSITORY_TIMEOUT_SECONDS` in all.

    `secrets` are headers that only the first origin gets to see. Without `follow`, a redirect is an answer; so it is
    for a page that `is_our_own`, which the guard lets through.
    Raises `repository_unreachable` when no answer comes, and what the guard raises for the URL or one it
    redirects to.
    """
    request = _Request(
        Patience(settings.REPOSITORY_TIMEOUT_SECONDS),
        resolver,
        headers or {},
        secrets or {},
        lambda _status, pieces: _joined(pieces, max_bytes),
        is_our_own=is_our_own,
    )
    return request.follow(url) if follow and not is_our_own else request.ask(url, url)


def send(
    method: str,
    url: str,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    max_bytes: int = MAX_BODY_BYTES,
    is_our_own: bool = False,
    resolver: Resolver = look_up,
) -> Answer:
    """Make one request of any method, within `REPOSITORY_TIMEOUT_SECONDS`; a redirect is an answer.

    The guard lets through what `is_our_own`. Raises `repository_unreachable` when no answer comes, and what the guard
    raises for the URL.
    """
    request = _Request(
        Patience(settings.REPOSITORY_TIMEOUT_SECONDS),
        resolver,
        headers or {},
        {},
        lambda _status, pieces: _joined(pieces, max_bytes),
        method=method,
        body=body,
        is_our_own=is_our_own,
    )
    return request.ask(url, url)


def download(url: str, receive: Callable[[bytes], None], *, resolver: Resolver = look_up) -> Answer:
    """Ask a URL like `get`, handing the pieces of an answer of 200 to `receive` as they come; the body stays empty.

    It may take any time, as long as a thousand bytes come a second. Raises what `get` raises, also when the
    answer ends before its time, and whatever `receive` raises.
    """

    def take(status: int, pieces: Iterable[bytes]) -> bytes:
        for piece in pieces if status == 200 else ():
            receive(piece)
        return b""

    patience = RenewedPatience(settings.REPOSITORY_TIMEOUT_SECONDS)
    return _Request(patience, resolver, {"Accept-Encoding": "identity"}, {}, take).follow(url)


@dataclass(frozen=True, slots=True)
class _Request:
    """How to ask, wherever that leads. `take` makes what is kept as the body, from the status and what comes."""

    patience: Patience
    resolver: Resolver
    headers: Mapping[str, str]
    secrets: Mapping[str, str]
    take: Callable[[int, Iterable[bytes]], bytes]
    method: str = "GET"
    body: bytes = b""
    is_our_own: bool = False

    def follow(self, url: str) -> Answer:
        """The answer at the end of all redirects."""
        at = url
        for _hop in range(MAX_REDIRECTS + 1):
            answer = self.ask(at, url)
            if not (leads_to := answer.leads_to):
                return answer
            at = leads_to
        raise SystemFailure("repository_unreachable", host=_host(at), detail="too many redirects")

    def ask(self, url: str, first: str) -> Answer:
        """One request, one answer. Only the origin of `first` sees the secrets."""
        sent = {"User-Agent": "Carrel", **self.headers}
        if self.method != "GET":
            sent["Content-Length"] = str(len(self.body))
        if read_url(url)[:2] == read_url(first)[:2]:
            sent |= self.secrets
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), float(settings.REPOSITORY_TIMEOUT_SECONDS))
        try:
            with (
                pool_for(url, self.patience, self.resolver, is_our_own=self.is_our_own) as pool,
                pool.stream(
                    self.method, url, headers=list(sent.items()), content=self.body, extensions={"timeout": timeouts}
                ) as response,
            ):
                body = self.take(response.status, response.iter_stream())
                return Answer(url, response.status, _fields(response.headers), body)
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as error:
            raise SystemFailure("repository_unreachable", host=_host(url), detail=repr(error)) from error


def _fields(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name, the last of each; those of links are one list, in however many lines they come."""
    fields: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        fields[name] = f"{fields[name]}, {value}" if name == "link" and name in fields else value
    return fields


def _joined(pieces: Iterable[bytes], max_bytes: int) -> bytes:
    body = bytearray()
    for piece in pieces if max_bytes else ():
        body += piece
        if len(body) >= max_bytes:
            break
    return bytes(body[:max_bytes])


def _host(url: str) -> str:
    return host_and_port(read_url(url))[0]
