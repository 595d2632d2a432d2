"""Builds: one per key however many ask, a log without gaps, an end whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import datetime, timedelta

import pytest
from pytest_django import Settings

from accounts.models import User
from environments import backends, builds
from environments.builders.fake import FakeBuilder
from environments.models import Build
from environments.values import BuildEvent, BuildPhase, BuildRequest, ResolvedRepository
from tests.factories import BuildFactory
from tests.fakes.backends import FailingBuilder, NeverBuilder

pytestmark = pytest.mark.django_db

REPOSITORY = ResolvedRepository("https://github.com/carrel-tests/example", "1" * 40, "main")
KEY = "a" * 64


class TalkativeBuilder(FakeBuilder):
    """Prints more than is kept, with a secret in it."""

    lines = builds.MAX_LOG_HEAD + builds.MAX_LOG_TAIL + 100

    def work(self, request: BuildRequest) -> Generator[BuildEvent, None, None]:
        yield BuildEvent(BuildPhase.BUILDING, "https://ada:hunter2@example.org/simple \x00" + "x" * 5000)
        for number in range(2, self.lines):
            yield BuildEvent(BuildPhase.BUILDING, f"line {number}")


class BrokenBuilder(FakeBuilder):
    """Has a bug."""

    def work(self, request: BuildRequest) -> Generator[BuildEvent, None, None]:
        yield from ()
        raise ZeroDivisionError


def claimed(now: datetime) -> Build:
    """A build this worker may run."""
    build = BuildFactory.create(image_key=KEY)
    assert builds.claim_build(build, now=now)
    return build


def test_request_twice_attaches_to_the_build_under_way(fake_backends: None, student: User, now: datetime) -> None:
    first = builds.request_build(KEY, REPOSITORY, requested_by=student, now=now)

    second = builds.request_build(KEY, REPOSITORY, requested_by=None, now=now)

    assert second == first


def test_request_after_a_failure_makes_a_new_attempt(fake_backends: None, student: User, now: datetime) -> None:
    failed = BuildFactory.create(image_key=KEY, state=Build.State.FAILED)

    again = builds.request_build(KEY, REPOSITORY, requested_by=student, now=now)

    assert again != failed


def test_claim_is_given_to_one_only(fake_backends: None, now: datetime) -> None:
    build = BuildFactory.create()
    seen_by_another = Build.objects.get(pk=build.pk)

    assert [builds.claim_build(row, now=now) for row in (build, seen_by_another)] == [True, False]


def test_claim_waits_for_a_place(fake_backends: None, settings: Settings, now: datetime) -> None:
    settings.BUILD_CONCURRENCY = 1
    BuildFactory.create(state=Build.State.BUILDING)

    assert not builds.claim_build(BuildFactory.create(), now=now)


def test_run_makes_the_image_and_keeps_the_log(fake_backends: None, now: datetime) -> None:
    build = claimed(now)

    builds.run_claimed_build(build)

    build.refresh_from_db()
    assert build.state == Build.State.SUCCEEDED
    assert backends.builder().find(KEY) is not None
    assert [line.sequence for line in builds.log_after(build, 0)] == [1, 2]


def test_run_builds_nothing_that_was_made_meanwhile(fake_backends: None, now: datetime) -> None:
    builds.run_claimed_build(claimed(now))

    builds.run_claimed_build(claimed(now))

    assert len(backends.builder().requests) == 1  # type: ignore[attr-defined]
    assert set(Build.objects.values_list("state", flat=True)) == {"succeeded"}


def test_run_records_why_it_failed(use_backends: Callable[..., None], now: datetime) -> None:
    use_backends(builder=FailingBuilder)
    build = claimed(now)

    builds.run_claimed_build(build)

    build.refresh_from_db()
    assert (build.state, build.failure_code) == (Build.State.FAILED, "package_not_found")
    assert build.failure is not None
    assert "no-such-package" in build.failure.sentence


def test_run_ends_as_failed_and_raises_when_there_is_a_bug(use_backends: Callable[..., None], now: datetime) -> None:
    use_backends(builder=BrokenBuilder)
    build = claimed(now)

    with pytest.raises(ZeroDivisionError):
        builds.run_claimed_build(build)

    build.refresh_from_db()
    assert (build.state, build.failure_code) == (Build.State.FAILED, "unexpected")


@pytest.mark.django_db(transaction=True)  # The lease is renewed by another connection.
def test_run_stops_when_cancelled(use_backends: Callable[..., None], now: datetime) -> None:
    use_backends(builder=NeverBuilder)
    build = claimed(now)
    builds.cancel_build(build, now=now)

    builds.run_claimed_build(build)

    build.refresh_from_db()
    assert build.state == Build.State.CANCELLED


@pytest.mark.django_db(transaction=True)  # The lease is renewed by another connection.
def test_run_leaves_the_row_alone_when_its_lease_was_taken_away(
    use_backends: Callable[..., None], now: datetime
) -> None:
    use_backends(builder=NeverBuilder)
    build = claimed(now)
    Build.objects.filter(pk=build.pk).update(state=Build.State.FAILED, failure_code="build_interrupted")

    builds.run_claimed_build(build)

    build.refresh_from_db()
    assert (build.state, build.failure_code) == (Build.State.FAILED, "build_interrupted")


def test_cancel_ends_a_waiting_build_at_once(fake_backends: None, now: datetime) -> None:
    build = BuildFactory.create()

    builds.cancel_build(build, now=now)

    build.refresh_from_db()
    assert build.state == Build.State.CANCELLED


def test_log_is_redacted_and_bounded_before_it_is_stored(use_backends: Callable[..., None], now: datetime) -> None:
    use_backends(builder=TalkativeBuilder)
    build = claimed(now)

    builds.run_claimed_build(build)

    lines = list(build.log_lines.all())
    assert len(lines) == builds.MAX_LOG_HEAD + builds.MAX_LOG_TAIL + 1
    assert [line.sequence for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1].text == f"line {TalkativeBuilder.lines - 1}"
    assert not any("hunter2" in line.text or "\x00" in line.text for line in lines)
    assert max(len(line.text) for line in lines) <= builds.MAX_LINE


def test_fail_interrupted_build_removes_what_was_left(fake_backends: None, now: datetime) -> None:
    build = claimed(now)

    builds.fail_interrupted_build(build, now=now)

    build.refresh_from_db()
    assert (build.state, build.failure_code, build.lease_expires_at) == (Build.State.FAILED, "build_interrupted", None)


def test_queue_place_counts_those_before(fake_backends: None, now: datetime) -> None:
    first, second = BuildFactory.create(), BuildFactory.create()
    Build.objects.filter(pk=first.pk).update(created_at=now - timedelta(hours=1))

    assert builds.queue_place(first) == 1 or builds.queue_place(Build.objects.get(pk=first.pk)) == 1
    assert builds.queue_place(second) == 2
    assert builds.queue_place(BuildFactory.create(state=Build.State.BUILDING)) is None
