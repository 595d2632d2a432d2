"""Which courses of which platforms a class is, and what is linked to in each: for its teachers to see and to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Prefetch

from accounts.models import User
from classes.models import Course
from classes.policies import Standing
from lti import audit
from lti.linking.leading import Destination, Found, destinations
from lti.models import Context, ResourceLink
from lti.targets import Kind, Target

MAX_LINKS = 200
"""How many links of a course are shown: those that were opened last."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link over there, and what it leads to here."""

    row: ResourceLink
    kind: Kind
    leads_to: Destination

    @property
    def is_lost(self) -> bool:
        """Whether the class has nothing of the kind."""
        return self.leads_to.found == Found.LOST


@dataclass(frozen=True, slots=True)
class Connection:
    """One course that the class is."""

    context: Context
    links: Sequence[Link]
    people: int


def connections_of(standing: Standing, *, now: datetime) -> list[Connection]:
    """All of them, in the order in which they were connected."""
    links = ResourceLink.objects.order_by("-last_launched_at", "pk")[:MAX_LINKS]
    rows = standing.course.lti_contexts.select_related("deployment__platform", "connected_by")
    rows = rows.annotate(people=Count("enrolments"))
    rows = rows.prefetch_related(Prefetch("resource_links", queryset=links, to_attr="latest_links"))
    contexts = list(rows.order_by("connected_at", "pk"))
    targets = {row: Target.read(row.parameters) for context in contexts for row in context.latest_links}
    found = destinations(targets.values(), standing, now=now)
    return [
        Connection(
            context,
            [_link(row, targets[row], found[targets[row]]) for row in context.latest_links],
            context.people,
        )
        for context in contexts
    ]


@transaction.atomic
def disconnect(context: Context, course: Course, *, by: User, now: datetime) -> None:
    """Have the course be no class any more. Members, their work and their grades stay; nothing goes over there now."""
    connected = Context.objects.filter(pk=context.pk, course=course)
    if connected.update(course=None, connected_by=None, connected_at=None) == 0:
        return  # A second click.
    ResourceLink.objects.filter(context=context).update(assignment=None)
    facts = {"context": str(context), "course": course.title}
    audit.note("course_disconnected", platform=context.deployment.platform, actor=by, now=now, **facts)


def _link(row: ResourceLink, target: Target | None, leads_to: Destination) -> Link:
    return Link(row, target.kind if target is not None else Kind.COURSE, leads_to)
