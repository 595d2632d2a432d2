"""How the courses of a platform are doing, for whoever runs this Carrel: those where something is wrong come first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from environments.errors import Explanation
from lti.errors import explained
from lti.models import Context, LineItem, Outlet, Platform, ResourceLink, Roster, Score
from lti.querysets import counted

HELD = "roster_held"
PASSES = "grades_unanswered"
"""What goes away by itself."""
LEAVING = (Score.State.WAITING, Score.State.SENDING)
STOPPED = ~Q(state=LineItem.State.OPEN)
REFUSED = Q(state=Score.State.REFUSED)
THERE = Q(state=Score.State.SENT) & ~Q(line_item__state=LineItem.State.GONE)
ON_ITS_WAY = Q(state__in=LEAVING, line_item__state=LineItem.State.OPEN)
UNDELIVERED = REFUSED | (Q(state__in=LEAVING) & ~Q(line_item__state=LineItem.State.OPEN))


@dataclass(frozen=True, slots=True)
class CourseState:
    """One course of the platform. Its row has the counts: `link_count`, `there`, `on_its_way`, `undelivered`."""

    context: Any
    roster: Roster | None
    grades_failure: Explanation | None
    """What was last wrong with its grades, if not all are there."""

    @property
    def is_held(self) -> bool:
        """Whether so many people would go that a teacher has to say so."""
        return self.roster is not None and self.roster.failure_code == HELD


@dataclass(frozen=True, slots=True)
class GradesState:
    """All grades of a platform together."""

    there: int
    on_its_way: int
    undelivered: int
    outlet: Outlet | None

    @property
    def pause(self) -> Explanation | None:
        """Why nothing leaves at the moment."""
        return self.outlet.failure if self.outlet is not None else None


def troubled() -> QuerySet[Context]:
    """The courses that are classes going on where somebody has to do something: about their people or their grades."""
    going_on = Context.objects.filter(course__deleted_at=None, course__archived_at=None).exclude(course=None)
    of_class = Q(assignment__course=F("context__course"))
    columns = LineItem.objects.filter(of_class, STOPPED | ~Q(failure_code__in=("", PASSES)))
    scores = _scores().filter(REFUSED)
    return going_on.filter(
        Q(pk__in=Roster.objects.exclude(failure_code="").values("context"))
        | Q(pk__in=columns.values("context"))
        | Q(pk__in=scores.values("line_item__context"))
    )


def courses_of(platform: Platform) -> QuerySet[Context]:
    """All of its courses: those in trouble first, those that are no class last."""
    own = OuterRef("pk")
    scores = _scores().filter(line_item__context=own).order_by()
    columns = LineItem.objects.filter(context=own, assignment__course=OuterRef("course"))
    columns = columns.order_by(Case(When(STOPPED, then=0), default=1), "-created_at").exclude(failure_code="")
    failing = _scores().filter(line_item__context=own).exclude(state=Score.State.SENT).exclude(failure_code="")
    failing = failing.order_by(Case(When(REFUSED, then=0), default=1), "-graded_at")
    of_course = scores.values("line_item__context")
    rows = Context.objects.filter(deployment__platform=platform).annotate(
        link_count=counted(ResourceLink.objects.filter(context=own).order_by().values("context")),
        there=counted(of_course.filter(THERE)),
        on_its_way=counted(of_course.filter(ON_ITS_WAY)),
        undelivered=counted(of_course.filter(UNDELIVERED)),
        grades_code=Coalesce(
            Subquery(columns.values("failure_code")[:1]), Subquery(failing.values("failure_code")[:1])
        ),
        rank=Case(When(pk__in=troubled().values("pk"), then=0), When(course=None, then=2), default=1),
    )
    return rows.select_related("course", "connected_by", "roster").order_by("rank", "title", "context_id", "pk")


def states_of(platform: Platform, contexts: Sequence[Context]) -> list[CourseState]:
    """Of the rows of `courses_of`. No question."""
    return [_state(platform, context) for context in contexts]


def grades_of(platform: Platform) -> GradesState:
    """How far they are. One question, where the outlet is at hand."""
    counts = (
        _scores()
        .to(platform)
        .aggregate(
            there=Count("pk", filter=THERE),
            on_its_way=Count("pk", filter=ON_ITS_WAY),
            undelivered=Count("pk", filter=UNDELIVERED),
        )
    )
    return GradesState(**counts, outlet=getattr(platform, "outlet", None))


def _scores() -> Any:
    """The grades of classes that their courses still are."""
    return Score.objects.filter(line_item__context__course=F("line_item__assignment__course"))


def _state(platform: Platform, context: Any) -> CourseState:
    code = context.grades_code or ""
    failure = explained(code, platform=platform.name) if code else None
    return CourseState(context, getattr(context, "roster", None), failure)
