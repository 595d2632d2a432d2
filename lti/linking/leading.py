"""Where a link leads whom: what it names is looked for in the class of its course and nowhere else.

Its parameters can be written by any teacher of the platform. So an ID of another class finds nothing here, and nobody
is led to what they would not find by themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from assignments.models import Assignment
from assignments.policies import can_see
from classes.models import Lesson
from classes.policies import Standing
from environments.models import Environment
from lti.targets import Kind, Target


class Found(StrEnum):
    """What came of looking for it."""

    OPEN = "open"
    CLOSED = "closed"
    """It is there, and not to be seen by this person now."""
    LOST = "lost"
    """The class has nothing of the kind."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where somebody goes: to what the link names, or else to the first page of the class."""

    url: str
    found: Found = Found.OPEN
    assignment: Assignment | None = None
    """Which assignment the link is of, whether or not this person sees it."""
    title: str = ""
    """What it is called here; empty for the class, and for what they do not see."""


_Found = dict[Target | None, Destination]


def destination(target: Target | None, standing: Standing, *, now: datetime) -> Destination:
    """Where the link leads this person, in their class."""
    return destinations([target], standing, now=now)[target]


def destinations(targets: Iterable[Target | None], standing: Standing, *, now: datetime) -> _Found:
    """The same for many at once. At most four questions, however many there are."""
    wanted = set(targets)
    first = Destination(reverse("classes:course-detail", args=[standing.course.slug]))
    found: _Found = dict.fromkeys(wanted, first)
    finders = {Kind.ASSIGNMENT: _assignments, Kind.LESSON: _lessons, Kind.ENVIRONMENT: _environments}
    for kind, find in finders.items():
        of_kind = [target for target in wanted if target is not None and target.kind == kind]
        if of_kind:
            found |= find(of_kind, standing, first.url, now)
    return found


def _assignments(targets: list[Target], standing: Standing, first: str, now: datetime) -> _Found:
    """Those of these IDs; in a copy of their class those of the same short name, by which files know them too."""
    named = Q(pk__in=[target.id for target in targets]) | Q(name__in=[target.name for target in targets])
    rows = list(Assignment.objects.filter(named, course=standing.course))
    by_id, by_name = {one.pk: one for one in rows}, {one.name: one for one in rows}

    def where(target: Target) -> Destination:
        one = (by_id.get(target.id) if target.id else None) or by_name.get(target.name)
        if one is None or one.deleted_at is not None:
            return Destination(first, Found.LOST)
        if not can_see(standing, one, now=now):
            return Destination(first, Found.CLOSED, one)
        url = reverse("assignments:assignment-detail", args=[standing.course.slug, one.name])
        return Destination(url, assignment=one, title=one.title)

    return {target: where(target) for target in targets}


def _lessons(targets: list[Target], standing: Standing, first: str, now: datetime) -> _Found:
    """Those of these IDs, and copies of them; else those of the same title, where only one is called so."""
    rows = list(Lesson.objects.filter(course=standing.course))
    by_id = {UUID(key): one for one in rows for key in one.former_ids} | {one.pk: one for one in rows}
    titles = Counter(one.title for one in rows)
    by_title = {one.title: one for one in rows if titles[one.title] == 1}

    def where(target: Target) -> Destination:
        one = (by_id.get(target.id) if target.id else None) or by_title.get(target.name)
        if one is None:
            return Destination(first, Found.LOST)
        if not (standing.is_staff or one.is_published(now)):
            return Destination(first, Found.CLOSED)
        url = reverse("classes:lesson-detail", args=[standing.course.slug, one.pk])
        return Destination(url, title=one.title)

    return {target: where(target) for target in targets}


def _environments(targets: list[Target], standing: Standing, first: str, now: datetime) -> _Found:
    """Those of the catalog, which is the same for all classes."""
    rows = Environment.objects.filter(pk__in=[target.id for target in targets if target.id])
    known = {one.pk: one for one in rows}
    person = standing.membership.person if standing.membership is not None else None
    seen = (
        set(Environment.objects.visible_to(person).filter(pk__in=known).values_list("pk", flat=True)) if person else ()
    )

    def where(target: Target) -> Destination:
        one = known.get(target.id) if target.id else None
        if one is None:
            return Destination(first, Found.LOST)
        if one.pk not in seen:
            return Destination(first, Found.CLOSED)
        return Destination(reverse("environments:environment-detail", args=[one.slug]), title=one.title)

    return {target: where(target) for target in targets}
