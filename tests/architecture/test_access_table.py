"""Every page, and what a stranger, somebody else and its owner get from it. A new page must be added here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import User
from tests.factories import BuildFactory, NotebookServerFactory

SIGN_IN = 302
OTHERS = {"accounts", "admin", "api"}
"""The namespaces and applications with tables of their own."""


@dataclass(frozen=True)
class Page:
    """A page, asked for by `method`; the statuses for somebody not signed in, another person, the owner."""

    name: str
    path: str
    method: str
    anonymous: int
    other: int
    owner: int


PAGES = [
    Page("environments:home", "/", "get", 200, 200, 200),
    Page("environments:home", "/", "post", SIGN_IN, 422, 422),
    Page("environments:server-detail", "/servers/{server}/", "get", SIGN_IN, 404, 200),
    Page("environments:server-start", "/servers/{server}/start/", "post", SIGN_IN, 404, 302),
    Page("environments:server-stop", "/servers/{server}/stop/", "post", SIGN_IN, 404, 302),
    Page("environments:server-keep", "/servers/{server}/keep/", "post", SIGN_IN, 404, 302),
    Page("environments:server-look", "/servers/{server}/look/", "post", SIGN_IN, 404, 302),
    Page("environments:server-update", "/servers/{server}/update/", "post", SIGN_IN, 404, 302),
    Page("environments:server-update-cancel", "/servers/{server}/update/cancel/", "post", SIGN_IN, 404, 302),
    Page("environments:server-roll-back", "/servers/{server}/roll-back/", "post", SIGN_IN, 404, 302),
    Page("environments:server-delete", "/servers/{server}/delete/", "get", SIGN_IN, 404, 200),
    Page("environments:server-delete", "/servers/{server}/delete/", "post", SIGN_IN, 404, 302),
    Page("environments:server-open", "/servers/{server}/open/", "get", SIGN_IN, 404, 302),
    Page("environments:build-cancel", "/builds/{build}/cancel/", "post", SIGN_IN, 404, 302),
    Page("environments:server-undelete", "/servers/{server}/undelete/", "post", SIGN_IN, 404, 404),
    Page("environments:status", "/status/", "get", SIGN_IN, 403, 403),
    Page("environments:subdomain-open", "/open/{subdomain}/", "get", SIGN_IN, 404, 302),
    Page("health", "/health", "get", 503, 503, 503),
    Page("preferences", "/preferences/", "post", 302, 302, 302),
    Page("styleguide", "/styleguide/", "get", 200, 200, 200),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.method} {page.name}")
@pytest.mark.parametrize("who", ["anonymous", "other", "owner"])
def test_page_answers_each_person_as_the_table_says(
    client: Client, student: User, stranger: User, fake_backends: None, page: Page, who: str
) -> None:
    build = BuildFactory.create(requested_by=student)
    server = NotebookServerFactory.create(owner=student, build=build, provider="example", repository="none")
    if who != "anonymous":
        client.force_login(student if who == "owner" else stranger)
    path = page.path.format(server=server.pk, build=build.pk, subdomain=server.subdomain)

    response = getattr(client, page.method)(path)

    assert response.status_code == getattr(page, who)
    if page.anonymous == SIGN_IN and who == "anonymous" and page.name != "preferences":
        assert response["Location"].startswith("/accounts/login/?next=")


def test_table_names_every_page() -> None:
    assert set(_names(get_resolver().url_patterns)) == {page.name for page in PAGES}


def _names(patterns: list[URLPattern | URLResolver], namespace: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            if not (pattern.name or "").startswith("account_"):
                yield f"{namespace}{pattern.name}"
        elif pattern.namespace not in OTHERS and not str(pattern.pattern).startswith("accounts/"):
            inner = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from _names(pattern.url_patterns, namespace + inner)
