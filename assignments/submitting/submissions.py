"""Taking what students give back: received whole, kept as it was, and answered with a receipt.

Whatever way it comes (from the page, from the notebook server, at the deadline) it ends in `receive`. What a worker
has to collect from somebody's files counts as of the moment when it was asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from assignments import artefacts
from assignments.deadlines import NOTHING_EXTRA, Allowance, Attempt, dates_for, on_time_until, refusal, standing
from assignments.errors import AssignmentError
from assignments.files import Bundle
from assignments.models import Assignment, Collection, Extension, Fetch, Release, Submission, Way
from assignments.notebooks.doctoring import Repair, doctor_files
from assignments.notebooks.untouched import is_untouched
from assignments.querysets import SubmissionQuerySet
from assignments.submitting import copy_work, receipts
from assignments.submitting.fetching import copy_of, given_out
from classes.members import check_going_on
from classes.models import Membership
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.queueing import enqueue

logger = logging.getLogger(__name__)

TASK = "assignments.tasks.collect"
OVERDUE = timedelta(minutes=1)
"""After which another worker is asked."""
GIVEN_UP = timedelta(hours=1)
"""After which what cannot be collected has failed."""
GIVEN_UP_AT_THE_DEADLINE = timedelta(days=2)
"""The same for those who forgot: nobody waits for it, and nobody would press the button again."""

FEEDBACK = "feedback/"
"""Where `nbgrader fetch_feedback` puts what came back, in the folder of the assignment."""


def allowance_of(assignment: Assignment, membership: Membership) -> Allowance:
    """What this member has beyond the others."""
    extension = Extension.objects.filter(assignment=assignment, membership=membership).first()
    return NOTHING_EXTRA if extension is None else extension.allowance


def allowances_of(assignment: Assignment, members: Iterable[Any]) -> dict[Any, Allowance]:
    """The same of those of these members, by their keys, who have any. One question."""
    extensions = Extension.objects.filter(assignment=assignment, membership__in=list(members))
    return {extension.membership_id: extension.allowance for extension in extensions}


def attempts_of(submissions: Iterable[Submission]) -> list[Attempt]:
    """The same, as dates are worked out with them."""
    return [
        Attempt(one.attempt, one.submitted_at, one.points, is_automatic=one.way == Way.DEADLINE) for one in submissions
    ]


def refusal_for(assignment: Assignment, membership: Membership, *, now: datetime) -> AssignmentError | None:
    """Why this member cannot submit now; None if they can."""
    if assignment.release_id is None or assignment.deleted_at is not None:
        return AssignmentError("assignment_not_released", assignment=assignment.title)
    return refusal(
        assignment.schedule,
        attempts=attempts_of(_submissions(assignment, membership)),
        now=now,
        allowance=allowance_of(assignment, membership),
    )


def check_may_submit(assignment: Assignment, membership: Membership, *, now: datetime) -> None:
    """Raise what keeps this member from submitting now.

    CourseError `course_over`, and AssignmentError `not_a_student_here`, `assignment_not_released`,
    `assignment_not_open`, `assignment_closed` or `attempts_used`.
    """
    check_going_on(assignment.course)
    if not membership.is_present or membership.course_id != assignment.course_id:
        raise AssignmentError("not_a_student_here")
    refused = refusal_for(assignment, membership, now=now)
    if refused is not None:
        raise refused


def ask_collection(
    assignment: Assignment, membership: Membership, *, by: User | None, way: Way = Way.PAGE, now: datetime
) -> Collection:
    """Have a worker take this member's copy as it is; the click counts, not when the worker comes to it.

    Asking twice is asking once. Raises what `check_may_submit` raises, and `copy_missing` if they have none.
    """
    check_may_submit(assignment, membership, now=now)
    if not Fetch.objects.filter(assignment=assignment, membership=membership, state=Fetch.State.THERE).exists():
        raise AssignmentError("copy_missing")
    try:
        with transaction.atomic():
            collection = Collection.objects.create(
                assignment=assignment, membership=membership, way=way, asked_by=by, asked_at=now
            )
            enqueue(TASK, collection.pk)
    except IntegrityError:
        return Collection.objects.get(assignment=assignment, membership=membership, state=Collection.State.WAITING)
    return collection


def carry_out_collection(collection: Collection, *, now: datetime) -> None:
    """Read the member's copy and receive it. Safe to repeat: one collection makes one submission."""
    if not copy_work.claim(collection, now=now):
        return
    try:
        with copy_work.claimed(collection):
            _collect(collection)
    except SystemFailure as trouble:
        logger.warning("%s could not be collected yet: %s", collection.pk, trouble)
        patience = GIVEN_UP_AT_THE_DEADLINE if collection.way == Way.DEADLINE else GIVEN_UP
        if collection.tries > copy_work.MAX_TRIES or now - collection.asked_at > patience:
            _fail(collection, trouble)
    except UserError as error:
        _fail(collection, error)


def enqueue_overdue_collections(*, now: datetime) -> None:
    """Ask for what a worker has left undone."""
    copy_work.enqueue_overdue(Collection, TASK, asked_before=now - OVERDUE, now=now)


