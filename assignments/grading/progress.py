"""How far the tests of an assignment have been run over what was submitted, and why some could not be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, Min, Q, Sum, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from assignments.errors import REASONS
from assignments.grading.marking import pseudonym
from assignments.models import Assignment, Autograding, Submission
from classes.models import Role
from environments.errors import REASONS as ENVIRONMENT_REASONS
from environments.errors import Explanation, explain

State = Submission.State


@dataclass(frozen=True, slots=True)
class Failure:
    """A reason why submissions could not be graded, and which."""

    words: Explanation
    submissions: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class GradingProgress:
    """How many students are where. Each counts once, however often they submitted: where most is still to be done."""

    new: int = 0
    """Nobody has asked for tests of theirs."""
    waiting: int = 0
    running: int = 0
    graded: int = 0
    """Everything they submitted has its points by tests."""
    failed: int = 0
    submissions: int = 0
    """How many they have submitted among them."""
    failures: Sequence[Failure] = field(default=())
    """What most were stopped by first."""

    @property
    def all(self) -> int:
        """Whoever has submitted."""
        return self.new + self.waiting + self.running + self.graded + self.failed

    @property
    def is_under_way(self) -> bool:
        """Whether a worker has something to do."""
        return self.waiting + self.running > 0

    @property
    def parts(self) -> Sequence[tuple[str, float, float]]:
        """What a bar of a hundred is made of: each kind, where it begins and how wide it is."""
        made, begin = [], 0.0
        for kind in ("graded", "failed", "running", "waiting", "new"):
            width = 100 * getattr(self, kind) / self.all if self.all else 0.0
            if width:
                made.append((kind, round(begin, 2), round(width, 2)))
            begin += width
        return made


_MOST_TO_DO_FIRST = (State.RUNNING, State.WAITING, State.PROBLEM, State.RECEIVED, State.GRADED)
_NAMES = ("running", "waiting", "failed", "new", "graded")


def progress_of(assignment: Assignment) -> GradingProgress:
    """The numbers, and the reasons. Two questions to the tables, however many have submitted."""
    order = Case(*(When(state=state, then=place) for place, state in enumerate(_MOST_TO_DO_FIRST)))
    by_students = assignment.submissions.filter(membership__role=Role.STUDENT).order_by().values("membership")
    found = by_students.annotate(stands=Min(order), n=Count("pk")).aggregate(
        **{name: Count("membership", filter=Q(stands=place)) for place, name in enumerate(_NAMES)},
        submissions=Coalesce(Sum("n"), 0),
    )
    return GradingProgress(**found, failures=_failures(assignment) if found["failed"] else ())


def names_of(submissions: Iterable[UUID], *, is_named: bool) -> Mapping[UUID, str]:
    """What these are called: by whom they are, or by their codes where names are hidden. One question."""
    rows = Submission.objects.filter(pk__in=list(submissions)).select_related("membership__person")
    return {
        row.pk: row.membership.person.get_full_name()
        if is_named
        else _("Submission %(code)s") % {"code": pseudonym(row)}
        for row in rows
    }


def _failures(assignment: Assignment) -> Sequence[Failure]:
    failed = Autograding.objects.filter(
        submission__assignment=assignment,
        submission__state=State.PROBLEM,
        state=Autograding.State.FAILED,
        is_trial=False,
    )
    rows = failed.order_by("asked_at", "pk").values_list("submission", "failure_code", "failure_facts")
    latest: dict[UUID, tuple[str, Mapping[str, Any]]] = {key: (code, facts) for key, code, facts in rows}
    by_reason: dict[tuple[str, str], list[UUID]] = {}
    for key, (code, facts) in latest.items():
        by_reason.setdefault((code, json.dumps(facts, sort_keys=True)), []).append(key)
    reasons = {**ENVIRONMENT_REASONS, **REASONS}
    made = [
        Failure(explain(code, json.loads(facts), reasons=reasons), keys) for (code, facts), keys in by_reason.items()
    ]
    return sorted(made, key=lambda failure: -len(failure.submissions))
