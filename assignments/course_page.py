"""What assignments add to the pages of their class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext as _

from assignments.deadlines import NOTHING_EXTRA, Allowance, dates_for
from assignments.models import Assignment, Extension, Feedback, Grade, Submission
from assignments.querysets import AssignmentQuerySet
from assignments.returning.requests import requests_in
from classes.extensions import NavPlace, Section
from classes.models import Lesson
from classes.policies import Standing

TEMPLATE = "assignments/_today.html"
AT_LESSON = "assignments/_at_lesson.html"
MAX_ROWS = 5
MAX_LIVE = 12


@dataclass(frozen=True, slots=True)
class Due:
    """What somebody has not submitted yet, and when it is due for them."""

    assignment: Assignment
    at: datetime


class AssignmentsOfCourse:
    """A place of their own, and on the first page what is due, came back, or is to be graded."""

    def places(self, standing: Standing) -> Sequence[NavPlace]:
        """The list of assignments."""
        return [NavPlace(_("Assignments"), reverse("assignments:assignment-list", args=[standing.course.slug]), "work")]

    def settings(self, standing: Standing) -> Sequence[NavPlace]:
        """Each assignment has its own."""
        return []

    def live(self, standing: Standing) -> Sequence[NavPlace]:
        """What was released, what is due last first."""
        released = Assignment.objects.filter(course=standing.course, release__isnull=False).present()
        latest = released.order_by(F("due_at").desc(nulls_last=True), "-created_at")[:MAX_LIVE]
        slug = standing.course.slug
        return [
            NavPlace(one.title, reverse("assignments:assignment-live", args=[slug, one.name]), "live") for one in latest
        ]

    def sections(self, standing: Standing, *, now: datetime) -> Sequence[Section]:
        """For students what is due next and what came back; for those who grade how much there is to grade."""
        if standing.course.is_over:
            return []
        facts = _for_staff(standing) if standing.is_staff else _for_student(standing, now=now)
        return [Section(TEMPLATE, {**facts, "course": standing.course, "now": now})] if any(facts.values()) else []

    def lesson_sections(self, standing: Standing, lesson: Lesson, *, now: datetime) -> Sequence[Section]:
        """The assignments that belong to it, and when they are due for this person. Two questions."""
        assignments = list(_open_to(standing, now=now).filter(lesson=lesson))
        if not assignments:
            return []
        allowances = _allowances(standing, assignments)
        rows = [(one, dates_for(one.schedule, allowances.get(one.pk, NOTHING_EXTRA)).due_at) for one in assignments]
        return [Section(AT_LESSON, {"rows": rows, "course": standing.course, "now": now})]


def _open_to(standing: Standing, *, now: datetime) -> AssignmentQuerySet:
    """The assignments of the class that this person finds."""
    assignments = Assignment.objects.filter(course=standing.course)
    return assignments.present() if standing.is_staff else assignments.open_to_students(now)


def _allowances(standing: Standing, assignments: Sequence[Assignment]) -> dict[UUID, Allowance]:
    extensions = Extension.objects.filter(membership=standing.membership, assignment__in=assignments)
    return {extension.assignment_id: extension.allowance for extension in extensions}


def _for_student(standing: Standing, *, now: datetime) -> dict[str, Any]:
    """Three questions: what is open to them with what they gave back, their allowances, and what they have not read."""
    membership = standing.membership
    if membership is None:
        return {}
    submitted = Submission.objects.filter(assignment=OuterRef("pk"), membership=membership)
    mine = Assignment.objects.filter(course=standing.course).open_to_students(now).exclude(Exists(submitted))
    to_do = list(mine.exclude(due_at=None, closes_at=None))
    allowances = _allowances(standing, to_do)
    due = [end for one in to_do for end in _due(one, allowances.get(one.pk, NOTHING_EXTRA), now=now)]
    unread = Feedback.objects.filter(
        Q(read_at=None) | Q(read_at__lt=F("published_at")),
        submission__membership=membership,
        submission__assignment__deleted_at=None,
    )
    return {
        "due": sorted(due, key=lambda one: one.at)[:MAX_ROWS],
        "back": list(unread.select_related("submission__assignment")[:MAX_ROWS]),
    }


def _for_staff(standing: Standing) -> dict[str, Any]:
    """Two questions: what counts for students and waits for a person, by assignment, and what students have asked."""
    waiting = Grade.objects.filter(
        assignment__course=standing.course, assignment__deleted_at=None, needs_manual__gt=0, submission__isnull=False
    )
    by_assignment = waiting.values("assignment__name", "assignment__title").annotate(count=Count("pk"))
    return {
        "to_grade": list(by_assignment.order_by("-count", "assignment__title")[:MAX_ROWS]),
        "asked": requests_in(standing.course).order_by().count(),
    }


def _due(assignment: Assignment, allowance: Allowance, *, now: datetime) -> list[Due]:
    """When it is due for them, or closes where it is not due; nothing if that is past."""
    dates = dates_for(assignment.schedule, allowance)
    end = dates.due_at or dates.closes_at
    return [Due(assignment, end)] if end is not None and end >= now else []
