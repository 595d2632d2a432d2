"""What published points rest on, written down when they are published.

Points are folded anew whenever somebody reads them, and folding asks what rubric items are worth and what lateness
leaves. What a student was told has to stay as it was told until it is published again, so a copy of these goes into its
`Feedback`, with the words of comments, which can be changed as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from assignments.deadlines import NOTHING_EXTRA, standing
from assignments.grading.points import CellKey
from assignments.models import Assignment, CellComment, Feedback, RubricItem, Submission
from assignments.submitting.submissions import allowances_of


@dataclass(frozen=True, slots=True)
class Terms:
    """What the points of one submission rested on, and what was said beside them."""

    items: Mapping[str, tuple[str, Decimal]]
    """What each rubric item said and was worth, by its key."""
    begin_full: frozenset[CellKey]
    """The cells whose rubric only took away."""
    percent_kept: int
    """What lateness left."""
    comments: Mapping[str, str]
    """The words of each comment, by its key."""

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "items": {key: [label, str(points)] for key, (label, points) in self.items.items()},
            "begin_full": sorted([key.notebook, key.grade_id] for key in self.begin_full),
            "percent_kept": self.percent_kept,
            "comments": dict(self.comments),
        }


def terms_of(assignment: Assignment, submissions: Collection[Submission]) -> dict[Any, Terms]:
    """Those of these submissions, by their keys, as they are now. Three questions for any number of them."""
    rubric = list(RubricItem.objects.filter(assignment=assignment))
    items = {str(item.pk): (item.label, item.points) for item in rubric}
    begin_full = frozenset(cells_that_begin_full(rubric))
    allowances = allowances_of(assignment, {submission.membership_id for submission in submissions})
    said: dict[Any, dict[str, str]] = {}
    for comment in CellComment.objects.filter(submission__in=submissions):
        said.setdefault(comment.submission_id, {})[str(comment.pk)] = comment.text
    return {
        one.pk: Terms(
            items,
            begin_full,
            standing(
                assignment.schedule, one.submitted_at, allowances.get(one.membership_id, NOTHING_EXTRA)
            ).percent_kept,
            said.get(one.pk, {}),
        )
        for one in submissions
    }


def terms_in(feedback: Feedback | None) -> Terms | None:
    """Those that were written down; None for what is not published, or was before they were kept."""
    if feedback is None or feedback.terms is None:
        return None
    kept = feedback.terms
    return Terms(
        {key: (label, Decimal(points)) for key, (label, points) in kept["items"].items()},
        frozenset(CellKey(notebook, grade_id) for notebook, grade_id in kept["begin_full"]),
        kept["percent_kept"],
        kept["comments"],
    )


def cells_that_begin_full(rubric: Iterable[RubricItem]) -> set[CellKey]:
    """Those whose rubric only takes away."""
    worth: dict[CellKey, list[Decimal]] = {}
    for item in rubric:
        if item.retired_at is None:
            worth.setdefault(CellKey(item.notebook, item.grade_id), []).append(item.points)
    return {key for key, points in worth.items() if all(one <= 0 for one in points) and any(points)}
