"""The pages by which a class is made from an archive."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from classes.models import BroughtArchive, Course
from tests.classes.test_importing import MANIFEST, archive_of
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]


@pytest.fixture(autouse=True)
def data_directory(settings: Settings, tmp_path: Path) -> None:
    settings.CARREL_DATA = tmp_path


@pytest.fixture
def upload(client: Client, teacher: User, tmp_path: Path) -> Callable[..., HttpResponse]:
    """Brings an archive, as a teacher."""
    client.force_login(teacher)

    def upload_archive(data: bytes | None = None) -> HttpResponse:
        file = BytesIO(archive_of(MANIFEST, tmp_path) if data is None else data)
        file.name = "waves.zip"
        return client.post("/classes/new/archive/", {"archive": file})  # type: ignore[return-value]

    return upload_archive


def test_archive_is_shown_before_anything_is_made(client: Client, upload: Callable[..., HttpResponse]) -> None:
    UserFactory.create(username="bob", display_name="Bob Known")

    page = client.get(upload()["Location"]).content.decode()

    assert "Bob Known" in page
    assert "eve@elsewhere.example" in page
    assert not Course.objects.exists()


def test_class_is_made_on_confirmation(client: Client, upload: Callable[..., HttpResponse]) -> None:
    address = upload()["Location"]

    response = client.post(address, {"with_people": "on"})

    assert response["Location"] == f"/classes/{Course.objects.get().slug}/"
    assert client.get(address).status_code == 404


def test_cancel_makes_nothing_and_removes_the_archive(client: Client, upload: Callable[..., HttpResponse]) -> None:
    client.post(upload()["Location"], {"cancel": "1"})

    assert not Course.objects.exists()
    assert not BroughtArchive.objects.exists()


@pytest.mark.parametrize("data", [b"", b"not a zip file"])
def test_anything_else_is_refused_in_words(upload: Callable[..., HttpResponse], data: bytes) -> None:
    response = upload(data)

    assert response.status_code == 422
    assert "not an archive of a class" in response.content.decode()


def test_archive_of_somebody_else_is_not_found(
    client: Client, upload: Callable[..., HttpResponse], administrator: User, now: datetime
) -> None:
    address = upload()["Location"]
    client.force_login(administrator)

    assert client.get(address).status_code == 404
    assert client.post(address).status_code == 404
