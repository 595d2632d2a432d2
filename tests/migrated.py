"""A database that all migrations have made: once, however many processes test with copies of it.

The migrations take seconds, squashed as they are. What they make depends on nothing but themselves, so it is kept among
what pytest keeps until one of them is another, or a package is. Whoever gets a copy still migrates it, which then finds
all done.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from config.env import BASE_DIR

KEPT = BASE_DIR / ".pytest_cache" / "d" / "migrated"
"""Where `pytest --cache-clear` removes it."""
_SECONDS = 300


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """The test database is there before it is set up."""
    copy_migrated(Path(settings.DATABASES["default"]["TEST"]["NAME"]))


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """It is not made anew. It goes with the folder that it is in."""
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A test that commits is followed by the database as it was, what migrations wrote included.

    Django would empty a hundred tables and fill two of them again, which takes ten times as long.
    """
    with closing(sqlite3.connect(":memory:")) as pristine, pytest.MonkeyPatch.context() as patch:
        with django_db_blocker.unblock():
            connection.ensure_connection()
            connection.connection.backup(pristine)

        def bring_back(self: TransactionTestCase) -> None:
            connection.ensure_connection()
            pristine.backup(connection.connection)

        patch.setattr(TransactionTestCase, "_fixture_teardown", bring_back)
        yield


def copy_migrated(to: Path) -> None:
    """Put a copy of it there."""
    shutil.copyfile(kept("sqlite3", _migrate), to)


def kept(kind: str, make: Callable[[Path], None]) -> Path:
    """The database in a file of this kind. Whoever asks first has it made, and others wait for it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    made = KEPT / f"{_fingerprint()}.{kind}"
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            for former in KEPT.glob(f"*.{kind}"):
                former.unlink()
            with tempfile.TemporaryDirectory(dir=KEPT) as place:
                unfinished = Path(place) / made.name
                make(unfinished)
                unfinished.rename(made)
    return made


def _migrate(database: Path) -> None:
    place = {"EMBEDDED": "true", "CARREL_DATA": str(database.parent), "DATABASE_URL": f"sqlite:///{database}"}
    subprocess.run(
        [sys.executable, BASE_DIR / "manage.py", "migrate", "--verbosity", "0"],
        env={**os.environ, **place, "SECRET_KEY": "x" * 60, "DJANGO_SETTINGS_MODULE": "config.settings"},
        timeout=_SECONDS,
        check=True,
    )


def _fingerprint() -> str:
    """What the database depends on, as the name of a file."""
    of = hashlib.sha256()
    for path in sorted([*BASE_DIR.glob("*/migrations/*.py"), BASE_DIR / "requirements.txt"]):
        of.update(f"{path.relative_to(BASE_DIR)} {path.stat().st_size}\n".encode())
        of.update(path.read_bytes())
    return of.hexdigest()[:32]
