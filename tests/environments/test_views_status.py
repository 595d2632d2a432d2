"""The operator's page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Never

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from environments.models import NotebookServer, ServerUsage, SiteReport, SiteSample
from environments.spawners.fake import FakeSpawner
from environments.views.people import PersonUse
from environments.views.stored_images import ROWS_SHOWN
from tests.factories import (
    BuildFactory,
    ImageRecordFactory,
    NotebookServerFactory,
    SiteReportFactory,
    UserFactory,
    VolumeFactory,
    running_server,
)

pytestmark = pytest.mark.django_db

STATUS = "/status/"
GB = 1024**3


class HangingSpawner(FakeSpawner):
    """Its engine never answers: a page that asks it anything never opens."""

    def _hang(self, *arguments: object, **options: object) -> Never:
        pytest.fail("the page asked the engine")

    list = poll = usage = report = _hang


@pytest.fixture
def operator(client: Client, administrator: User) -> Client:
    """The administrator's browser."""
    client.force_login(administrator)
    return client


def text_of(operator: Client) -> str:
    """The page, quotation marks and all."""
    return unescape(operator.get(STATUS).content.decode())


def test_status_shows_what_runs_and_waits(operator: Client, fake_backends: None) -> None:
    server = running_server(name="calculus")
    now = timezone.now()
    ServerUsage.objects.create(
        server=server, start_id=server.start_id, measured_at=now, cpu_seconds=1, cores=0.5, memory_bytes=2 * 1024**2
    )
    NotebookServerFactory.create(name="waits", state=NotebookServer.State.QUEUED)
    BuildFactory.create(repository_url="https://github.com/carrel-tests/under-way", state="building")

    page = operator.get(STATUS).content.decode()

    assert all(text in page for text in ("calculus", "0.5", "2.0", "waits", "carrel-tests/<wbr>under-way"))


def test_status_says_what_servers_wait_for(operator: Client, settings: Settings) -> None:
    settings.SITE_RUNNING_SERVERS = 1
    running_server()
    NotebookServerFactory.create(state=NotebookServer.State.QUEUED)
    NotebookServerFactory.create(state=NotebookServer.State.QUEUED)

    page = text_of(operator)

    assert 'a free place <span class="soft">(1)</span>' in page
    assert 'a free place <span class="soft">(2)</span>' in page


def test_status_asks_the_engine_nothing(operator: Client, use_backends: Callable[..., None]) -> None:
    use_backends(spawner=HangingSpawner)
    SiteReportFactory.create(runtime="docker", version="27.1", taken_at=timezone.now() - timedelta(seconds=30))

    assert "Docker Engine 27.1" in text_of(operator)


def test_status_says_what_is_wrong_with_the_engine(operator: Client) -> None:
    SiteReportFactory.create(runtime="docker", problem="silent", detail="Read timed out.", firewall="unseen")

    page = text_of(operator)

    assert all(words in page for words in ("cannot be used", "takes too long", "Read timed out.", "manage.py firewall"))


def test_status_says_when_workers_fell_silent(operator: Client) -> None:
    report = SiteReportFactory.create()
    fresh = text_of(operator)
    SiteReport.objects.filter(pk=report.pk).update(taken_at=timezone.now() - timedelta(minutes=4))

    assert ("fallen silent" in fresh, "fallen silent" in text_of(operator)) == (False, True)


def test_status_opens_before_anything_was_reported(operator: Client) -> None:
    page = text_of(operator)

    assert "No worker has reported yet" in page
    assert "Not measured yet" in page


