"""`manage.py up`: serve Carrel on this machine until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import up
from config.checks import TAG
from config.supervision import StartRefused


class Command(BaseCommand):
    """Redis, web, worker and beat, started and stopped together."""

    help = "Serve Carrel on this machine: Redis, web, worker and beat, started and stopped together."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until told to stop."""
        try:
            up.require_embedded()
            up.close_to_others(Path(settings.CARREL_DATA))
            self.check(tags=[TAG])
            up.run(self._announce)
        except StartRefused as refusal:
            raise CommandError(str(refusal)) from refusal

    def _announce(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
