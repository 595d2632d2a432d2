"""`manage.py token USER`: an API token for scripts and for whoever has no browser at hand."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Scope, User
from accounts.tokens import MAX_TOKEN_DAYS, create_token


class Command(BaseCommand):
    """Prints nothing but the token on standard output, so that a shell can keep it in a variable."""

    help = "Make an API token for a person and print it. It cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose, what for, how long, under which name."""
        parser.add_argument("user", help="username of the person the token acts for")
        parser.add_argument(
            "--scopes", nargs="+", choices=Scope.values, default=Scope.values, help="what it may do (default: all)"
        )
        parser.add_argument("--days", type=_days, default=90, help="days until it expires (default: 90)")
        parser.add_argument("--name", default="manage.py token", help="how the account page lists it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for somebody who does not exist or may not sign in."""
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active account with the username {options['user']}.")
        scopes = [Scope(value) for value in options["scopes"]]
        _, secret = create_token(
            user, name=options["name"][:100], scopes=scopes, days=options["days"], now=timezone.now()
        )
        self.stdout.write(secret)


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_TOKEN_DAYS:
        raise ArgumentTypeError(f"give a whole number from 1 to {MAX_TOKEN_DAYS}")
    return int(text)
