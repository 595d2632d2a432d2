"""How somebody stands with an assignment: what they have, what they gave back, and what they can do now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from assignments import late_words
from assignments.deadlines import (
    COUNTS_WORDS,
    NOTHING_EXTRA,
    Dates,
    Schedule,
    Standing,
    dates_for,
    most_attempts,
    refusal,
    standing,
)
from assignments.models import (
    Assignment,
    Autograding,
    Collection,
    Extension,
    Fetch,
    Grade,
    RegradeRequest,
    Submission,
    Way,
)
from assignments.notebooks.doctoring import Repair
from assignments.submitting import merge_words
from assignments.submitting.submissions import attempts_of
from classes.models import Membership
from environments.errors import Explanation


@dataclass(frozen=True, slots=True)
class Received:
    """One of somebody's submissions, and whether it was late."""

    submission: Submission
    standing: Standing
    is_back: bool = False
    """Whether there is feedback to read."""
    is_counting: bool = False
    """Whether their grade is of this one, as far as they were told."""
    losses: Sequence[Repair] = ()
    """Notebooks that count as unanswered, and why."""
    failure: Explanation | None = None
    """Why it could not be graded."""
    asked: Sequence[RegradeRequest] = ()
    """What they asked about its points."""

    @property
    def is_news(self) -> bool:
        """Whether there is feedback that they have not read."""
        feedback = getattr(self.submission, "feedback", None)
        return feedback is not None and (feedback.read_at is None or feedback.read_at < feedback.published_at)

    @property
    def has_open_question(self) -> bool:
        """Whether something that they asked is not answered yet."""
        return any(one.state == RegradeRequest.State.OPEN for one in self.asked)


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
    attempts: int | None
    """How often they may submit it, the same."""
    refusal: Explanation | None
    """Why they cannot submit now."""
    late: Sequence[str] = ()
    """What being late costs, in words; nothing where they cannot be late."""
    counts: str = ""
    """Which of their submissions counts, in words; nothing where there can be one only."""
    extension: Extension | None = None
    """What they were given beyond the others."""
    has_more_time: bool = False
    grade: Grade | None = None
    """What they were told they have; None before anything is published."""
    is_graded_on_submit: bool = False
    """Whether what was received is graded without anybody asking."""

    @property
    def news(self) -> Sequence[str]:
        """What the corrected release has changed in their copy, in words."""
        return merge_words.words_of(self.fetch.news) if self.fetch is not None and self.has_copy else ()

    @property
    def has_copy(self) -> bool:
        """Whether it is among their files."""
        return self.fetch is not None and self.fetch.state == Fetch.State.THERE

    @property
    def has_lost_copy(self) -> bool:
        """Whether there was nothing among their files when it was last to be submitted."""
        return self.collection is not None and self.collection.failure_code == "copy_missing"

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
        return is_fetching or is_collecting or is_grading or self._is_graded_next

    @property
    def _is_graded_next(self) -> bool:
        """Whether the newest is received and not yet in the queue, where it comes in a moment."""
        return self.is_graded_on_submit and any(one.submission.state == "received" for one in self.received[:1])


def work_of(assignment: Assignment, membership: Membership, *, now: datetime) -> Work:
    """How this member stands with the assignment. As many questions to the tables, however much they submitted."""
    extension = Extension.objects.filter(assignment=assignment, membership=membership).first()
    allowance = NOTHING_EXTRA if extension is None else extension.allowance
    schedule = assignment.schedule
    dates = dates_for(schedule, allowance)
    submissions = list(
        Submission.objects.filter(assignment=assignment, membership=membership)
        .select_related("release", "feedback")
        .prefetch_related("regrade_requests")
    )
    attempts = attempts_of(submissions)
    most = most_attempts(schedule, allowance)
    used = sum(not attempt.is_automatic for attempt in attempts)
    refused = refusal(schedule, attempts=attempts, now=now, allowance=allowance)
    collection = Collection.objects.filter(assignment=assignment, membership=membership).first()
    grade = Grade.objects.filter(assignment=assignment, membership=membership, published_at__isnull=False).first()
    failures = _failures(submissions)
    return Work(
        dates=dates,
        fetch=Fetch.objects.filter(assignment=assignment, membership=membership).select_related("release").first(),
        collection=collection if _is_news(collection, submissions) else None,
        received=[
            Received(
                one,
                standing(schedule, one.submitted_at, allowance),
                is_back=hasattr(one, "feedback"),
                is_counting=grade is not None and grade.submission_id == one.pk,
                losses=[repair for repair in map(Repair.from_json, one.repairs) if repair.is_loss],
                failure=failures.get(one.pk),
                asked=list(one.regrade_requests.all()),
            )
            for one in submissions
        ],
        attempts_left=None if most is None else max(0, most - used),
        attempts=most,
        is_graded_on_submit=assignment.is_graded_on_submit,
        refusal=refused.explain() if refused is not None else None,
        late=_late(schedule, dates),
        counts="" if most == 1 else str(COUNTS_WORDS[schedule.counts]),
        extension=extension,
        has_more_time=dates != dates_for(schedule),
        grade=grade,
    )


def _late(schedule: Schedule, dates: Dates) -> Sequence[str]:
    """In words, where something is due, and is taken after that."""
    if dates.due_at is None or (dates.closes_at is not None and dates.closes_at <= dates.due_at):
        return ()
    return late_words.words_of(schedule.late)


def _failures(submissions: Sequence[Submission]) -> dict[UUID, Explanation]:
    """Why those could not be graded that could not; asks nothing where there are none."""
    troubled = [one.pk for one in submissions if one.state == Submission.State.PROBLEM]
    if not troubled:
        return {}
    failed = Autograding.objects.filter(submission__in=troubled, is_trial=False, state=Autograding.State.FAILED)
    latest = {run.submission_id: run.failure for run in failed.order_by("asked_at")}
    return {key: failure for key, failure in latest.items() if failure is not None}


def _is_news(collection: Collection | None, submissions: Sequence[Submission]) -> bool:
    """Whether it is under way, or has failed; at the deadline that matters only to who has submitted nothing."""
    if collection is None or collection.state == Collection.State.DONE:
        return False
    return not (collection.way == Way.DEADLINE and submissions)
