"""`manage.py demo`: accounts, environments and a class to try Carrel with."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from config import demo, demo_lms


class Command(BaseCommand):
    """Load the demo and print its accounts."""

    help = "Make the demo accounts, environments and class that are missing, and print the accounts. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--force` for an installation that is not embedded."""
        parser.add_argument("--force", action="store_true", help="also where strangers may sign in")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load and print."""
        if not settings.EMBEDDED and not options["force"]:
            raise CommandError(
                _("The demo makes accounts whose passwords lie in a file. Add --force to make them all the same.")
            )
        try:
            demo.load()
            demo.load_work()
        except demo.ExamplesUnavailable as error:
            raise CommandError(str(error)) from error
        for account in demo.accounts():
            self.stdout.write(f"{account.username:<10} {account.password}")
        if demo_lms.is_there():
            self.stdout.write(demo_lms.address())
