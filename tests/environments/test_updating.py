"""Updating a server in place: what a person asks for, what becomes of it in every state, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts.models import User
from environments import builds, servers, starting, stopping, updating
from environments.errors import EnvironmentsError, UserError
from environments.launching import launch
from environments.models import Build, NotebookServer, Update
from environments.reconciling import reconcile
from environments.references import parse
from environments.updating import Stage, carry_out_update, stage_of
from environments.values import LaunchSpec, Limits, Reference
from tests.environments.workshop import SECOND, Workshop, fake_spawner, fresh, has_image, other, updated_server
from tests.factories import BuildFactory, NotebookServerFactory, running_server, update_of
from tests.fakes.backends import FailingBuilder, TroubledSpawner
from tests.fakes.git_host import GitHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workshop")]

State = NotebookServer.State
THIRD = "3" * 40
Sent = Callable[[Callable[[], object]], set[tuple[str, str]]]


# --- Looking for a newer version


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    """A git host with one repository called statistics."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": "numpy\n"})
        yield host


@pytest.fixture
def launched(host: GitHost, student: User, now: datetime) -> NotebookServer:
    """A server of the commit there is."""
    return launch(student, LaunchSpec(parse(host.url("statistics"))), now=now)


def test_check_says_that_there_is_nothing_newer(launched: NotebookServer, now: datetime) -> None:
    target = updating.check_for_update(launched, now=now)

    server = fresh(launched)
    assert target == server.target
    assert (stage_of(server), server.looked_at) == (Stage.UP_TO_DATE, now)


def test_check_finds_a_newer_commit_and_remembers_it(launched: NotebookServer, host: GitHost, now: datetime) -> None:
    commit = host.commit("statistics", {"requirements.txt": "numpy<2\n"})

    target = updating.check_for_update(launched, now=now)

    assert target == replace(launched.target, commit=commit)
    assert (stage_of(fresh(launched)), fresh(launched).newest_commit) == (Stage.AVAILABLE, commit)


def test_check_of_a_repository_that_is_gone_changes_nothing(
    launched: NotebookServer, host: GitHost, now: datetime
) -> None:
    host.make_private("statistics")

    with pytest.raises(EnvironmentsError, match="repository_not_found"):
        updating.check_for_update(launched, now=now)

    assert stage_of(fresh(launched)) == Stage.UNKNOWN


def test_nobody_has_looked_at_first() -> None:
    assert stage_of(NotebookServerFactory.create()) == Stage.UNKNOWN


# --- Asking


@pytest.mark.parametrize("state", [State.STOPPED, State.FAILED, State.RUNNING])
def test_update_has_the_image_made_and_leaves_the_server_alone(now: datetime, state: str) -> None:
    server = NotebookServerFactory.create(state=state)

    updating.update_server(server, other(server), now=now)

    after, build = fresh(server), Build.objects.get()
    assert (after.state, after.commit, after.build) == (state, server.commit, None)
    assert (build.commit, stage_of(after)) == (SECOND, Stage.PREPARING)
    assert after.pending_update is not None
    assert (after.pending_update.image_key, after.pending_update.build) == (build.image_key, build)


@pytest.mark.parametrize(
    ("state", "was_running"),
    [
        (State.QUEUED, False),
        (State.BUILDING, False),
        (State.STARTING, False),
        (State.STOPPING, False),
        (State.STOPPED, True),
    ],
)
@pytest.mark.parametrize("verb", ["update", "roll back", "cancel"])
def test_ask_on_its_way_up_or_down_is_refused(now: datetime, state: str, was_running: bool, verb: str) -> None:
    server = NotebookServerFactory.create(state=state, previous_image_key="before")
    update = update_of(server, was_running=was_running)

    with pytest.raises(UserError) as refusal:
        {
            "update": lambda: updating.update_server(server, other(server, commit=THIRD), now=now),
            "roll back": lambda: updating.roll_back(server, now=now),
            "cancel": lambda: updating.cancel_update(server, now=now),
        }[verb]()

    assert refusal.value.code == "state_conflict"
    assert fresh(server).pending_update == update


def test_update_to_what_it_is_changes_nothing(now: datetime) -> None:
    server = NotebookServerFactory.create(state=State.STARTING)

    updating.update_server(server, server.target, now=now)

    assert not Update.objects.exists()


