"""The catalog's images stay fresh by themselves, and nobody is disturbed when that fails."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts.models import User
from config.celery import app
from environments import images, rebuilding, servers, tasks
from environments.catalog import edit, publish, remove
from environments.launching import launch, launch_environment
from environments.models import Build, Environment, NotebookServer, Outcome, Rebuild
from environments.rebuilding import Freshness, enqueue_due_work, freshness_of, rebuild, rebuild_if_due
from environments.values import ResolvedRepository
from tests.environments.recipes import fresh, recipe, work
from tests.environments.workshop import fake_builder
from tests.factories import BuildFactory, EnvironmentFactory
from tests.fakes.backends import FailingBuilder
from tests.fakes.git_host import GitHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

A_DAY = timedelta(days=1)


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    """A git host with two repositories."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": "numpy\n"})
        host.add("physics", {"requirements.txt": "scipy\n"})
        yield host


@pytest.fixture
def environment(host: GitHost, teacher: User, now: datetime) -> Environment:
    """A teacher's environment, prepared at `now` and looked after every day."""
    environment = publish(teacher, recipe(host.url("statistics")), now=now)
    Environment.objects.update(created_at=now)
    work(now)
    return fresh(environment)


def move_on(host: GitHost) -> None:
    """A new commit."""
    host.commit("statistics", {"requirements.txt": "numpy<2\n"})


def test_rebuild_prepares_the_newest_version(environment: Environment, host: GitHost, now: datetime) -> None:
    before = environment.commit
    move_on(host)

    rebuild(environment, now=now + A_DAY)
    assert (environment.commit, environment.has_newer, environment.outcome) == (before, True, Outcome.PREPARING)
    work(now + A_DAY)

    rebuilt = fresh(environment)
    assert (rebuilt.commit != before, rebuilt.has_newer, rebuilt.outcome) == (True, False, Outcome.MADE)
    assert rebuilt.made_at == now + A_DAY


def test_rebuild_without_anything_new_says_so(environment: Environment, now: datetime) -> None:
    rebuild(environment, now=now + A_DAY)
    work(now + A_DAY)

    rebuilt = fresh(environment)
    assert (rebuilt.outcome, rebuilt.made_at) == (Outcome.UNCHANGED, now)
    assert len(fake_builder().requests) == 1


def test_rebuild_that_fails_leaves_people_the_last_version_that_worked(
    environment: Environment, host: GitHost, student: User, now: datetime, use_backends: Callable[..., None]
) -> None:
    move_on(host)
    use_backends(builder=FailingBuilder)

    rebuild(environment, now=now + A_DAY)
    work(now + A_DAY)

    rebuilt = fresh(environment)
    assert (rebuilt.outcome, rebuilt.commit, rebuilt.has_image) == (Outcome.FAILED, environment.commit, True)
    assert rebuilt.failure is not None
    assert launch_environment(student, rebuilt, now=now).commit == environment.commit


def test_rebuild_goes_on_when_somebody_else_stops_waiting(
    environment: Environment, host: GitHost, student: User, now: datetime
) -> None:
    move_on(host)
    rebuild(environment, now=now)
    server = launch(student, recipe(host.url("statistics")).spec, now=now)

    servers.stop_server(server, now=now)

    assert server.build is not None
    assert Build.objects.get(pk=server.build.pk).is_active


