"""Putting together what somebody did in a class with two accounts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

from django.db.models import Max, Q

from accounts.models import User
from assignments.grading.gradebook import regrade_person
from assignments.models import Assignment, Extension, Fetch, Grade, Submission, Way
from classes.members import hand_over, unite
from classes.models import Knock, LessonVisit, Membership
from classes.visiting import end
from lti.merging.fates import give_over
from lti.models import Score

Row = TypeVar("Row", Grade, Extension, LessonVisit)

PUBLISHED = ("published_points", "published_max_points", "published_at", "published_by")


def pairs(former: User, kept: User) -> Iterator[tuple[Membership, Membership | None]]:
    """What the one is in each class, and what the other is there."""
    others = {one.course_id: one for one in kept.memberships.select_related("course", "person", "section")}
    for membership in former.memberships.select_related("course", "person", "section").order_by("joined_at", "pk"):
        yield membership, others.get(membership.course_id)


def merge_classes(former: User, kept: User, *, now: datetime) -> None:
    """Have the one be in all classes of the other, with what was done there."""
    open_ones = Knock.objects.filter(Q(by=former) | Q(membership__person=former) | Q(membership__person=kept))
    for asked in open_ones.filter(ended_at=None).select_related("membership__course", "membership__person", "by"):
        end(asked, now=now)
    for membership, other in pairs(former, kept):
        if other is None:
            hand_over(membership, kept, now=now)
        else:
            _merge_work(membership, other, now=now)
            unite(other, membership, now=now)


def _merge_work(former: Membership, kept: Membership, *, now: datetime) -> None:
    both = set(former.grades.values_list("assignment", flat=True))
    both |= set(former.submissions.values_list("assignment", flat=True))
    _extensions(former, kept)
    _lessons(former, kept)
    _submissions(former, kept)
    _grades(former, kept)
    _copies(former, kept)
    give_over(former, kept)
    for assignment in Assignment.objects.filter(pk__in=both).select_related("course"):
        regrade_person(assignment, kept, now=now)


def _submissions(former: Membership, kept: Membership) -> None:
    """Numbered after those of the other, which stay as they are; receipts say the number of then, and stay true."""
    last = dict(kept.submissions.order_by().values_list("assignment").annotate(Max("attempt")))
    by_itself = set(kept.submissions.filter(way=Way.DEADLINE).values_list("assignment", flat=True))
    for submission in Submission.objects.filter(membership=former).order_by("assignment", "-attempt"):
        submission.membership = kept
        submission.attempt += last.get(submission.assignment_id, 0)
        if submission.way == Way.DEADLINE and submission.assignment_id in by_itself:
            submission.way = Way.LAB  # By itself there is one of each person.
        submission.save(update_fields=["membership", "attempt", "way"])


def _grades(former: Membership, kept: Membership) -> None:
    """Which submission counts is worked out anew; what was published to the one was published to the person."""
    for grade, other in _both(Grade, "assignment_id", former, kept):
        if other.published_at is None and grade.published_at is not None:
            for name in PUBLISHED:
                setattr(other, name, getattr(grade, name))
            other.save(update_fields=PUBLISHED)
        Score.objects.filter(grade=grade).update(grade=other)  # It knows what the platform has, and since when.
        grade.delete()


def _extensions(former: Membership, kept: Membership) -> None:
    """Who was allowed something with either account has it, and of two the larger."""
    for extension, other in _both(Extension, "assignment_id", former, kept):
        for name in ("extra_minutes", "time_percent", "extra_attempts"):
            setattr(other, name, max(getattr(other, name), getattr(extension, name)))
        other.until = max((until for until in (other.until, extension.until) if until), default=None)
        other.note = other.note or extension.note
        other.save()
        extension.delete()


def _copies(former: Membership, kept: Membership) -> None:
    """The copy among the files of the one that stays is the one they have."""
    Fetch.objects.filter(membership=former, assignment__in=kept.fetches.values("assignment")).delete()
    former.fetches.update(membership=kept)


def _lessons(former: Membership, kept: Membership) -> None:
    """What was last measured of the other's notebook stays; they began when they first did."""
    for visit, other in _both(LessonVisit, "lesson_id", former, kept):
        other.opened_at = min(other.opened_at, visit.opened_at)
        other.save(update_fields=["opened_at"])
        visit.delete()


def _both(model: type[Row], of: str, former: Membership, kept: Membership) -> Iterator[tuple[Row, Row]]:
    """The rows that both have of the same thing, the former's first: to be made one by whoever asks.

    What only the former has becomes the other's on the way.
    """
    others = {getattr(row, of): row for row in model._default_manager.filter(membership=kept)}
    for row in model._default_manager.filter(membership=former):
        other = others.get(getattr(row, of))
        if other is not None:
            yield row, other
            continue
        row.membership = kept
        row.save(update_fields=["membership"])
