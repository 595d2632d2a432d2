"""What the tests of the API share: programs with tokens of every kind, and a repository to launch."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Scope, User
from accounts.tokens import create_token

SERVERS = "/api/v1/servers/"
BUILDS = "/api/v1/builds/"
ENVIRONMENTS = "/api/v1/environments/"
VOLUMES = "/api/v1/volumes/"


def program_of(user: User, scopes: Sequence[Scope] = tuple(Scope)) -> APIClient:
    """A program that shows a token of this person."""
    _, secret = create_token(user, name="test", scopes=scopes, days=1, now=timezone.now())
    return program_with(secret)


def program_with(secret: str) -> APIClient:
    """A program that shows this as its token."""
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}")


def program_with_expired_token(user: User) -> APIClient:
    """A program whose token ended a moment ago."""
    a_day_ago = timezone.now() - timedelta(days=1, seconds=1)
    _, secret = create_token(user, name="old", scopes=list(Scope), days=1, now=a_day_ago)
    return program_with(secret)


def browser_of(user: User) -> APIClient:
    """A browser in which this person is signed in, CSRF checks and all."""
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(user)
    return client


def queries_of(program: APIClient, path: str) -> int:
    """How many questions the database is asked by reading this."""
    with CaptureQueriesContext(connection) as asked:
        assert program.get(path).status_code == 200
    return len(asked)


def make_example(data_directory: Path, name: str) -> None:
    """A repository `example/<name>` of one commit."""
    directory = data_directory / "examples" / name
    directory.mkdir(parents=True)
    (directory / "requirements.txt").write_text("")
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], [*author, "commit", "-qm", "First"]):
        subprocess.run(["git", *command], cwd=directory, check=True, timeout=20)
