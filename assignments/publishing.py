"""What publishing would tell students, before anybody is told."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, F, Q

from assignments.models import Assignment, Grade


@dataclass(frozen=True, slots=True)
class Publication:
    """How many students would read what. Nobody without points is among them."""

    new: int
    """Have been told nothing yet."""
    changed: int
    """Have other points than they were told."""
    same: int
    """Have what they were told."""
    unfinished: int
    """Of all these, those with an answer that waits for a person."""

    @property
    def all(self) -> int:
        """Everybody with points."""
        return self.new + self.changed + self.same

    @property
    def finished(self) -> int:
        """Those of whom nothing waits for a person."""
        return self.all - self.unfinished


def publication_of(assignment: Assignment) -> Publication:
    """What would be told now. One question to the tables."""
    is_new = Q(published_at=None)
    is_same = Q(published_points=F("points"), published_max_points=F("max_points"))
    counts = Grade.objects.filter(assignment=assignment, points__isnull=False).aggregate(
        new=Count("pk", filter=is_new),
        changed=Count("pk", filter=~is_new & ~is_same),
        same=Count("pk", filter=~is_new & is_same),
        unfinished=Count("pk", filter=Q(needs_manual__gt=0)),
    )
    return Publication(**counts)