@pytest.mark.parametrize(
    "changes", [{"urlpath": "lab/tree/second.ipynb"}, {"idle_minutes": 5}, {"lifetime_minutes": 60}]
)
def test_update_of_what_needs_no_start_holds_at_once(now: datetime, changes: dict[str, Any]) -> None:
    server = running_server()

    updating.update_server(server, other(server, **changes), now=now)

    after = fresh(server)
    assert (after.state, after.pending_update) == (State.RUNNING, None)
    assert {name: getattr(after, name) for name in changes} == changes


def test_update_of_limits_keeps_the_image(now: datetime) -> None:
    server = has_image(running_server())

    updating.update_server(server, other(server, limits=Limits(512, 2.0)), now=now)

    update = Update.objects.get()
    assert (update.image_key, update.memory_mb, update.build) == (server.image_key, 512, None)


def test_update_of_a_repository_that_was_only_renamed_keeps_the_image(now: datetime) -> None:
    server = running_server()

    updating.update_server(server, other(server, url="https://github.com/carrel-tests/renamed"), now=now)

    assert not Update.objects.exists()
    assert fresh(server).repository_url == "https://github.com/carrel-tests/renamed"


def test_update_to_the_same_commit_of_another_repository_needs_another_image(now: datetime) -> None:
    server = running_server()
    fork = Reference("gh", "carrel-tests/fork")

    updating.update_server(server, other(server, reference=fork, url="https://github.com/carrel-tests/fork"), now=now)

    assert Update.objects.get().image_key != server.image_key


def test_update_twice_builds_once(now: datetime) -> None:
    server = running_server()
    second_click = fresh(server)

    updating.update_server(server, other(server), now=now)
    updating.update_server(second_click, other(second_click), now=now)

    assert Build.objects.count() == Update.objects.count() == 1


def test_update_by_two_people_builds_once(now: datetime) -> None:
    mine, other_persons = running_server(), running_server()

    for server in (mine, other_persons):
        updating.update_server(server, other(server), now=now)

    assert Build.objects.count() == 1


def test_update_to_something_else_replaces_what_was_asked_for_before(now: datetime) -> None:
    server = running_server()
    updating.update_server(server, other(server), now=now)
    first = Build.objects.get()

    updating.update_server(server, other(server, commit=THIRD), now=now)

    first.refresh_from_db()
    assert first.state == Build.State.CANCELLED
    assert Update.objects.get() == fresh(server).pending_update
    assert Update.objects.get().commit == THIRD


def test_update_of_which_another_click_made_something_else_is_refused(now: datetime) -> None:
    server = running_server()
    second_click = fresh(server)
    updating.update_server(server, other(server), now=now)

    with pytest.raises(UserError, match="state_conflict"):
        updating.update_server(second_click, other(second_click, commit=THIRD), now=now)

    assert Update.objects.get().commit == SECOND
    assert Build.objects.count() == 1


def test_update_of_a_deleted_server_is_refused(now: datetime) -> None:
    server = NotebookServerFactory.create()
    servers.delete_server(fresh(server), now=now)

    with pytest.raises(UserError, match="state_conflict"):
        updating.update_server(server, other(server), now=now)

    assert not Update.objects.exists()


def test_cancel_takes_back_what_was_asked_for_and_its_build(now: datetime) -> None:
    server = running_server()
    updating.update_server(server, other(server), now=now)

    updating.cancel_update(server, now=now)

    assert (fresh(server).pending_update, Update.objects.count()) == (None, 0)
    assert Build.objects.get().state == Build.State.CANCELLED


def test_cancel_lets_the_build_go_on_for_others(now: datetime) -> None:
    mine, other_persons = running_server(), running_server()
    for server in (mine, other_persons):
        updating.update_server(server, other(server), now=now)

    updating.cancel_update(mine, now=now)

    assert Build.objects.get().state == Build.State.QUEUED


def test_cancel_twice_is_as_good_as_once(now: datetime) -> None:
    server = running_server()
    updating.update_server(server, other(server), now=now)
    second_click = fresh(server)

    updating.cancel_update(server, now=now)
    updating.cancel_update(second_click, now=now)

    assert not Update.objects.exists()


