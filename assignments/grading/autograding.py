"""Grading submissions by their tests: asked for by a row, carried out by a worker under a lease, exactly once.

How a run goes is `grading_runs`' business. A worker that dies leaves a lease that runs out; whoever takes over begins
again, and only the one whose name stands in the row may write the result.
"""

from __future__ import annotations

import dataclasses
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Min, Q
from django.utils import timezone

from accounts.models import User
from assignments import artefacts
from assignments.errors import AssignmentError
from assignments.files import NO_FILES, Bundle
from assignments.grading import gradebook
from assignments.models import Assignment, Autograding, Release, Submission
from assignments.running import grading_runs
from assignments.running.engine import Scored, ScoredCell
from assignments.running.executing import Executed
from assignments.running.grading_runs import Run, Terms, data_of, find_image, notebooks_of, read_bundle
from classes.members import check_going_on
from classes.models import Membership
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.leases import kept_alive, lease_from
from environments.queueing import enqueue
from environments.sandboxes.base import ExitReason
from environments.values import Image

logger = logging.getLogger(__name__)

TASK = "assignments.tasks.grade_next"
MAX_TRIES = 3
"""How many workers may die over one, or find something broken, before it has failed."""
OUTAGES = frozenset({"runtime_unavailable", "disk_full"})
"""What keeps a worker from grading anything at all. As long as it lasts, nothing has been tried."""
PATIENCE = timedelta(hours=6)
"""How long after being asked for an autograding outlasts such outages. People are to be told some time."""
ASKED_AT_ONCE = 500
_NOTHING = ("", NO_FILES)

Clock = Callable[[], datetime]
State = Autograding.State


class Which(StrEnum):
    """What of an assignment is to be graded by its tests."""

    NEW = "new"
    """What nobody has asked for yet."""
    FAILED = "failed"
    """What could not be graded."""
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Where somebody's submission is that is to be graded."""

    submission_id: uuid.UUID
    ahead: int | None
    """How many are carried out before it; None for one that has begun, and for all but somebody's next one."""
    cells_done: int
    cells_total: int


class _Taken(Exception):
    """Another worker has it by now, or nobody wants it any more."""


# --- Asking ------------------------------------------------------------------------------------------------


def ask_autograding(
    submission: Submission, *, by: User | None, now: datetime, release: Release | None = None, is_trial: bool = False
) -> Autograding:
    """Have a submission graded by the tests of this release, or of the present one. Asking twice is asking once.

    A trial changes no grade. Raises AssignmentError `assignment_not_released` and `submission_has_no_files`.
    """
    if submission.bundle in _NOTHING:
        raise AssignmentError("submission_has_no_files")
    release = release or _release_of(submission.assignment)
    row = _row(submission, _places([submission], is_trial=is_trial)[0], release, by=by, now=now, is_trial=is_trial)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            if not is_trial:
                Submission.objects.filter(pk=submission.pk).update(state=Submission.State.WAITING)
            enqueue(TASK, row.pk)
    except IntegrityError:
        return submission.autogradings.under_way().get(is_trial=is_trial)
    return row


@transaction.atomic
def ask_many(
    submissions: Sequence[Submission], *, by: User | None, now: datetime, release: Release, is_trial: bool = False
) -> int:
    """As `ask_autograding` for each, all of one assignment. As many questions to the tables for a thousand as for one.

    Returns how many that is; those under way are left as they are.
    """
    keys = [submission.pk for submission in submissions]
    under_way = Autograding.objects.under_way().filter(submission__in=keys, is_trial=is_trial)
    busy = set(under_way.values_list("submission", flat=True))
    idle = [submission for submission in submissions if submission.pk not in busy]
    places = zip(idle, _places(idle, is_trial=is_trial), strict=True)
    rows = [_row(one, place, release, by=by, now=now, is_trial=is_trial) for one, place in places]
    Autograding.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    if not is_trial:
        Submission.objects.filter(pk__in=[one.pk for one in idle]).update(state=Submission.State.WAITING)
    for row in rows:
        enqueue(TASK, row.pk)
    return len(rows)


def ask_all(assignment: Assignment, which: Which, *, by: User, now: datetime) -> int:
    """Have these submissions of the assignment graded by the present release; returns how many.

    Their points by tests count at once; what a person has given stays. Raises CourseError `course_over` and
    AssignmentError `assignment_not_released`.
    """
    check_going_on(assignment.course)
    release = _release_of(assignment)
    submissions = assignment.submissions.exclude(bundle__in=_NOTHING).select_related("membership", "assignment")
    wanted = submissions.filter(state=_STATE_OF[which]) if which in _STATE_OF else submissions
    return ask_many(list(wanted.order_by("submitted_at", "pk")), by=by, now=now, release=release)


@transaction.atomic
def record_run(
    submission: Submission, release: Release, executed: Bundle, scores: Sequence[ScoredCell], *, now: datetime
) -> Autograding:
    """Let the points count that tests of this release gave elsewhere, with the notebooks as they were run there."""
    autograding = Autograding.objects.create(
        submission=submission,
        release=release,
        state=State.DONE,
        asked_at=now,
        began_at=now,
        done_at=now,
        bundle=artefacts.keep(executed.tar),
        scores=[dataclasses.asdict(cell) for cell in scores],
    )
    gradebook.take_over(autograding, now=now)
    return autograding


