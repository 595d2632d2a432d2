"""API tokens: good only for what they were made for, only as long as they were made for, stored as hashes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from accounts.models import ApiToken, Scope, User
from accounts.tokens import create_token, find_token, token_holder

READ = [Scope.SERVERS_READ]


def test_create_token_stores_no_secret(student: User, now: datetime) -> None:
    _, secret = create_token(student, name="backup", scopes=READ, days=30, now=now)

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_apitoken")
        stored = " ".join(str(value) for value in cursor.fetchone())
    assert secret.startswith("carrel_")
    assert len(secret) >= 64
    assert secret not in stored
    assert secret.removeprefix("carrel_")[:16] not in stored


def test_create_token_expires_after_its_days(student: User, now: datetime) -> None:
    token, _ = create_token(student, name="backup", scopes=READ, days=30, now=now)

    assert token.expiry == now + timedelta(days=30)


@pytest.mark.parametrize(("scopes", "days"), [([], 30), (READ, 0), (READ, -1), (READ, 366)])
def test_create_token_refused_when_useless_or_endless(
    student: User, now: datetime, scopes: list[Scope], days: int
) -> None:
    with pytest.raises(ValueError, match="a token needs"):
        create_token(student, name="backup", scopes=scopes, days=days, now=now)


def test_token_holder_known_by_secret_and_scope(student: User, now: datetime) -> None:
    _, secret = create_token(student, name="backup", scopes=READ, days=30, now=now)

    assert token_holder(secret, Scope.SERVERS_READ, now=now) == student


def test_token_holder_unknown_without_scope(student: User, now: datetime) -> None:
    _, secret = create_token(student, name="backup", scopes=READ, days=30, now=now)

    assert token_holder(secret, Scope.SERVERS_USE, now=now) is None


def test_token_holder_unknown_from_the_moment_of_expiry(student: User, now: datetime) -> None:
    _, secret = create_token(student, name="backup", scopes=READ, days=30, now=now)

    assert token_holder(secret, Scope.SERVERS_READ, now=now + timedelta(days=30)) is None


def test_token_holder_unknown_when_inactive(student: User, now: datetime) -> None:
    _, secret = create_token(student, name="backup", scopes=READ, days=30, now=now)
    student.is_active = False
    student.save()

    assert token_holder(secret, Scope.SERVERS_READ, now=now) is None


@pytest.mark.parametrize("change", [lambda s: s[:-1], lambda s: s + "0", lambda s: s.upper(), lambda s: s[::-1]])
def test_find_token_needs_every_character(student: User, now: datetime, change) -> None:  # type: ignore[no-untyped-def]
    _, secret = create_token(student, name="backup", scopes=READ, days=30, now=now)

    assert find_token(change(secret), now=now) is None


@pytest.mark.parametrize("text", ["", " ", "\x00", "carrel_", "é", "\udcff", "x" * 100_000, "' OR 1=1 --"])
def test_find_token_survives_hostile_text(db: None, now: datetime, text: str) -> None:
    assert find_token(text, now=now) is None


def test_find_token_without_end_is_no_token(student: User, now: datetime) -> None:
    token, secret = create_token(student, name="backup", scopes=READ, days=30, now=now)
    ApiToken.objects.filter(pk=token.pk).update(expiry=None)

    assert find_token(secret, now=now) is None


def test_find_token_notes_use(student: User, now: datetime) -> None:
    token, secret = create_token(student, name="backup", scopes=READ, days=30, now=now)

    find_token(secret, now=now)

    token.refresh_from_db()
    assert token.last_used_at == now


def test_find_token_notes_use_once_a_minute(
    student: User, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    token, secret = create_token(student, name="backup", scopes=READ, days=30, now=now)
    find_token(secret, now=now)

    with django_assert_num_queries(1):
        find_token(secret, now=now + timedelta(seconds=59))

    token.refresh_from_db()
    assert token.last_used_at == now


def test_find_token_notes_later_use(student: User, now: datetime) -> None:
    token, secret = create_token(student, name="backup", scopes=READ, days=30, now=now)
    find_token(secret, now=now)
    later = now + timedelta(seconds=61)

    find_token(secret, now=later)

    token.refresh_from_db()
    assert token.last_used_at == later
