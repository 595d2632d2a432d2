"""Workers that die over a copy: it is done by another, or given up with a reason, and by one at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from assignments.models import Collection, Fetch
from assignments.submitting.copy_work import MAX_TRIES
from assignments.submitting.fetching import ask_fetch, carry_out_fetch, enqueue_overdue_fetches
from assignments.submitting.submissions import ask_collection, carry_out_collection, enqueue_overdue_collections
from classes.models import Membership
from environments.errors import SystemFailure
from environments.leases import LEASE
from environments.volumes.fake import FakeVolumeStore
from tests.factories import AssignmentFactory, member, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

Ask = Callable[[Membership, datetime], Fetch | Collection]
TURN = timedelta(minutes=1)


class WorkerDied(BaseException):
    """Raised where a worker is killed: nothing is written after it."""


def asked_fetch(ada: Membership, now: datetime) -> Fetch:
    """A copy to be put in place."""
    return ask_fetch(_assignment(ada), ada, now=now)


def asked_collection(ada: Membership, now: datetime) -> Collection:
    """A copy to be taken."""
    assignment = _assignment(ada)
    Fetch.objects.update_or_create(
        assignment=assignment,
        membership=ada,
        defaults={"release": assignment.release, "asked_at": now, "state": Fetch.State.THERE},
    )
    return ask_collection(assignment, ada, by=ada.person, now=now)


ASKED = pytest.mark.parametrize("ask", [asked_fetch, asked_collection])


@pytest.fixture
def ada() -> Membership:
    """A student of a class with an assignment that was released."""
    assignment = AssignmentFactory.create()
    released(assignment)
    ada = member(assignment.course, "ada")
    carry_out_fetch(ask_fetch(assignment, ada, now=assignment.course.created_at), now=assignment.course.created_at)
    return ada


@ASKED
def test_gives_up_what_kills_every_worker(
    ask: Ask, ada: Membership, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = ask(ada, now)

    deaths = [_die(work, now + turn * TURN, monkeypatch) for turn in range(MAX_TRIES)]
    _carry_out(work, now + MAX_TRIES * TURN)

    assert deaths == ["waiting"] * MAX_TRIES
    assert (work.state, work.failure_code) == ("failed", "copy_work_interrupted")
    assert work.failure is not None
    assert work.failure.next_step


@ASKED
def test_can_be_asked_for_again_once_given_up(ask: Ask, ada: Membership, now: datetime) -> None:
    work = ask(ada, now)
    type(work)._default_manager.update(tries=MAX_TRIES)
    _carry_out(work, now)

    again = ask(ada, now + TURN)
    _carry_out(again, now + TURN)

    assert again.state in (Fetch.State.THERE, Collection.State.DONE)


@ASKED
def test_does_not_count_workers_that_cannot_do_it_yet(
    ask: Ask, ada: Membership, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = ask(ada, now)
    with monkeypatch.context() as away:
        _instead(away, SystemFailure("runtime_unavailable"))
        for turn in range(MAX_TRIES + 2):
            _carry_out(work, now + turn * TURN)
    waited = work.state, work.tries

    _carry_out(work, now + timedelta(minutes=10))

    assert waited == ("waiting", 0)
    assert work.state in (Fetch.State.THERE, Collection.State.DONE)


@ASKED
def test_is_left_to_a_worker_that_lives(
    ask: Ask, ada: Membership, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = ask(ada, now)
    _die(work, now + TURN, monkeypatch)

    _carry_out(work, now + TURN + LEASE)

    assert (work.state, work.tries) == ("waiting", 1)


@ASKED
def test_is_asked_for_again_once_its_worker_is_dead(
    ask: Ask, ada: Membership, now: datetime, monkeypatch: pytest.MonkeyPatch, queued: list[str]
) -> None:
    work = ask(ada, now)
    _die(work, now + TURN, monkeypatch)
    counts = []

    for moment in (now + TURN + LEASE, now + TURN + LEASE + timedelta(seconds=1)):
        queued.clear()
        enqueue_overdue_fetches(now=moment)
        enqueue_overdue_collections(now=moment)
        counts.append(queued.count(str(work.pk)))

    assert counts == [0, 1]


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The rows that workers were asked to look at."""
    asked: list[str] = []
    monkeypatch.setattr("assignments.submitting.copy_work.enqueue", lambda _task, key: asked.append(str(key)))
    return asked


def _assignment(ada: Membership) -> Any:
    return ada.course.assignments.get()


def _carry_out(work: Fetch | Collection, now: datetime) -> None:
    if isinstance(work, Fetch):
        carry_out_fetch(work, now=now)
    else:
        carry_out_collection(work, now=now)
    work.refresh_from_db()


def _die(work: Fetch | Collection, now: datetime, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have a worker begin and be killed; the state it leaves."""
    with monkeypatch.context() as deadly:
        _instead(deadly, WorkerDied())
        with pytest.raises(WorkerDied):
            _carry_out(work, now)
    work.refresh_from_db()
    return work.state


def _instead(patch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Have volumes end whatever touches them."""

    def end(*arguments: object, **options: object) -> None:
        raise error

    for verb in ("create", "read", "exists"):
        patch.setattr(FakeVolumeStore, verb, end)