def ask_where_due(*, now: datetime) -> None:
    """Have graded what was submitted and is to be graded at once. Safe to repeat."""
    received = Submission.objects.filter(
        state=Submission.State.RECEIVED, assignment__is_graded_on_submit=True, autogradings=None
    )
    received = received.exclude(bundle__in=_NOTHING)
    for submission in received.select_related("assignment__release", "membership")[:ASKED_AT_ONCE]:
        ask_autograding(submission, by=None, now=now)


def place_in_queue(autograding: Autograding) -> int:
    """How many are carried out before it; nought for one that is next or has begun."""
    if autograding.state != State.WAITING:
        return 0
    order = ("round", "turn", "asked_at", "pk")
    sooner = Q()
    for position, last in enumerate(order):
        same = {field: getattr(autograding, field) for field in order[:position]}
        sooner |= Q(**same, **{f"{last}__lt": getattr(autograding, last)})
    return Autograding.objects.filter(sooner, state=State.WAITING).count()


def waiting_of(assignment: Assignment, membership: Membership) -> Mapping[uuid.UUID, Waiting]:
    """What of somebody's is to be graded or being graded, by the submission. Two questions to the tables."""
    mine = Autograding.objects.under_way().filter(is_trial=False)
    rows = list(
        mine.filter(submission__assignment=assignment, submission__membership=membership).order_by(
            "round", "turn", "asked_at", "pk"
        )
    )
    following = next((row for row in rows if row.state == State.WAITING), None)
    return {
        row.submission_id: Waiting(
            row.submission_id,
            place_in_queue(row) if row is following else None,
            cells_done=row.cells_done if row.state == State.RUNNING else 0,
            cells_total=row.cells_total if row.state == State.RUNNING else 0,
        )
        for row in rows
    }


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
        if autograding.tries == 1 and _was_killed(run):
            _give_back(autograding, AssignmentError("grading_interrupted"), now=clock())
        else:
            _finish(autograding, run, image_key=image.key, now=clock())
    except _Taken:
        logger.info("autograding %s was taken over", autograding.pk)
    except UserError as error:
        end = _give_back if error.code in grading_runs.NOT_ABOUT_THE_NOTEBOOKS else _fail
        end(autograding, error, now=clock())
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
    counts = error.code not in OUTAGES or now > autograding.asked_at + PATIENCE
    if counts and autograding.tries >= MAX_TRIES:
        _fail(autograding, error, now=now)
        return
    tries = F("tries") if counts else F("tries") - 1
    given_back = _ours(autograding).update(state=State.WAITING, worker=None, lease_until=None, tries=tries)
    if given_back and not autograding.is_trial:
        Submission.objects.filter(pk=autograding.submission_id).update(state=Submission.State.WAITING)


def _ours(autograding: Autograding) -> Any:
    return Autograding.objects.filter(pk=autograding.pk, state=State.RUNNING, worker=autograding.worker)


def _renewed(autograding: Autograding, *, now: datetime) -> bool:
    return bool(_ours(autograding).update(lease_until=lease_from(now)))


# --- Steps -------------------------------------------------------------------------------------------------


def _was_killed(run: Run) -> bool:
    """Whether a kernel was: by its own code, or from outside, as by an engine that restarts. Twice is no accident."""
    return any(executed.exit_reason is ExitReason.KILLED for executed in run.executed.values())


_STATE_OF = {Which.NEW: Submission.State.RECEIVED, Which.FAILED: Submission.State.PROBLEM}


def _release_of(assignment: Assignment) -> Release:
    if assignment.release is None:
        raise AssignmentError("assignment_not_released", assignment=assignment.title)
    return assignment.release


def _row(
    submission: Submission,
    place: tuple[int, int],
    release: Release,
    *,
    by: User | None,
    now: datetime,
    is_trial: bool,
) -> Autograding:
    number, turn = place
    return Autograding(
        submission=submission,
        release=release,
        is_trial=is_trial,
        asked_by=by,
        asked_at=now,
        round=number,
        turn=turn,
    )


def _places(submissions: Sequence[Submission], *, is_trial: bool) -> list[tuple[int, int]]:
    """The round and the turn of each of these, all of one class.

    Classes go round: of each that waits, one is carried out in a round, so a class with hundreds holds nobody up for
    longer than one. Who comes begins with the round that is on, and not with those that have gone by without them.
    Within a class nobody's second goes before somebody's first, nor what has points already before what has none.
    """
    if not submissions:
        return []
    waiting = Autograding.objects.filter(state=State.WAITING)
    begin = waiting.aggregate(first=Min("round"))["first"] or 0
    of_class = waiting.filter(submission__assignment__course=submissions[0].assignment.course_id)
    turns = Counter(of_class.values_list("turn", flat=True))
    people = {submission.membership.person_id for submission in submissions}
    under_way = Autograding.objects.under_way().filter(submission__membership__person__in=people)
    theirs = Counter(under_way.values_list("submission__membership__person", flat=True))
    places = []
    for submission in submissions:
        person = submission.membership.person_id
        turn = theirs[person] + (is_trial or submission.autograding_id is not None)
        places.append((begin + sum(number for one, number in turns.items() if one <= turn), turn))
        theirs[person] += 1
        turns[turn] += 1
    return places


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