def test_asking_for_what_it_is_takes_back_what_was_asked_for(now: datetime) -> None:
    server = running_server()
    updating.update_server(server, other(server), now=now)

    updating.update_server(server, server.target, now=now)

    assert not Update.objects.exists()


def test_stopping_another_server_that_waits_leaves_the_build_to_the_update(now: datetime) -> None:
    server = running_server()
    updating.update_server(server, other(server), now=now)
    waiting = NotebookServerFactory.create(state=State.QUEUED, build=Build.objects.get())

    servers.stop_server(waiting, now=now)

    assert Build.objects.get().state == Build.State.QUEUED


def test_leave_build_gives_up_ones_own_updates_that_wait_for_it(student: User, now: datetime) -> None:
    server = running_server(owner=student)
    updating.update_server(server, other(server), now=now)

    servers.leave_build(Build.objects.get(), user=student, now=now)

    assert (fresh(server).pending_update, Build.objects.get().state) == (None, Build.State.CANCELLED)


def test_delete_gives_up_an_update(now: datetime) -> None:
    server = running_server()
    updating.update_server(server, other(server), now=now)

    servers.delete_server(server, now=now)

    assert (Update.objects.count(), Build.objects.get().state) == (0, Build.State.CANCELLED)


# --- Carrying out


def test_update_restarts_a_running_server_once_the_image_is_there(workshop: Workshop) -> None:
    server = workshop.running_server()

    updating.update_server(server, other(server), now=workshop.now)
    workshop.work_until_done()

    after = fresh(server)
    assert (after.state, after.commit, after.pending_update) == (State.RUNNING, SECOND, None)
    assert after.build == Build.objects.get(commit=SECOND)
    assert [*fake_spawner().list()] == [after.handle]
    assert fake_spawner().specs[after.handle].image.key == after.image_key
    assert not Update.objects.exists()


def test_update_leaves_the_running_server_alone_while_the_image_is_made(workshop: Workshop) -> None:
    server = workshop.running_server()
    updating.update_server(server, other(server), now=workshop.now)
    Build.objects.update(state=Build.State.BUILDING, lease_expires_at=workshop.now + timedelta(days=1))

    workshop.work_until_done()

    after = fresh(server)
    assert (after.state, after.handle) == (State.RUNNING, server.handle)


@pytest.mark.parametrize("state", [State.STOPPED, State.FAILED])
def test_update_lets_a_server_sleep_that_did_not_run(workshop: Workshop, state: str) -> None:
    server = NotebookServerFactory.create(state=state, failure_code="build_failed" if state == State.FAILED else "")

    updating.update_server(server, other(server), now=workshop.now)
    workshop.work_until_done()

    after = fresh(server)
    assert (after.state, after.commit, after.failure_code) == (State.STOPPED, SECOND, "")
    assert not fake_spawner().list()


def test_update_forgets_what_the_last_one_did_with_the_files(workshop: Workshop) -> None:
    report = {"failure_code": "disk_full", "failure_facts": {}}
    server = NotebookServerFactory.create(merge_report=report)

    updating.update_server(server, other(server), now=workshop.now)
    workshop.work_until_done()

    assert fresh(server).merge_report == {}


def test_update_does_not_wake_a_server_that_was_stopped_while_it_waited(workshop: Workshop) -> None:
    server = workshop.running_server()
    updating.update_server(server, other(server), now=workshop.now)
    servers.stop_server(fresh(server), now=workshop.now)

    workshop.work_until_done()

    after = fresh(server)
    assert (after.state, after.commit) == (State.STOPPED, SECOND)


def test_update_restarts_a_server_that_was_started_while_it_waited(workshop: Workshop) -> None:
    server = has_image(NotebookServerFactory.create())
    updating.update_server(server, other(server), now=workshop.now)
    servers.start_server(fresh(server), now=workshop.now)

    workshop.work_until_done()

    after = fresh(server)
    assert (after.state, after.commit) == (State.RUNNING, SECOND)


