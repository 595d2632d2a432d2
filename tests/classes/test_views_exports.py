"""Archives of a class on its page: asked for, downloaded by teachers alone, removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest
from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from pytest_django import Settings

from classes.exporting import carry_out_export, file_of, request_export
from classes.models import Course, CourseExport, Role
from tests.factories import CourseFactory, member


@pytest.fixture(autouse=True)
def data_directory(settings: Settings, tmp_path: Path) -> None:
    settings.CARREL_DATA = tmp_path


@pytest.fixture
def course(client: Client, fake_backends: None) -> Course:
    """A class whose teacher is signed in."""
    course = CourseFactory.create(slug="waves")
    client.force_login(member(course, "teacher", Role.TEACHER).person)
    member(course, "student")
    return course


def made(course: Course, now: datetime) -> CourseExport:
    export = request_export(course, asked_by=course.owner, with_files=True, with_work=False, now=now)
    carry_out_export(export, clock=lambda: now)
    return export


@pytest.mark.django_db
def test_ask_by_button_remembers_what_is_wanted(client: Client, course: Course) -> None:
    client.post("/classes/waves/keep/export/", {"with_work": "on"})

    export = CourseExport.objects.get()
    assert (export.with_files, export.with_work) == (False, True)


@pytest.mark.django_db
def test_page_is_drawn_again_while_one_is_made(client: Client, course: Course, now: datetime) -> None:
    request_export(course, asked_by=course.owner, with_files=True, with_work=False, now=now)

    page = client.get("/classes/waves/keep/").content.decode()
    part = client.get("/classes/waves/keep/", headers={"HX-Request": "true"}).content.decode()

    assert 'data-refresh-seconds="3"' in page
    assert part.lstrip().startswith('<div class="exports" id="exports"')


@pytest.mark.django_db
def test_page_offers_what_is_made_and_rests(client: Client, course: Course, now: datetime) -> None:
    export = made(course, now)

    page = client.get("/classes/waves/keep/").content.decode()

    assert f"/keep/export/{export.pk}/" in page
    assert 'data-refresh-seconds="0"' in page


@pytest.mark.django_db
def test_delete_removes_it(client: Client, course: Course, now: datetime) -> None:
    export = made(course, now)

    client.post(f"/classes/waves/keep/export/{export.pk}/delete/")

    assert not file_of(export).exists()


@pytest.mark.django_db
def test_archive_of_another_class_is_not_found(client: Client, course: Course, now: datetime) -> None:
    export = made(CourseFactory.create(slug="tides"), now)

    assert client.get(f"/classes/waves/keep/export/{export.pk}/").status_code == 404
    assert client.post(f"/classes/waves/keep/export/{export.pk}/delete/").status_code == 404
    assert file_of(export).exists()


@pytest.mark.django_db(transaction=True)
async def test_download_is_the_whole_file(async_client: AsyncClient, course: Course, now: datetime) -> None:
    export = await sync_to_async(made)(course, now)
    teacher = await sync_to_async(lambda: course.memberships.get(role=Role.TEACHER).person)()
    await async_client.aforce_login(teacher)

    response = cast("StreamingHttpResponse", await async_client.get(f"/classes/waves/keep/export/{export.pk}/"))

    pieces = [piece async for piece in cast("AsyncIterator[bytes]", response.streaming_content)]
    assert b"".join(pieces) == file_of(export).read_bytes()
    assert response["Content-Disposition"] == 'attachment; filename="waves.zip"'
