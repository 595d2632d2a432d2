"""The firewall for servers: which rules there are, and that they get where they should and away again.

The real rules are tried in a network namespace of their own, so that this machine's stay as they are.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from config.env import BASE_DIR
from environments.spawners import firewall

IPTABLES = ("iptables", "-w", "5")


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


# --- For real ----------------------------------------------------------------------------------------------


class Namespace:
    """A network of its own, with the chain in it that an engine would make."""

    def __init__(self, process_id: int) -> None:
        self._enter = ("nsenter", f"--net=/proc/{process_id}/ns/net")

    def call(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command there."""
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", **variables}
        return subprocess.run(
            [*self._enter, *command], cwd=BASE_DIR, env=environment, capture_output=True, text=True, timeout=60
        )

    def manage(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `manage.py firewall` there."""
        return self.call(sys.executable, "manage.py", "firewall", *options, **variables)

    def rules(self) -> list[str]:
        """All of its rules, in order."""
        return self.call(*IPTABLES, "-S").stdout.splitlines()


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    if os.geteuid() != 0 or not all(map(shutil.which, ("iptables", "unshare", "nsenter"))):
        pytest.skip("only root can have a network of its own to try iptables in")
    holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 600"], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        namespace = Namespace(holder.pid)
        namespace.call(*IPTABLES, "-N", "DOCKER-USER")
        yield namespace
    finally:
        holder.kill()
        holder.communicate()


@pytest.mark.docker
def test_install_puts_every_rule_in_place_once(namespace: Namespace) -> None:
    assert namespace.manage("--check").returncode == 1

    assert namespace.manage().returncode == 0
    installed = namespace.rules()
    assert namespace.manage().returncode == 0

    assert namespace.rules() == installed
    assert namespace.manage("--check").returncode == 0
    assert len([rule for rule in installed if "-i crl+" in rule]) == 2


@pytest.mark.docker
@pytest.mark.parametrize(
    "mishap", [("-F", "CARREL-FORWARD"), ("-F", "INPUT"), ("-F", "DOCKER-USER"), ("-D", "CARREL-INPUT", "1")]
)
def test_check_notices_missing_rule(namespace: Namespace, mishap: tuple[str, ...]) -> None:
    namespace.manage()

    assert namespace.call(*IPTABLES, *mishap).returncode == 0

    assert namespace.manage("--check").returncode == 1


@pytest.mark.docker
def test_install_replaces_rules_of_other_settings(namespace: Namespace) -> None:
    namespace.manage()
    changed = {"SERVER_ALLOWED_NETWORKS": "10.9.0.0/24"}
    assert namespace.manage("--check", **changed).returncode == 1

    namespace.manage(**changed)

    assert namespace.manage("--check", **changed).returncode == 0
    assert len([rule for rule in namespace.rules() if "-i crl+" in rule]) == 2


@pytest.mark.docker
def test_remove_takes_every_rule_away(namespace: Namespace) -> None:
    before = namespace.rules()
    namespace.manage()

    assert namespace.manage("--remove").returncode == 0

    assert namespace.rules() == before


@pytest.mark.docker
def test_install_says_that_there_is_no_engine(namespace: Namespace) -> None:
    namespace.call(*IPTABLES, "-X", "DOCKER-USER")

    done = namespace.manage()

    assert done.returncode == 1
    assert "DOCKER-USER" in done.stderr
