"""Secrets taken out of build logs."""

from __future__ import annotations

import pytest

from environments.builders.redaction import redact
from environments.references.credentials import spellings_of
from environments.values import Credential


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Cloning https://ada:hunter2@example.org/x.git", "Cloning https://[hidden]@example.org/x.git"),
        ("index http://token@index.example:8080/simple/", "index http://[hidden]@index.example:8080/simple/"),
        ("https://a:p@ss@example.org/", "https://[hidden]@example.org/"),
        ("GET /x?access_token=abc&page=2", "GET /x?access_token=[hidden]&page=2"),
        ("https://h/x?a=1&X-Amz-Signature=00ff", "https://h/x?a=1&X-Amz-Signature=[hidden]"),
        ("Authorization: Bearer abcdef", "Authorization: Bearer [hidden]"),
        ("{'authorization': 'Basic YTpi'}", "{'authorization': 'Basic [hidden]'}"),
        ("export MY_API_KEY=abcdef0123", "export MY_API_KEY=[hidden]"),
        ('"password": "correct horse"', '"password": "[hidden] horse"'),
        ("got ghp_abcdefghijklmnopqrst0123 from env", "got [hidden] from env"),
        ("glpat-abcdefghijklmnop1234", "[hidden]"),
    ],
)
def test_redact_hides_secret(line: str, shown: str) -> None:
    assert redact(line) == shown


@pytest.mark.parametrize(
    "line",
    [
        " + tokenizers==0.15.0",
        " + secret-token==1.2.3.4",
        "mail ada@example.org",
        "https://example.org/@scope/package",
        "six @ git+https://github.com/benjaminp/six.git",
        "the token is invalid",
    ],
)
def test_redact_keeps_everything_else(line: str) -> None:
    assert redact(line) == line


def test_redact_replaces_places() -> None:
    line = redact("Creating /srv/data/images/abc/venv", {"/srv/data/images/abc/": "", "/srv/data": "…"})

    assert line == "Creating venv"


@pytest.mark.parametrize(
    "line",
    [
        "fatal: correct horse/battery",
        "as an address: correct%20horse%2Fbattery",
        "extraheader YWRhOmNvcnJlY3QgaG9yc2UvYmF0dGVyeQ==",
        "said {'Y29ycmVjdCBob3JzZS9iYXR0ZXJ5': 1}",
    ],
)
def test_redact_takes_out_a_known_secret_however_it_is_written(line: str) -> None:
    secrets = spellings_of(Credential("https://git.example.org", "ada", "correct horse/battery"))

    shown = redact(line, secrets=secrets)

    assert "[hidden]" in shown
    assert not [secret for secret in secrets if secret in shown]


def test_redact_takes_out_the_longest_secret_first() -> None:
    assert redact("abcdef", secrets=["", "abc", "abcdef"]) == "[hidden]"


def test_credential_that_is_none_has_no_spellings() -> None:
    assert spellings_of(None) == ()