def test_update_whose_environment_cannot_be_made_leaves_the_server_running(
    workshop: Workshop, use_backends: Callable[..., None]
) -> None:
    use_backends(builder=FailingBuilder, spawner=TroubledSpawner)
    server = workshop.running_server()

    updating.update_server(server, other(server), now=workshop.now)
    workshop.work_until_done()

    after = fresh(server)
    assert (after.state, after.handle, after.commit) == (State.RUNNING, server.handle, server.commit)
    assert stage_of(after) == Stage.FAILED
    assert after.pending_update is not None
    assert after.pending_update.failure is not None
    assert "no-such-package" in after.pending_update.failure.sentence
    assert after.failure_code == ""


def test_update_that_failed_can_be_asked_for_again(workshop: Workshop) -> None:
    server = workshop.running_server()
    update = update_of(server, failure_code="build_interrupted", build=BuildFactory.create(state=Build.State.FAILED))

    updating.update_server(server, update.target, now=workshop.now)
    workshop.work_until_done()

    after = fresh(server)
    assert (after.state, after.commit, after.pending_update) == (State.RUNNING, update.commit, None)


def test_update_has_an_image_made_again_that_vanished_while_it_waited(workshop: Workshop) -> None:
    server = workshop.running_server()
    update_of(server, build=BuildFactory.create(state=Build.State.SUCCEEDED))

    workshop.work_until_done()

    assert (fresh(server).state, fresh(server).commit) == (State.RUNNING, SECOND)


def test_update_brings_back_a_server_whose_new_image_vanished_after_it_was_stopped(workshop: Workshop) -> None:
    server = has_image(NotebookServerFactory.create())
    failed = BuildFactory.create(state=Build.State.FAILED, failure_code="build_failed")
    update_of(server, build=failed, was_running=True)

    workshop.work_until_done()

    after = fresh(server)
    assert (after.state, after.commit, stage_of(after)) == (State.RUNNING, server.commit, Stage.FAILED)


def test_update_knows_of_a_still_newer_version_that_somebody_found_meanwhile(workshop: Workshop) -> None:
    server = NotebookServerFactory.create()
    updating.update_server(server, other(server), now=workshop.now)
    later = workshop.now + timedelta(seconds=1)
    NotebookServer.objects.filter(pk=server.pk).update(newest_commit=THIRD, looked_at=later)

    workshop.work_until_done()

    assert (stage_of(fresh(server)), fresh(server).newest_commit) == (Stage.AVAILABLE, THIRD)


def test_update_that_nobody_looked_for_is_the_newest_known(workshop: Workshop) -> None:
    server = NotebookServerFactory.create(newest_commit="1" * 40, looked_at=workshop.now - timedelta(days=1))

    updating.update_server(server, other(server), now=workshop.now)
    workshop.work_until_done()

    assert stage_of(fresh(server)) == Stage.UP_TO_DATE


def test_update_is_not_carried_out_twice(workshop: Workshop) -> None:
    server = workshop.running_server()
    update = has_image(update_of(server))
    seen_by_another = fresh(server)

    carry_out_update(fresh(server))
    carry_out_update(seen_by_another)

    update.refresh_from_db()
    assert (fresh(server).state, update.was_running) == (State.STOPPING, True)


def test_update_whose_image_is_being_made_waits(workshop: Workshop) -> None:
    server = workshop.running_server()
    update = update_of(server, build=BuildFactory.create(state=Build.State.BUILDING))

    carry_out_update(fresh(server))

    update.refresh_from_db()
    assert (fresh(server).state, update.failure_code) == (State.RUNNING, "")


def test_update_that_was_taken_back_is_not_carried_out(workshop: Workshop) -> None:
    server = workshop.running_server()
    has_image(update_of(server))
    seen_by_a_worker = fresh(server)
    updating.cancel_update(server, now=workshop.now)

    carry_out_update(seen_by_a_worker)

    assert fresh(server).state == State.RUNNING


def test_update_of_a_deleted_server_is_left_alone(workshop: Workshop) -> None:
    server = NotebookServerFactory.create(deleted_at=workshop.now)
    has_image(update_of(server))

    carry_out_update(fresh(server))

    assert fresh(server).commit == server.commit


