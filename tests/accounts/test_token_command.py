"""`manage.py token`: the token on standard output and nothing else."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import ApiToken, Scope, User
from accounts.tokens import find_token


def run(*arguments: str) -> str:
    """What the command prints."""
    out = StringIO()
    call_command("token", *arguments, stdout=out)
    return out.getvalue()


def test_token_prints_a_good_token_and_nothing_else(student: User) -> None:
    printed = run("student")

    token = find_token(printed.strip(), now=timezone.now())
    assert token is not None
    assert token.user == student
    assert printed == printed.strip() + "\n"


def test_token_may_do_everything_unless_told(student: User) -> None:
    run("student")

    assert ApiToken.objects.get().scopes == Scope.values


def test_token_made_as_told(student: User) -> None:
    run("student", "--scopes", "servers:read", "servers:use", "--days", "2", "--name", "backup")

    token = ApiToken.objects.get()
    assert token.scopes == ["servers:read", "servers:use"]
    assert token.name == "backup"
    assert abs(token.expiry - timezone.now() - timedelta(days=2)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nobody"],
        ["student", "--scopes", "servers:rule"],
        ["student", "--days", "0"],
        ["student", "--days", "366"],
        ["student", "--days", "x"],
        ["student", "--days", "²"],
    ],
)
def test_token_refused(student: User, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)

    assert not ApiToken.objects.exists()


def test_token_refused_for_inactive_person(student: User) -> None:
    User.objects.update(is_active=False)

    with pytest.raises(CommandError, match="no active account"):
        run("student")
