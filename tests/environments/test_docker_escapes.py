"""From inside a real server: what somebody who means harm tries, and what comes of it."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

import psutil
import pytest
from django.test import override_settings

from environments import probing
from environments.engine import client
from environments.spawners import firewall, networks
from environments.spawners.docker import DockerSpawner
from environments.values import Endpoint, Handle, Image, Limits, Liveness, Mount, ServerSpec
from tests.engine import ServerClient, clean_engine, image_from, wait_until
from tests.listening import answering

pytestmark = pytest.mark.docker

TOKEN = "s3cret" * 10
LIMITS = Limits(memory_mb=400, cpus=1.0)
PIDS = 100
EVIL = (
    "USER root",
    "RUN cp $(readlink -f /opt/venv/bin/python3) /usr/local/bin/as-root && chmod 4755 /usr/local/bin/as-root",
    "RUN echo 1000:x:0:0::/root:/bin/sh >> /etc/passwd",
    "USER 1000",
)
"""An image with a program that runs as root, and a root who is called 1000."""
CONNECT = """
import socket
def connect(host, port):
    with socket.socket() as probe:
        probe.settimeout(3)
        try:
            probe.connect((host, port))
        except OSError as error:
            return type(error).__name__
        return "connected"
"""

Run = Callable[[str], str]


def spec_of(image: Image, name: str) -> ServerSpec:
    mounts = (Mount(f"home-{secrets.token_hex(16)}", PurePosixPath("home")),)
    return ServerSpec(Handle(name, "start1"), image, f"server-{secrets.token_hex(16)}", mounts, TOKEN, {}, LIMITS)


def started(spec: ServerSpec) -> Endpoint:
    endpoint = DockerSpawner().start(spec)
    wait_until(lambda: probing.is_ready(endpoint, TOKEN))
    return endpoint


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerSpec]:
    """Of a server that answers, made from a hostile image."""
    data = tmp_path_factory.mktemp("data")
    with override_settings(CARREL_DATA=data, SERVER_PIDS=PIDS), clean_engine(), image_from(*EVIL) as image:
        spec = spec_of(image, "escaping")
        started(spec)
        yield spec
        DockerSpawner().stop(spec.handle)


@pytest.fixture(scope="module")
def run(spec: ServerSpec) -> Iterator[Run]:
    """Runs code in that server."""
    endpoint = DockerSpawner().poll(spec.handle).endpoint
    assert endpoint is not None
    with ServerClient(endpoint, TOKEN) as server:
        yield lambda code: server.execute(code, timeout=120).strip()


@pytest.fixture
def listener() -> Iterator[int]:
    """The port of something that listens on every address of this machine."""
    with socket.create_server(("0.0.0.0", 0)) as server, answering(server, socket.socket.close):
        yield server.getsockname()[1]


def status_of_process(run: Run) -> dict[str, str]:
    lines = run("print(open('/proc/self/status').read())").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_process_has_no_capability(run: Run) -> None:
    status = status_of_process(run)

    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}


def test_process_is_confined_by_seccomp_and_gains_no_rights(run: Run) -> None:
    status = status_of_process(run)

    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")


def test_process_is_nobody_important_whatever_the_image_calls_it(run: Run) -> None:
    assert run("import os; print(os.getresuid(), 0 in os.getgroups())") == "(1000, 1000, 1000) False"


def test_setuid_program_gains_nothing(run: Run) -> None:
    code = (
        "import subprocess; print(subprocess.run(['as-root', '-c', 'import os; print(os.geteuid())'], "
        "capture_output=True, text=True, env={'PATH': '/usr/local/bin'}).stdout)"
    )

    assert run(code) == "1000"


@pytest.mark.parametrize(
    "attempt",
    [
        "open('/proc/sys/kernel/hostname', 'w')",
        "open('/proc/sysrq-trigger', 'w')",
        "open('/dev/mem', 'rb')",
        "open('/dev/kmsg', 'rb')",
        "open('/sys/fs/cgroup/carrel', 'w')",
        "open('/etc/hosts', 'a')",
        "import os; os.mknod('/tmp/disk', 0o060600, os.makedev(8, 0))",
        "import os; os.setuid(0)",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
        "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "import ctypes; l = ctypes.CDLL(None, use_errno=True); l.unshare(0x10000000) and exec('raise OSError')",
        "import ctypes; l = ctypes.CDLL(None); l.mount(b'none', b'/tmp', b'tmpfs', 0, None) and exec('raise OSError')",
    ],
)
def test_attempt_fails(run: Run, attempt: str) -> None:
    assert run(f"try:\n    {attempt.replace('; ', chr(10) + '    ')}\nexcept OSError:\n    print('failed')") == "failed"


def test_socket_of_the_engine_is_not_there(run: Run) -> None:
    code = (
        "import os; print([name for root, _, files in os.walk('/run') for name in files if 'docker' in name],"
        " os.path.exists('/var/run/docker.sock'))"
    )

    assert run(code) == "[] False"


def test_environment_holds_no_secret_but_the_servers_own(run: Run) -> None:
    names = run("import os; print('\\n'.join(os.environ))").splitlines()

    secret_like = [name for name in names if any(word in name for word in ("SECRET", "DJANGO", "PASSWORD", "DOCKER"))]
    assert secret_like == []


def test_temporary_files_are_bounded(run: Run) -> None:
    assert run("import os; s = os.statvfs('/tmp'); print(s.f_blocks * s.f_frsize)") == str(512 * 1024**2)


# --- Whom it meets -----------------------------------------------------------------------------------------


def host_addresses(handle: Handle) -> list[str]:
    """Every address of this machine but those of others' servers, and the gateway of this one."""
    name = networks.name_of(handle)
    network = client().api.inspect_container(name)["NetworkSettings"]["Networks"][name]
    interfaces = psutil.net_if_addrs().items()
    addresses = [
        address.address
        for interface, found in interfaces
        for address in found
        if address.family == socket.AF_INET and not interface.startswith(firewall.BRIDGE_PREFIX) and interface != "lo"
    ]
    return [*addresses, network["Gateway"]]


