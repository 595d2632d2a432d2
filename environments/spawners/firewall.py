"""Keeps servers from the host, from private networks and from link-local addresses, by a few rules of iptables.

The engine itself separates networks from one another, but lets all of them talk to the host and to whatever the
host can reach. The rules name all servers' networks at once, by how their interfaces begin, so they are put in
place once. That takes root on the engine's machine: Carrel does it before each start if it has the right;
else an operator does it with `manage.py firewall`, at each boot of the machine.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.conf import settings

from environments.errors import SystemFailure
from environments.spawners.surroundings import is_on_the_engines_machine
from environments.values import Firewall

logger = logging.getLogger(__name__)

BRIDGE_PREFIX = "crl"
"""How the network interfaces of all servers begin."""

BLOCKED = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "private to a provider"),
    ("127.0.0.0/8", "the machine itself"),
    ("168.63.129.16/32", "a cloud's own services (Azure)"),
    ("169.254.0.0/16", "link-local, where clouds hand out credentials"),
    ("172.16.0.0/12", "private, and the engine's own"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "tests of network devices"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved, and broadcast"),
)
"""Where servers cannot connect to through the host, and what is there."""

FORWARD_CHAIN = "CARREL-FORWARD"
INPUT_CHAIN = "CARREL-INPUT"
_PARENTS = {FORWARD_CHAIN: "DOCKER-USER", INPUT_CHAIN: "INPUT"}
_TIMEOUT_SECONDS = 20
_RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
"""Where the engine finds name servers for containers; the second when the first names only the machine itself."""


def apply() -> None:
    """Put the rules in place if they are not, as far as this process may. Otherwise say so in the log."""
    if not can_install():
        logger.warning("the firewall for servers cannot be checked from here: see docs/security.md")
        return
    if not is_installed():
        install()


def can_install() -> bool:
    """Whether this process may change the firewall of the machine the engine is on."""
    return is_on_the_engines_machine() and os.geteuid() == 0 and shutil.which("iptables") is not None


def state() -> Firewall:
    """How it stands with the rules, as far as that can be seen from here."""
    try:
        if not can_install():
            return Firewall.UNSEEN
        return Firewall.IN_PLACE if is_installed() else Firewall.MISSING
    except SystemFailure:
        return Firewall.UNSEEN


def is_installed() -> bool:
    """Whether exactly these rules are in place. Raises SystemFailure `runtime_unavailable` if it cannot be known."""
    return all(
        _succeeds("-C", parent, *_jump(chain)) and _length(chain) == len(rules(chain))
        for chain, parent in _PARENTS.items()
    )


def install() -> None:
    """Put the rules in place, instead of those of an earlier version or of other settings. Safe to repeat.

    Raises SystemFailure `runtime_unavailable` without the right to, or where the engine has made no chain
    for rules of ours.
    """
    _run("iptables-restore", "--noflush", "--wait", "5", text=_chains())
    for chain, parent in _PARENTS.items():
        earlier = _jumps_to(chain, parent)
        _run("iptables", "-w", "5", "-I", parent, *_jump(chain))
        for rule in earlier:
            _run("iptables", "-w", "5", "-D", *rule)


def remove() -> None:
    """Take the rules away again; nothing when they are not there."""
    for chain, parent in _PARENTS.items():
        for rule in _jumps_to(chain, parent):
            _run("iptables", "-w", "5", "-D", *rule)
        if _succeeds("-S", chain):
            _run("iptables", "-w", "5", "-F", chain)
            _run("iptables", "-w", "5", "-X", chain)


def rules(chain: str) -> Sequence[Sequence[str]]:
    """The rules of one of the two chains, in order, for what comes from a server.

    RETURN leaves the rest to the rules that would hold without ours.
    """
    exceptions = [("-d", network, "-j", "RETURN") for network in settings.SERVER_ALLOWED_NETWORKS]
    names = [
        ("-d", server, "-p", protocol, "--dport", "53", "-j", "RETURN")
        for server in name_servers()
        for protocol in ("udp", "tcp")
    ]
    answers = [("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "RETURN")]
    if chain == INPUT_CHAIN:
        return [*answers, *names, *exceptions, ("-j", "REJECT")]
    neighbours = [("-m", "physdev", "--physdev-is-bridged", "-j", "RETURN")]
    refused = [("-d", network, "-j", "REJECT") for network, _what in BLOCKED]
    return [*answers, *neighbours, *names, *exceptions, *refused]


def name_servers() -> Sequence[str]:
    """The IPv4 name servers that servers ask, as the engine finds them."""
    for found in (settings.SERVER_DNS, *map(_named_in, _RESOLVERS)):
        if usable := [str(address) for address in map(_address, found) if address and not address.is_loopback]:
            return usable
    return ()


def _named_in(path: Path) -> Sequence[str]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ()
    return [fields[1] for line in lines if (fields := line.split())[:1] == ["nameserver"] and len(fields) > 1]


def _address(text: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None


def _chains() -> str:
    """Both chains as `iptables-restore` reads them: emptied if they exist, and filled, in one step."""
    lines = [f":{chain} - [0:0]" for chain in _PARENTS]
    lines += [shlex.join(["-A", chain, *rule]) for chain in _PARENTS for rule in rules(chain)]
    return "\n".join(["*filter", *lines, "COMMIT", ""])


def _jump(chain: str) -> Sequence[str]:
    """The rule that leads into a chain. Its comment says what the chain holds, so that changed rules are noticed."""
    digest = hashlib.sha256(repr(rules(chain)).encode()).hexdigest()[:16]
    return ["-i", f"{BRIDGE_PREFIX}+", "-m", "comment", "--comment", f"carrel:{digest}", "-j", chain]


def _jumps_to(chain: str, parent: str) -> Sequence[Sequence[str]]:
    """The rules that lead into a chain, as arguments that delete them."""
    listed = (shlex.split(line) for line in _run("iptables", "-w", "5", "-S", parent).splitlines())
    return [rule[1:] for rule in listed if rule[:1] == ["-A"] and rule[-2:] == ["-j", chain]]


def _length(chain: str) -> int:
    return sum(line.startswith("-A") for line in _run("iptables", "-w", "5", "-S", chain).splitlines())


def _succeeds(*arguments: str) -> bool:
    return _call(["iptables", "-w", "5", *arguments], "").returncode == 0


def _run(*command: str, text: str = "") -> str:
    done = _call(command, text)
    if done.returncode != 0:
        raise SystemFailure("runtime_unavailable", detail=f"{shlex.join(command[:6])}: {done.stderr.strip()}")
    return done.stdout


def _call(command: Iterable[str], text: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run([*command], input=text, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SystemFailure("runtime_unavailable", detail=str(error)) from error
