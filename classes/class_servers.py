"""The servers that students have in a class: those that are run for it, and none of their other ones."""

from __future__ import annotations

from django.db.models.functions import Length

from classes.models import Course, Membership
from environments.models import NotebookServer
from environments.querysets import NotebookServerQuerySet


def servers_of(course: Course) -> NotebookServerQuerySet:
    """The servers of everybody who is or was in the class.

    Somebody who once taught in it may have two; the one of students has the shorter name, and comes last.
    """
    return NotebookServer.objects.present().filter(group=course.everybody_id).order_by(Length("name").desc(), "pk")


def server_of(membership: Membership) -> NotebookServer | None:
    """The member's server of the class; None while they have made none."""
    servers = servers_of(membership.course).filter(owner=membership.person_id)
    return servers.select_related("volume", "owner").last()
