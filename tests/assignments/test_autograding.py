"""A submission is graded by its tests, exactly once, whatever becomes of the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pytest_django import Settings

from assignments.grading.autograding import (
    ask_autograding,
    ask_where_due,
    carry_out_next,
    place_in_queue,
    tend_autogradings,
)
from assignments.models import Assignment, Autograding, Grade, Submission, Way
from assignments.running import engine
from assignments.submitting.submissions import receive
from classes.models import Membership
from tests.assignments.grading import bundle_of, graded_release
from tests.assignments.test_spoiled_notebooks import FakeImages
from tests.engine import leftovers
from tests.factories import AssignmentFactory, member
from tests.fakes.builders_with_images import BaseBuilder

pytestmark = pytest.mark.django_db

State = Autograding.State
NO_TIME = 0.001


@pytest.fixture
def docker_sandbox(
    docker_engine: None, use_backends: Callable[..., None], settings: Settings, tmp_path: Path
) -> Iterator[None]:
    """Kernels are sealed containers, of which nothing is left afterwards."""
    settings.CARREL_DATA = tmp_path / "data"
    use_backends(builder=BaseBuilder)
    settings.SANDBOX = "environments.sandboxes.docker.DockerSandbox"
    yield
    assert leftovers() == []


@pytest.fixture
def assignment() -> Assignment:
    """One that was released and can be graded."""
    assignment = AssignmentFactory.create(name="homework")
    graded_release(assignment)
    return assignment


@pytest.fixture
def ada(assignment: Assignment) -> Membership:
    """A student of its class."""
    return member(assignment.course, "ada")


def test_points_come_from_the_tests(real_sandbox: None, assignment: Assignment, ada: Membership, now: datetime) -> None:
    submission = _submitted(assignment, ada, "submitted-changed.ipynb", now)
    ask_autograding(submission, by=None, now=now)

    assert carry_out_next(clock=lambda: now)

    submission.refresh_from_db()
    assert submission.state == Submission.State.GRADED
    assert (submission.points, submission.max_points) == (Decimal(2), Decimal(7))
    assert submission.needs_manual == 2
    assert Grade.objects.get(membership=ada).points == 2


@pytest.mark.docker
def test_points_come_from_the_tests_in_a_sealed_container(
    docker_sandbox: None, assignment: Assignment, ada: Membership, now: datetime
) -> None:
    submission = _submitted(assignment, ada, "submitted-changed.ipynb", now)
    autograding = ask_autograding(submission, by=None, now=now)

    carry_out_next(clock=lambda: now)

    autograding.refresh_from_db()
    submission.refresh_from_db()
    assert (submission.state, submission.points) == (Submission.State.GRADED, Decimal(2))
    assert (autograding.image_key, autograding.failure) == ("base", None)


def test_tests_that_were_edited_are_restored(
    real_sandbox: None, assignment: Assignment, ada: Membership, now: datetime
) -> None:
    submission = _submitted(assignment, ada, "submitted-grade-cell-changed.ipynb", now)
    ask_autograding(submission, by=None, now=now)

    carry_out_next(clock=lambda: now)

    submission.refresh_from_db()
    assert submission.points == 1
    assert "locked_edited" in [repair["code"] for repair in submission.repairs]


def test_trial_changes_no_grade(real_sandbox: None, assignment: Assignment, ada: Membership, now: datetime) -> None:
    submission = _submitted(assignment, ada, "submitted-changed.ipynb", now)
    trial = ask_autograding(submission, by=None, now=now, is_trial=True)

    carry_out_next(clock=lambda: now)

    trial.refresh_from_db()
    submission.refresh_from_db()
    assert (trial.state, submission.state, submission.points) == (State.DONE, Submission.State.RECEIVED, None)
    assert sum(cell["auto_points"] or 0 for cell in trial.scores) == 2


def test_worker_that_was_taken_over_writes_nothing(
    fake_backends: None, assignment: Assignment, ada: Membership, now: datetime
) -> None:
    submission = _submitted(assignment, ada, "submitted-changed.ipynb", now)
    autograding = ask_autograding(submission, by=None, now=now)
    Autograding.objects.filter(pk=autograding.pk).update(
        state=State.RUNNING, tries=1, lease_until=now, worker="00000000-0000-4000-8000-000000000000"
    )

    tend_autogradings(now=now + timedelta(seconds=1))

    autograding.refresh_from_db()
    assert (autograding.state, autograding.worker) == (State.WAITING, None)


def test_autograding_that_no_worker_survives_fails_in_words(
    fake_backends: None, assignment: Assignment, ada: Membership, now: datetime
) -> None:
    submission = _submitted(assignment, ada, "submitted-changed.ipynb", now)
    autograding = ask_autograding(submission, by=None, now=now)
    Autograding.objects.filter(pk=autograding.pk).update(
        state=State.RUNNING, tries=3, lease_until=now, worker="00000000-0000-4000-8000-000000000000"
    )

    tend_autogradings(now=now + timedelta(seconds=1))

    autograding.refresh_from_db()
    submission.refresh_from_db()
    assert autograding.failure is not None
    assert (autograding.failure.code, submission.state) == ("grading_interrupted", Submission.State.PROBLEM)


def test_submission_is_tried_again_where_nbgrader_took_too_long(
    use_backends: Callable[..., None],
    assignment: Assignment,
    ada: Membership,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_backends(builder=FakeImages)
    submission = _submitted(assignment, ada, "submitted-changed.ipynb", now)
    autograding = ask_autograding(submission, by=None, now=now)

    with monkeypatch.context() as busy:
        busy.setattr(engine, "CALL_SECONDS", NO_TIME)
        carry_out_next(clock=lambda: now)
    autograding.refresh_from_db()
    first = (autograding.state, autograding.tries, autograding.failure)
    carry_out_next(clock=lambda: now)

    submission.refresh_from_db()
    assert first == (State.WAITING, 1, None)
    assert (submission.state, submission.points) == (Submission.State.GRADED, Decimal(2))


def test_submission_has_failed_where_nbgrader_took_too_long_three_times(
    use_backends: Callable[..., None],
    assignment: Assignment,
    ada: Membership,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_backends(builder=FakeImages)
    submission = _submitted(assignment, ada, "submitted-changed.ipynb", now)
    autograding = ask_autograding(submission, by=None, now=now)
    monkeypatch.setattr(engine, "CALL_SECONDS", NO_TIME)

    while carry_out_next(clock=lambda: now):
        pass

    autograding.refresh_from_db()
    submission.refresh_from_db()
    assert (autograding.state, autograding.tries, autograding.failure_code) == (State.FAILED, 3, "engine_too_slow")
    assert submission.state == Submission.State.PROBLEM


def test_missing_environment_is_said(
    fake_backends: None, assignment: Assignment, ada: Membership, now: datetime
) -> None:
    submission = _submitted(assignment, ada, "submitted-changed.ipynb", now)
    autograding = ask_autograding(submission, by=None, now=now)

    carry_out_next(clock=lambda: now)

    autograding.refresh_from_db()
    assert (autograding.state, autograding.failure_code) == (State.FAILED, "grading_image_missing")


def test_message_that_was_lost_is_sent_again(
    assignment: Assignment, ada: Membership, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = _submitted(assignment, ada, "submitted-changed.ipynb", now)
    waiting = ask_autograding(submission, by=None, now=now)
    sent: list[object] = []
    monkeypatch.setattr("assignments.grading.autograding.enqueue", lambda _task, key: sent.append(key))

    tend_autogradings(now=now)

    assert sent == [waiting.pk]


def test_asking_twice_is_asking_once(assignment: Assignment, ada: Membership, now: datetime) -> None:
    submission = _submitted(assignment, ada, "submitted-changed.ipynb", now)

    first = ask_autograding(submission, by=None, now=now)
    second = ask_autograding(submission, by=None, now=now)

    assert first == second


def test_nobodys_second_goes_before_somebodys_first(assignment: Assignment, ada: Membership, now: datetime) -> None:
    eva = member(assignment.course, "eva")
    mine = [_submitted(assignment, ada, "submitted-changed.ipynb", now) for _ in range(3)]
    for submission in mine:
        ask_autograding(submission, by=None, now=now)
    later = now + timedelta(seconds=1)
    theirs = ask_autograding(_submitted(assignment, eva, "submitted-changed.ipynb", later), by=None, now=later)

    assert place_in_queue(theirs) == 1


def test_what_is_submitted_is_graded_where_the_teacher_wants_that(
    assignment: Assignment, ada: Membership, now: datetime
) -> None:
    submission = _submitted(assignment, ada, "submitted-changed.ipynb", now)

    ask_where_due(now=now)

    assert submission.autogradings.get().state == State.WAITING


def test_what_is_submitted_waits_where_the_teacher_does_not(
    assignment: Assignment, ada: Membership, now: datetime
) -> None:
    assignment.is_graded_on_submit = False
    assignment.save()
    submission = _submitted(assignment, ada, "submitted-changed.ipynb", now)

    ask_where_due(now=now)

    assert not submission.autogradings.exists()


def test_late_points_are_taken_off_the_grade(
    real_sandbox: None, assignment: Assignment, ada: Membership, now: datetime
) -> None:
    assignment.due_at, assignment.late = now - timedelta(hours=1), {"percent_per_day": 50}
    assignment.save()
    submission = _submitted(assignment, ada, "submitted-changed.ipynb", now)
    ask_autograding(submission, by=None, now=now)

    carry_out_next(clock=lambda: now)

    grade = Grade.objects.get(membership=ada)
    assert (grade.points, grade.penalty) == (Decimal(1), Decimal(1))


def _submitted(assignment: Assignment, membership: Membership, name: str, now: datetime) -> Submission:
    return receive(assignment, membership, bundle_of(name), way=Way.LAB, by=membership.person, now=now)
