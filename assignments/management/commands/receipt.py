"""`manage.py receipt FILE [FILES…]`: whether this Carrel has given a receipt, and for these files."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assignments.submitting.receipts import Receipt, verify_file
from assignments.submitting.verifying import Fits, compare, shown_of
from environments.errors import EnvironmentsError

WORDS = {
    Fits.SAME: "the same",
    Fits.CHANGED: "not what was received",
    Fits.MISSING: "received, and not given here",
    Fits.OTHER: "was not received",
}


class Command(BaseCommand):
    """Needs the secret key and no database: it answers for a class that is gone, too. Exits with 1 for all else."""

    help = "Check a receipt that somebody kept, and that files are those it is for."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The receipt, and files to hold against it."""
        parser.add_argument("receipt", type=Path, help="the receipt as it was downloaded")
        parser.add_argument("files", type=Path, nargs="*", help="the files, or one .tar or .zip of them")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for what is no receipt of this Carrel, and for files that are not those it is for."""
        try:
            receipt = verify_file(options["receipt"].read_bytes())
            shown = shown_of([(path.name, path.read_bytes()) for path in options["files"]], receipt)
        except EnvironmentsError as error:
            raise CommandError(" ".join(error.explain().lines)) from error
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be read: {error.strerror}.") from error
        self._say(receipt)
        checked = compare(receipt, shown)
        for file in checked:
            self.stdout.write(f"  {file.path}: {WORDS[file.fits]}")
        if any(file.fits != Fits.SAME for file in checked):
            raise CommandError("The files are not those that were received.")

    def _say(self, receipt: Receipt) -> None:
        late = ", late" if receipt.is_late else ""
        self.stdout.write(f"Genuine: receipt {receipt.id}")
        self.stdout.write(f"{receipt.course}: {receipt.assignment}, attempt {receipt.attempt}, by {receipt.person}")
        self.stdout.write(f"Received at {receipt.submitted_at.isoformat(sep=' ', timespec='seconds')}{late}")
        self.stdout.write(f"SHA-256 {receipt.sha256}, {len(receipt.files)} files")
