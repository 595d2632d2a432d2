"""Workers killed in the middle of grading: the submission is graded, and once."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from django.db import connections

from assignments.grading.autograding import ask_autograding, carry_out_next, tend_autogradings
from assignments.models import Autograding, GradeChange, Submission, Way
from assignments.running import engine, grading_runs
from assignments.submitting.submissions import receive
from environments.backends import sandbox
from environments.leases import LEASE
from tests.assignments.grading import bundle_of, graded_release
from tests.factories import AssignmentFactory, member
from tests.faults.holds import Hold
from tests.stack import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("real_sandbox")]

PHASES = {"sanitise": engine, "execute": grading_runs, "score": engine}
"""Where the function is that each phase begins with."""
POINTS = 2


@pytest.fixture
def submission(now: datetime) -> Submission:
    """One that waits to be graded."""
    assignment = AssignmentFactory.create(name="homework")
    graded_release(assignment)
    ada = member(assignment.course, "ada")
    files = bundle_of("submitted-changed.ipynb")
    submission = receive(assignment, ada, files, way=Way.LAB, by=ada.person, now=now)
    ask_autograding(submission, by=None, now=now)
    return submission


@pytest.mark.parametrize("phase", PHASES)
def test_grades_once_what_a_killed_worker_had(phase: str, submission: Submission, hold: Hold, now: datetime) -> None:
    with worker_held_in(phase, hold, now=now) as worker:
        worker.kill()
        worker.join()
    later = now + LEASE + timedelta(seconds=1)

    tend_autogradings(now=later)
    rounds = [carry_out_next(clock=lambda: later) for _ in range(2)]

    assert rounds == [True, False]
    assert outcome(submission) == (Submission.State.GRADED, POINTS, Autograding.State.DONE, 2)
    assert most_changes_of_a_cell(submission) == 1


def test_leaves_a_worker_its_submission_while_the_lease_lasts(
    submission: Submission, hold: Hold, now: datetime
) -> None:
    with worker_held_in("execute", hold, now=now):
        tend_autogradings(now=now + LEASE)

        assert not carry_out_next(clock=lambda: now + LEASE)

    assert outcome(submission) == (Submission.State.GRADED, POINTS, Autograding.State.DONE, 1)


def test_believes_nothing_of_a_worker_that_was_only_slow(submission: Submission, hold: Hold, now: datetime) -> None:
    later = now + LEASE + timedelta(seconds=1)

    with worker_held_in("score", hold, now=now):
        tend_autogradings(now=later)
        carry_out_next(clock=lambda: later)

    assert outcome(submission) == (Submission.State.GRADED, POINTS, Autograding.State.DONE, 2)
    assert most_changes_of_a_cell(submission) == 1


def test_leaves_nothing_of_the_kernel_of_a_killed_worker(submission: Submission, hold: Hold, now: datetime) -> None:
    with worker_held_in("execute", hold, now=now) as worker:
        worker.kill()
        worker.join()

    discarded = sandbox().discard_leftovers()

    assert (discarded, sandbox().list()) == (1, [])


@contextmanager
def worker_held_in(phase: str, hold: Hold, *, now: datetime) -> Iterator[BaseProcess]:
    """A process that grades, and waits where this phase begins; afterwards it may go on, to its end."""
    connections.close_all()  # A fork may not use them.
    worker = multiprocessing.get_context("fork").Process(target=_grade_held, args=(phase, hold, now))
    worker.start()
    try:
        wait_until(lambda: hold.is_reached, seconds=60, why=f"the worker has come to {phase}")
        yield worker
    finally:
        hold.release()
        worker.join(60)
        if worker.is_alive():
            worker.kill()


def _grade_held(phase: str, hold: Hold, now: datetime) -> None:
    begin = getattr(PHASES[phase], phase)

    def held(*arguments: Any, **options: Any) -> Any:
        hold.wait()
        return begin(*arguments, **options)

    setattr(PHASES[phase], phase, held)
    carry_out_next(clock=lambda: now)


def outcome(submission: Submission) -> tuple[str, object, str, int]:
    """What the rows say of it, and how many workers have begun it."""
    submission.refresh_from_db()
    autograding = submission.autogradings.get()
    return submission.state, submission.points, autograding.state, autograding.tries


def most_changes_of_a_cell(submission: Submission) -> int:
    """How often the points of one cell were written, at most."""
    cells = GradeChange.objects.filter(submission=submission).values_list("notebook", "grade_id")
    return max(Counter(cells).values())
