"""How somebody stands with an assignment: what they have, what they gave back, and what they can do now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from assignments.deadlines import NOTHING_EXTRA, Dates, Standing, dates_for, most_attempts, refusal, standing
from assignments.models import Assignment, Collection, Extension, Fetch, Grade, Submission, Way
from assignments.submissions import attempts_of
from classes.models import Membership
from environments.errors import Explanation


@dataclass(frozen=True, slots=True)
class Received:
    """One of somebody's submissions, and whether it was late."""

    submission: Submission
    standing: Standing
    is_back: bool = False
    """Whether there is feedback to read."""


@dataclass(frozen=True, slots=True)
class Work:
    """One person's work on one assignment."""

    dates: Dates
    fetch: Fetch | None
    collection: Collection | None
    """What is being collected, or what was last tried and failed."""
    received: Sequence[Received]
    """Their submissions, the newest first."""
    attempts_left: int | None
    """None for as often as they like."""
    refusal: Explanation | None
    """Why they cannot submit now."""
    grade: Grade | None = None
    """What they were told they have; None before anything is published."""

    @property
    def has_copy(self) -> bool:
        """Whether it is among their files."""
        return self.fetch is not None and self.fetch.state == Fetch.State.THERE

    @property
    def forgot(self) -> bool:
        """Whether their copy was submitted for them, since they had not."""
        return any(one.submission.way == Way.DEADLINE for one in self.received)

    @property
    def is_under_way(self) -> bool:
        """Whether a worker has something to do for them."""
        is_fetching = self.fetch is not None and self.fetch.state == Fetch.State.WAITING
        is_collecting = self.collection is not None and self.collection.state == Collection.State.WAITING
        is_grading = any(one.submission.state in ("waiting", "running") for one in self.received)
        return is_fetching or is_collecting or is_grading


def work_of(assignment: Assignment, membership: Membership, *, now: datetime) -> Work:
    """How this member stands with the assignment. Five questions to the tables, however much they submitted."""
    extension = Extension.objects.filter(assignment=assignment, membership=membership).first()
    allowance = NOTHING_EXTRA if extension is None else extension.allowance
    schedule = assignment.schedule
    submissions = list(
        Submission.objects.filter(assignment=assignment, membership=membership).select_related("release", "feedback")
    )
    attempts = attempts_of(submissions)
    most = most_attempts(schedule, allowance)
    used = sum(not attempt.is_automatic for attempt in attempts)
    refused = refusal(schedule, attempts=attempts, now=now, allowance=allowance)
    collection = Collection.objects.filter(assignment=assignment, membership=membership).first()
    return Work(
        dates=dates_for(schedule, allowance),
        fetch=Fetch.objects.filter(assignment=assignment, membership=membership).select_related("release").first(),
        collection=collection if _is_news(collection, submissions) else None,
        received=[
            Received(one, standing(schedule, one.submitted_at, allowance), is_back=hasattr(one, "feedback"))
            for one in submissions
        ],
        attempts_left=None if most is None else max(0, most - used),
        refusal=refused.explain() if refused is not None else None,
        grade=Grade.objects.filter(assignment=assignment, membership=membership, published_at__isnull=False).first(),
    )


def _is_news(collection: Collection | None, submissions: Sequence[Submission]) -> bool:
    """Whether it is under way, or has failed; at the deadline that matters only to who has submitted nothing."""
    if collection is None or collection.state == Collection.State.DONE:
        return False
    return not (collection.way == Way.DEADLINE and submissions)
