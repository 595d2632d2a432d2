"""Who may do what with assignments. Pure predicates over a person's standing in the class."""

from __future__ import annotations

from datetime import datetime

from assignments.models import Assignment, Feedback, SavedComment, Submission
from classes.policies import Standing


def can_see(standing: Standing, assignment: Assignment, *, now: datetime) -> bool:
    """Whether they find the assignment: students once it is released and open, teachers and graders always."""
    if assignment.deleted_at is not None:
        return False
    return standing.is_staff or is_open(assignment, now=now)


def is_open(assignment: Assignment, *, now: datetime) -> bool:
    """Whether students can have it."""
    return assignment.release_id is not None and (assignment.opens_at is None or assignment.opens_at <= now)


def can_grade(standing: Standing) -> bool:
    """Whether they may give points."""
    return standing.is_staff and not standing.course.is_over


def can_change_kept(standing: Standing, kept: SavedComment) -> bool:
    """Whether they may change a comment that is kept for all graders, or remove it: whoever kept it, and teachers."""
    is_theirs = standing.membership is not None and kept.kept_by_id == standing.membership.person_id
    return can_grade(standing) and (standing.is_teacher or is_theirs)


def can_grade_everything_again(standing: Standing) -> bool:
    """Whether they may have the tests run over all that was submitted, as long as the class goes on.

    Everybody's points may move by it.
    """
    return standing.is_teacher


def can_publish(standing: Standing) -> bool:
    """Whether they may tell students their grades."""
    return standing.can_change


def can_read(standing: Standing, submission: Submission) -> bool:
    """Whether they may see what was submitted: whoever did, and those who grade."""
    return standing.is_staff or is_own(standing, submission)


def is_own(standing: Standing, submission: Submission) -> bool:
    """Whether they submitted it."""
    return standing.membership is not None and submission.membership_id == standing.membership.pk


def can_know_whose(standing: Standing, submission: Submission) -> bool:
    """Whether they may be told who submitted it: not those who grade without names."""
    return standing.is_teacher or not submission.assignment.is_anonymous or is_own(standing, submission)


def can_read_receipt(standing: Standing, submission: Submission) -> bool:
    """Whether they may see the receipt for it, which names whoever submitted: not those from whom names are hidden."""
    return can_read(standing, submission) and can_know_whose(standing, submission)


def can_read_feedback(standing: Standing, submission: Submission, feedback: Feedback | None) -> bool:
    """Whether they may see what came of it: those who grade always, and whoever submitted it once it is published."""
    return can_read(standing, submission) and (standing.is_staff or feedback is not None)
