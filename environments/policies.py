"""Who may do what with a server. Pure predicates: they look at what is loaded and ask nobody.

For now a server is its owner's alone; collaborators will be let in here and nowhere else.
"""

from __future__ import annotations

from accounts.models import User
from environments.models import NotebookServer, SharedVolume


def can_view_server(user: User, server: NotebookServer) -> bool:
    """Whether this person may know that the server exists, and see its page and logs."""
    return user.is_active and server.owner_id == user.pk


def can_change_server(user: User, server: NotebookServer) -> bool:
    """Whether this person may start, stop, rename or delete the server."""
    return user.is_active and server.owner_id == user.pk


def can_enter_server(user: User, server: NotebookServer) -> bool:
    """Whether this person may work inside the server: run code, read and write files."""
    return user.is_active and server.owner_id == user.pk


def can_manage_volume(user: User, shared: SharedVolume) -> bool:
    """Whether this person may say who uses these shared files, rename and delete them."""
    return user.is_active and shared.owner_id == user.pk