@pytest.fixture
def walled(spec: ServerSpec) -> ServerSpec:
    """The server, where this process may put up the firewall."""
    if not firewall.can_install():
        pytest.skip("only root on the engine's own machine can put up the firewall")
    return spec


def test_host_is_out_of_reach(walled: ServerSpec, run: Run, listener: int) -> None:
    addresses = host_addresses(walled.handle)
    for address in addresses:
        socket.create_connection((address, listener), timeout=5).close()

    answers = run(f"{CONNECT}\nprint({{connect(host, {listener}) for host in {addresses!r}}})")

    assert answers == "{'ConnectionRefusedError'}"


@pytest.mark.parametrize("address", ["169.254.169.254", "10.1.2.3", "172.31.0.1", "192.168.1.1", "100.100.100.200"])
def test_private_address_is_refused(walled: ServerSpec, run: Run, address: str) -> None:
    assert run(f"{CONNECT}\nprint(connect('{address}', 80))") == "ConnectionRefusedError"


def test_another_persons_server_is_out_of_reach(walled: ServerSpec, run: Run) -> None:
    other = spec_of(walled.image, "another")
    endpoint = started(other)

    answer = run(f"{CONNECT}\nprint(connect('{endpoint.host}', {endpoint.port}))")
    DockerSpawner().stop(other.handle)

    assert answer != "connected"


def test_there_is_no_other_protocol_to_go_around_the_firewall_by(run: Run) -> None:
    code = (
        "import os; path = '/proc/net/if_inet6'; lines = open(path).readlines() if os.path.exists(path) else []; "
        "print([line for line in lines if not line.endswith(' lo\\n')])"
    )

    assert run(code) == "[]"


def test_names_are_still_resolved(walled: ServerSpec, run: Run) -> None:
    assert run("import socket; print(bool(socket.gethostbyname('pypi.org')))") == "True"


# --- What it uses up ---------------------------------------------------------------------------------------


def test_fork_bomb_stays_inside(spec: ServerSpec, run: Run) -> None:
    code = """
import os, signal
children = []
try:
    while len(children) < 5000:
        child = os.fork()
        if not child:
            signal.pause()
        children.append(child)
except BlockingIOError:
    pass
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print(len(children))
"""

    assert 10 < int(run(code)) < PIDS
    assert DockerSpawner().poll(spec.handle).liveness is Liveness.ALIVE


def test_memory_bomb_stays_inside(spec: ServerSpec, run: Run) -> None:
    code = "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'bytearray(2 << 30)']).returncode)"

    assert run(code) == "-9"
    assert DockerSpawner().poll(spec.handle).liveness is Liveness.ALIVE
