"""Images are kept for whoever needs them, and for a while after their last use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import cast

import pytest
from django.conf import settings as current
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from environments import backends, images, servers, starting, stopping
from environments.builders.fake import FakeBuilder
from environments.errors import SystemFailure
from environments.models import Build, ImageRecord, NotebookServer, SiteReport
from environments.values import Image, ImageStore
from tests.factories import (
    BuildFactory,
    ImageRecordFactory,
    NotebookServerFactory,
    SiteReportFactory,
    running_server,
)

pytestmark = pytest.mark.django_db

State = NotebookServer.State
LONG = timedelta(days=31)


@pytest.fixture
def builder(fake_backends: None) -> FakeBuilder:
    return cast("FakeBuilder", backends.builder())


class UnmeasurableBuilder(FakeBuilder):
    """Its engine does not answer."""

    def stored(self) -> ImageStore:
        raise SystemFailure("runtime_unavailable")


def have(builder: FakeBuilder, *keys: str) -> None:
    """Have images of these keys."""
    builder.images.update({key: Image(key, f"fake:{key}") for key in keys})


def later() -> datetime:
    """So long after any image was made that none is kept for its own sake."""
    return timezone.now() + LONG


@pytest.mark.parametrize("state", State.values)
def test_image_of_every_server_is_needed(builder: FakeBuilder, state: str) -> None:
    server = NotebookServerFactory.create(state=state)
    have(builder, server.image_key, "unneeded")

    assert images.remove_unused_images(now=later()) == ["unneeded"]


@pytest.mark.parametrize("state", Build.ACTIVE)
def test_image_of_a_build_under_way_is_needed(builder: FakeBuilder, state: str) -> None:
    have(builder, BuildFactory.create(state=state).image_key)

    assert images.remove_unused_images(now=later()) == []


@pytest.mark.parametrize("state", [Build.State.SUCCEEDED, Build.State.FAILED, Build.State.CANCELLED])
def test_image_of_a_build_that_is_over_is_not_needed(builder: FakeBuilder, state: str) -> None:
    key = BuildFactory.create(state=state).image_key
    have(builder, key)

    assert images.remove_unused_images(now=later()) == [key]


def test_image_of_a_deleted_server_is_needed_as_long_as_it_can_come_back(
    builder: FakeBuilder, settings: Settings
) -> None:
    settings.DELETED_FILES_DAYS = 7
    now = later()
    server = NotebookServerFactory.create(state=State.STOPPED, deleted_at=now - timedelta(days=6))
    have(builder, key := server.image_key)

    while_it_can = images.remove_unused_images(now=now)
    stopping.purge_server(server, now=now + timedelta(days=1))
    afterwards = images.remove_unused_images(now=now + timedelta(days=1))

    assert (while_it_can, afterwards) == ([], [key])


def test_use_counts_from_the_start_and_the_end_of_a_server(builder: FakeBuilder, now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.QUEUED)
    have(builder, key := server.image_key)

    starting.carry_out_start(server, clock=lambda: now)
    at_start = ImageRecord.objects.get(pk=key).used_at
    servers.stop_server(server, now=now)
    stopping.carry_out_stop(server, clock=lambda: now + timedelta(hours=2))

    assert (at_start, ImageRecord.objects.get(pk=key).used_at) == (now, now + timedelta(hours=2))


def test_image_that_was_used_lately_outlives_its_last_server(builder: FakeBuilder) -> None:
    now = later()
    have(builder, "used", "unused")
    images.note_use("used", now=now - timedelta(days=29))

    assert images.remove_unused_images(now=now) == ["unused"]


def test_use_is_forgotten_after_the_image(builder: FakeBuilder, now: datetime) -> None:
    needed = NotebookServerFactory.create().image_key
    for key, used_at in ((needed, now - LONG), ("old", now - LONG), ("recent", now)):
        images.note_use(key, now=used_at)

    images.remove_unused_images(now=now)

    assert {record.image_key for record in ImageRecord.objects.all()} == {needed, "recent"}


def test_removal_asks_as_much_for_many_servers_as_for_one(
    builder: FakeBuilder, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(10):
        running_server()

    with django_assert_num_queries(7):
        images.remove_unused_images(now=timezone.now())


def test_image_that_is_removed_before_a_start_is_made_again(builder: FakeBuilder, now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.STOPPED)
    have(builder, server.image_key)
    servers.start_server(server, now=now)
    builder.remove_unused(needed=(), last_used={}, now=later())

    starting.carry_out_start(NotebookServer.objects.get(pk=server.pk))
    build = Build.objects.get(image_key=server.image_key)
    servers.carry_out_build(build)
    starting.carry_out_start(NotebookServer.objects.get(pk=server.pk))

    assert NotebookServer.objects.get(pk=server.pk).state == State.RUNNING


# --- Measuring


def sizes() -> dict[str, int | None]:
    """What is recorded of each image."""
    return dict(ImageRecord.objects.values_list("image_key", "own_bytes"))


def test_measure_records_every_image_and_when(builder: FakeBuilder, now: datetime) -> None:
    SiteReportFactory.create()
    have(builder, "one", "two")
    images.note_use("two", now=now)

    images.measure_images(now=now)

    report = SiteReport.objects.get()
    assert sizes() == {"one": builder.image_bytes, "two": builder.image_bytes}
    assert ImageRecord.objects.get(pk="two").used_at == now
    assert (report.images_measured_at, report.cache_bytes) == (now, 0)


def test_measure_forgets_the_size_of_images_that_are_gone(builder: FakeBuilder, now: datetime) -> None:
    SiteReportFactory.create()
    for key, used_at in (("used", now), ("unused", None)):
        ImageRecordFactory.create(image_key=key, used_at=used_at)

    images.measure_images(now=now)

    assert sizes() == {"used": None}


def test_measure_is_due_once_an_hour(builder: FakeBuilder, now: datetime) -> None:
    SiteReportFactory.create()

    due = [images.measure_images(now=now + timedelta(minutes=minutes)) for minutes in (0, 1, 59, 60, 61)]

    assert due == [True, False, False, True, False]


def test_measure_that_fails_leaves_what_was_known(use_backends: Callable[..., None], now: datetime) -> None:
    use_backends(builder=UnmeasurableBuilder)
    SiteReportFactory.create()
    ImageRecordFactory.create(image_key="known", own_bytes=1)

    with pytest.raises(SystemFailure):
        images.measure_images(now=now)

    assert sizes() == {"known": 1}
    assert not images.measure_images(now=now + timedelta(minutes=1))


# --- By the clock


def test_images_are_removed_daily_from_every_engine() -> None:
    duties = [duty for duty in current.CELERY_BEAT_SCHEDULE.values() if duty["task"].endswith(".remove_unused_images")]

    assert {duty["options"]["queue"] for duty in duties} == {"web", "build"}
