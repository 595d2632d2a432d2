"""Learning platforms as places that grades go to: what assignments hand over, and are told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db.models import Count, Q
from django.urls import reverse

from assignments.grading.destinations import Delivery, Destination, Stage
from assignments.models import Assignment, Grade
from lti.models import Context, LineItem, Score
from lti.passback import outbox


class PlatformGrades:
    """Every learning platform that a class has a course of."""

    def published(self, published: Sequence[Grade]) -> None:
        """Have them on their way to where their students come from."""
        outbox.queue(published)

    def destinations(self, assignment: Assignment) -> Sequence[Destination]:
        """The platforms of the class, on one page together. Two questions."""
        contexts = Context.objects.filter(course=assignment.course_id).select_related("deployment__platform")
        names = list(dict.fromkeys(context.deployment.platform.name for context in contexts))
        if not names:
            return []
        trouble = LineItem.objects.filter(assignment=assignment, context__course=assignment.course_id).aggregate(
            columns=Count("pk", filter=~Q(state=LineItem.State.OPEN)),
            scores=Count("pk", filter=Q(scores__state=Score.State.REFUSED)),
        )
        url = reverse("lti:grade-states", args=[assignment.course.slug, assignment.name])
        return [Destination(", ".join(names), url, has_trouble=any(trouble.values()))]

    def deliveries(self, grades: Sequence[Grade]) -> Mapping[int, Sequence[Delivery]]:
        """One for each platform that a student comes from. One question."""
        scores = Score.objects.filter(grade__in=grades).order_by("pk")
        found: dict[int, list[Delivery]] = {}
        for score in scores.select_related("line_item__context__deployment__platform"):
            if not _was_taken_away(score):
                found.setdefault(score.grade_id, []).append(_delivery(score))
        return found


def _was_taken_away(score: Score) -> bool:
    """Whether it was there, and its column is not any more: its teachers know why."""
    return score.state == Score.State.SENT and score.line_item.state == LineItem.State.GONE


def _delivery(score: Score) -> Delivery:
    name = score.line_item.platform.name
    if score.state == Score.State.SENT:
        return Delivery(name, Stage.THERE, score.sent_at)
    if score.state == Score.State.REFUSED or score.line_item.state != LineItem.State.OPEN:
        return Delivery(name, Stage.UNDELIVERED)
    return Delivery(name, Stage.ON_ITS_WAY)
