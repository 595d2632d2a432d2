"""How far the grades of an assignment are on their way to every platform of its class: for those who teach it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from assignments.models import Assignment, Grade
from environments.errors import Explanation
from lti.models import Context, LineItem, Outlet, Score

State = Score.State
ON_ITS_WAY = (State.WAITING, State.SENDING)
FILTERS = {"there": (State.SENT,), "on-its-way": ON_ITS_WAY, "not-taken": (State.REFUSED,)}


@dataclass(frozen=True, slots=True)
class ColumnState:
    """One course of a platform, and its column for the assignment, if it has one."""

    context: Context
    line_item: LineItem | None
    there: int = 0
    on_its_way: int = 0
    not_taken: int = 0
    pause: Explanation | None = None
    """Why nothing leaves for the platform at the moment."""

    @property
    def has_place(self) -> bool:
        """Whether the platform has said where grades of the course go."""
        return self.line_item is not None or bool(self.context.line_items_url)

    @property
    def is_stopped(self) -> bool:
        """Whether nothing is sent until somebody does something."""
        return self.line_item is not None and self.line_item.state != LineItem.State.OPEN


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many published grades go nowhere, and why."""

    unfinished: int
    elsewhere: int
    """Their students do not come from a platform."""


def columns_of(assignment: Assignment) -> Sequence[ColumnState]:
    """One for each course of a platform that the class is. Three questions."""
    contexts = Context.objects.filter(course=assignment.course_id).select_related("deployment__platform")
    columns = LineItem.objects.filter(assignment=assignment, context__course=assignment.course_id)
    counted = columns.annotate(
        there=Count("scores", filter=Q(scores__state=State.SENT)),
        on_its_way=Count("scores", filter=Q(scores__state__in=ON_ITS_WAY)),
        not_taken=Count("scores", filter=Q(scores__state=State.REFUSED)),
    )
    known: dict[Any, Any] = {column.context_id: column for column in counted}
    platforms = {context.deployment.platform_id for context in contexts}
    paused = Outlet.objects.filter(platform__in=platforms).exclude(failure_code="").select_related("platform")
    pauses = {outlet.platform_id: outlet.failure for outlet in paused}
    return [
        _state(context, known.get(context.pk), pauses.get(context.deployment.platform_id))
        for context in sorted(contexts, key=lambda one: (one.deployment.platform.name, str(one)))
    ]


def scores_of(assignment: Assignment, shown: str = "") -> QuerySet[Score]:
    """The grades that leave, by name of the student; of one of `FILTERS` only, if it is named."""
    scores = Score.objects.filter(line_item__assignment=assignment, line_item__context__course=assignment.course_id)
    if shown in FILTERS:
        scores = scores.filter(state__in=FILTERS[shown])
    everything = scores.select_related("line_item__context__deployment__platform", "grade__membership__person")
    return everything.order_by("grade__membership__person__display_name", "grade__membership__person__username", "pk")


def left_out(assignment: Assignment) -> LeftOut:
    """Of whom nothing leaves although they were told. One question."""
    leaving = Score.objects.filter(grade=OuterRef("pk"))
    told = Grade.objects.filter(assignment=assignment, published_at__isnull=False, membership__role="student")
    counts = told.filter(~Exists(leaving)).aggregate(
        unfinished=Count("pk", filter=Q(needs_manual__gt=0)), elsewhere=Count("pk", filter=Q(needs_manual=0))
    )
    return LeftOut(counts["unfinished"], counts["elsewhere"])


def _state(context: Context, counted: Any, pause: Explanation | None) -> ColumnState:
    if counted is None:
        return ColumnState(context, None, pause=pause)
    counted.context = context
    return ColumnState(context, counted, counted.there, counted.on_its_way, counted.not_taken, pause)
