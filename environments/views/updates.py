"""The buttons about a server's version: look for a newer one, update, take that back, go back."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from environments.errors import EnvironmentsError
from environments.models import NotebookServer
from environments.updating import cancel_update, check_for_update, roll_back, update_server
from environments.views.requests import PageRequest
from environments.views.servers import back, changeable_server, refused


@login_required
@require_POST
def server_look(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Ask the repository's host whether there is a newer version; the page then says so."""
    return _act(request, server_id, lambda server: check_for_update(server, now=timezone.now()))


@login_required
@require_POST
def server_update(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Update to the newest version there is at this moment."""

    def update(server: NotebookServer) -> None:
        now = timezone.now()
        update_server(server, check_for_update(server, now=now), now=now)

    return _act(request, server_id, update)


@login_required
@require_POST
def server_update_cancel(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Stay with the present version."""
    return _act(request, server_id, lambda server: cancel_update(server, now=timezone.now()))


@login_required
@require_POST
def server_roll_back(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Go back to the version before."""
    return _act(request, server_id, lambda server: roll_back(server, now=timezone.now()))


def _act(request: HttpRequest, server_id: UUID, verb: Callable[[NotebookServer], object]) -> HttpResponse:
    server = changeable_server(cast("PageRequest", request), server_id)
    try:
        verb(server)
    except EnvironmentsError as error:
        return refused(request, server, error)
    return back(request, server)