@pytest.mark.parametrize(
    ("schedule", "days", "is_due"),
    [
        (Rebuild.NEVER, 20, False),
        (Rebuild.DAILY, 0.9, False),
        (Rebuild.DAILY, 1, True),
        (Rebuild.WEEKLY, 6.9, False),
        (Rebuild.WEEKLY, 7, True),
        (Rebuild.DAILY, 31, False),
    ],
)
def test_look_after_each_when_it_is_due(
    environment: Environment,
    now: datetime,
    schedule: Rebuild,
    days: float,
    is_due: bool,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    Environment.objects.update(rebuild=schedule)
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr("environments.queueing._send", lambda task, key: sent.append((task, key)))

    with django_capture_on_commit_callbacks(execute=True):
        enqueue_due_work(now=now + timedelta(days=days))

    assert sent == ([("rebuild_environment", str(environment.pk))] if is_due else [])


def test_look_after_one_that_is_not_due_does_nothing(environment: Environment, host: GitHost, now: datetime) -> None:
    move_on(host)

    rebuild_if_due(environment, now=now + A_DAY / 2)

    assert not fresh(environment).has_newer


def test_look_after_one_prepares_what_is_new(environment: Environment, host: GitHost, now: datetime) -> None:
    move_on(host)

    rebuild_if_due(environment, now=now + A_DAY)
    work(now + A_DAY)

    assert (fresh(environment).outcome, len(fake_builder().requests)) == (Outcome.MADE, 2)


def test_look_after_one_without_anything_new_builds_nothing(environment: Environment, now: datetime) -> None:
    rebuild_if_due(environment, now=now + A_DAY)

    looked_after = fresh(environment)
    assert (looked_after.outcome, looked_after.looked_at) == (Outcome.UNCHANGED, now + A_DAY)
    assert Build.objects.count() == 1


def test_look_after_one_whose_image_is_gone_makes_it_again(environment: Environment, now: datetime) -> None:
    fake_builder().discard(environment.image_key)
    Environment.objects.update(has_image=False)

    rebuild_if_due(fresh(environment), now=now + A_DAY)
    work(now + A_DAY)

    assert (fresh(environment).has_image, fresh(environment).outcome) == (True, Outcome.MADE)


def test_look_after_one_twice_at_once_looks_once(environment: Environment, host: GitHost, now: datetime) -> None:
    seen_by_another = fresh(environment)
    move_on(host)
    rebuild_if_due(environment, now=now + A_DAY)
    work(now + A_DAY)
    move_on_again = {"requirements.txt": "numpy<1\n"}
    host.commit("statistics", move_on_again)

    rebuild_if_due(seen_by_another, now=now + A_DAY)

    assert not fresh(environment).has_newer


def test_look_after_one_whose_host_is_gone_tells_its_owner(
    environment: Environment, student: User, now: datetime, settings: Settings
) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS = []

    rebuild_if_due(environment, now=now + A_DAY)

    looked_after = fresh(environment)
    assert (looked_after.outcome, looked_after.failure_code) == (Outcome.FAILED, "repository_address_forbidden")
    assert launch_environment(student, looked_after, now=now).commit == environment.commit


def test_look_after_one_that_works_again_forgets_the_failure(environment: Environment, now: datetime) -> None:
    Environment.objects.update(outcome=Outcome.FAILED, failure_code="repository_unreachable")

    rebuild_if_due(fresh(environment), now=now + A_DAY)

    assert (fresh(environment).outcome, fresh(environment).failure) == (Outcome.UNCHANGED, None)


def test_delete_one_while_it_is_looked_after_builds_nothing(
    environment: Environment, host: GitHost, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_on(host)
    look = rebuilding.newest_version

    def look_while_it_is_deleted(one: Environment, *, now: datetime) -> ResolvedRepository:
        found = look(one, now=now)
        remove(fresh(one), now=now)
        return found

    monkeypatch.setattr(rebuilding, "newest_version", look_while_it_is_deleted)

    rebuild_if_due(environment, now=now + A_DAY)

    assert not Environment.objects.exists()
    assert not Build.objects.filter(state__in=Build.ACTIVE).exists()


def test_edit_one_while_it_is_looked_after_keeps_the_edit(
    environment: Environment, host: GitHost, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_on(host)
    look = rebuilding.newest_version

    def look_while_it_is_edited(one: Environment, *, now: datetime) -> ResolvedRepository:
        found = look(one, now=now)
        monkeypatch.setattr(rebuilding, "newest_version", look)
        edit(fresh(one), recipe(host.url("physics")), now=now)
        return found

    monkeypatch.setattr(rebuilding, "newest_version", look_while_it_is_edited)

    rebuild_if_due(environment, now=now + A_DAY)
    work(now + A_DAY)

    assert fresh(environment).repository_url.endswith("physics")


def test_settle_after_an_edit_takes_nothing_over(environment: Environment, host: GitHost, now: datetime) -> None:
    move_on(host)
    rebuild(environment, now=now)
    stale = fresh(environment)
    Build.objects.filter(state__in=Build.ACTIVE).update(state=Build.State.SUCCEEDED)
    Environment.objects.update(build=None, outcome=Outcome.NONE)

    rebuilding.settle(fresh_with_build(stale), now=now)

    assert fresh(environment).commit == environment.commit


def test_ask_for_what_ended_unnoticed(
    environment: Environment,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    Environment.objects.update(outcome=Outcome.PREPARING)
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr("environments.queueing._send", lambda task, key: sent.append((task, key)))

    with django_capture_on_commit_callbacks(execute=True):
        enqueue_due_work(now=now)

    assert sent == [("settle_environment", str(environment.pk))]


def test_end_of_a_build_is_told_to_the_catalog(
    host: GitHost,
    student: User,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr("environments.queueing._send", lambda task, key: sent.append((task, key)))
    environment = publish(student, recipe(host.url("statistics")), now=now)

    with django_capture_on_commit_callbacks(execute=True):
        servers.carry_out_build(Build.objects.get(), clock=lambda: now)

    assert ("settle_environment", str(environment.pk)) in sent


def test_keep_images_of_what_is_kept_fresh(environment: Environment, now: datetime, settings: Settings) -> None:
    settings.IMAGE_KEEP_DAYS = 30
    late = now + 29 * A_DAY

    assert images.needed_keys(now=late) == {environment.image_key}
    assert images.needed_keys(now=now + 30 * A_DAY) == set()
    Environment.objects.update(rebuild=Rebuild.NEVER)
    assert images.needed_keys(now=late) == set()


def test_say_when_an_image_was_removed(environment: Environment, now: datetime, settings: Settings) -> None:
    Environment.objects.update(rebuild=Rebuild.NEVER)

    images.remove_unused_images(now=now + 400 * A_DAY)

    assert freshness_of(fresh(environment)) == Freshness.UNPREPARED


@pytest.mark.parametrize(
    ("has_image", "outcome", "freshness"),
    [
        (True, Outcome.NONE, Freshness.READY),
        (True, Outcome.PREPARING, Freshness.READY),
        (False, Outcome.PREPARING, Freshness.PREPARING),
        (False, Outcome.FAILED, Freshness.UNPREPARED),
        (False, Outcome.NONE, Freshness.UNPREPARED),
    ],
)
def test_say_how_soon_one_can_work(has_image: bool, outcome: Outcome, freshness: Freshness) -> None:
    assert freshness_of(EnvironmentFactory.build(has_image=has_image, outcome=outcome)) == freshness


def test_adopt_takes_nobody_elses_private_version(teacher: User, student: User, now: datetime) -> None:
    environment = EnvironmentFactory.create(owner=teacher)
    build = BuildFactory.create(state=Build.State.SUCCEEDED, finished_at=now, is_private=True, requested_by=student)
    server = NotebookServer(owner=student, is_private=True, image_key=build.image_key, build=build, commit="1" * 40)

    rebuilding.adopt(environment, server, now=now)

    assert fresh(environment).commit == ""


def test_tasks_call_the_verbs(host: GitHost, teacher: User) -> None:
    environment = publish(teacher, recipe(host.url("statistics")), now=timezone.now())
    servers.carry_out_build(Build.objects.get())

    tasks.tend_catalog()
    tasks.settle_environment(str(environment.pk))
    assert fresh(environment).has_image

    Environment.objects.update(looked_at=timezone.now() - A_DAY)
    tasks.rebuild_environment(str(environment.pk))
    assert fresh(environment).outcome == Outcome.UNCHANGED


def test_tasks_pass_over_what_was_deleted() -> None:
    gone = str(uuid.uuid4())

    tasks.rebuild_environment(gone)
    tasks.settle_environment(gone)


@pytest.mark.parametrize("task", ["tend_catalog", "rebuild_environment", "settle_environment"])
def test_tasks_are_known_by_the_names_they_are_asked_for(task: str) -> None:
    assert f"environments.tasks.{task}" in app.tasks


def fresh_with_build(environment: Environment) -> Environment:
    """As it was read, with its build as that is now."""
    if environment.build is not None:
        environment.build.refresh_from_db()
    return environment