def test_update_of_limits_keeps_version_and_files(workshop: Workshop) -> None:
    server = workshop.running_server(merge_report={"added": {"count": 1, "names": ["a"]}})

    updating.update_server(server, other(server, limits=Limits(512)), now=workshop.now)
    workshop.work_until_done()

    after = fresh(server)
    assert fake_spawner().specs[after.handle].limits == Limits(512)
    assert (after.version_since, after.previous_image_key) == (server.version_since, "")
    assert (after.merge_report, fake_spawner().refreshed) == (server.merge_report, [])


# --- The version before


def test_update_remembers_what_ran_before(workshop: Workshop) -> None:
    server = workshop.running_server()

    updating.update_server(server, other(server), now=workshop.now)
    workshop.work_until_done()

    after = fresh(server)
    assert (after.previous_commit, after.previous_image_key) == (server.commit, server.image_key)
    assert after.version_since > server.version_since


def test_update_remembers_nothing_that_never_ran(workshop: Workshop) -> None:
    server = workshop.running_server()
    for commit in (SECOND, THIRD):
        updating.update_server(server, other(server, commit=commit), now=workshop.now)
        servers.stop_server(fresh(server), now=workshop.now)
        workshop.work_until_done()
        server = fresh(server)

    assert (server.commit, server.previous_commit) == (THIRD, "1" * 40)


def test_roll_back_without_a_version_before_is_refused(now: datetime) -> None:
    with pytest.raises(UserError) as refusal:
        updating.roll_back(running_server(), now=now)

    assert (refusal.value.code, refusal.value.status) == ("no_version_before", 409)


def test_roll_back_returns_to_the_version_before_and_leaves_the_files(workshop: Workshop) -> None:
    server = updated_server(workshop)
    files = dict(fake_spawner().homes[server.volume.key])

    updating.roll_back(server, now=workshop.now)
    workshop.work_until_done()

    after = fresh(server)
    assert (after.state, after.commit, after.image_key) == (State.RUNNING, "1" * 40, server.previous_image_key)
    assert fake_spawner().homes[server.volume.key] == files
    assert (after.is_rolled_back, after.previous_image_key, len(fake_spawner().refreshed)) == (True, "", 1)


def test_roll_back_returns_to_the_reference_too(workshop: Workshop) -> None:
    server = updated_server(workshop, reference=Reference("gh", "carrel-tests/example", "v2"), commit=SECOND)

    updating.roll_back(server, now=workshop.now)
    workshop.work_until_done()

    assert (server.ref, fresh(server).ref, fresh(server).newest_commit) == ("v2", "", "")


def test_roll_back_twice_is_as_good_as_once(workshop: Workshop) -> None:
    server = updated_server(workshop)
    second_click = fresh(server)

    updating.roll_back(server, now=workshop.now)
    updating.roll_back(server, now=workshop.now)
    updating.roll_back(second_click, now=workshop.now)

    assert Update.objects.count() == 1


def test_roll_back_offers_the_update_again(workshop: Workshop) -> None:
    server = updated_server(workshop)

    updating.roll_back(server, now=workshop.now)
    workshop.work_until_done()

    assert (stage_of(fresh(server)), fresh(server).newest_commit) == (Stage.AVAILABLE, SECOND)


def test_update_after_a_roll_back_merges_from_the_version_the_files_are_of(workshop: Workshop) -> None:
    server = updated_server(workshop)
    updating.roll_back(server, now=workshop.now)
    workshop.work_until_done()
    server = fresh(server)
    target = other(server, commit=THIRD)

    updating.update_server(server, target, now=workshop.now)
    has_image(Update.objects.get(), {"lesson.ipynb": "2", "notes.md": "3", "new.csv": "3"})
    workshop.work_until_done()

    assert fake_spawner().homes[server.volume.key] == {
        "lesson.ipynb": "my answers",
        "lesson.2222222.new.ipynb": "2",
        "notes.md": "3",
        "new.csv": "3",
    }
    assert not fresh(server).is_rolled_back


def test_roll_back_from_a_version_that_does_not_start(workshop: Workshop) -> None:
    server = workshop.running_server()
    target = other(server)
    updating.update_server(server, target, now=workshop.now)
    fake_spawner().unstartable.add(SECOND)
    workshop.work_until_done()
    broken = fresh(server)

    updating.roll_back(broken, now=workshop.now)
    workshop.work_until_done()
    servers.start_server(fresh(server), now=workshop.now)
    workshop.work_until_done()

    assert (broken.state, broken.commit) == (State.FAILED, SECOND)
    assert (fresh(server).state, fresh(server).commit) == (State.RUNNING, server.commit)


