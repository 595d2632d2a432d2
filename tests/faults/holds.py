"""Makes code of a repository wait at a known place until a test lets it go on."""

from __future__ import annotations

import time
from pathlib import Path

PYTHON = """
import os, sys, time
closed = {closed}
if os.path.exists(closed):
    print("waiting to be let go", file=sys.stderr, flush=True)
    open(closed + ".reached", "w").close()
while os.path.exists(closed):
    time.sleep(0.05)
"""
SHELL = """#!/bin/sh
touch '{closed}.reached'
{before}
while [ -e '{closed}' ]; do
    {meanwhile}
    sleep 0.1
done
"""


class Hold:
    """Where one script waits. Closed from the beginning until `release`."""

    def __init__(self, path: Path) -> None:
        self._closed = path
        self._closed.touch()

    @property
    def is_reached(self) -> bool:
        """Whether somebody has come to wait here."""
        return self._closed.with_name(f"{self._closed.name}.reached").exists()

    def release(self) -> None:
        """Let go whoever waits or will come. Safe to repeat."""
        self._closed.unlink(missing_ok=True)

    def wait(self) -> None:
        """Wait here, in a process of the test's own."""
        self._closed.with_name(f"{self._closed.name}.reached").touch()
        while self._closed.exists():
            time.sleep(0.05)

    def python(self) -> str:
        """Code that waits here."""
        return PYTHON.format(closed=repr(str(self._closed)))

    def shell(self, *, before: str = "true", meanwhile: str = "true") -> str:
        """A script that waits here, with a command to run on arrival and one to repeat while it waits."""
        return SHELL.format(closed=self._closed, before=before, meanwhile=meanwhile)


def python_waiting_by_name(folder: Path) -> str:
    """Code of a notebook server that waits at the hold in `folder` that has the server's name, if there is one."""
    return PYTHON.format(closed=f'os.path.join({str(folder)!r}, os.environ["CARREL_SERVER_NAME"])')
