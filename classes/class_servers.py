"""The servers that members have in a class: those that are run for it, and none of their other ones.

Each is known by its name, which follows from the address of the class: one for everybody, and another for teachers
where they work in an environment of their own.
"""

from __future__ import annotations

from django.db.models import Q

from classes.models import Course, Membership
from classes.naming import server_name
from environments.models import Environment, EnvironmentVersion, NotebookServer
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


def is_as_the_class_has_it(server: NotebookServer, course: Course) -> bool:
    """Whether it is the one that its owner has in the class, made from something that the class uses or has used.

    Its owner may have made it from something else since, until the class page opens it the next time.
    """
    names = {server_name(course.slug), server_name(course.slug, of_teachers=True)}
    if server.is_throwaway or server.group_id != course.everybody_id or server.name not in names:
        return False
    version = {"repository_url": server.repository_url, "commit": server.commit}
    environments = Environment.objects.filter(pk__in=[course.environment_id, course.teacher_environment_id])
    # Whoever opens it first may be there before anything was put in use: what is being made is the class's too.
    being_made = Q(build__repository_url=server.repository_url, build__commit=server.commit)
    return (
        EnvironmentVersion.objects.filter(environment__in=environments, **version).exists()
        or environments.filter(Q(**version) | being_made).exists()
    )
