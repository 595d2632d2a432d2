"""A record is launched like a repository, and the pages and the API show people what it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from environments.models import Build, NotebookServer
from tests.environments.api_client import BUILDS, SERVERS, program_of
from tests.factories import NotebookServerFactory
from tests.fakes.archive_host import ArchiveHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

KEY = "5d1f6f2e-0123-4567-89ab-0123456789ab"
ACTIVITY = "0a1b2c3d-0123-4567-89ab-0123456789ab"


@pytest.fixture
def dataset(settings: Settings) -> Iterator[str]:
    """The address of a dataset."""
    with ArchiveHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.ckan("sample", KEY, {"a.md": b""}, modified="2022-06-27T14:24:23.482000", activity=ACTIVITY)
        yield f"{host.base_url}/dataset/sample"


def launch(student: User, **fields: str) -> Any:
    return program_of(student).post(SERVERS, fields, format="json").json()


def test_launch_pasted_page_of_a_record(dataset: str, student: User, client: Client) -> None:
    client.force_login(student)

    client.post(reverse("environments:home"), {"repository": dataset})

    server = NotebookServer.objects.get()
    origin = dataset.removesuffix("/dataset/sample")
    assert (server.provider, server.repository, server.ref) == ("ckan", dataset, "")
    assert server.repository_url == f"ckan+{origin}/dataset/{KEY}"
    assert server.commit == "2022-06-27T14-24-23.482000"


def test_launch_what_the_api_said_of_a_server_meets_that_server(dataset: str, student: User) -> None:
    server = launch(student, repository=f"{dataset}?activity_id={ACTIVITY}")

    again = launch(student, repository=server["repository"], ref=server["ref"])

    assert server["ref"] == ACTIVITY
    assert again["id"] == server["id"]


def test_api_shows_the_address_of_a_record_as_browsers_know_it(dataset: str, student: User) -> None:
    launch(student, repository=dataset)

    build = program_of(student).get(f"{BUILDS}{Build.objects.get().pk}/").json()

    assert build["repository_url"] == dataset.replace("sample", KEY)


def test_page_shows_address_and_whole_version_of_a_record(student: User, client: Client) -> None:
    server = NotebookServerFactory.create(
        owner=student,
        provider="zenodo",
        repository="10.5281/zenodo.10423456",
        repository_url="zenodo+https://zenodo.org/records/10423456",
        commit="10423456",
    )
    client.force_login(student)

    page = client.get(reverse("environments:server-detail", args=[server.pk])).content.decode()

    assert '<a href="https://zenodo.org/records/10423456" rel="noopener noreferrer">' in page
    assert ">https://zenodo.org/records/10423456</a>" in page
    assert ">10423456</abbr>" in page


def test_launch_says_in_a_sentence_why_a_record_cannot_be_had(dataset: str, student: User) -> None:
    answer = launch(student, repository=dataset.replace("sample", "missing").replace("/dataset", "/en/dataset"))

    assert answer["code"] == "ckan_unrecognised"
    assert "?" not in answer["message"] + answer["next_step"]