# --- Messages, with which all of it happens at once


@pytest.fixture
def sent(workshop: Workshop, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Sent:
    """Does something, and says which messages it sent."""

    def sent_by(act: Callable[[], object]) -> set[tuple[str, str]]:
        workshop.sent.clear()
        with django_capture_on_commit_callbacks(execute=True):
            act()
        return set(workshop.sent)

    return sent_by


def test_update_whose_image_is_there_is_begun_at_once(workshop: Workshop, sent: Sent) -> None:
    server = running_server()
    target = other(server)
    has_image(Update(image_key=builds.image_key_for(target.resolved, private_to=server.owner_id)))

    messages = sent(lambda: updating.update_server(server, target, now=workshop.now))

    assert messages == {("update_server", str(server.pk))}


def test_update_is_begun_as_soon_as_its_build_has_ended(workshop: Workshop, sent: Sent) -> None:
    build = BuildFactory.create()
    server = running_server()
    update_of(server, build=build)

    assert ("update_server", str(server.pk)) in sent(lambda: servers.carry_out_build(build))


def test_update_goes_on_as_soon_as_the_server_has_stopped(workshop: Workshop, sent: Sent) -> None:
    server = NotebookServerFactory.create(state=State.STOPPING)
    update_of(server, was_running=True)

    messages = sent(lambda: stopping.carry_out_stop(server, clock=workshop.clock))

    assert ("update_server", str(server.pk)) in messages


def test_update_goes_on_as_soon_as_the_server_has_started(workshop: Workshop, sent: Sent) -> None:
    server = has_image(NotebookServerFactory.create(state=State.QUEUED))
    update_of(server)

    messages = sent(lambda: starting.carry_out_start(server, clock=workshop.clock))

    assert ("update_server", str(server.pk)) in messages


def test_update_of_a_running_server_has_it_stopped_at_once(workshop: Workshop, sent: Sent) -> None:
    server = running_server()
    has_image(update_of(server))

    assert sent(lambda: carry_out_update(server)) == {("stop_server", str(server.pk))}


def test_update_of_a_server_that_ran_has_it_started_at_once(workshop: Workshop, sent: Sent) -> None:
    server = NotebookServerFactory.create()
    has_image(update_of(server, was_running=True))

    assert sent(lambda: carry_out_update(server)) == {("start_server", str(server.pk))}


@pytest.mark.parametrize("state", [State.STARTING, State.STOPPING])
def test_reconcile_leaves_updates_alone_that_cannot_go_on(workshop: Workshop, sent: Sent, state: str) -> None:
    later = workshop.now + timedelta(hours=1)
    update_of(NotebookServerFactory.create(state=state, lease_expires_at=later))

    assert sent(lambda: reconcile(now=workshop.now)) == set()


@pytest.mark.parametrize("verb", ["update", "roll back", "cancel", "fail", "stop", "switch"])
def test_everything_that_changes_the_page_wakes_it(
    workshop: Workshop, sent: Sent, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    woken: list[str] = []
    monkeypatch.setattr("environments.live._wake", lambda _notice, *groups: woken.extend(groups))
    server = running_server(previous_image_key="before")
    if verb == "switch":
        server = NotebookServerFactory.create()
    if verb not in ("update", "roll back"):
        update = update_of(server, build=BuildFactory.create(state=Build.State.FAILED))
        _ = update if verb == "fail" else has_image(update)

    sent(
        {
            "update": lambda: updating.update_server(server, other(server), now=workshop.now),
            "roll back": lambda: updating.roll_back(server, now=workshop.now),
            "cancel": lambda: updating.cancel_update(server, now=workshop.now),
        }.get(verb, lambda: carry_out_update(server))
    )

    assert f"server.{server.pk}" in woken


def test_looking_wakes_the_page(
    launched: NotebookServer, sent: Sent, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr("environments.live._wake", lambda _notice, *groups: woken.extend(groups))

    sent(lambda: updating.check_for_update(launched, now=now))

    assert f"server.{launched.pk}" in woken