def test_status_shows_images_by_size_and_by_use(operator: Client) -> None:
    SiteReportFactory.create(images_measured_at=timezone.now())
    server = running_server(repository_url="https://git.example/physics", commit="a" * 40)
    ImageRecordFactory.create(image_key=server.image_key, own_bytes=3 * GB)
    build = BuildFactory.create(image_key="b" * 64, repository_url="https://git.example/history", state="succeeded")
    ImageRecordFactory.create(image_key=build.image_key, own_bytes=GB, used_at=timezone.now() - timedelta(days=20))
    ImageRecordFactory.create(image_key="f" * 64, own_bytes=None)

    response = operator.get(STATUS)

    images = response.context["images"]
    assert (images.count, images.bytes) == (2, 4 * GB)
    physics, history = ("https://git.example/physics", 1), ("https://git.example/history", 0)
    assert [(row.address, row.servers) for row in images.largest] == [physics, history]
    assert [(row.address, row.servers) for row in images.longest_unused] == [history, physics]
    assert response.content.decode().count("git.example/<wbr>history") == 2


def test_status_counts_what_images_share_once(operator: Client) -> None:
    for _ in range(3):
        ImageRecordFactory.create(own_bytes=GB, shared_bytes=2 * GB)

    assert operator.get(STATUS).context["images"].bytes == 5 * GB


def test_status_shows_some_of_many_images(operator: Client) -> None:
    for _ in range(ROWS_SHOWN + 5):
        ImageRecordFactory.create()

    images = operator.get(STATUS).context["images"]

    assert (images.count, len(images.largest), len(images.longest_unused)) == (ROWS_SHOWN + 5, ROWS_SHOWN, ROWS_SHOWN)


def test_status_shows_who_uses_the_most(operator: Client) -> None:
    busy, full = UserFactory.create(display_name="Ada"), UserFactory.create(display_name="Blaise")
    for memory in (GB, 2 * GB):
        server = running_server(owner=busy)
        ServerUsage.objects.create(
            server=server, start_id="", measured_at=timezone.now(), cpu_seconds=1, cores=0.5, memory_bytes=memory
        )
    VolumeFactory.create(owner=full, bytes=5 * GB)
    VolumeFactory.create(owner=UserFactory.create(), bytes=None)

    response = operator.get(STATUS)

    assert "Blaise" in response.content.decode()
    assert response.context["people"] == [PersonUse("Ada", 2, 1.0, 3 * GB, 0), PersonUse("Blaise", 0, 0.0, 0, 5 * GB)]


def test_status_shows_some_of_many_people(operator: Client) -> None:
    for _ in range(15):
        running_server()
        VolumeFactory.create(owner=UserFactory.create(), bytes=1)

    assert len(operator.get(STATUS).context["people"]) == 20


def test_status_warns_of_a_disk_that_is_nearly_full(operator: Client) -> None:
    SiteReportFactory.create(
        data_disk_total_bytes=100 * GB,
        data_disk_free_bytes=50 * GB,
        engine_disk_total_bytes=100 * GB,
        engine_disk_free_bytes=5 * GB,
    )

    response = operator.get(STATUS)

    assert [disk.is_nearly_full for disk in response.context["disks"]] == [False, True]
    assert response.content.decode().count("meter-high") == 1


def test_status_draws_what_was_measured(operator: Client, fake_backends: None) -> None:
    for minute in range(3):
        SiteSample.objects.create(
            taken_at=timezone.now() - timedelta(minutes=minute),
            running=minute,
            waiting=0,
            building=0,
            cores=1,
            memory_bytes=1,
            disk_used_bytes=1,
        )

    assert operator.get(STATUS).content.decode().count("<polyline") == 4


def test_status_breaks_no_tag_into_an_address(operator: Client) -> None:
    BuildFactory.create(repository_url="https://git.example/<b>&/name", state="building")

    assert "git.example/<wbr>&lt;b&gt;&amp;/<wbr>name" in operator.get(STATUS).content.decode()


def test_status_is_the_administrators(client: Client, teacher: User, fake_backends: None) -> None:
    client.force_login(teacher)

    assert client.get(STATUS).status_code == 403


def test_status_asks_as_much_for_many_servers_as_for_one(
    operator: Client, fake_backends: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    SiteReportFactory.create()
    for _ in range(20):
        ImageRecordFactory.create(image_key=running_server().image_key)
        NotebookServerFactory.create(state=NotebookServer.State.QUEUED)
        BuildFactory.create()

    with django_assert_max_num_queries(26):
        operator.get(reverse("environments:status"))
