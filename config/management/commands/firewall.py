"""`manage.py firewall`: keeps servers from the host and from private networks. Run it as root, at each boot."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from environments.errors import SystemFailure
from environments.spawners import firewall


class Command(BaseCommand):
    """Puts the rules in place, which is safe to repeat, or says whether they are."""

    help = "Put the firewall rules for servers in place, on the machine the engine runs on. Needs root."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do instead of putting the rules in place."""
        other = parser.add_mutually_exclusive_group()
        other.add_argument("--check", action="store_true", help="change nothing; fail if the rules are not in place")
        other.add_argument("--remove", action="store_true", help="take the rules away")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError when it cannot be done, or the check finds something missing."""
        try:
            if options["check"]:
                self._check()
            elif options["remove"]:
                firewall.remove()
            else:
                firewall.install()
        except SystemFailure as error:
            raise CommandError(error.detail) from error

    def _check(self) -> None:
        if not firewall.is_installed():
            raise CommandError("The firewall rules for servers are missing or out of date: run manage.py firewall.")
        self.stdout.write("The firewall rules for servers are in place.")
