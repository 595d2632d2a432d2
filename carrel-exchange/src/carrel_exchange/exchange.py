"""What all of the exchange has in common: where Carrel is, where work is kept, and how trouble is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbgrader.exchange import ExchangeError
from nbgrader.exchange.abc import Exchange as AbstractExchange
from traitlets import Bool, Float, Unicode, default

from carrel_exchange.client import Client, Trouble


class Exchange(AbstractExchange):
    """An exchange kept by a Carrel."""

    carrel_url = Unicode(help="Where Carrel is. By default what CARREL_URL says.").tag(config=True)
    timeout = Float(5.0, help="After how many seconds of silence the list is given up.").tag(config=True)
    transfer_timeout = Float(20.0, help="After how many seconds of silence a transfer is given up.").tag(config=True)
    path_includes_course = Bool(False, help="Whether work is kept in a folder for each class.").tag(config=True)

    @default("carrel_url")
    def _carrel_url_default(self) -> str:
        return os.environ.get("CARREL_URL", "")

    @property
    def client(self) -> Client:
        """Carrel, for this person. The token is of the environment only, so that no file has it."""
        token = os.environ.get("CARREL_TOKEN", "")
        return Client(self.carrel_url, token, timeout=self.timeout, transfer_timeout=self.transfer_timeout)

    def start(self) -> Any:
        """As nbgrader's, with every trouble an ExchangeError of one sentence."""
        with self.telling():
            return super().start()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tell whatever goes wrong."""
        try:
            yield
        except Trouble as trouble:
            self.fail(str(trouble))
        except OSError as error:
            self.fail(f"{error.strerror or error}: {error.filename or 'a file'}. Look whether the disk is full.")

    def init_src(self) -> None:
        """Nothing to look for here."""

    def init_dest(self) -> None:
        """Nothing to look for here."""

    def copy_files(self) -> None:
        """Nothing to copy."""

    def folder(self, course: str, assignment: str) -> Path:
        """Where the work on an assignment is kept. Names with a way out of it are none."""
        for name in (course, assignment):
            if name in ("", ".", "..") or "/" in name or "\0" in name:
                raise Trouble(f"“{name}” is no name of an assignment or class.")
        root = Path(os.path.abspath(self.assignment_dir))
        return root / course / assignment if self.path_includes_course else root / assignment

    def wanted(self) -> tuple[str, str]:
        """The class and the assignment that were asked for. Without a class: the only one that has the assignment."""
        course, assignment = self.coursedir.course_id, self.coursedir.assignment_id.rstrip("/")
        if course and course != "*":
            return course, assignment
        having = [each["course_id"] for each in self.listed() if each["assignment_id"] == assignment]
        if not having:
            raise Trouble(f"There is no assignment “{assignment}” for you. “nbgrader list” shows what there is.")
        if len(having) > 1:
            raise Trouble(f"Several of your classes have “{assignment}”. Say which with --course: {', '.join(having)}.")
        return having[0], assignment

    def listed(self) -> list[dict[str, Any]]:
        """The assignments of this person as Carrel tells them."""
        assignments = self.client.listing().get("assignments")
        if not isinstance(assignments, list):
            raise Trouble("What answers at CARREL_URL is no Carrel, or one of another time.")
        return assignments


def stamp(submitted_at: str) -> str:
    """A moment as nbgrader writes it, and as folders of feedback are called."""
    moment = datetime.fromisoformat(submitted_at.replace("Z", "+00:00")).astimezone(UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f UTC")


__all__ = ["Exchange", "ExchangeError", "stamp"]
