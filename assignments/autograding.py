"""Grading submissions by their tests: asked for by a row, carried out by a worker under a lease, exactly once.

How a run goes is `grading_runs`' business. A worker that dies leaves a lease that runs out; whoever takes over begins
again, and only the one whose name stands in the row may write the result.
"""

from __future__ import annotations

import dataclasses
import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from assignments import artefacts, gradebook, grading_runs
from assignments.engine import Scored
from assignments.errors import AssignmentError
from assignments.executing import Executed
from assignments.files import NO_FILES
from assignments.grading_runs import Run, Terms, data_of, find_image, notebooks_of, read_bundle
from assignments.models import Assignment, Autograding, Release, Submission
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.leases import kept_alive, lease_from
from environments.queueing import enqueue
from environments.values import Image

logger = logging.getLogger(__name__)

TASK = "assignments.tasks.grade_next"
MAX_TRIES = 3
"""How many workers may die over one, or find something broken, before it has failed."""
ASKED_AT_ONCE = 500

Clock = Callable[[], datetime]
State = Autograding.State


class _Taken(Exception):
    """Another worker has it by now, or nobody wants it any more."""


# --- Asking ------------------------------------------------------------------------------------------------


def ask_autograding(
    submission: Submission, *, by: User | None, now: datetime, release: Release | None = None, is_trial: bool = False
) -> Autograding:
    """Have a submission graded by the tests of this release, or of the present one. Asking twice is asking once.

    A trial changes no grade. Raises AssignmentError `assignment_not_released`.
    """
    assignment = submission.assignment
    release = release or assignment.release
    if release is None:
        raise AssignmentError("assignment_not_released", assignment=assignment.title)
    try:
        with transaction.atomic():
            autograding = Autograding.objects.create(
                submission=submission,
                release=release,
                is_trial=is_trial,
                asked_by=by,
                asked_at=now,
                turn=_turn(submission),
            )
            if not is_trial:
                Submission.objects.filter(pk=submission.pk).update(state=Submission.State.WAITING)
            enqueue(TASK, autograding.pk)
    except IntegrityError:
        return submission.autogradings.under_way().get(is_trial=is_trial)
    return autograding


def ask_all(assignment: Assignment, *, by: User, now: datetime) -> int:
    """Have every submission of the assignment that counts, or could, graded again. Returns how many."""
    submissions = assignment.submissions.exclude(bundle__in=("", NO_FILES)).select_related("assignment__release")
    return len([ask_autograding(one, by=by, now=now) for one in submissions])


def ask_where_due(*, now: datetime) -> None:
    """Have graded what was submitted and is to be graded at once. Safe to repeat."""
    received = Submission.objects.filter(
        state=Submission.State.RECEIVED, assignment__is_graded_on_submit=True, autogradings=None
    )
    for submission in received.select_related("assignment__release", "membership")[:ASKED_AT_ONCE]:
        ask_autograding(submission, by=None, now=now)


def place_in_queue(autograding: Autograding) -> int:
    """How many are carried out before it; nought for one that is next or has begun."""
    if autograding.state != State.WAITING:
        return 0
    keys = list(Autograding.objects.in_turn().values_list("pk", flat=True))
    return keys.index(autograding.pk) if autograding.pk in keys else 0


def tend_autogradings(*, now: datetime) -> None:
    """Take back what dead workers had, and ask for what waits: a message may be lost, a row is not. Safe to repeat."""
    left = Autograding.objects.filter(state=State.RUNNING, lease_until__lt=now)
    for autograding in left.select_related("submission"):
        _give_back(autograding, AssignmentError("grading_interrupted"), now=now)
    ask_where_due(now=now)
    for key in Autograding.objects.in_turn().values_list("pk", flat=True)[:20]:
        enqueue(TASK, key)


# --- Carrying out ------------------------------------------------------------------------------------------


def carry_out_next(*, clock: Clock = timezone.now) -> bool:
    """Grade the submission whose turn it is; False if none waits. Safe to call in any number of processes."""
    for autograding in Autograding.objects.in_turn()[:5]:
        claimed = _claim(autograding, now=clock())
        if claimed is not None:
            _carry_out(claimed, clock=clock)
            return True
    return False


def _claim(autograding: Autograding, *, now: datetime) -> Autograding | None:
    """The row, ours; None if somebody was quicker."""
    worker = uuid.uuid4()
    waiting = Autograding.objects.filter(pk=autograding.pk, state=State.WAITING)
    claimed = waiting.update(
        state=State.RUNNING, worker=worker, lease_until=lease_from(now), began_at=now, tries=F("tries") + 1
    )
    if not claimed:
        return None
    rows = Autograding.objects.select_related(
        "release", "submission__assignment__course__environment", "submission__membership__person"
    )
    ours = rows.get(pk=autograding.pk)
    if not ours.is_trial:
        Submission.objects.filter(pk=ours.submission_id).update(state=Submission.State.RUNNING)
    return ours


