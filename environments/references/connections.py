"""Connections for one request: only to addresses the guard has checked, and never for longer than is bearable."""

from __future__ import annotations

import functools
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx

from environments.references.addresses import host_and_port, read_url
from environments.references.guard import Resolver, checked_addresses, pinned_addresses, proxy_for

_SLOWEST_BYTES_PER_SECOND = 1000
"""What comes more slowly for long is given up, as git gives up."""


class Patience:
    """How long a host may keep us waiting, all in all."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._ends_at = clock() + seconds

    def remaining(self) -> float:
        """The seconds left. Raises httpcore's ReadTimeout when there are none."""
        remaining = self._ends_at - self._clock()
        if remaining <= 0:
            raise httpcore.ReadTimeout("the time for this answer is over")
        return remaining

    def received(self, count: int) -> None:
        """Take note that so many bytes have come."""


class RenewedPatience(Patience):
    """Begins anew whenever enough has come: a long answer may take its time, but no host may drip for hours."""

    _count = 0

    def received(self, count: int) -> None:
        self._count += count
        if self._count >= self._seconds * _SLOWEST_BYTES_PER_SECOND:
            self._ends_at, self._count = self._clock() + self._seconds, 0


def pool_for(url: str, patience: Patience, resolver: Resolver, *, is_our_own: bool = False) -> httpcore.ConnectionPool:
    """What to ask this URL through. Raises what the guard raises, at the latest when it connects.

    The guard lets through what `is_our_own`: an address that this site made up itself, and nobody gave it.
    """
    if is_our_own:
        return httpcore.ConnectionPool(_certificates(), network_backend=_TimedBackend(patience))
    parts = read_url(url)
    host, _port = host_and_port(parts)
    proxy = proxy_for(parts.scheme, host)
    if proxy is None:
        return httpcore.ConnectionPool(_certificates(), network_backend=_GuardedBackend(patience, resolver))
    pinned_addresses(url, resolver=resolver)
    through = httpx.Proxy(proxy)
    return httpcore.ConnectionPool(
        _certificates(),
        proxy=httpcore.Proxy(str(through.url), auth=through.raw_auth),
        network_backend=_TimedBackend(patience),
    )


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Whom to trust: `SSL_CERT_FILE` or `SSL_CERT_DIR` where set. Reading them takes longer than asking."""
    return httpx.create_ssl_context()


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every wait ends with our patience."""

    def __init__(self, stream: httpcore.NetworkStream, patience: Patience) -> None:
        self._stream = stream
        self._patience = patience

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, self._patience.remaining())
        self._patience.received(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._patience.remaining())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        encrypted = self._stream.start_tls(ssl_context, server_hostname, self._patience.remaining())
        return _TimedStream(encrypted, self._patience)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _TimedBackend(httpcore.NetworkBackend):
    """Connects where it is told to."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        remaining = self._patience.remaining()
        seconds = remaining if timeout is None else min(timeout, remaining)
        stream = self._sockets.connect_tcp(host, port, seconds, local_address, socket_options)
        return _TimedStream(stream, self._patience)


class _GuardedBackend(_TimedBackend):
    """Connects only to addresses the guard has checked, and to exactly those."""

    def __init__(self, patience: Patience, resolver: Resolver) -> None:
        super().__init__(patience)
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
        share = self._patience.remaining() / (len(others) + 1)
        for address in others:
            try:
                return super().connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return super().connect_tcp(last, port, timeout, local_address, socket_options)
