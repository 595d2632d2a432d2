"""Who sees which assignments and submissions: the questions asked of the tables."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import models
from django.db.models import F, Q

from accounts.models import Role as SiteRole

if TYPE_CHECKING:
    from accounts.models import User
    from assignments.models import (  # noqa: F401 - named in a base class
        Assignment,
        Autograding,
        Grade,
        Submission,
    )
    from classes.models import Membership

STAFF = ("teacher", "grader")


def _as(user: User, *roles: str, course: str) -> Q:
    """Where this person is one of these in the class; whoever runs this Carrel teaches where they are no member."""
    mine = user.memberships.present().order_by()
    found = Q(**{f"{course}__in": mine.filter(role__in=roles).values("course")})
    if user.role == SiteRole.ADMINISTRATOR and "teacher" in roles:
        found |= ~Q(**{f"{course}__in": mine.values("course")})
    return found


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    """Questions about assignments."""

    def present(self) -> AssignmentQuerySet:
        """Those that nobody has taken away."""
        return self.filter(deleted_at=None)

    def open_to_students(self, now: datetime) -> AssignmentQuerySet:
        """Those that students see: released, and open by now."""
        return self.present().filter(release__isnull=False).filter(Q(opens_at=None) | Q(opens_at__lte=now))

    def visible_to(self, user: User, *, now: datetime) -> AssignmentQuerySet:
        """Those this person finds in any of their classes: as `policies.can_see` says of one."""
        is_open = Q(release__isnull=False) & (Q(opens_at=None) | Q(opens_at__lte=now))
        seen = _as(user, *STAFF, course="course") | (_as(user, "student", course="course") & is_open)
        return self.present().filter(seen, course__deleted_at=None)


class SubmissionQuerySet(models.QuerySet["Submission"]):
    """Questions about submissions."""

    def of(self, membership: Membership) -> SubmissionQuerySet:
        """What this member has given back."""
        return self.filter(membership=membership)

    def visible_to(self, user: User) -> SubmissionQuerySet:
        """Their own, and those in classes that they teach or grade."""
        seen = Q(membership__in=user.memberships.present().order_by()) | _as(user, *STAFF, course="assignment__course")
        return self.filter(seen, assignment__deleted_at=None, assignment__course__deleted_at=None)

    def narrowed(
        self,
        user: User,
        *,
        course: str | None = None,
        assignment: UUID | None = None,
        username: str | None = None,
        state: str | None = None,
        needs_manual: bool | None = None,
        counts: bool | None = None,
    ) -> SubmissionQuerySet:
        """Those of them that are so. By a name nobody finds what they grade without names."""
        found = self
        if course is not None:
            found = found.filter(assignment__course__slug=course)
        if assignment is not None:
            found = found.filter(assignment=assignment)
        if username is not None:
            is_named = Q(assignment__is_anonymous=False) | _as(user, "teacher", course="assignment__course")
            found = found.filter(is_named | Q(membership__person=user), membership__person__username=username)
        if state is not None:
            found = found.filter(state=state)
        if needs_manual is not None:
            found = found.filter(needs_manual__gt=0) if needs_manual else found.filter(needs_manual=0)
        if counts is not None:
            found = found.filter(grade_of__isnull=not counts)
        return found


class GradeQuerySet(models.QuerySet["Grade"]):
    """Questions about grades."""

    def with_news(self) -> GradeQuerySet:
        """Of which students have not been told all: never published, other points, or a change or words since."""
        last = F("published_at")
        since = Q(submission__changes__at__gt=last)
        since |= Q(submission__changes__rubric_item__changed_at__gt=last)
        since |= Q(submission__comments__at__gt=last) | Q(submission__comments__changed_at__gt=last)
        since |= Q(submission__isnull=False, submission__feedback=None)  # Another one counts by now.
        is_same = Q(published_points=F("points"), published_max_points=F("max_points"))
        news = self.model._default_manager.filter(since).values("pk")
        return self.filter(Q(published_at=None) | ~is_same | Q(pk__in=news))

    def visible_to(self, user: User) -> GradeQuerySet:
        """Their own as they were told them, and those of classes they teach; to graders, where names are not hidden."""
        course = "assignment__course"
        told = Q(membership__in=user.memberships.present().order_by(), published_at__isnull=False)
        graded = _as(user, "grader", course=course) & Q(assignment__is_anonymous=False)
        seen = told | graded | _as(user, "teacher", course=course)
        return self.filter(seen, assignment__deleted_at=None, assignment__course__deleted_at=None)

    def narrowed(
        self, *, course: str | None = None, assignment: UUID | None = None, username: str | None = None
    ) -> GradeQuerySet:
        """Those of them that are so."""
        wanted = {
            "assignment__course__slug": course,
            "assignment": assignment,
            "membership__person__username": username,
        }
        return self.filter(**{name: value for name, value in wanted.items() if value is not None})


class AutogradingQuerySet(models.QuerySet["Autograding"]):
    """Questions about runs of tests."""

    def under_way(self) -> AutogradingQuerySet:
        """Those a worker has something to do for."""
        return self.filter(state__in=("waiting", "running"))

    def in_turn(self) -> AutogradingQuerySet:
        """Those that wait, in the order in which they are carried out: class by class, and in turn in each."""
        return self.filter(state="waiting").order_by("round", "turn", "asked_at", "pk")
