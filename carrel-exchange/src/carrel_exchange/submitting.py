"""Submitting: all of the folder, as it is saved; answered with a receipt that is kept beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath
from typing import Any

from nbgrader.exchange.abc import ExchangeSubmit as AbstractSubmit

from carrel_exchange.archives import packed, put
from carrel_exchange.client import Trouble
from carrel_exchange.exchange import Exchange

RECEIPTS = ".carrel/receipts"


class ExchangeSubmit(Exchange, AbstractSubmit):
    """Submits an assignment."""

    def init_src(self) -> None:
        """The folder of the work; a path to it may be given, as to nbgrader's own."""
        self.coursedir.assignment_id = os.path.basename(os.path.normpath(self.coursedir.assignment_id))
        self.course, self.assignment = self.wanted()
        self.src_path: Path = self.folder(self.course, self.assignment)
        if not self.src_path.is_dir():
            raise Trouble(f"There is no folder {self.src_path}. Fetch the assignment first.")

    def copy_files(self) -> None:
        """Send it, and keep the receipt."""
        tar, paths = packed(self.src_path, ignore=list(self.coursedir.ignore), warn=self.log.warning)
        self._check_complete(paths)
        receipt = self.client.submit(self.course, self.assignment, tar)
        self._tell(receipt, paths)
        try:
            self._keep(receipt)
        except (OSError, Trouble) as error:  # It has been received: nothing must say that it was not.
            self.log.warning("The receipt could not be kept here (%s). It is on the page of the assignment.", error)

    def _check_complete(self, paths: list[str]) -> None:
        wanted = (self.course, self.assignment)
        listed = next((each for each in self.listed() if (each["course_id"], each["assignment_id"]) == wanted), None)
        expected = listed["notebooks"] if listed is not None else []
        missing = [f"{name}.ipynb" for name in expected if f"{name}.ipynb" not in paths]
        if missing and self.strict:
            raise Trouble(f"Not submitted: {', '.join(missing)} is missing from {self.src_path}.")
        if missing:
            self.log.warning("Missing from what is submitted: %s", ", ".join(missing))

    def _tell(self, receipt: dict[str, Any], paths: list[str]) -> None:
        received = {path for path, _size, _sha256 in receipt["files"]}
        for path in paths:
            if path not in received:
                self.log.warning("“%s” was not taken.", path)
        for repair in receipt["repairs"]:
            self.log.warning(repair)
        late = f", {receipt['late_by_seconds']} seconds late" if receipt["is_late"] else ""
        self.log.info(
            "Submitted as: %s %s, attempt %s, received %s%s",
            self.course,
            self.assignment,
            receipt["attempt"],
            receipt["submitted_at"],
            late,
        )
        self.log.info("SHA-256: %s", receipt["sha256"])

    def _keep(self, receipt: dict[str, Any]) -> None:
        path = PurePosixPath(RECEIPTS, f"attempt-{receipt['attempt']}-{receipt['id']}.json")
        put(self.src_path, path, (json.dumps(receipt, indent=2) + "\n").encode())
        self.log.info("Receipt: %s", self.src_path / path)
