"""Every page of learning platforms, and what a stranger and each member get. A new page must be added here."""

from __future__ import annotations

import pytest
from django.test import Client

from lti.urls import urlpatterns
from tests.architecture.members_pages import PERSONS, Page, check_answer, each_of

PAGES = [Page("keys", "/lti/keys.json", "get", 200, 200, 200, 200, 200)]


@each_of(PAGES)
@pytest.mark.django_db
@pytest.mark.parametrize("who", PERSONS)
def test_page_answers_each_person_as_the_table_says(client: Client, page: Page, who: str) -> None:
    check_answer(client, page, page.path, who=who)


def test_table_names_every_page() -> None:
    assert {pattern.name for pattern in urlpatterns} == {page.name for page in PAGES}
