"""What publishing would tell students, before anybody is told."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q

from assignments.models import Assignment, Grade


@dataclass(frozen=True, slots=True)
class Publication:
    """How many students would read what. Nobody without points is among them."""

    new: int
    """Have been told nothing yet."""
    changed: int
    """Have other points than they were told, or something else that is new."""
    same: int
    """Know all there is already, and are not told again."""
    unfinished: int
    """Of those who would be told, those with an answer that waits for a person."""

    @property
    def all(self) -> int:
        """Everybody who would be told."""
        return self.new + self.changed

    @property
    def finished(self) -> int:
        """Those of whom nothing waits for a person."""
        return self.all - self.unfinished


def publication_of(assignment: Assignment) -> Publication:
    """What would be told now. Two questions to the tables."""
    grades = Grade.objects.filter(assignment=assignment, points__isnull=False)
    told = grades.with_news().aggregate(
        all=Count("pk"),
        new=Count("pk", filter=Q(published_at=None)),
        unfinished=Count("pk", filter=Q(needs_manual__gt=0)),
    )
    return Publication(told["new"], told["all"] - told["new"], grades.count() - told["all"], told["unfinished"])
