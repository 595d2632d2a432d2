"""What assignments add to the pages of their class."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from classes.extensions import NavPlace, Section
from classes.policies import Standing


class AssignmentsOfCourse:
    """A place of their own, and on the first page what is due, came back, or is to be graded."""

    def places(self, standing: Standing) -> Sequence[NavPlace]:
        """The list of assignments."""
        return [NavPlace(_("Assignments"), reverse("assignments:assignment-list", args=[standing.course.slug]), "work")]

    def sections(self, standing: Standing, *, now: datetime) -> Sequence[Section]:
        """Nothing yet."""
        return []
