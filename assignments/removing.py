"""The end of the assignments of a class that is removed for good.

What was submitted and graded is protected from whatever is deleted beside it, so it goes first, and by name. Its files
are swept once nothing refers to them.
"""

from __future__ import annotations

from assignments.models import Assignment, Fetch, Grade, Release, Submission
from classes.models import Course


class AssignmentsOfRemoved:
    """Everything that was submitted, graded and given out in the class."""

    def remove(self, course: Course) -> None:
        """One assignment after the other, so that no more than the work on one is held in memory."""
        for assignment in Assignment.objects.filter(course=course):
            for model in (Grade, Submission, Fetch, Release):
                model._default_manager.filter(assignment=assignment).delete()
