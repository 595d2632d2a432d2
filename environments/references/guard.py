"""The address guard: which hosts Carrel may connect to on behalf of somebody else's text.

Every connection made for a repository, by Carrel itself or by git, goes to an address that was looked up
and checked here, and to no other: the checked address is handed on, never the name alone, so that a name
cannot mean something else by the time it is used.

Where `HTTPS_PROXY` or `HTTP_PROXY` applies to a host, it is the proxy that looks the name up. Then names are
still checked if they can be looked up here, and literal addresses always, but nothing is pinned: such a proxy
has to refuse private addresses itself.
"""

from __future__ import annotations

import functools
import ipaddress
import logging
import os
import re
import socket
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from environments.errors import SystemFailure, UserError
from environments.references.addresses import host_and_port, read_url

logger = logging.getLogger(__name__)

Resolver = Callable[[str, int], list[str]]
"""From a host and a port to its addresses; raises OSError when it has none."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SPECIAL = [ipaddress.ip_network(text) for text in ("192.0.0.0/24", "64:ff9b:1::/48", "168.63.129.16/32")]
"""What not every Python counts as private, and a cloud's own address that lies among the public ones."""
_PINNING_GIT = (2, 37)
_PASSED_ON = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH")


def look_up(host: str, port: int) -> list[str]:
    """Ask the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def is_public(address: str) -> bool:
    """Whether an IP address lies on the open internet, looking through IPv4 carried inside IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        carried = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            carried = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if carried is not None:
            return is_public(str(carried))
        if ip.is_site_local:
            return False
    if any(ip in network for network in _SPECIAL):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def checked_addresses(host: str, port: int, *, resolver: Resolver = look_up) -> list[str]:
    """The addresses of a host, all of them fit to connect to.

    One private address among public ones condemns the host. Raises `repository_address_forbidden`, or
    `repository_unreachable` when the name does not exist.
    """
    try:
        addresses = resolver(host, port)
    except (OSError, UnicodeError) as error:
        raise SystemFailure("repository_unreachable", host=host, detail=str(error)) from error
    if not addresses:
        raise SystemFailure("repository_unreachable", host=host, detail="no address")
    if not is_allowed(host, port) and not all(map(is_public, addresses)):
        raise UserError("repository_address_forbidden", host=host)
    return addresses


def proxy_for(scheme: str, host: str) -> str | None:
    """The proxy the environment names for this host."""
    proxy = urllib.request.getproxies_environment().get(scheme)
    return proxy if proxy and not urllib.request.proxy_bypass(host) else None


def pinned_addresses(url: str, *, resolver: Resolver = look_up) -> list[str]:
    """The checked addresses of a URL's host; empty when only a proxy can look the name up.

    Raises what `read_url` and `checked_addresses` raise.
    """
    parts = read_url(url)
    host, port = host_and_port(parts)
    try:
        return checked_addresses(host, port, resolver=resolver)
    except SystemFailure:
        if proxy_for(parts.scheme, host) is None:
            raise
        return []


def guarded_git_options(url: str, *, resolver: Resolver = look_up) -> list[str]:
    """The `-c` options with which git connects to a checked address of this URL, and follows nothing.

    They go between `git` and the subcommand. git follows no redirect then, so `url` must be one that
    `remotes.fetch_url` returned. Raises what `pinned_addresses` raises, and `git_too_old`.
    """
    seconds = settings.REPOSITORY_TIMEOUT_SECONDS
    options = [
        "protocol.version=2",
        "http.followRedirects=false",
        "http.lowSpeedLimit=1000",
        f"http.lowSpeedTime={seconds}",
        "credential.helper=",
    ]
    addresses = pinned_addresses(url, resolver=resolver)
    host, port = host_and_port(read_url(url))
    if addresses and not _is_literal(host) and _git_can_pin():
        spelled = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
        options.append(f"http.curloptResolve={host}:{port}:{spelled}")
    return [word for option in options for word in ("-c", option)]


def git_environment(home: Path, *, local: bool = False) -> dict[str, str]:
    """Everything git gets to know of its surroundings: certificates, proxies, an empty home, no credentials.

    Only http and https are spoken, never ssh or a helper program; with `local`, only the disk.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if os.environ.get(name)}
    if "SSL_CERT_FILE" in environment:
        environment.setdefault("GIT_SSL_CAINFO", environment["SSL_CERT_FILE"])
    # In lower case: curl does not read HTTP_PROXY, and would pass by the proxy that Carrel itself uses.
    proxies = urllib.request.getproxies_environment()
    environment |= {f"{name}_proxy": proxies[name] for name in ("http", "https", "no") if name in proxies}
    return environment | {
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": "file" if local else "https:http",
        "GIT_ASKPASS": "true",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


def is_allowed(host: str, port: int) -> bool:
    """Whether the operator vouches for this host, whatever its address is."""
    names = {host, f"{host}:{port}", f"[{host}]", f"[{host}]:{port}"}
    return any(allowed.lower() in names for allowed in settings.REPOSITORY_ALLOWED_HOSTS)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@functools.cache
def _git_can_pin() -> bool:
    """Whether this git knows `http.curloptResolve`; older ones would look the name up again, unchecked.

    That is tolerable on somebody's own machine only. Raises `git_too_old` elsewhere.
    """
    done = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=10, check=True)
    match = re.search(r"(\d+)\.(\d+)", done.stdout)
    if match and (int(match[1]), int(match[2])) >= _PINNING_GIT:
        return True
    if not settings.EMBEDDED:
        raise SystemFailure("git_too_old", detail=done.stdout.strip())
    logger.warning("%s cannot pin addresses; git %d.%d or newer can", done.stdout.strip(), *_PINNING_GIT)
    return False
