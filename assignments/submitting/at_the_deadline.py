"""Handing in for those who forgot: once it is due for them, the copy among their files is taken as it is.

A row asks for it (`Collection`, of the way `DEADLINE`) and `submissions.carry_out_collection` does it, as for anybody
who pressed the button. It counts as of the last second in which they were in time, whenever a worker comes to it. Only
students who had a copy by then and submitted nothing are handed in for, once for each date: a date that is moved
later asks again where nothing came of the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet

from assignments.deadlines import NOTHING_EXTRA, Allowance, has_forgotten, on_time_until
from assignments.models import Collection, Extension, Fetch, Submission, Way
from assignments.submitting.submissions import TASK
from classes.models import Role
from environments.queueing import enqueue

_Key = tuple[UUID, UUID]


def hand_in_for_those_who_forgot(*, now: datetime) -> int:
    """Have taken what is due and was not submitted; returns how many copies were asked for.

    Three questions to the tables, however many students and assignments there are. Safe to repeat, and at once.
    """
    fetches = list(_copies_without_submission(now))
    allowances, asked = _allowances(fetches), _asked(fetches)
    return sum(_ask(fetch, at) for fetch, at in _forgotten(fetches, allowances, now=now) if _asks_for(fetch, at, asked))


# --- Steps -------------------------------------------------------------------------------------------------


def _copies_without_submission(now: datetime) -> QuerySet[Fetch]:
    """Copies that were due for everybody, of students who neither submitted nor are about to."""
    of_the_same = {"assignment": OuterRef("assignment"), "membership": OuterRef("membership")}
    return (
        Fetch.objects.filter(
            state=Fetch.State.THERE,
            membership__left_at=None,
            membership__role=Role.STUDENT,
            assignment__is_submitted_at_deadline=True,
            assignment__due_at__lt=now,
            assignment__release__isnull=False,
            assignment__deleted_at=None,
            assignment__course__archived_at=None,
            assignment__course__deleted_at=None,
        )
        .exclude(Exists(Submission.objects.filter(**of_the_same)))
        .exclude(Exists(Collection.objects.filter(**of_the_same, state=Collection.State.WAITING)))
        .select_related("assignment")
        .order_by("assignment__due_at", "pk")
    )


def _allowances(fetches: Iterable[Fetch]) -> Mapping[_Key, Allowance]:
    extensions = Extension.objects.filter(assignment__in={fetch.assignment_id for fetch in fetches})
    return {(one.assignment_id, one.membership_id): one.allowance for one in extensions}


def _asked(fetches: Iterable[Fetch]) -> set[tuple[UUID, UUID, datetime]]:
    """For whom, and as of when, it was tried already."""
    tried = Collection.objects.filter(way=Way.DEADLINE, assignment__in={fetch.assignment_id for fetch in fetches})
    return set(tried.values_list("assignment_id", "membership_id", "asked_at"))


def _forgotten(
    fetches: Iterable[Fetch], allowances: Mapping[_Key, Allowance], *, now: datetime
) -> Iterator[tuple[Fetch, datetime]]:
    for fetch in fetches:
        schedule = fetch.assignment.schedule
        allowance = allowances.get((fetch.assignment_id, fetch.membership_id), NOTHING_EXTRA)
        last = on_time_until(schedule, allowance)
        if last is not None and has_forgotten(schedule, attempts=(), now=now, allowance=allowance):
            yield fetch, last


def _asks_for(fetch: Fetch, at: datetime, asked: set[tuple[UUID, UUID, datetime]]) -> bool:
    """Whether they had the copy in time, and it was not tried for this date."""
    had_it = fetch.asked_at <= at or fetch.before_id is not None
    return had_it and (fetch.assignment_id, fetch.membership_id, at) not in asked


def _ask(fetch: Fetch, at: datetime) -> bool:
    try:
        with transaction.atomic():
            collection = Collection.objects.create(
                assignment_id=fetch.assignment_id, membership_id=fetch.membership_id, way=Way.DEADLINE, asked_at=at
            )
            enqueue(TASK, collection.pk)
    except IntegrityError:
        return False  # They have just pressed the button, or another worker was quicker.
    return True
