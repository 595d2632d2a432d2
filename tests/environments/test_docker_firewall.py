"""The firewall for servers: which rules there are, and that they get where they should and away again.

The real rules are tried in a network namespace of their own, so that this machine's stay as they are.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from environments.spawners import firewall
from environments.values import Firewall


def is_blocked(address: str) -> bool:
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(network) for network, _ in firewall.BLOCKED)


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "100.100.100.200", "127.0.0.1", "168.63.129.16", "169.254.169.254", "172.17.0.1", "192.168.0.10"],
)
def test_blocks_what_is_private(address: str) -> None:
    assert is_blocked(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "172.32.0.1", "192.167.255.255", "151.101.0.223"])
def test_blocks_nothing_public(address: str) -> None:
    assert not is_blocked(address)


def test_exceptions_come_before_what_is_refused(settings: Settings) -> None:
    settings.SERVER_ALLOWED_NETWORKS, settings.SERVER_DNS = ["10.9.0.0/24"], ["10.0.0.53"]

    rules = [" ".join(rule) for rule in firewall.rules(firewall.FORWARD_CHAIN)]

    first_refusal = next(number for number, rule in enumerate(rules) if rule.endswith("REJECT"))
    assert rules.index("-d 10.9.0.0/24 -j RETURN") < first_refusal
    assert rules.index("-d 10.0.0.53 -p udp --dport 53 -j RETURN") < first_refusal
    assert all(rule.endswith("REJECT") for rule in rules[first_refusal:])


def test_host_refuses_whatever_is_no_answer() -> None:
    rules = firewall.rules(firewall.INPUT_CHAIN)

    assert rules[0][-3:] == ("RELATED,ESTABLISHED", "-j", "RETURN")
    assert rules[-1] == ("-j", "REJECT")


@pytest.mark.parametrize(
    ("named", "used"),
    [(["10.0.0.53"], ["10.0.0.53"]), (["127.0.0.1", "::1", "10.0.0.53"], ["10.0.0.53"])],
)
def test_name_servers_of_the_machine_itself_do_not_count(settings: Settings, named: list[str], used: list[str]) -> None:
    settings.SERVER_DNS = named

    assert firewall.name_servers() == used


@pytest.mark.parametrize("host", ["tcp://10.0.0.2:2376", "ssh://engine"])
def test_firewall_of_another_machine_cannot_be_changed(settings: Settings, host: str) -> None:
    settings.DOCKER_HOST = host

    assert not firewall.can_install()
    assert firewall.state() is Firewall.UNSEEN


# --- For real ----------------------------------------------------------------------------------------------


@pytest.fixture
def own_network() -> Iterator[None]:
    """Everything this thread starts sees a network of its own, with the chain in it that an engine would make."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("iptables", "unshare"))):
        pytest.skip("only root can have a network of its own to try iptables in")
    libc = ctypes.CDLL(None, use_errno=True)
    holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 600"], stdout=subprocess.PIPE)
    with holder, open("/proc/self/ns/net") as outside:
        try:
            assert holder.stdout is not None
            holder.stdout.readline()
            with open(f"/proc/{holder.pid}/ns/net") as inside:
                assert libc.setns(inside.fileno(), 0) == 0
            iptables("-N", "DOCKER-USER")
            yield
        finally:
            assert libc.setns(outside.fileno(), 0) == 0
            holder.kill()


def iptables(*arguments: str) -> list[str]:
    done = subprocess.run(["iptables", "-w", "5", *arguments], capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.splitlines()


def jumps() -> list[str]:
    return [rule for rule in iptables("-S") if f"-i {firewall.BRIDGE_PREFIX}+" in rule]


@pytest.mark.docker
def test_install_puts_every_rule_in_place_once(own_network: None) -> None:
    assert not firewall.is_installed()

    firewall.install()
    installed = iptables("-S")
    firewall.install()

    assert firewall.is_installed()
    assert iptables("-S") == installed
    assert len(jumps()) == 2


@pytest.mark.docker
@pytest.mark.parametrize(
    "mishap", [("-F", "CARREL-FORWARD"), ("-F", "INPUT"), ("-F", "DOCKER-USER"), ("-D", "CARREL-INPUT", "1")]
)
def test_missing_rule_is_noticed_and_put_back(own_network: None, mishap: tuple[str, ...]) -> None:
    firewall.install()
    iptables(*mishap)
    assert not firewall.is_installed()

    firewall.install()

    assert firewall.is_installed()


@pytest.mark.docker
def test_state_says_whether_the_rules_are_in_place(own_network: None) -> None:
    before = firewall.state()
    firewall.install()

    assert (before, firewall.state()) == (Firewall.MISSING, Firewall.IN_PLACE)


@pytest.mark.docker
def test_install_replaces_rules_of_other_settings(own_network: None, settings: Settings) -> None:
    firewall.install()
    settings.SERVER_ALLOWED_NETWORKS = ["10.9.0.0/24"]
    assert not firewall.is_installed()

    firewall.install()

    assert firewall.is_installed()
    assert len(jumps()) == 2


@pytest.mark.docker
def test_remove_takes_every_rule_away(own_network: None) -> None:
    before = iptables("-S")
    firewall.install()

    firewall.remove()

    assert iptables("-S") == before


@pytest.mark.docker
def test_command_checks_and_installs(own_network: None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="missing or out of date"):
        call_command("firewall", "--check")

    call_command("firewall")

    call_command("firewall", "--check")
    assert "in place" in capsys.readouterr().out


@pytest.mark.docker
def test_command_says_that_there_is_no_engine(own_network: None) -> None:
    iptables("-X", "DOCKER-USER")

    with pytest.raises(CommandError, match="DOCKER-USER"):
        call_command("firewall")
