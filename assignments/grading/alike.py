"""Answers like one that was graded, and giving them the same.

Which answers resemble each other is `likeness`'s to say. That two are alike says nothing of why: here it saves graders
from reading the same again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.models import User
from assignments.errors import AssignmentError
from assignments.grading import likeness, marking
from assignments.grading.answering import NONE, Answer, answers_among, answers_of
from assignments.grading.comparing import Line, compared
from assignments.grading.points import CellKey
from assignments.models import CellComment, CellGrade, Submission

MOST = 500
"""So many answers are looked through."""
MOST_GROUPS = 30


@dataclass(frozen=True, slots=True)
class Like:
    """Somebody else's answer."""

    submission: Submission
    row: CellGrade | None
    seen: int
    """The last thing a person did to it (`marking.latest_change`)."""

    @property
    def is_to_do(self) -> bool:
        """Whether it waits for a person."""
        return self.row is None or self.row.needs_manual


@dataclass(frozen=True, slots=True)
class LikeGroup:
    """Answers that are the same but for comments, spacing and names."""

    is_same: bool
    """Whether this one is the same as well."""
    source: str
    difference: Sequence[Line]
    """What leads from this answer to the first of them."""
    likes: Sequence[Like]


@dataclass(frozen=True, slots=True)
class Likes:
    """What was found."""

    answer: Answer
    row: CellGrade | None
    """What the answer itself has."""
    groups: Sequence[LikeGroup]
    """The same first, then the near ones."""
    looked_through: int
    is_all: bool


@dataclass(frozen=True, slots=True)
class Given:
    """How many answers got it, and how many did not, and why."""

    given: int = 0
    held: int = 0
    changed: int = 0


def answers_like(submission: Submission, key: CellKey) -> Likes:
    """The answers to a cell that are like this one, of the submissions that count. Raises nothing."""
    counting = Submission.objects.filter(assignment=submission.assignment, grade_of__isnull=False)
    others = counting.exclude(pk=submission.pk).exclude(membership=submission.membership_id).order_by("pk")
    answers = answers_among(others[: MOST + 1], key)
    is_all = len(answers) <= MOST
    answers = dict(islice(answers.items(), MOST)) | answers_of([submission], key)
    own, own_key = answers[submission.pk], str(submission.pk)
    clusters = likeness.alike({str(pk): one.source for pk, one in answers.items()}, is_code=own.is_code)
    cluster = next((one for one in clusters if any(own_key in group.keys for group in one.groups)), None)
    found = sorted(cluster.groups if cluster else (), key=lambda group: (own_key not in group.keys, -len(group.keys)))
    found = found[:MOST_GROUPS]
    likes = _likes({submission.pk, *(UUID(one) for group in found for one in group.keys)}, key)
    row = likes.pop(submission.pk).row
    groups = [
        _group(own, [likes[UUID(one)] for one in group.keys if one != own_key], answers, own_key in group.keys)
        for group in found
    ]
    return Likes(own, row, [group for group in groups if group.likes], len(answers) - 1, is_all)


def give_the_same(
    submission: Submission,
    key: CellKey,
    to: Mapping[UUID, int],
    *,
    with_comments: bool = False,
    by: User,
    now: datetime,
) -> Given:
    """Give these submissions what this one has got for a cell; `to` says what was seen of each (`Like.seen`).

    Who has somebody else grading it, or was graded since, is left alone and counted. Raises AssignmentError
    `answer_not_graded`, and what `marking.give_mark` raises beside these two.
    """
    mark = marking.mark_of(submission, key)
    why = _("The same as submission %(code)s") % {"code": marking.pseudonym(submission)}
    outcomes = {"": 0, "cell_held": 0, "cell_changed": 0}
    others = submission.assignment.submissions.filter(pk__in=to).exclude(pk=submission.pk)
    for other in others.select_related("assignment__course", "membership", "autograding"):
        code = ""
        try:
            marking.give_mark(other, key, mark, by=by, now=now, seen=to[other.pk], why=why)
            if with_comments:
                _say_the_same(submission, other, key, by=by, now=now)
        except AssignmentError as error:
            if error.code not in outcomes:
                raise
            code = error.code
        outcomes[code] += 1
    return Given(outcomes[""], outcomes["cell_held"], outcomes["cell_changed"])


# --- Steps -------------------------------------------------------------------------------------------------


def _group(own: Answer, likes: Sequence[Like], answers: Mapping[UUID, Answer], is_same: bool) -> LikeGroup:
    source = answers[likes[0].submission.pk].source if likes else NONE.source
    return LikeGroup(is_same, source, compared(own.source, source), likes)


def _likes(keys: Collection[UUID], key: CellKey) -> dict[UUID, Like]:
    rows = CellGrade.objects.filter(submission__in=keys, notebook=key.notebook, grade_id=key.grade_id)
    grades = {row.submission_id: row for row in rows}
    seen = marking.latest_changes_at(key, keys)
    submissions = Submission.objects.filter(pk__in=keys).select_related("membership__person")
    return {one.pk: Like(one, grades.get(one.pk), seen.get(one.pk, 0)) for one in submissions}


def _say_the_same(submission: Submission, other: Submission, key: CellKey, *, by: User, now: datetime) -> None:
    """What was said about this cell, unless it was said there already."""
    at = {"notebook": key.notebook, "cell": key.grade_id}
    there = set(CellComment.objects.filter(submission=other, **at).values_list("text", flat=True))
    for text in dict.fromkeys(submission.comments.filter(**at).values_list("text", flat=True)):
        if text not in there:
            marking.comment(other, **at, text=text, by=by, now=now)