def receive(
    assignment: Assignment, membership: Membership, bundle: Bundle, *, way: Way, by: User | None, now: datetime
) -> Submission:
    """Keep these files as this member's next submission.

    Raises what `check_may_submit` raises, `submission_without_notebooks` where nothing in them can be graded, and
    `submitted_meanwhile` at the deadline, for whoever has submitted by themselves.
    """
    release = _release_of(assignment, membership)
    if not bundle.notebooks:
        raise AssignmentError("submission_without_notebooks", expected=", ".join(_names(release)))
    doctored = doctor_files(bundle, release=given_out(release))
    kept = artefacts.keep(bundle.tar)
    repaired = artefacts.keep(doctored.bundle.tar) if doctored.bundle.sha256 != kept else ""
    with transaction.atomic():
        Membership.objects.select_for_update().get(pk=membership.pk)  # One at a time of each person.
        check_may_submit(assignment, membership, now=now)
        if way == Way.DEADLINE and _submissions(assignment, membership).exists():
            raise AssignmentError("submitted_meanwhile")
        submission = Submission.objects.create(
            assignment=assignment,
            membership=membership,
            release=release,
            attempt=_submissions(assignment, membership).count() + 1,
            submitted_at=now,
            way=way,
            submitted_by=by,
            bundle=kept,
            bytes=len(bundle.tar),
            files=[[file.path, len(file.content), file.sha256] for file in bundle],
            repaired=repaired,
            repairs=[repair.as_json() for repair in doctored.repairs],
        )
        submission.receipt = receipts.sign(receipt_of(submission))
        submission.save(update_fields=["receipt"])
        return submission


def receipt_of(submission: Submission) -> receipts.Receipt:
    """What is vouched for: who submitted what, when, and how that stands to the dates as they are now."""
    assignment, membership = submission.assignment, submission.membership
    allowance = allowance_of(assignment, membership)
    stands = standing(assignment.schedule, submission.submitted_at, allowance)
    return receipts.Receipt(
        id=str(submission.pk),
        course=assignment.course.title,
        assignment=assignment.title,
        person=membership.person.get_full_name(),
        attempt=submission.attempt,
        submitted_at=submission.submitted_at,
        sha256=submission.bundle,
        files=tuple(receipts.ReceivedFile(*file) for file in submission.files),
        due_at=dates_for(assignment.schedule, allowance).due_at,
        late_by_seconds=int(stands.late_by.total_seconds()),
        is_late=stands.is_late,
        repairs=tuple(str(Repair.from_json(stored)) for stored in submission.repairs),
    )


# --- Steps -------------------------------------------------------------------------------------------------


def _submissions(assignment: Assignment, membership: Membership) -> SubmissionQuerySet:
    return Submission.objects.filter(assignment=assignment, membership=membership)


def _collect(collection: Collection) -> None:
    received = _work_in(copy_of(collection.assignment, collection.membership), collection)
    if not received.files:
        raise AssignmentError("copy_missing")
    if collection.way == Way.DEADLINE:
        _check_something_was_done(collection, received)
    with transaction.atomic():
        if collection.way == Way.DEADLINE:
            _check_still_due(collection)
        submission = receive(
            collection.assignment,
            collection.membership,
            received,
            way=Way(collection.way),
            by=collection.asked_by,
            now=collection.asked_at,
        )
        waiting = Collection.objects.filter(pk=collection.pk, state=Collection.State.WAITING)
        if not waiting.update(state=Collection.State.DONE, lease_until=None, submission=submission):
            transaction.set_rollback(True)  # Another worker was quicker.


def _work_in(copy: Bundle, collection: Collection) -> Bundle:
    """Without the feedback that nbgrader has put into the folder; what was given out there is work like the rest."""
    if not any(file.path.startswith(FEEDBACK) for file in copy):
        return copy
    given = {file.path for file in given_out(_release_of(collection.assignment, collection.membership))}
    return Bundle(tuple(file for file in copy if not file.path.startswith(FEEDBACK) or file.path in given))


def _check_still_due(collection: Collection) -> None:
    """Raise AssignmentError `deadline_moved` for whoever has more time by now than when it was asked for."""
    assignment = collection.assignment
    last = on_time_until(assignment.schedule, allowance_of(assignment, collection.membership))
    if not assignment.is_submitted_at_deadline or last is None or last > collection.asked_at:
        raise AssignmentError("deadline_moved")


def _check_something_was_done(collection: Collection, received: Bundle) -> None:
    """Raise AssignmentError `copy_untouched` for a copy that says what was given out and nothing else."""
    release = _release_of(collection.assignment, collection.membership)
    if is_untouched(received, given=given_out(release)):
        raise AssignmentError("copy_untouched")


def _release_of(assignment: Assignment, membership: Membership) -> Release:
    """What their copy was made from; what is given out now where nothing is known of a copy."""
    fetch = Fetch.objects.filter(assignment=assignment, membership=membership).select_related("release").first()
    release = fetch.release if fetch is not None else assignment.release
    if release is None:
        raise AssignmentError("assignment_not_released", assignment=assignment.title)
    return release


def _names(release: Release) -> list[str]:
    return [f"{name}.ipynb" for name in release.source.notebooks]


def _fail(collection: Collection, error: EnvironmentsError) -> None:
    waiting = Collection.objects.filter(pk=collection.pk, state=Collection.State.WAITING)
    failure = {"failure_code": error.code, "failure_facts": error.facts}
    waiting.update(state=Collection.State.FAILED, lease_until=None, **failure)
    collection.refresh_from_db()
