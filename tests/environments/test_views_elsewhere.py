"""Links for another hub: a page before anybody goes there, and links to take away."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from environments.models import Build, NotebookServer, Volume

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

HREF = re.compile(r'href="([^"]+)"')


@pytest.fixture
def page(client: Client, student: User, settings: Settings) -> Client:
    settings.PUBLIC_URL = "https://carrel.example.org"
    settings.HUBS = [
        "mybinder binder https://mybinder.org mybinder.org",
        "lyon carrel https://carrel.example.fr Carrel in Lyon",
    ]
    client.force_login(student)
    return client


def test_link_for_a_binder_says_where_it_leads_and_what_is_lost(page: Client) -> None:
    response = page.get("/v2/gh/ada/engine/v2?hub=mybinder&labpath=a.ipynb&mount=data:in:ro&collaborator=bob&memory=4G")

    text = unescape(response.content.decode())
    assert response.status_code == 200
    assert "https://mybinder.org/v2/gh/ada/engine/v2?urlpath=doc/tree/a.ipynb" in HREF.findall(text)
    for lost in ("Shared files: <code>data:in:ro", "Company: <code>bob", "Memory (MB): <code>4096"):
        assert lost in text


def test_link_for_a_carrel_takes_everything_along(page: Client) -> None:
    text = unescape(page.get("/v2/gh/ada/engine/HEAD?hub=lyon&mount=data:in:ro&server=mine").content.decode())

    assert "https://carrel.example.fr/v2/gh/ada/engine/HEAD?server=mine&mount=data:in:ro" in HREF.findall(text)
    assert "left behind" not in text


def test_link_for_another_hub_can_be_launched_here(page: Client) -> None:
    text = unescape(page.get("/v2/gh/ada/engine/v2?hub=mybinder&server=mine").content.decode())

    assert "/v2/gh/ada/engine/v2?server=mine" in HREF.findall(text)


def test_link_for_another_hub_starts_nothing(page: Client) -> None:
    page.get("/v2/gh/ada/engine/v2?hub=mybinder")

    assert [model.objects.count() for model in (NotebookServer, Build, Volume)] == [0, 0, 0]


@pytest.mark.parametrize(
    "hub", ["https://evil.example", "//evil.example", "evil.example", "mybinder@evil.example", "mybinder%0d%0aX:y"]
)
def test_link_leads_to_no_address_of_its_own(page: Client, hub: str) -> None:
    response = page.get(f"/v2/gh/ada/engine/v2?hub={hub}")

    text = unescape(response.content.decode())
    assert response.status_code in (400, 404)
    assert "Nothing was started" in text
    assert not [href for href in HREF.findall(text) if "evil" in href]


def test_link_for_an_unknown_hub_offers_to_launch_here(page: Client) -> None:
    response = page.get("/v2/gh/ada/engine/v2?hub=nowhere&server=mine")

    text = unescape(response.content.decode())
    assert response.status_code == 404
    assert "called “nowhere”" in text
    assert "/v2/gh/ada/engine/v2?server=mine" in HREF.findall(text)


def test_link_for_another_hub_says_that_examples_are_only_here(page: Client) -> None:
    response = page.get("/v2/example/statistics/HEAD?hub=mybinder")

    assert response.status_code == 400
    assert "mybinder.org cannot launch this" in response.content.decode()


def test_preview_offers_the_link_for_each_hub(page: Client) -> None:
    form = {"repository": "gh/ada/engine", "ref": "v2", "path": "a.ipynb", "name": "mine"}

    text = unescape(page.get("/link-preview/", form).content.decode())

    assert ">https://mybinder.org/v2/gh/ada/engine/v2?urlpath=lab/tree/a.ipynb<" in text
    assert ">https://carrel.example.fr/v2/gh/ada/engine/v2?urlpath=lab/tree/a.ipynb&server=mine<" in text
    assert "[![Launch at mybinder.org](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/" in text
    assert text.count("left behind") == 1


def test_preview_offers_no_other_hub_for_an_example(page: Client) -> None:
    text = page.get("/link-preview/", {"repository": "example/statistics"}).content.decode()

    assert "mybinder.org" not in text


def test_preview_names_no_other_hub_where_none_is_listed(page: Client, settings: Settings) -> None:
    settings.HUBS = []

    assert "another hub" not in page.get("/link-preview/", {"repository": "gh/ada/engine"}).content.decode()
