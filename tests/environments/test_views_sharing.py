"""The link and the badges people take away."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from environments.links import read_link
from environments.naming import server_name
from environments.references import parse
from tests.factories import NotebookServerFactory


@pytest.fixture
def page(client: Client, student: User, settings: Settings) -> Client:
    settings.PUBLIC_URL = "https://carrel.example.org"
    client.force_login(student)
    return client


def test_preview_follows_what_is_typed(page: Client) -> None:
    form = {"repository": "https://github.com/Ada/Engine", "ref": "v2", "path": "a b.ipynb", "name": "mine"}

    text = unescape(page.get("/link-preview/", form).content.decode())

    address = "https://carrel.example.org/v2/gh/ada/engine/v2?urlpath=lab/tree/a%2520b.ipynb&server=mine"
    assert f">{address}<" in text
    for markup in ("[![", ":target: ", "<a href="):
        assert markup in text
    assert "https://carrel.example.org/badge_logo.svg" in text


@pytest.mark.parametrize("typed", ["", "half an addr", "file:///etc"])
def test_preview_waits_for_an_address(page: Client, typed: str) -> None:
    text = page.get("/link-preview/", {"repository": typed}).content.decode()

    assert "its link appears here" in text
    assert "/v2/" not in text


@pytest.mark.parametrize("name", ["", "mine"])
def test_page_of_server_shows_the_link_that_leads_to_it(page: Client, student: User, name: str) -> None:
    reference = parse("gh/ada/engine/v2")
    NotebookServerFactory.create(
        owner=student,
        name=name or server_name(reference),
        provider="gh",
        repository="ada/engine",
        ref="v2",
        urlpath="lab",
        idle_minutes=30,
    )

    text = unescape(page.get(f"/servers/{student.servers.get().pk}/").content.decode())

    link = text.partition("https://carrel.example.org/v2/")[2].partition("<")[0]
    spec = read_link(*link.partition("?")[::2]).spec
    assert (spec.reference, spec.name, spec.urlpath, spec.idle_minutes) == (reference, name, "lab", 30)
