"""Who sees which assignments and submissions: the questions asked of the tables."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from assignments.models import (  # noqa: F401 - named in a base class
        Assignment,
        Autograding,
        Submission,
    )
    from classes.models import Membership


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    """Questions about assignments."""

    def present(self) -> AssignmentQuerySet:
        """Those that nobody has taken away."""
        return self.filter(deleted_at=None)

    def open_to_students(self, now: datetime) -> AssignmentQuerySet:
        """Those that students see: released, and open by now."""
        return self.present().filter(release__isnull=False).filter(Q(opens_at=None) | Q(opens_at__lte=now))


class SubmissionQuerySet(models.QuerySet["Submission"]):
    """Questions about submissions."""

    def of(self, membership: Membership) -> SubmissionQuerySet:
        """What this member has given back."""
        return self.filter(membership=membership)


class AutogradingQuerySet(models.QuerySet["Autograding"]):
    """Questions about runs of tests."""

    def under_way(self) -> AutogradingQuerySet:
        """Those a worker has something to do for."""
        return self.filter(state__in=("waiting", "running"))

    def in_turn(self) -> AutogradingQuerySet:
        """Those that wait, in the order in which they are carried out: everybody's first before anybody's second."""
        return self.filter(state="waiting").order_by("turn", "asked_at", "pk")
