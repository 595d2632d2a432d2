"""Making a class: everything it needs but a title has a good default."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from accounts.models import User
from classes.files import make_first_area
from classes.members import admit
from classes.models import Colour, Course, Joined, Role
from environments import naming
from environments.models import Environment, Rebuild, Visibility
from environments.pinning import hold
from environments.rebuilding import prepare
from environments.values import Reference, ResolvedRepository

SLUG_TRIES = 5
TAKEN_BY_PAGES = {"join"}
"""Beside what `naming` reserves."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a teacher says of a class they make. `reference` is the repository of environment and material."""

    title: str
    reference: Reference
    code: str = ""
    term: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    colour: Colour = Colour.BLUE


def make_course(teacher: User, plan: Plan, *, resolved: ResolvedRepository | None, now: datetime) -> Course:
    """Make a class of this teacher's, and have its environment prepared at once.

    `resolved` is what the repository means now; without it the environment is prepared by whoever opens it first.
    Raises what asking for a build raises.
    """
    for attempt in range(SLUG_TRIES):
        try:
            with transaction.atomic():
                return _make(teacher, plan, resolved, now=now)
        except IntegrityError:  # Somebody took that address in this very moment.
            if attempt == SLUG_TRIES - 1:
                raise
    raise AssertionError("unreachable")


def environment_of_class(owner: User, title: str, reference: Reference) -> Environment:
    """What people of a new class are to work in; nothing is prepared by that."""
    return Environment.objects.create(
        owner=owner,
        title=title,
        provider=reference.provider,
        repository=reference.repository,
        ref=reference.ref,
        visibility=Visibility.PRIVATE,
        rebuild=Rebuild.NEVER,  # Not behind the teacher's back, in the middle of a term.
    )


def _make(teacher: User, plan: Plan, resolved: ResolvedRepository | None, *, now: datetime) -> Course:
    stem = naming.slug_stem(" ".join(filter(None, [plan.code or plan.title, plan.term])), otherwise="class")
    taken = set(Course.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    slug = naming.free_slug(stem, taken | TAKEN_BY_PAGES)
    environment = environment_of_class(teacher, plan.title, plan.reference)
    course = Course.objects.create(
        slug=slug,
        title=plan.title,
        code=plan.code,
        term=plan.term,
        starts_on=plan.starts_on,
        ends_on=plan.ends_on,
        colour=plan.colour,
        owner=teacher,
        environment=environment,
        everybody=Group.objects.create(name=f"{plan.title[:60]} · {slug}"),
        teachers=Group.objects.create(name=f"{plan.title[:60]} · {slug} · teachers"),
        created_at=now,
    )
    admit(course, teacher, role=Role.TEACHER, joined_by=Joined.CREATOR, now=now)
    make_first_area(course, now=now)
    hold(environment, now=now)
    if resolved is not None:
        prepare(environment, resolved, now=now)
    return course