def _carry_out(autograding: Autograding, *, clock: Clock) -> None:
    try:
        with kept_alive(lambda: _renewed(autograding, now=clock())):
            run, image = _grade(autograding)
        _finish(autograding, run, image_key=image.key, now=clock())
    except _Taken:
        logger.info("autograding %s was taken over", autograding.pk)
    except UserError as error:
        _fail(autograding, error, now=clock())
    except SystemFailure as trouble:
        logger.warning("autograding %s could not be carried out: %s", autograding.pk, trouble)
        _give_back(autograding, trouble, now=clock())


def _grade(autograding: Autograding) -> tuple[Run, Image]:
    submission, release = autograding.submission, autograding.release
    image = find_image(submission.assignment, first=release.image_key)
    given = read_bundle(submission.repaired or submission.bundle)
    run = grading_runs.run(
        notebooks_of(given),
        data=data_of(given, read_bundle(release.bundle)),  # The release's own wins: what the tests expect is there.
        terms=Terms.of(submission.assignment, gradebook=artefacts.read(release.gradebook), image=image),
        on_cell=lambda done, total: _note_progress(autograding, done, total),
    )
    return run, image


def _note_progress(autograding: Autograding, done: int, total: int) -> None:
    if not _ours(autograding).update(cells_done=done, cells_total=total):
        raise _Taken


# --- Ends --------------------------------------------------------------------------------------------------


def _finish(autograding: Autograding, run: Run, *, image_key: str, now: datetime) -> None:
    kept = artefacts.keep(run.bundle.tar)
    with transaction.atomic():
        ended = _ours(autograding).update(
            state=State.DONE,
            done_at=now,
            lease_until=None,
            bundle=kept,
            image_key=image_key,
            scores=[dataclasses.asdict(cell) for cell in run.scored.cells],
            flags=_flags(run.executed, run.scored),
            failure_code="",
            failure_facts={},
        )
        if not ended:
            raise _Taken
        autograding.refresh_from_db()
        if not autograding.is_trial:
            gradebook.take_over(autograding, now=now)


def _fail(autograding: Autograding, error: EnvironmentsError, *, now: datetime) -> None:
    failed = _ours(autograding).update(
        state=State.FAILED, done_at=now, lease_until=None, failure_code=error.code, failure_facts=error.facts
    )
    if failed and not autograding.is_trial:
        Submission.objects.filter(pk=autograding.submission_id).update(state=Submission.State.PROBLEM)


def _give_back(autograding: Autograding, error: EnvironmentsError, *, now: datetime) -> None:
    """Have another worker try, unless enough have."""
    if autograding.tries >= MAX_TRIES:
        _fail(autograding, error, now=now)
        return
    if _ours(autograding).update(state=State.WAITING, worker=None, lease_until=None) and not autograding.is_trial:
        Submission.objects.filter(pk=autograding.submission_id).update(state=Submission.State.WAITING)


def _ours(autograding: Autograding) -> Any:
    return Autograding.objects.filter(pk=autograding.pk, state=State.RUNNING, worker=autograding.worker)


def _renewed(autograding: Autograding, *, now: datetime) -> bool:
    return bool(_ours(autograding).update(lease_until=lease_from(now)))


# --- Steps -------------------------------------------------------------------------------------------------


def _turn(submission: Submission) -> int:
    """How many of the same person's wait already: so nobody's tenth goes before somebody's first."""
    waiting = Autograding.objects.under_way().filter(submission__membership__person=submission.membership.person_id)
    return waiting.count()


def _flags(executed: Mapping[str, Executed], scored: Scored) -> list[dict[str, Any]]:
    """What graders are told, as rows keep it."""
    ended = [
        {"notebook": name, "cell": "", "code": result.ending.value, "facts": {"exit": str(result.exit_reason or "")}}
        for name, result in executed.items()
        if result.ending.value != "completed"
    ]
    cells: list[dict[str, Any]] = [
        {"notebook": name, "cell": cell.grade_id, "position": cell.position, "code": flag.value, "facts": {}}
        for name, result in executed.items()
        for cell in result.flagged
        for flag in sorted(cell.flags)
    ]
    missing = [{"notebook": name, "cell": "", "code": "missing", "facts": {}} for name in scored.missing]
    return [*ended, *cells, *missing]
