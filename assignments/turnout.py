"""How far a class is with an assignment, in numbers; how far its tests are is `progress`'s to say."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q

from assignments.models import Assignment, Fetch, Submission
from classes.models import Role


@dataclass(frozen=True, slots=True)
class Turnout:
    """Of the students of a class, how many have come how far. A person counts once, however often they submitted."""

    students: int
    fetched: int
    submitted: int
    need_a_person: int
    """Whose work counts and waits for somebody to grade it: not what they have replaced since."""


def turnout_of(assignment: Assignment) -> Turnout:
    """The numbers. Three questions to the tables, whatever the class's size."""
    students, counts = Q(membership__role=Role.STUDENT), Q(grade_of__isnull=False)
    counted = Submission.objects.filter(students, assignment=assignment).aggregate(
        submitted=Count("membership", distinct=True),
        need_a_person=Count("membership", distinct=True, filter=Q(needs_manual__gt=0) & counts),
    )
    return Turnout(
        students=assignment.course.memberships.present().filter(role=Role.STUDENT).count(),
        fetched=_with_a_copy(assignment),
        **counted,
    )


def _with_a_copy(assignment: Assignment) -> int:
    """Whose copy lies among their files, or has come back: it may have been fetched in another way than the page's."""
    own = {"assignment": assignment, "membership": OuterRef("pk")}
    fetched = Exists(Fetch.objects.filter(state=Fetch.State.THERE, **own))
    students = assignment.course.memberships.filter(role=Role.STUDENT)
    return students.filter(fetched | Exists(Submission.objects.filter(**own))).count()
