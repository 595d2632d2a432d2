"""A PostgreSQL of the tests' own, for what SQLite cannot show: it lets nobody do two things at once.

    pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("on_postgres")]

A test that uses it has an empty database, which any number of its threads may write to.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.db.utils import ConnectionHandler
from pytest_django import DjangoDbBlocker

from tests.migrated import kept

NAME = "postgres"
UNPRIVILEGED = 65534
"""Who runs it where the tests are run by root, whom it refuses."""
_SECONDS = 60
_LEFT_AS_THEY_ARE = ("django_", "auth_")
_UNSAFE_AND_FAST = (
    "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c listen_addresses= -c deadlock_timeout=200"
)


@pytest.fixture(scope="session")
def postgres(django_db_blocker: DjangoDbBlocker, django_db_setup: None) -> Iterator[dict[str, Any]]:
    """The settings of a database in a cluster that is gone afterwards. Its tables are there."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL on this machine: install it (Debian: apt install postgresql)")
    with tempfile.TemporaryDirectory(prefix="carrel-postgres-", ignore_cleanup_errors=True) as place:
        cluster = Path(place) / "cluster"
        if os.geteuid() == 0:
            os.chown(place, UNPRIVILEGED, UNPRIVILEGED)
        _run(programs / "initdb", "-D", cluster, "-U", NAME, "--auth=trust", "--encoding=UTF8", "--no-sync")
        options = f"{_UNSAFE_AND_FAST} -k {place}"
        _run(programs / "pg_ctl", "-D", cluster, "-l", cluster / "log", "-w", "-o", options, "start")
        try:
            with django_db_blocker.unblock():
                migrated = kept("sql", partial(_dump_migrated, place, programs))
            _run(programs / "psql", "-h", place, "-U", NAME, "-q", "-v", "ON_ERROR_STOP=1", NAME, given=migrated)
            yield _settings(place)
        finally:
            _run(programs / "pg_ctl", "-D", cluster, "-m", "immediate", "stop")


@pytest.fixture
def on_postgres(postgres: dict[str, Any], db: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database is PostgreSQL for this test, in all its threads."""
    with django_db_blocker.unblock(), _Instead(postgres):
        yield
        _empty()


def at_once(*does: Callable[[], Any]) -> list[Any]:
    """What each of these returns or raises, where all begin at the same moment in threads of their own."""
    ready = threading.Barrier(len(does))
    came: dict[int, Any] = {}

    def go(number: int) -> None:
        ready.wait()
        try:
            came[number] = does[number]()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            came[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go, args=(number,)) for number in range(len(does))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [came[number] for number in range(len(does))]


class _Instead:
    """The default database is another one, in every thread, while this lasts."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings

    def __enter__(self) -> None:
        self._before = connections["default"], connections.settings["default"]
        connections.settings["default"] = self._settings
        connections["default"] = connections.create_connection("default")

    def __exit__(self, *_error: object) -> None:
        connections["default"].close()
        connections["default"], connections.settings["default"] = self._before


def _dump_migrated(place: str, programs: Path, dump: Path) -> None:
    """Have the migrations make a database, and write down what they have made."""
    _run(programs / "createdb", "-h", place, "-U", NAME, "migrated")
    with _Instead(_settings(place, name="migrated")):
        call_command("migrate", verbosity=0, interactive=False)
    with dump.open("wb") as written:
        _run(programs / "pg_dump", "-h", place, "-U", NAME, "--no-owner", "migrated", says=written)


def _empty() -> None:
    """Django's own flush fills in its tables anew, which takes seconds. These are left as they are."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        ours = ", ".join(f'"{name}"' for name in names if not name.startswith(_LEFT_AS_THEY_ARE))
        cursor.execute(f"TRUNCATE {ours} RESTART IDENTITY CASCADE")


def _settings(place: str, *, name: str = NAME) -> dict[str, Any]:
    given = {"ENGINE": "django.db.backends.postgresql", "NAME": name, "USER": NAME, "HOST": place}
    return dict(ConnectionHandler({"default": given}).settings["default"])


def _programs() -> Path | None:
    """The folder with `initdb` and `pg_ctl`, which Debian keeps off the PATH; the newest, where there are several."""
    if (found := shutil.which("initdb")) and shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    folders: Sequence[Path] = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return folders[-1] if folders else None


def _run(*arguments: str | Path, given: Path = Path(os.devnull), says: IO[bytes] | int = subprocess.DEVNULL) -> None:
    who = UNPRIVILEGED if os.geteuid() == 0 else None
    with given.open("rb") as read:
        subprocess.run(
            list(map(str, arguments)),
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
            stdin=read,
            stdout=says,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
            user=who,
            group=who,
            extra_groups=None if who is None else [],
        )
