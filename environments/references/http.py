"""One guarded GET: every address checked, every redirect checked again, time and size bounded."""

from __future__ import annotations

import functools
import math
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import httpcore
import httpx
from django.conf import settings

from environments.errors import SystemFailure
from environments.references.addresses import host_and_port, read_url
from environments.references.guard import Resolver, checked_addresses, look_up, pinned_addresses, proxy_for

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

    def minutes_to_wait(self) -> int:
        """How long a host that has had enough wants to be left alone, as far as it says; at least 1."""
        seconds = 60.0
        if (after := self.headers.get("retry-after", "")).isdecimal():
            seconds = float(after)
        elif (reset := self.headers.get("x-ratelimit-reset", "")).isdecimal():
            seconds = float(reset) - time.time()
        return min(max(math.ceil(seconds / 60), 1), MAX_WAIT_MINUTES)


def get(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    max_bytes: int = MAX_BODY_BYTES,
    resolver: Resolver = look_up,
) -> Answer:
    """Ask a URL, following at most five redirects within `REPOSITORY_TIMEOUT_SECONDS` in all.

    `secrets` are headers that only the first origin gets to see. Raises `repository_unreachable` when no
    answer comes, and what the guard raises for the URL or one it redirects to.
    """
    deadline = time.monotonic() + settings.REPOSITORY_TIMEOUT_SECONDS
    origin = read_url(url)[:2]
    for _hop in range(MAX_REDIRECTS + 1):
        sent = {"User-Agent": "Carrel", **(headers or {})}
        if read_url(url)[:2] == origin:
            sent |= secrets or {}
        answer = _ask(url, sent, max_bytes, deadline, resolver)
        if answer.status not in _REDIRECTS or "location" not in answer.headers:
            return answer
        url = read_url(urljoin(url, answer.headers["location"])).geturl()
    raise SystemFailure("repository_unreachable", host=_host(url), detail="too many redirects")


def _ask(url: str, headers: Mapping[str, str], max_bytes: int, deadline: float, resolver: Resolver) -> Answer:
    """One request, one answer, no redirects."""
    try:
        with (
            _pool(url, deadline, resolver) as pool,
            pool.stream("GET", url, headers=list(headers.items()), extensions={"timeout": _timeouts()}) as response,
        ):
            body = _read(response.iter_stream(), max_bytes)
            fields = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Answer(url, response.status, fields, body)
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as error:
        raise SystemFailure("repository_unreachable", host=_host(url), detail=repr(error)) from error


def _pool(url: str, deadline: float, resolver: Resolver) -> httpcore.ConnectionPool:
    parts = read_url(url)
    host, _port = host_and_port(parts)
    proxy = proxy_for(parts.scheme, host)
    if proxy is None:
        return httpcore.ConnectionPool(_certificates(), network_backend=_GuardedBackend(deadline, resolver))
    pinned_addresses(url, resolver=resolver)
    through = httpx.Proxy(proxy)
    return httpcore.ConnectionPool(
        _certificates(),
        proxy=httpcore.Proxy(str(through.url), auth=through.raw_auth),
        network_backend=_TimedBackend(deadline),
    )


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Whom to trust: `SSL_CERT_FILE` or `SSL_CERT_DIR` where set. Reading them takes longer than asking."""
    return httpx.create_ssl_context()


def _read(chunks: Iterable[bytes], max_bytes: int) -> bytes:
    body = b""
    if max_bytes:
        for chunk in chunks:
            body += chunk
            if len(body) >= max_bytes:
                break
    return body[:max_bytes]


def _timeouts() -> dict[str, float]:
    seconds = float(settings.REPOSITORY_TIMEOUT_SECONDS)
    return {"connect": seconds, "read": seconds, "write": seconds, "pool": seconds}


def _host(url: str) -> str:
    return host_and_port(read_url(url))[0]


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every wait ends at one deadline, so that a host cannot drip for hours."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._remaining())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._remaining())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, self._remaining()), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _remaining(self) -> float:
        return _until(self._deadline)


class _TimedBackend(httpcore.NetworkBackend):
    """Connects where it is told to."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        remaining = _until(self._deadline)
        patience = remaining if timeout is None else min(timeout, remaining)
        stream = self._sockets.connect_tcp(host, port, patience, local_address, socket_options)
        return _TimedStream(stream, self._deadline)


class _GuardedBackend(_TimedBackend):
    """Connects only to addresses the guard has checked, and to exactly those."""

    def __init__(self, deadline: float, resolver: Resolver) -> None:
        super().__init__(deadline)
        self._resolver = resolver

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        *others, last = checked_addresses(host, port, resolver=self._resolver)
        share = _until(self._deadline) / (len(others) + 1)
        for address in others:
            try:
                return super().connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return super().connect_tcp(last, port, timeout, local_address, socket_options)


def _until(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise httpcore.ReadTimeout("the time for this answer is over")
    return remaining
