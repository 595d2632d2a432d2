"""Which server of a person is the one of their class: the one that is called as the class is addressed."""

from __future__ import annotations

from classes.models import Course, Membership
from environments.models import NotebookServer
from environments.querysets import NotebookServerQuerySet


def servers_of(course: Course) -> NotebookServerQuerySet:
    """The servers of everybody in the class."""
    members = course.memberships.present().order_by().values("person")
    return NotebookServer.objects.present().filter(name=course.slug, owner__in=members)


def server_of(membership: Membership) -> NotebookServer | None:
    """The member's server of the class, also of one who has left; None while they have made none."""
    servers = NotebookServer.objects.present().select_related("volume", "owner")
    return servers.filter(owner=membership.person_id, name=membership.course.slug).first()
