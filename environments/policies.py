"""Who may do what with a server or an environment. Pure predicates: they look at what is loaded and ask nobody.

A server is its owner's. Collaborators may work inside it and leave it, and nothing else: what it costs is the
owner's, and so are its log, its versions and its end.
"""

from __future__ import annotations

from accounts.models import User
from environments.models import Build, Environment, NotebookServer, SharedVolume


def can_change_server(user: User, server: NotebookServer) -> bool:
    """Whether this person may start, stop, rename or delete the server."""
    return user.is_active and server.owner_id == user.pk


def can_enter_server(user: User, server: NotebookServer) -> bool:
    """Whether this person may work inside the server: run code, read and write files.

    For a collaborator the server has to be loaded with its owner and its collaborators.
    """
    if not user.is_active:
        return False
    return server.owner_id == user.pk or (user.pk in server.collaborator_ids and server.owner.is_active)


def can_read_log(user: User, build: Build) -> bool:
    """Whether this person, whose server waits for the build or failed with it, may read its log.

    That of a private repository tells what is in it, and is for whoever's credential it is fetched with.
    """
    return not build.is_private or build.requested_by_id == user.pk


def can_change_environment(user: User, environment: Environment) -> bool:
    """Whether this person may edit, rebuild or delete an environment of the catalog."""
    return user.is_active and environment.owner_id == user.pk


def can_manage_volume(user: User, shared: SharedVolume) -> bool:
    """Whether this person may say who uses these shared files, rename and delete them."""
    return user.is_active and shared.owner_id == user.pk
