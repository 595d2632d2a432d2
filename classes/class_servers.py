"""The servers that members have in a class: those that are run for it, and none of their other ones.

Each is known by its name, which follows from the address of the class: one for everybody, and another for teachers
where they work in an environment of their own.
"""

from __future__ import annotations

from classes.models import Course, Membership
from classes.naming import server_name
from environments.models import NotebookServer
from environments.querysets import NotebookServerQuerySet


def servers_of(course: Course) -> NotebookServerQuerySet:
    """Every server that is run for the class, of members present or past."""
    return NotebookServer.objects.present().filter(group=course.everybody_id)


def servers_in(course: Course, *, of_teachers: bool = False) -> NotebookServerQuerySet:
    """Those that are for what students work in, at most one a person; or for what teachers do."""
    return servers_of(course).filter(name=server_name(course.slug, of_teachers=of_teachers))


def server_of(membership: Membership, *, of_teachers: bool = False) -> NotebookServer | None:
    """The member's server of the class; None while they have made none."""
    servers = servers_in(membership.course, of_teachers=of_teachers).filter(owner=membership.person_id)
    return servers.select_related("volume", "owner", "pending_update").first()
