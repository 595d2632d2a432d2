"""People's credentials for git hosts: kept sealed, found for their own host, used for nothing that is public."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from environments import references
from environments.errors import EnvironmentsError
from environments.git_credentials import credential_for, keep_credential, remove_credential, resolve_for
from environments.models import GitCredential
from environments.values import Credential
from tests.factories import GitCredentialFactory
from tests.fakes.git_host import GitHost

pytestmark = pytest.mark.django_db

TOKEN = "correct-horse-battery"
ORIGIN = "https://git.example.org"


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    """A git host with a public repository and one that asks for ada's token."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        for name in ("public", "private"):
            host.add(name, {"requirements.txt": ""})
        host.make_private("private", username="ada", password=TOKEN)
        yield host


def keep(person: User, now: datetime, *, address: str = ORIGIN, password: str = TOKEN) -> GitCredential:
    """Have this person's token kept."""
    return keep_credential(person, address=address, username="ada", password=password, now=now)


def code_of(person: User, url: str, now: datetime) -> str:
    """Why this person does not find the repository there."""
    with pytest.raises(EnvironmentsError) as caught:
        resolve_for(person, references.parse(url), now=now)
    return caught.value.code


# --- Keeping -------------------------------------------------------------------------------------------------


def test_keep_stores_no_token_in_the_clear(student: User, now: datetime) -> None:
    kept = keep(student, now)

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM environments_gitcredential")
        stored = str(cursor.fetchall())
    assert ORIGIN in stored
    assert TOKEN not in stored
    assert TOKEN not in f"{kept} {kept!r}"


def test_keep_understands_the_address_of_a_repository(student: User, now: datetime) -> None:
    kept = keep(student, now, address="git@GitHub.com:owner/name.git")

    assert (kept.origin, kept.host) == ("https://github.com", "github.com")


def test_keep_replaces_what_was_kept_for_the_host(student: User, now: datetime) -> None:
    first = keep(student, now, password="old")
    credential_for(student, ORIGIN, now=now)

    keep(student, now + timedelta(days=1), address=f"{ORIGIN}/group/name", password="new")

    kept = GitCredential.objects.get()
    assert (kept.pk, kept.created_at, kept.last_used_at) == (first.pk, now + timedelta(days=1), None)
    assert credential_for(student, ORIGIN, now=now) == Credential(ORIGIN, "ada", "new")


def test_keep_refuses_a_host_that_is_asked_in_the_clear(student: User, now: datetime) -> None:
    with pytest.raises(EnvironmentsError) as refusal:
        keep(student, now, address="http://git.example.org")

    assert (refusal.value.code, GitCredential.objects.count()) == ("credential_insecure", 0)


def test_keep_takes_the_operator_s_word_for_a_host(student: User, settings: Settings, now: datetime) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS = ["git.example.org"]

    assert keep(student, now, address="http://git.example.org").origin == "http://git.example.org"


# --- Finding -------------------------------------------------------------------------------------------------


def test_find_opens_what_was_kept(student: User, now: datetime) -> None:
    keep(student, now)

    assert credential_for(student, f"{ORIGIN}/group/name", now=now) == Credential(ORIGIN, "ada", TOKEN)


@pytest.mark.parametrize(
    "url", ["http://git.example.org/x", "https://git.example.org:8443/x", "https://example.org/git.example.org"]
)
def test_find_has_nothing_for_another_origin(student: User, now: datetime, url: str) -> None:
    keep(student, now)

    assert credential_for(student, url, now=now) is None


def test_find_has_nothing_of_somebody_else_s(student: User, stranger: User, now: datetime) -> None:
    keep(student, now)

    assert credential_for(stranger, ORIGIN, now=now) is None


def test_find_notes_the_use(student: User, now: datetime) -> None:
    keep(student, now)

    credential_for(student, ORIGIN, now=now + timedelta(days=1))

    assert GitCredential.objects.get().last_used_at == now + timedelta(days=1)


def test_find_seals_anew_under_the_present_key(student: User, settings: Settings, now: datetime) -> None:
    keep(student, now)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 10, [settings.SECRET_KEY]
    credential_for(student, ORIGIN, now=now)

    settings.SECRET_KEY_FALLBACKS = []

    assert credential_for(student, ORIGIN, now=now) == Credential(ORIGIN, "ada", TOKEN)


def test_find_says_that_the_key_was_changed(student: User, settings: Settings, now: datetime) -> None:
    keep(student, now)
    settings.SECRET_KEY = "another" * 10

    with pytest.raises(EnvironmentsError) as caught:
        credential_for(student, ORIGIN, now=now)

    assert (caught.value.code, caught.value.facts) == ("credential_unreadable", {"host": "git.example.org"})


@pytest.mark.parametrize("moved", ["owner", "origin"])
def test_find_opens_nothing_that_was_moved_to_another_row(
    student: User, stranger: User, now: datetime, moved: str
) -> None:
    kept = keep(student, now)
    fields = {"owner": stranger} if moved == "owner" else {"owner": student, "origin": "https://evil.example"}
    other = GitCredentialFactory.create(**{"origin": ORIGIN, **fields}, sealed_password=kept.sealed_password)

    with pytest.raises(EnvironmentsError, match="credential_unreadable"):
        credential_for(other.owner, other.origin, now=now)


def test_remove_forgets(student: User, now: datetime) -> None:
    remove_credential(keep(student, now))

    assert credential_for(student, ORIGIN, now=now) is None


# --- Resolving -----------------------------------------------------------------------------------------------


def test_resolve_finds_a_private_repository_with_ones_token(host: GitHost, student: User, now: datetime) -> None:
    keep(student, now, address=host.base_url)

    assert resolve_for(student, references.parse(host.url("private")), now=now).is_private


def test_resolve_shows_no_token_for_what_is_public(host: GitHost, student: User, now: datetime) -> None:
    keep(student, now, address=host.base_url)

    found = resolve_for(student, references.parse(host.url("public")), now=now)

    assert not found.is_private
    assert not [headers for _path, headers in host.seen if "authorization" in headers]
    assert GitCredential.objects.get().last_used_at is None


def test_resolve_finds_nothing_private_without_a_token(host: GitHost, student: User, now: datetime) -> None:
    assert code_of(student, host.url("private"), now) == "repository_not_found"


def test_resolve_finds_nothing_private_with_somebody_else_s_token(
    host: GitHost, student: User, stranger: User, now: datetime
) -> None:
    keep(student, now, address=host.base_url)

    assert code_of(stranger, host.url("private"), now) == "repository_not_found"


def test_resolve_says_that_the_token_is_wrong(host: GitHost, student: User, now: datetime) -> None:
    keep(student, now, address=host.base_url, password="wrong")

    assert code_of(student, host.url("private"), now) == "credential_refused"


def test_resolve_says_that_the_key_was_changed(host: GitHost, student: User, settings: Settings, now: datetime) -> None:
    keep(student, now, address=host.base_url)
    settings.SECRET_KEY = "another" * 10

    assert code_of(student, host.url("private"), now) == "credential_unreadable"


def test_resolve_asks_nobody_about_an_example_that_is_not_there(student: User, now: datetime) -> None:
    keep(student, now)

    assert code_of(student, "example/nothing", now) == "repository_not_found"
