"""A class at one of its assignments, as it is now: who is there, and how far each student is with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Max

from assignments.models import Assignment, Fetch, Grade, Submission
from classes.live import Whereabouts, whereabouts_of


class Stage(StrEnum):
    """How far a student is, in the order in which they get there."""

    NOTHING = "nothing"
    COPY = "copy"
    """They have their copy, and have not submitted."""
    SUBMITTED = "submitted"
    GRADED = "graded"
    """By tests and people, and nothing of it waits."""
    TOLD = "told"
    """Their grade is published."""


@dataclass(frozen=True, slots=True)
class Place:
    """One student."""

    seat: Whereabouts
    stage: Stage
    submitted_at: datetime | None
    """When they last did."""

    @property
    def is_working(self) -> bool:
        """Whether they are in their server of the class and still have it to do."""
        return self.stage == Stage.COPY and self.seat.presence == "working"


def places_of(assignment: Assignment, *, now: datetime) -> Sequence[Place]:
    """Every student of the class, by name. As many questions for a thousand as for one."""
    fetched = Fetch.objects.filter(assignment=assignment, state=Fetch.State.THERE)
    copies = set(fetched.values_list("membership", flat=True))
    received = Submission.objects.filter(assignment=assignment).order_by().values("membership")
    submitted = dict(received.annotate(last=Max("submitted_at")).values_list("membership", "last"))
    grades = Grade.objects.filter(assignment=assignment, points__isnull=False).values_list(
        "membership", "needs_manual", "published_at"
    )
    graded = {key: Stage.TOLD if told_at else Stage.GRADED for key, to_do, told_at in grades if told_at or not to_do}
    places = []
    for seat in whereabouts_of(assignment.course, now=now):
        key = seat.membership_id
        stage = Stage.SUBMITTED if key in submitted else Stage.COPY if key in copies else Stage.NOTHING
        places.append(Place(seat, graded.get(key, stage), submitted.get(key)))
    return places


def counted(places: Sequence[Place]) -> Mapping[Stage, int]:
    """How many are at each stage."""
    found = Counter(place.stage for place in places)
    return {stage: found[stage] for stage in Stage}
