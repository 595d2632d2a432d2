"""Measures the gateway, authorising every request, beside configurable-http-proxy on the same upstream.

    python benchmarks/gateway.py [--rounds 5] [--seconds 2] [--ws websockets-sansio] [--json FILE]

One upstream that costs next to nothing, one gateway process (uvicorn, a real database with a person, a
session and a pass), one node process if node and npm are there, and one load generator that treats both
alike. The two proxies take turns; medians of the rounds and their ratios are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psutil
import uvloop

ROOT = Path(__file__).resolve().parent.parent
CHP_VERSION = "5.3.0"
PROXY_TOKEN = "benchmark-only"
MEGABYTE = 1024 * 1024
WARM_UP_SECONDS = 4.0
MESSAGE = b"x" * 120
SCENARIOS: dict[str, dict[str, Any]] = {
    "small": {"path": "/small", "connections": 32},
    "1 MB": {"path": f"/bytes/{MEGABYTE}", "connections": 8},
    "64 MB": {"path": f"/bytes/{64 * MEGABYTE}", "connections": 2},
    "websocket x1": {"path": "/echo", "connections": 1, "websocket": True},
    "websocket x20": {"path": "/echo", "connections": 20, "websocket": True},
}


# --- The upstream ------------------------------------------------------------------------------------------


class Upstream(asyncio.Protocol):
    """Answers without thinking: `/small`, `/bytes/N`, and a websocket that echoes messages under 126 bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.buffer = b""
        self.is_websocket = False

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.is_websocket:
            self.echo()
        while not self.is_websocket and b"\r\n\r\n" in self.buffer:
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            self.answer(head)

    def answer(self, head: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path == b"/echo":
            self.is_websocket = True
            key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)
            assert key is not None
            self.transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept_key(key[1]) + b"\r\n\r\n"
            )
            return
        body = b"x" * (int(path.rpartition(b"/")[2]) if path.startswith(b"/bytes/") else 100)
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        self.transport.write(body)

    def echo(self) -> None:
        while len(self.buffer) >= 2:
            length = self.buffer[1] & 0x7F
            if len(self.buffer) < 6 + length:
                return
            mask, payload = self.buffer[2:6], self.buffer[6 : 6 + length]
            is_close = self.buffer[0] & 0x0F == 8
            self.buffer = self.buffer[6 + length :]
            if is_close:
                self.transport.close()
                return
            keys = (mask * (length // 4 + 1))[:length]
            plain = (int.from_bytes(payload) ^ int.from_bytes(keys)).to_bytes(length)
            self.transport.write(bytes((0x81, length)) + plain)


def accept_key(key: bytes) -> bytes:
    guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    return base64.b64encode(hashlib.sha1(key + guid, usedforsecurity=False).digest())


async def serve_upstream(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


# --- The load ----------------------------------------------------------------------------------------------


class Load(asyncio.Protocol):
    """One client: asks, waits for the whole answer, asks again. Notes how long each took."""

    def __init__(self, plan: dict[str, Any], took: list[float]) -> None:
        headers = "".join(f"{name}: {value}\r\n" for name, value in plan["headers"].items())
        self.is_websocket = plan.get("websocket", False)
        if self.is_websocket:
            headers += (
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
            )
        self.request = f"GET {plan['path']} HTTP/1.1\r\n{headers}\r\n".encode()
        self.frame = bytes((0x81, 0x80 | len(MESSAGE), 0, 0, 0, 0)) + MESSAGE
        self.took = took
        self.bytes = 0
        self.buffer = b""
        self.remaining = 0
        self.is_joined = False
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.ask(self.request)

    def ask(self, data: bytes) -> None:
        self.asked_at = time.perf_counter()
        self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        if self.remaining:
            self.remaining -= len(data)
        else:
            self.buffer += data
            if self.is_joined:
                if len(self.buffer) >= 2 + len(MESSAGE):
                    self.buffer = self.buffer[2 + len(MESSAGE) :]
                    self.finish(self.frame)
                return
            if b"\r\n\r\n" not in self.buffer:
                return
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            if self.is_websocket:
                assert b" 101 " in head, head
                self.is_joined = True
                self.ask(self.frame)
                return
            assert b" 200 " in head, head
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            assert length is not None
            self.remaining = int(length[1]) - len(self.buffer)
            self.buffer = b""
        if self.remaining <= 0:
            self.remaining = 0
            self.finish(self.request)

    def finish(self, following: bytes) -> None:
        self.took.append(time.perf_counter() - self.asked_at)
        self.ask(following)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def generate_load(plan: dict[str, Any]) -> dict[str, float]:
    """Run one scenario against one proxy."""
    loop = asyncio.get_running_loop()
    took: list[float] = []
    clients = []
    for _ in range(plan["connections"]):
        _, client = await loop.create_connection(lambda: Load(plan, took), "127.0.0.1", plan["port"])
        clients.append(client)
    await asyncio.sleep(plan["seconds"] * 0.2)
    warming = took.copy()
    took.clear()
    before = sum(client.bytes for client in clients)
    began_at = time.perf_counter()
    await asyncio.wait([client.done for client in clients], timeout=plan["seconds"])
    seconds = time.perf_counter() - began_at
    if any(client.done.done() for client in clients):
        raise SystemExit(f"a connection was lost while measuring {plan['path']}")
    received = sum(client.bytes for client in clients) - before
    for client in clients:
        client.transport.abort()
    ordered = sorted(took) or [seconds]
    return {
        "count": len(warming) + len(took),
        "per_second": len(took) / seconds,
        "p50_ms": ordered[len(ordered) // 2] * 1000,
        "p99_ms": ordered[int(len(ordered) * 0.99)] * 1000,
        "mb_per_second": received / seconds / MEGABYTE,
    }


# --- The gateway -------------------------------------------------------------------------------------------


def prepare_gateway(upstream_port: int) -> dict[str, str]:
    """Make the database and one person who has entered one running server; the headers that get in."""
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth import HASH_SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command
    from django.utils import timezone

    from accounts.models import User
    from environments.models import NotebookServer, Volume
    from environments.tickets import issue_ticket, redeem_ticket

    call_command("migrate", verbosity=0)
    user = User.objects.create(username="benchmark")
    session = SessionStore()
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    now = timezone.now()
    server = NotebookServer.objects.create(
        owner=user,
        name="benchmark",
        subdomain="benchmark",
        volume=Volume.objects.create(owner=user, purpose=Volume.Purpose.SERVER),
        state=NotebookServer.State.RUNNING,
        state_changed_at=now,
        endpoint=f"127.0.0.1:{upstream_port}",
        start_id="benchmark",
    )
    ticket = issue_ticket(
        server,
        user=user,
        session_key=session.session_key or "",
        session_hash=user.get_session_auth_hash(),
        now=now,
    )
    cookie = redeem_ticket(ticket, subdomain="benchmark", now=now)
    return {"Host": f"benchmark.{settings.NOTEBOOK_DOMAIN}", "Cookie": f"{settings.GATEWAY_COOKIE_NAME}={cookie}"}


def serve_gateway(port: int, ws: str) -> None:
    """One uvicorn process, with the options `manage.py up` gives it."""
    import django

    django.setup()
    import uvicorn

    from config.asgi import application

    uvicorn.run(
        application,
        host="127.0.0.1",
        port=port,
        ws=cast("Any", ws),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        ws_per_message_deflate=False,
        proxy_headers=False,
        server_header=False,
    )


# --- Putting it together -----------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_self(role: str, *arguments: str) -> list[str]:
    return [sys.executable, str(Path(__file__).resolve()), "--role", role, *arguments]


@contextmanager
def running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[psutil.Process]:
    """A process that listens on `port`, for as long as the block lasts."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command} does not listen")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def find_chp(cache: Path) -> list[str] | None:
    """The command that runs configurable-http-proxy, installed into `cache` if need be; None without node."""
    if not shutil.which("node") or not shutil.which("npm"):
        return None
    program = cache / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    if not program.exists():
        command = ["npm", "install", "--prefix", str(cache), "--no-fund", "--no-audit", "--loglevel=error"]
        command.append(f"configurable-http-proxy@{CHP_VERSION}")
        if subprocess.run(command, timeout=120, check=False, stdout=subprocess.DEVNULL).returncode:
            return None
    return ["node", str(program)]


def measure(options: argparse.Namespace) -> dict[str, dict[str, list[dict[str, float]]]]:
    """All rounds: results by scenario and proxy."""
    upstream_port, gateway_port, chp_port, chp_api_port = (free_port() for _ in range(4))
    with ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="carrel-benchmark-"))
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "EMBEDDED": "true",
            "CARREL_DATA": data,
            "SECRET_KEY": "benchmark-only-" + "x" * 50,
            "PORT": str(gateway_port),
            "CONFIGPROXY_AUTH_TOKEN": PROXY_TOKEN,
        }
        prepared = subprocess.run(
            run_self("prepare", str(upstream_port)), env=environment, check=True, stdout=subprocess.PIPE, timeout=60
        )
        headers = json.loads(prepared.stdout)
        stack.enter_context(running(run_self("upstream", str(upstream_port)), upstream_port, environment))
        serve = run_self("serve", str(gateway_port), options.ws)
        proxies = {"carrel": Proxy(gateway_port, stack.enter_context(running(serve, gateway_port, environment)))}
        chp = find_chp(Path(options.chp_cache))
        if chp is not None:
            command = [*chp, "--ip=127.0.0.1", f"--port={chp_port}", f"--api-port={chp_api_port}"]
            command += [f"--default-target=http://127.0.0.1:{upstream_port}", "--log-level=error"]
            proxies["chp"] = Proxy(chp_port, stack.enter_context(running(command, chp_port, environment)))
        return rounds(options, proxies, headers, environment)


@dataclass
class Proxy:
    """One of the two that are compared."""

    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system


def rounds(
    options: argparse.Namespace, proxies: dict[str, Proxy], headers: dict[str, str], environment: dict[str, str]
) -> dict[str, dict[str, list[dict[str, float]]]]:
    """The proxies take turns, and take turns at being first. A just-in-time compiler gets time to warm up."""

    def run(scenario: str, name: str, seconds: float) -> dict[str, float]:
        plan = SCENARIOS[scenario]
        origin = {"Origin": f"http://{headers['Host']}"} if plan.get("websocket") else {}
        full = plan | {"port": proxies[name].port, "headers": headers | origin, "seconds": seconds}
        command = run_self("load", json.dumps(full))
        cpu_before = proxies[name].cpu_seconds()
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, timeout=60)
        figures = cast("dict[str, float]", json.loads(done.stdout))
        cpu_seconds = proxies[name].cpu_seconds() - cpu_before
        return figures | {"cpu_us": cpu_seconds / max(1, figures["count"]) * 1_000_000}

    results: dict[str, dict[str, list[dict[str, float]]]] = {}
    for name in proxies:
        run("small", name, WARM_UP_SECONDS)
    for number in range(options.rounds):
        names = list(proxies) if number % 2 == 0 else list(reversed(proxies))
        for scenario in options.only or SCENARIOS:
            for name in names:
                results.setdefault(scenario, {}).setdefault(name, []).append(run(scenario, name, options.seconds))
    return results


ROWS: list[tuple[str, str, str]] = [
    ("small", "per_second", "small requests/s, 32 connections"),
    ("small", "p50_ms", "small requests, p50 ms"),
    ("small", "p99_ms", "small requests, p99 ms"),
    ("small", "cpu_us", "small requests, processor time each, µs"),
    ("1 MB", "mb_per_second", "1 MB downloads, MB/s"),
    ("64 MB", "mb_per_second", "64 MB downloads, MB/s"),
    ("websocket x1", "p50_ms", "websocket round trip, 1 connection, p50 ms"),
    ("websocket x20", "per_second", "websocket messages/s, 20 connections"),
    ("websocket x20", "cpu_us", "websocket messages, processor time each, µs"),
]


def report(results: dict[str, dict[str, list[dict[str, float]]]]) -> dict[str, dict[str, float]]:
    """Print medians and ratios; return them."""
    print(f"{'median of the rounds':46}{'carrel':>12}{'CHP':>12}{'carrel/CHP':>12}")
    summary: dict[str, dict[str, float]] = {}
    for scenario, figure, title in ROWS:
        proxies = results.get(scenario)
        if proxies is None:
            continue
        medians = {name: statistics.median(run[figure] for run in runs) for name, runs in proxies.items()}
        if "chp" in medians:
            medians["ratio"] = medians["carrel"] / medians["chp"]
        summary[title] = medians
        cells = (medians.get(name) for name in ("carrel", "chp", "ratio"))
        print(f"{title:46}" + "".join(f"{'-' if cell is None else format(cell, ',.2f'):>12}" for cell in cells))
    return summary


def main() -> None:
    """Run the benchmark, or play one of its parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.2, help="how long each measurement lasts")
    parser.add_argument("--ws", default="websockets-sansio", help="uvicorn's websocket implementation")
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="one scenario; may be repeated")
    parser.add_argument("--json", type=Path, help="write medians and every round here")
    parser.add_argument("--chp-cache", default=str(Path(tempfile.gettempdir()) / "carrel-benchmark-chp"))
    parser.add_argument("--role", choices=("upstream", "serve", "prepare", "load"), help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role:
        play(options.role, options.arguments)
        return
    results = measure(options)
    summary = report(results)
    if options.json:
        options.json.write_text(json.dumps({"medians": summary, "rounds": results}, indent=2))


def play(role: str, arguments: list[str]) -> None:
    parts: dict[str, Callable[[], object]] = {
        "upstream": lambda: uvloop.run(serve_upstream(int(arguments[0]))),
        "serve": lambda: serve_gateway(int(arguments[0]), arguments[1]),
        "prepare": lambda: print(json.dumps(prepare_gateway(int(arguments[0])))),
        "load": lambda: print(json.dumps(uvloop.run(generate_load(json.loads(arguments[0]))))),
    }
    parts[role]()


if __name__ == "__main__":
    main()
