"""What a program in a notebook server is told of its person's assignments, and what it fetches for them.

Of their own only, whatever else they may see in the class: what holds their key may be a notebook that somebody gave
them. The key of a class's server is held to that class besides: it runs what one teacher put there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import User
from assignments.deadlines import NOTHING_EXTRA, Allowance, Dates, Standing, dates_for, refusal, standing
from assignments.errors import AssignmentError
from assignments.models import Assignment, Extension, Fetch, Grade, Release, Submission
from assignments.policies import can_see
from assignments.submitting.submissions import attempts_of
from classes.errors import CourseError
from classes.members import check_going_on
from classes.models import Course, Membership
from classes.policies import Standing as Place
from classes.policies import standing_of
from classes.querysets import MembershipQuerySet
from environments.errors import UserError


@dataclass(frozen=True, slots=True)
class Handed:
    """One of their submissions, how it stands to the dates, and what they have been told of it."""

    submission: Submission
    standing: Standing
    feedback_at: datetime | None
    points: Decimal | None = None
    max_points: Decimal | None = None
    """Both as they were published, of the submission that counts."""


@dataclass(frozen=True, slots=True)
class Offered:
    """An assignment that they can fetch, and how they stand with it."""

    assignment: Assignment
    release: Release
    dates: Dates
    is_late: bool
    """Whether what is submitted now is late."""
    refused: UserError | None
    """Why they cannot submit now."""
    handed: Sequence[Handed]


@dataclass(frozen=True, slots=True)
class Own:
    """One assignment of a member's."""

    assignment: Assignment
    membership: Membership


def offered_to(person: User, *, now: datetime, within: int | None = None) -> tuple[Sequence[Course], Sequence[Offered]]:
    """The classes this person is in, and what is released in them. As many questions however much that is.

    `within` is the key of the only class's group that counts, where a program asks that is held to one.
    """
    memberships = list(
        _memberships(person, within).filter(course__deleted_at=None).select_related("course").order_by("course__title")
    )
    by_course = {membership.course_id: membership for membership in memberships}
    assignments = list(
        Assignment.objects.open_to_students(now).filter(course__in=by_course).select_related("release__source")
    )
    handed = _handed(assignments, memberships)
    allowances = _allowances(assignments, memberships)
    grades = {grade.assignment_id: grade for grade in Grade.objects.filter(membership__in=memberships)}
    offered = []
    for assignment in assignments:
        assignment.course = by_course[assignment.course_id].course
        allowance = allowances.get(assignment.pk, NOTHING_EXTRA)
        offered.append(
            _offered(assignment, handed.get(assignment.pk, []), grades.get(assignment.pk), allowance, now=now)
        )
    return [membership.course for membership in memberships], offered


def own_assignment(person: User, *, course: str, name: str, now: datetime, within: int | None = None) -> Own | None:
    """The assignment of this name that they have as a member of the class; None if there is no such for them."""
    if "\0" in course + name:  # Which no database can be asked for.
        return None
    assignment = (
        Assignment.objects.present()
        .filter(course__slug=course, course__deleted_at=None, name=name, release__isnull=False)
        .select_related("course", "release__source")
        .first()
    )
    if assignment is None:
        return None
    place: Place | None = standing_of(person, assignment.course)
    if place is None or place.membership is None or not can_see(place, assignment, now=now):
        return None
    if within is not None and assignment.course.everybody_id != within:
        return None
    return Own(assignment, place.membership)


def own_submission(person: User, key: UUID, *, within: int | None = None) -> Submission | None:
    """A submission that this person made, in a class they are in, of an assignment that nobody has taken away."""
    mine = Submission.objects.filter(membership__in=_memberships(person, within))
    mine = mine.filter(assignment__deleted_at=None, assignment__course__deleted_at=None)
    return mine.select_related("assignment__course", "release__source", "feedback").filter(pk=key).first()


@transaction.atomic
def hand_over(own: Own, *, is_fresh: bool, now: datetime) -> Release:
    """The release that this member gets, noted so that a later submission is known to be of it.

    Where they have a copy already it is the one that is of, for what is missing from it; a fresh copy is of what is
    given out now. Raises CourseError `course_over`.
    """
    check_going_on(own.assignment.course)
    current = own.assignment.release
    if current is None:
        raise AssignmentError("assignment_not_released", assignment=own.assignment.title)
    there = {"release": current, "state": Fetch.State.THERE, "asked_at": now, "done_at": now}
    fetch, is_new = Fetch.objects.select_for_update().get_or_create(
        assignment=own.assignment, membership=own.membership, defaults=there
    )
    if is_new or fetch.state == Fetch.State.WAITING:
        return current  # A worker that is bringing their copy up to date notes it itself.
    if fetch.state == Fetch.State.THERE and not is_fresh:
        return fetch.release
    cleared: dict[str, Any] = {"before": None, "news": [], "failure_code": "", "failure_facts": {}}
    for field, value in {**there, **cleared}.items():
        setattr(fetch, field, value)
    fetch.save()
    return current


# --- Steps -------------------------------------------------------------------------------------------------


def _memberships(person: User, within: int | None) -> MembershipQuerySet:
    present = person.memberships.present()
    return present if within is None else present.filter(course__everybody=within)


def _offered(
    assignment: Assignment,
    submissions: Sequence[Submission],
    grade: Grade | None,
    allowance: Allowance,
    *,
    now: datetime,
) -> Offered:
    release, schedule = assignment.release, assignment.schedule
    if release is None:  # Not asked for.
        raise AssignmentError("assignment_not_released", assignment=assignment.title)
    refused: UserError | None = refusal(schedule, attempts=attempts_of(submissions), now=now, allowance=allowance)
    try:
        check_going_on(assignment.course)
    except CourseError as over:
        refused = over
    return Offered(
        assignment,
        release,
        dates_for(schedule, allowance),
        is_late=standing(schedule, now, allowance).is_late,
        refused=refused,
        handed=[_told(one, standing(schedule, one.submitted_at, allowance), grade) for one in submissions],
    )


def _told(submission: Submission, stands: Standing, grade: Grade | None) -> Handed:
    feedback = getattr(submission, "feedback", None)
    if feedback is None:
        return Handed(submission, stands, feedback_at=None)
    if grade is None or grade.published_at is None or grade.submission_id != submission.pk:
        return Handed(submission, stands, feedback.published_at)
    return Handed(submission, stands, feedback.published_at, grade.published_points, grade.published_max_points)


def _handed(assignments: Iterable[Assignment], memberships: Iterable[Membership]) -> dict[object, list[Submission]]:
    handed: dict[object, list[Submission]] = {}
    submissions = Submission.objects.filter(assignment__in=assignments, membership__in=memberships)
    for submission in submissions.select_related("feedback").order_by("attempt"):
        handed.setdefault(submission.assignment_id, []).append(submission)
    return handed


def _allowances(assignments: Iterable[Assignment], memberships: Iterable[Membership]) -> dict[object, Allowance]:
    extensions = Extension.objects.filter(assignment__in=assignments, membership__in=memberships)
    return {extension.assignment_id: extension.allowance for extension in extensions}
