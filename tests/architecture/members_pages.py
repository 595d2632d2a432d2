"""What the tables of pages of a class share: a row, and how it is held to what each person gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from django.test import Client

from accounts.models import Role as SiteRole
from tests.factories import UserFactory

SIGN_IN = 302
PERSONS = ("anonymous", "stranger", "student", "grader", "teacher")


@dataclass(frozen=True)
class Page:
    """A page, asked for by `method`; the statuses for somebody not signed in, a stranger, and each member."""

    name: str
    path: str
    method: str
    anonymous: int
    stranger: int
    student: int
    grader: int
    teacher: int
    administrator: int = 0
    """For whoever runs this Carrel and is no member, where that is not what a teacher gets."""


def each_of(pages: Sequence[Page]) -> pytest.MarkDecorator:
    """A test for each row."""
    return pytest.mark.parametrize("page", pages, ids=lambda page: f"{page.method} {page.name}")


def check_answer(client: Client, page: Page, address: str, *, who: str) -> None:
    """Raise AssertionError where this person, by username, gets something else than the table says."""
    if who != "anonymous":
        client.force_login(UserFactory.create(username=who))

    response = getattr(client, page.method)(address)

    assert response.status_code == getattr(page, who), response.status_code
    if page.anonymous == SIGN_IN and who == "anonymous":
        assert response["Location"].startswith("/accounts/login/?next=")


def check_answer_to_whoever_runs_the_site(client: Client, page: Page, address: str) -> None:
    """The same for an administrator, who is no member."""
    client.force_login(UserFactory.create(username="root", role=SiteRole.ADMINISTRATOR))

    response = getattr(client, page.method)(address)

    assert response.status_code == (page.administrator or page.teacher), response.status_code
